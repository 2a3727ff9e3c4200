//! The reader's end: where the log ends, what was done to it, and parts of it for others. It takes
//! no lock: a line that is being written has no end yet and is left out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use posthouse_crypto::audit::{self, Chain, Finding, Head, Line, Verdict};

use super::files;
use super::keys::AuditKeys;
use crate::base::limits::AUDIT_READ_BYTES;

/// A finding with its file and its line in it; no file for a missing end.
#[derive(Debug)]
pub struct Located {
    pub place: Option<(PathBuf, usize)>,
    pub finding: Finding,
}

/// A finding in words that never change. `from` and `to` are numbers of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: &'static str,
    /// Where it is; `None` for a missing end.
    pub file: Option<String>,
    pub line: Option<usize>,
    pub from: Option<u64>,
    pub to: Option<u64>,
}

impl Located {
    #[must_use]
    pub fn words(&self) -> Found {
        let (kind, from, to) = match &self.finding {
            Finding::Edited { index, .. } => ("edited", Some(*index), Some(*index)),
            Finding::Missing { from, to, .. } => ("missing", Some(*from), Some(*to)),
            Finding::Reordered { index, .. } => ("reordered", Some(*index), Some(*index)),
            Finding::Inserted { .. } => ("inserted", None, None),
            Finding::Truncated { found, last } => ("truncated", Some(found + 1), Some(*last)),
            Finding::BadHead { .. } => ("head", None, None),
            Finding::Unreadable { .. } => ("unreadable", None, None),
            Finding::Changed { from, to, .. } => ("changed", Some(*from), Some(*to)),
        };
        let file = self.place.as_ref().map(|(path, _)| path.display().to_string());
        Found { kind, file, line: self.place.as_ref().map(|(_, line)| *line), from, to }
    }
}

/// The end of one file.
pub(super) struct End {
    /// The log as of its last line that was written here, and when the file was begun; `None`:
    /// no head in it is ours.
    pub chain: Option<(Chain, u64)>,
    /// Bytes of whole lines.
    pub len: u64,
    /// There are bytes behind them.
    pub torn: bool,
    /// There are whole lines that do not continue the chain.
    pub broken: bool,
}

impl End {
    pub fn of(path: &Path, keys: &AuditKeys) -> io::Result<Self> {
        let text = fs::read(path)?;
        let len = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = len < text.len();
        let signer = keys.public();
        let lines: Vec<&str> =
            str::from_utf8(&text[..len]).map(|text| text.lines().collect()).unwrap_or_default();
        let ours = |line: &&str| Head::from_text(line).ok().filter(|(_, key)| *key == signer);
        let began_ms = lines.first().and_then(ours).map_or(0, |(head, _)| head.at_ms);
        let last = lines.iter().rposition(|line| ours(line).is_some());
        let mut end = Self { chain: None, len: len as u64, torn, broken: false };
        if let Some((at, (head, _))) = last.and_then(|at| Some((at, ours(&lines[at])?))) {
            let mut chain = Chain::after(&head, &keys.root);
            let follows = |line: &&str| Line::from_text(line).is_ok_and(|l| chain.replay(&l));
            end.broken = !lines[at + 1..].iter().all(follows);
            end.chain = Some((chain, began_ms));
        }
        Ok(end)
    }
}

pub(super) fn first_head(path: &Path) -> io::Result<Option<Head>> {
    let mut line = String::new();
    BufReader::new(File::open(path)?).read_line(&mut line)?;
    Ok(Head::from_text(line.trim_end_matches('\n')).ok().map(|(head, _)| head))
}

/// Whether a signed head stands in the log as it is. `last` is the number of its last record.
pub(super) fn has_head(folder: &Path, head: &str, last: u64) -> io::Result<bool> {
    for number in files::numbers(folder)?.into_iter().rev() {
        let path = files::path(folder, number);
        if whole_lines(&path)?.iter().rev().any(|line| line == head) {
            return Ok(true);
        }
        if first_head(&path)?.is_some_and(|first| first.last < last) {
            return Ok(false);
        }
    }
    Ok(false)
}

/// How a line names the act that it tells of.
#[must_use]
pub fn act_text(act: u64) -> String {
    format!("{act:016x}")
}

/// Which of these acts have a line.
///
/// # Errors
/// The disk does not read.
pub fn acts_in(folder: &Path, acts: &BTreeSet<u64>) -> io::Result<BTreeSet<u64>> {
    let mut there = BTreeSet::new();
    for number in files::numbers(folder)?.into_iter().rev() {
        if there.len() == acts.len() {
            break;
        }
        for line in whole_lines(&files::path(folder, number))? {
            // A quotation mark that somebody typed has a backslash before it in JSON.
            let act = line.split_once(r#""act":""#).and_then(|(_, rest)| rest.get(..16));
            let act = act.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            there.extend(act.filter(|act| acts.contains(act)));
        }
    }
    Ok(there)
}

/// The place in the site's log of the newest act whose line says it.
///
/// # Errors
/// The disk does not read.
pub fn last_position(folder: &Path) -> io::Result<Option<u64>> {
    for number in files::numbers(folder)?.into_iter().rev().take(POSITION_FILES) {
        let lines = whole_lines(&files::path(folder, number))?;
        let place = |line: &String| {
            let (_, rest) = line.split_once(r#","position":"#)?;
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            rest[..digits].parse().ok()
        };
        if let Some(position) = lines.iter().rev().find_map(place) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// Files that are looked through for a place: two months.
const POSITION_FILES: usize = 2;

/// Verifies all files of a folder as one text. `kept` are heads that were kept elsewhere.
///
/// # Errors
/// The disk does not read.
pub fn verify(
    folder: &Path,
    keys: &AuditKeys,
    kept: &[Head],
) -> io::Result<(Verdict, Vec<Located>)> {
    let paths: Vec<PathBuf> =
        files::numbers(folder)?.into_iter().map(|number| files::path(folder, number)).collect();
    let mut lines = Vec::new();
    let mut ends = Vec::new();
    for path in &paths {
        lines.extend(whole_lines(path)?);
        ends.push(lines.len());
    }
    let verdict = audit::verify(lines.iter(), keys.family, &keys.root, &keys.public(), kept);
    let place = |line: usize| {
        let at = ends.partition_point(|end| *end < line);
        let begin = at.checked_sub(1).map_or(0, |before| ends[before]);
        paths.get(at).map(|path| (path.clone(), line - begin))
    };
    let located = verdict.findings.iter().map(|finding| {
        let place = finding.line().and_then(place);
        Located { place, finding: finding.clone() }
    });
    let located = located.collect();
    Ok((verdict, located))
}

/// Writes whole files, from the one that holds `since_ms` on, as one text that verifies by itself.
/// Returns how many lines that were.
///
/// # Errors
/// The disk does not read, or `out` does not take it.
pub fn export(folder: &Path, since_ms: u64, out: &mut dyn Write) -> io::Result<u64> {
    let mut count = 0;
    for path in pieces(folder, since_ms)? {
        for line in whole_lines(&path)? {
            writeln!(out, "{line}")?;
            count += 1;
        }
    }
    Ok(count)
}

/// The files of an export, in order.
///
/// # Errors
/// The disk does not read.
pub fn pieces(folder: &Path, since_ms: u64) -> io::Result<Vec<PathBuf>> {
    let numbers = files::numbers(folder)?;
    let mut first = 0;
    for (at, number) in numbers.iter().enumerate() {
        // A file that begins before the time may still hold it.
        if first_head(&files::path(folder, *number))?.is_some_and(|head| head.at_ms <= since_ms) {
            first = at;
        }
    }
    Ok(numbers[first..].iter().map(|number| files::path(folder, *number)).collect())
}

/// The newest records, newest first, up to `most`, as the texts that were chained.
///
/// # Errors
/// The disk does not read.
pub fn newest(folder: &Path, most: usize) -> io::Result<Vec<String>> {
    let mut records = Vec::new();
    for number in files::numbers(folder)?.into_iter().rev() {
        let lines = whole_lines(&files::path(folder, number))?;
        let found = lines.iter().rev().filter_map(|line| Line::from_text(line).ok());
        records.extend(found.map(|line| line.record).take(most - records.len()));
        if records.len() == most {
            break;
        }
    }
    Ok(records)
}

/// The lines of a file that have an end.
///
/// # Errors
/// The disk does not read, or the file is longer than any of ours.
pub fn whole_lines(path: &Path) -> io::Result<Vec<String>> {
    if fs::metadata(path)?.len() > AUDIT_READ_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    let text = fs::read_to_string(path)?;
    let len = text.rfind('\n').map_or(0, |at| at + 1);
    Ok(text[..len].lines().map(str::to_owned).collect())
}
