//! Backups of a store that is written to meanwhile: pieces that are named by what they hold, so
//! that what did not change is not written twice; sealed; and good only after they were read back.
//! Invariant: the writer never waits for a backup, and an unfinished one is none.
//!
//! What is needed on another machine: the folder and its passphrase. A sealed site's masters are in
//! it, below the folder's own key; what opens them there is that machine's own setting.

mod create;
mod manifest;
mod repository;
mod restore;
pub(super) mod rows;

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

pub use self::create::{Site, create};
pub use self::manifest::Head;
pub use self::repository::Repository;
#[cfg(test)]
pub(super) use self::repository::make;
pub use self::restore::{Restored, Scratch, Target, restore, verify};

use self::manifest::{Lines, piece_of};
use super::fault::Fault;
use super::storage::{Disk as _, Folder};
use crate::base::Wall;

/// Set when a backup is to end before it is done.
pub type Stop<'a> = &'a AtomicBool;

const DAY_MS: u64 = 86_400_000;
/// Says when the last good backup of a data folder was made.
const LAST: &str = "backed-up";

/// A backup that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub name: String,
    pub at_ms: u64,
    /// Last position of the log that it holds.
    pub position: u64,
    pub entries: u64,
    pub attachments: u64,
    /// Attachments whose files the site itself does not have.
    pub missing: u64,
    /// Bytes of the site, and those of them that the folder did not have yet.
    pub bytes: u64,
    pub written: u64,
}

/// How long backups are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The newest ones.
    pub most: usize,
    pub days: u32,
}

/// A backup of the folder; `head` is missing when its list does not open.
#[derive(Debug)]
pub struct Listed {
    pub name: String,
    pub head: Result<Head, Fault>,
}

/// The backups, oldest first.
///
/// # Errors
/// The folder is not within reach.
pub fn list(home: &Repository) -> Result<Vec<Listed>, Fault> {
    let head = |name: String| {
        let head = Lines::open(home, &name, true).map(|(head, _)| head);
        Listed { name, head }
    };
    Ok(home.names()?.into_iter().map(head).collect())
}

/// Takes backups away that are older than they are kept, and every piece that only they had;
/// returns how many backups. The newest one stays, and so does all of a folder in which a list
/// does not open: nobody knows what it needs.
///
/// # Errors
/// The folder does not read or takes no writes.
pub fn prune(home: &Repository, keep: Retention, now: Wall) -> Result<usize, Fault> {
    let listed = list(home)?;
    let before_ms = now.ms.saturating_sub(u64::from(keep.days) * DAY_MS);
    let last = listed.len().saturating_sub(1);
    let mut gone = 0;
    for (at, one) in listed.iter().enumerate().take(last) {
        let made_ms = one.head.as_ref().map_or(u64::MAX, |head| head.at_ms);
        let old = now.trusted && made_ms < before_ms;
        if old || listed.len() - at > keep.most {
            home.forget(&one.name, true)?;
            gone += 1;
        }
    }
    let mut wanted: HashSet<u128> = HashSet::new();
    for name in home.names()? {
        let (_, mut lines) = match Lines::open(home, &name, true) {
            Err(Fault::BackupBroken { file }) => {
                tracing::warn!(file, "nothing is collected while a list does not open");
                return Ok(gone);
            }
            opened => opened?,
        };
        while let Some(line) = lines.next()? {
            wanted.extend(piece_of(&line).and_then(short));
        }
    }
    home.collect(&|piece| short(piece).is_some_and(|short| wanted.contains(&short)))?;
    Ok(gone)
}

/// Half of a piece's name is enough to know it by, and 1 000 000 of them fit on a small board.
fn short(piece: &str) -> Option<u128> {
    let half = piece.get(..32).filter(|_| piece.len() == 64)?;
    u128::from_str_radix(half, 16).ok()
}

/// Notes that a good backup was made, for the checks.
///
/// # Errors
/// The disk takes no writes.
pub fn note(data: &Path, made: &Made) -> Result<(), Fault> {
    let fresh = format!("{LAST}.new");
    let write = || {
        let mut file = fs::File::create(data.join(&fresh))?;
        writeln!(file, "{} {}", made.at_ms, made.name)?;
        file.sync_all()?;
        Folder::new(data).rename(&fresh, LAST)
    };
    write().map_err(Fault::disk("data folder"))
}

/// When the last good backup of this data folder was begun, ms since 1970.
#[must_use]
pub fn last(data: &Path) -> Option<u64> {
    let text: io::Result<String> = fs::read_to_string(data.join(LAST));
    text.ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// `00000007-20261125T095900Z`: counts up, and says when.
fn name(number: u32, at_ms: u64) -> String {
    let (days, second) = (at_ms / DAY_MS, at_ms % DAY_MS / 1_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{number:08}-{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The number of a backup's name; `None` for another file's.
fn number(name: &str) -> Option<u32> {
    let (number, time) = name.split_once('-')?;
    let whole = number.len() == 8 && time.len() == 16 && time.ends_with('Z');
    number.parse().ok().filter(|_| whole)
}

/// The date of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_and_says_when() {
        assert_eq!(name(7, 0), "00000007-19700101T000000Z");
        // `date -u -d @1795600800 +%Y%m%dT%H%M%SZ`
        assert_eq!(name(12, 1_795_600_800_999), "00000012-20261125T100000Z");
        assert_eq!(name(1, 951_782_400_000), "00000001-20000229T000000Z");
        assert_eq!(number(&name(12, 5)), Some(12));
        for other in ["12-20261125T100000Z", "00000012-20261125T100000Z.new", "x", ""] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
