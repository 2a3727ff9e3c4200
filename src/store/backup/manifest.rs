//! The list of a backup: lines of JSON in a sealed stream. Invariant: it says what the backup is
//! first and how much there was last, so that a list is whole or refused.

use serde::{Deserialize, Serialize};

use super::super::fault::Fault;
use super::repository::{Opened, Repository, Sink};

/// Format of what is written; a higher one is refused.
pub const FORMAT: u32 = 1;
/// Longest line that is read: a path and some numbers.
const LINE_MOST: usize = 8 * 1024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first one.
    Backup(Head),
    /// The site's secrets, of a sealed site: a key file that the folder's own key opens.
    Secrets { piece: String },
    /// Rows of a table.
    Rows { table: String, piece: String, bytes: u64 },
    /// An attachment as it lies on the disk; the lines are in the order of the ids.
    Blob(BlobLine),
    /// An attachment whose file was missing.
    Missing { id: String },
    /// Part of the keys of conversations, in order.
    Bodies { piece: String, bytes: u64 },
    /// Another file of the data folder.
    File { path: String, piece: String, bytes: u64 },
    /// The last one.
    End { lines: u64, bytes: u64 },
}

/// An attachment's line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobLine {
    pub id: String,
    pub piece: String,
    pub bytes: u64,
    /// When the file was changed last, ns since 1970: with it and the size it need not be read.
    pub changed_ns: u64,
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// Version of the program that made it.
    pub version: String,
    /// When it was begun, and whether the clock was set.
    pub at_ms: u64,
    pub trusted: bool,
    /// Epoch of the site, and the last position of its log that the backup holds.
    pub epoch: String,
    pub position: u64,
    /// Whether the site is sealed.
    pub sealed: bool,
}

/// A list that is being written.
pub struct ListWriter<'a> {
    sink: Sink<'a>,
    name: String,
    lines: u64,
    bytes: u64,
}

impl<'a> ListWriter<'a> {
    pub fn begin(home: &'a Repository, name: &str, head: Head) -> Result<Self, Fault> {
        let (sink, name) = (home.begin(name)?, name.to_owned());
        let mut list = Self { sink, name, lines: 0, bytes: 0 };
        list.push(&Line::Backup(head))?;
        Ok(list)
    }

    pub fn push(&mut self, line: &Line) -> Result<(), Fault> {
        let mut text = serde_json::to_vec(line).map_err(|error| {
            let source = std::io::Error::other(error);
            Fault::Disk { what: "list of a backup", source }
        })?;
        text.push(b'\n');
        self.lines += 1;
        self.bytes += bytes_of(line);
        self.sink.write(&text)
    }

    /// Makes the list durable; it has no name yet.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.push(&Line::End { lines: self.lines, bytes: self.bytes })?;
        self.sink.finish(&self.name)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A list that is read.
pub struct Lines<'a> {
    home: &'a Repository,
    name: String,
    opened: Opened<'a>,
    text: Vec<u8>,
    lines: u64,
    bytes: u64,
    ended: bool,
}

impl<'a> Lines<'a> {
    /// Opens a list and reads what the backup is.
    ///
    /// # Errors
    /// `BACKUP_BROKEN`; or a newer format.
    pub fn open(home: &'a Repository, name: &str, finished: bool) -> Result<(Head, Self), Fault> {
        let opened = home.open_list(name, finished)?;
        let (name, text) = (name.to_owned(), Vec::new());
        let mut list = Self { home, name, opened, text, lines: 0, bytes: 0, ended: false };
        match list.next()? {
            Some(Line::Backup(head)) if head.format > FORMAT => {
                Err(Fault::NewerFormat { found: head.format, known: FORMAT })
            }
            Some(Line::Backup(head)) => Ok((head, list)),
            Some(_) | None => Err(list.broken()),
        }
    }

    /// The next line; `None` behind the last one, which was right.
    pub fn next(&mut self) -> Result<Option<Line>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                break end;
            }
            if self.text.len() > LINE_MOST {
                return Err(self.broken());
            }
            let more = self.opened.next()?.ok_or_else(|| self.broken())?;
            self.text.extend_from_slice(&more);
        };
        let line: Line = serde_json::from_slice(&self.text[..end]).map_err(|_| self.broken())?;
        self.text.drain(..=end);
        if let Line::End { lines, bytes } = line {
            let whole = (lines, bytes) == (self.lines, self.bytes) && self.text.is_empty();
            if !whole || self.opened.next()?.is_some() {
                return Err(self.broken());
            }
            self.ended = true;
        }
        self.lines += 1;
        self.bytes += bytes_of(&line);
        Ok(Some(line))
    }

    fn broken(&self) -> Fault {
        self.home.broken_list(&self.name)
    }
}

/// Bytes of the site that a line stands for.
pub fn bytes_of(line: &Line) -> u64 {
    match line {
        Line::Rows { bytes, .. } | Line::Bodies { bytes, .. } | Line::File { bytes, .. } => *bytes,
        Line::Blob(blob) => blob.bytes,
        Line::Backup(_) | Line::Secrets { .. } | Line::Missing { .. } | Line::End { .. } => 0,
    }
}

/// The piece that a line names.
pub fn piece_of(line: &Line) -> Option<&str> {
    match line {
        Line::Secrets { piece }
        | Line::Rows { piece, .. }
        | Line::Bodies { piece, .. }
        | Line::File { piece, .. } => Some(piece),
        Line::Blob(blob) => Some(&blob.piece),
        Line::Backup(_) | Line::Missing { .. } | Line::End { .. } => None,
    }
}
