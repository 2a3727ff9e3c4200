//! A look at the log: the newest lines that fit a question, a page at a time.

use std::io;
use std::path::Path;

use posthouse_crypto::audit::Line;
use serde_json::Value;

use super::{files, read};
use crate::base::limits::{AUDIT_PAGE_FILES, AUDIT_ROWS};

/// What is asked. Empty texts and `None` fit every line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A part of who did it, or of the address they came from.
    pub who: String,
    /// What was done, or the beginning of it up to a dot: `agent` is all of `agent.add` and so on.
    pub what: String,
    /// Only what was refused.
    pub refused: bool,
    /// From this time on, and before that one.
    pub since_ms: Option<u64>,
    pub until_ms: Option<u64>,
    /// Lines before this number.
    pub before: Option<u64>,
    /// Rows at most.
    pub rows: usize,
}

/// One line, as it was chained.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Number of the line.
    pub i: u64,
    pub record: Value,
}

/// Newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Where to go on; `None`: there is nothing older.
    pub next: Option<u64>,
}

/// The newest lines that fit. A look reads some files at most: then `next` goes on from there,
/// however few rows were found.
///
/// # Errors
/// The disk does not read.
pub fn page(folder: &Path, query: &Query) -> io::Result<Page> {
    let (mut page, mut read) = (Page::default(), 0);
    let rows = query.rows.clamp(1, AUDIT_ROWS);
    for number in files::numbers(folder)?.into_iter().rev() {
        let path = files::path(folder, number);
        let begin = read::first_head(&path)?.map(|head| head.last);
        // The last line before a file has the number that its first head says.
        if query.before.zip(begin).is_some_and(|(before, begin)| before <= begin + 1) {
            continue;
        }
        if read == AUDIT_PAGE_FILES {
            return Ok(page);
        }
        read += 1;
        for text in read::whole_lines(&path)?.iter().rev() {
            let Ok(line) = Line::from_text(text) else { continue };
            if query.before.is_some_and(|before| line.index >= before) {
                continue;
            }
            if page.rows.len() == rows {
                return Ok(page);
            }
            page.next = Some(line.index);
            let record = serde_json::from_str(&line.record).unwrap_or(Value::Null);
            if query.fits(&record) {
                page.rows.push(Row { i: line.index, record });
            }
        }
    }
    page.next = None;
    Ok(page)
}

impl Query {
    fn fits(&self, record: &Value) -> bool {
        let text = |key: &str| record[key].as_str().unwrap_or_default();
        let at_ms = record["at_ms"].as_u64().unwrap_or(0);
        let who = self.who.to_lowercase();
        let by = |text: &str| text.to_lowercase().contains(&who);
        let kind = text("what").strip_prefix(self.what.as_str());
        (by(text("who")) || by(text("from")))
            && (self.what.is_empty()
                || kind.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
            && (!self.refused || text("result") != "ok")
            && self.since_ms.is_none_or(|since| at_ms >= since)
            && self.until_ms.is_none_or(|until| at_ms < until)
    }
}
