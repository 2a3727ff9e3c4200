//! The audit log: files of lines in `DATA/audit/`, numbered without a hole. Invariants: a line is
//! durable before `append` returns; nothing in a file is ever changed; only whole files go, when
//! they are older than they must be kept.

mod files;
mod keys;
mod page;
mod read;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use posthouse_crypto::audit::{Chain, Head};
use posthouse_crypto::keystore::StoreFault;

pub use self::keys::{AuditKeys, AuditSecrets, KEY_FILE, keep_secrets, secrets};
pub use self::page::{Page, Query, Row, page};
pub use self::read::{
    Found, Located, act_text, acts_in, export, last_position, newest, pieces, verify, whole_lines,
};

use super::fault::Fault;
use crate::base::Wall;
use crate::base::limits::{AUDIT_FILE_BYTES, AUDIT_FILE_DAYS};

/// Number of the note in the site's log that is the newest signed head; acts have others.
pub const HEAD: u64 = 0;
/// Name of the folder.
pub const FOLDER: &str = "audit";
const DAY_MS: u64 = 86_400_000;

/// The writer's end.
#[derive(Debug)]
pub struct AuditLog {
    folder: PathBuf,
    keys: AuditKeys,
    chain: Chain,
    number: u32,
    file: File,
    /// Bytes of the file that are durable.
    len: u64,
    /// When the file was begun.
    began_ms: u64,
    /// The newest signed head, until somebody takes it.
    head: Option<String>,
}

/// What was found when the log was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// A crash had cut the last line off; the rest of it was taken away.
    pub torn: bool,
    /// The end of the log is not what was written; a new file goes on where it last was.
    pub broken: bool,
    /// The site knows a head that is not in these files: they are an older copy, or another log.
    /// The log goes on behind that head, so that what is missing is found for ever.
    pub older: Option<Older>,
}

/// Two ends of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older {
    /// Number of the last record of the head that the site knows.
    pub known: u64,
    /// Number of the last record in the files.
    pub found: u64,
}

impl AuditLog {
    /// Opens the log, or begins one. `known` is the newest signed head that the site's own store
    /// has.
    ///
    /// # Errors
    /// The disk, or the store of the signing key, does not answer.
    pub fn open(
        data: &Path,
        keys: AuditKeys,
        now: Wall,
        known: Option<&str>,
    ) -> Result<(Self, Opened), Fault> {
        let (mut log, mut opened) = Self::open_files(data, keys, now)?;
        let signer = log.keys.public();
        let known = known.and_then(|text| Some((text, Head::from_text(text).ok()?)));
        // A head of another key is of a time before the site's keys were made anew.
        let Some((text, (head, _))) = known.filter(|(_, (_, key))| *key == signer) else {
            return Ok((log, opened));
        };
        if !read::has_head(&log.folder, text, head.last).map_err(disk)? {
            opened.older = Some(Older { known: head.last, found: log.chain.last() });
            let chain = Chain::after(&head, &log.keys.root);
            let (folder, keys) = (log.folder.clone(), log.keys.clone());
            log = Self::begin(folder, keys, chain, log.number + 1, now)?;
        }
        Ok((log, opened))
    }

    fn open_files(data: &Path, keys: AuditKeys, now: Wall) -> Result<(Self, Opened), Fault> {
        let folder = data.join(FOLDER);
        files::make_folder(&folder).map_err(Fault::disk("audit log"))?;
        let numbers = files::numbers(&folder).map_err(Fault::disk("audit log"))?;
        let mut opened = Opened::default();
        for number in numbers.iter().rev() {
            let path = files::path(&folder, *number);
            let end = read::End::of(&path, &keys).map_err(Fault::disk("audit log"))?;
            let newest = numbers.last() == Some(number);
            opened.torn |= newest && end.torn;
            let Some((chain, began_ms)) = end.chain else {
                opened.broken = true;
                continue;
            };
            opened.broken |= end.broken;
            if opened.broken {
                let next = numbers.last().map_or(1, |last| last + 1);
                return Ok((Self::begin(folder, keys, chain, next, now)?, opened));
            }
            let file = OpenOptions::new().read(true).write(true).open(&path);
            let file = file.map_err(Fault::disk("audit log"))?;
            file.set_len(end.len).map_err(Fault::disk("audit log"))?;
            let (number, len) = (*number, end.len);
            let head = None;
            return Ok((Self { folder, keys, chain, number, file, len, began_ms, head }, opened));
        }
        let chain = Chain::new(keys.family, &keys.root);
        let next = numbers.last().map_or(1, |last| last + 1);
        Ok((Self::begin(folder, keys, chain, next, now)?, opened))
    }

    /// Chains the records, each a JSON object on one line, and makes them durable together.
    ///
    /// # Errors
    /// The disk takes nothing, and none of the records stands in the log.
    pub fn append(&mut self, records: &[String], now: Wall) -> Result<(), Fault> {
        let old = now.ms.saturating_sub(self.began_ms) > AUDIT_FILE_DAYS * DAY_MS;
        if self.len > AUDIT_FILE_BYTES || (old && now.trusted) {
            self.turn(now)?;
        }
        let mut chain = self.chain.clone();
        let mut text = String::new();
        for record in records {
            let line = chain.append(record);
            let line = line.map_err(|bad| disk(io::Error::other(bad)))?;
            text += &line.to_text();
            text.push('\n');
        }
        self.write(&text)?;
        self.chain = chain;
        Ok(())
    }

    /// Signs the log as it is, and begins an epoch; nothing to do when nothing was added.
    ///
    /// # Errors
    /// The key store does not sign, or the disk takes nothing.
    pub fn sign(&mut self, now: Wall) -> Result<(), Fault> {
        if self.chain.is_covered() {
            return Ok(());
        }
        let text = signed(&self.chain.head(now.ms), &self.keys)?;
        self.write(&text)?;
        self.head = Some(text.trim_end().to_owned());
        self.chain.covered();
        self.chain.next_epoch();
        Ok(())
    }

    /// The newest head that was signed since this was asked last.
    pub fn take_head(&mut self) -> Option<String> {
        self.head.take()
    }

    /// Lets whole files go that are older than `keep_days`, oldest first, and only when so many
    /// were begun after them as that time needs: a clock that jumps ahead takes nothing away.
    /// Returns the numbers of the files that are to go; the caller writes that down before
    /// [`AuditLog::remove`].
    ///
    /// # Errors
    /// The disk does not read.
    pub fn expired(&self, keep_days: u32, now: Wall) -> Result<Vec<u32>, Fault> {
        if !now.trusted {
            return Ok(Vec::new());
        }
        let numbers = files::numbers(&self.folder).map_err(disk)?;
        let newer = usize::try_from(u64::from(keep_days).div_ceil(AUDIT_FILE_DAYS)).unwrap_or(0);
        let before_ms = now.ms.saturating_sub(u64::from(keep_days) * DAY_MS);
        let mut gone = Vec::new();
        for pair in numbers.windows(2).take(numbers.len().saturating_sub(newer)) {
            // The last line of a file is the first of the next one.
            let ended = read::first_head(&files::path(&self.folder, pair[1])).map_err(disk)?;
            if ended.is_none_or(|head| head.at_ms >= before_ms) {
                break;
            }
            gone.push(pair[0]);
        }
        Ok(gone)
    }

    /// # Errors
    /// The disk takes nothing.
    pub fn remove(&self, number: u32) -> Result<(), Fault> {
        std::fs::remove_file(files::path(&self.folder, number)).map_err(disk)?;
        files::sync_folder(&self.folder).map_err(disk)
    }

    /// Ends the file with a head, and begins the next one with the same.
    fn turn(&mut self, now: Wall) -> Result<(), Fault> {
        self.sign(now)?;
        let (folder, keys) = (self.folder.clone(), self.keys.clone());
        *self = Self::begin(folder, keys, self.chain.clone(), self.number + 1, now)?;
        Ok(())
    }

    fn begin(
        folder: PathBuf,
        keys: AuditKeys,
        chain: Chain,
        number: u32,
        now: Wall,
    ) -> Result<Self, Fault> {
        let path = files::path(&folder, number);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path).map_err(disk)?;
        files::sync_folder(&folder).map_err(disk)?;
        let head = chain.head(now.ms);
        let (began_ms, len) = (now.ms, 0);
        let mut log = Self { folder, keys, chain, number, file, len, began_ms, head: None };
        let text = signed(&head, &log.keys)?;
        log.write(&text)?;
        log.head = Some(text.trim_end().to_owned());
        log.chain.covered();
        Ok(log)
    }

    /// Everything or nothing: a part that was written is cut off again, also by the next opening.
    fn write(&mut self, text: &str) -> Result<(), Fault> {
        let write = || {
            self.file.write_all_at(text.as_bytes(), self.len)?;
            self.file.sync_data()
        };
        if let Err(error) = write() {
            drop(self.file.set_len(self.len));
            return Err(disk(error));
        }
        self.len += text.len() as u64;
        Ok(())
    }
}

fn signed(head: &Head, keys: &AuditKeys) -> Result<String, Fault> {
    let signed = head.sign(&keys.signer).map_err(|fault: StoreFault| disk(io::Error::other(fault)));
    signed.map(|text| text + "\n")
}

fn disk(source: io::Error) -> Fault {
    Fault::disk("audit log")(source)
}

#[cfg(test)]
mod tests;
