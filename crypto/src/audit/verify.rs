//! The verifier: reads a log or an export, with the first key, and says what was done to it and
//! where. It needs nothing of the machine that wrote it.

use std::collections::VecDeque;

use super::chain::{MAC_BYTES, first_key, link, next_key};
use super::head::Head;
use super::line::Line;
use crate::family::{Family, Secret};

/// How far a line is looked for that stands in the wrong place.
const WINDOW: usize = 1_000;
/// Findings of one verification: more of them would say nothing new.
const FINDINGS: usize = 100;
/// The longest hole that is measured by the number of the line behind it.
const HOLE: u64 = 1_000_000;
/// Epochs that a log can have: a century of hours.
const EPOCHS: u32 = 1 << 20;

/// What was done to a log. `line` counts from 1 in the text that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The record is not the one that was written.
    Edited { index: u64, line: usize },
    /// Records were taken away; `line` is the one that follows the hole.
    Missing { from: u64, to: u64, line: usize },
    /// The record stands in another place than where it was written.
    Reordered { index: u64, line: usize },
    /// A record that was never written, or written once and stands twice.
    Inserted { line: usize },
    /// The end is missing: a head has seen `last`, the log ends with `found`.
    Truncated { found: u64, last: u64 },
    /// A head that is not signed by the expected key, or does not belong to this log.
    BadHead { line: usize },
    /// A line that is neither record nor head.
    Unreadable { line: usize },
    /// These records, or their number, are not what the head at `line` was signed over.
    Changed { from: u64, to: u64, line: usize },
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Empty: the log is as it was written, up to `signed` by signature, up to `last` by key.
    pub findings: Vec<Finding>,
    /// Number of the record before the first one: what the text says it is chained to.
    pub before: u64,
    /// Number of the last record.
    pub last: u64,
    /// Number of the last record that a head covers.
    pub signed: u64,
}

/// A line of the text that is a record, with where it stood.
type Numbered = (usize, Line);

/// Verifies a log: record lines and heads, as they are written and exported, from its beginning or
/// from a head on. `signer` is the public key that heads must be signed with, in hexadecimal
/// digits; `kept` are heads that were kept elsewhere.
#[must_use]
pub fn verify<T: AsRef<str>>(
    text: impl Iterator<Item = T>,
    family: Family,
    root: &Secret,
    signer: &str,
    kept: &[Head],
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut heads: Vec<(usize, Head)> = kept.iter().map(|head| (0, *head)).collect();
    let mut lines = VecDeque::new();
    let mut origin = None;
    for (number, line) in (1..).zip(text) {
        let line = line.as_ref();
        if Head::is_one(line) {
            match Head::from_text(line) {
                Ok((head, key)) if key == signer && head.family == family => {
                    origin = origin.or((number == 1).then_some(head));
                    heads.push((number, head));
                }
                Ok(_) | Err(_) => verdict.find(Finding::BadHead { line: number }),
            }
        } else if let Ok(line) = Line::from_text(line) {
            lines.push_back((number, line));
        } else {
            verdict.find(Finding::Unreadable { line: number });
        }
    }
    let mut walk = Walk::new(family, root, lines);
    if let Some(Head { last, mac, .. }) = origin {
        (walk.before, walk.index, walk.macs) = (last, last, vec![mac]);
    }
    walk.run(&mut verdict);
    (verdict.before, verdict.last) = (walk.before, walk.index);
    for (line, head) in heads {
        let place = head.last.checked_sub(walk.before);
        if head.last > walk.index {
            verdict.find(Finding::Truncated { found: walk.index, last: head.last });
        } else if place.is_none_or(|at| walk.macs.get(slot(at)) == Some(&head.mac)) {
            verdict.signed = verdict.signed.max(head.last);
        } else if verdict.findings.is_empty() {
            // Elsewhere the record's own finding says it.
            verdict.find(Finding::BadHead { line });
        }
    }
    verdict
}

impl Finding {
    /// The line it is about; `None` for a missing end.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Edited { line, .. }
            | Self::Missing { line, .. }
            | Self::Reordered { line, .. }
            | Self::Inserted { line }
            | Self::BadHead { line }
            | Self::Unreadable { line }
            | Self::Changed { line, .. } => Some(*line),
            Self::Truncated { .. } => None,
        }
    }
}

impl Verdict {
    pub(super) fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// The way along the chain.
struct Walk {
    keys: Ladder,
    lines: VecDeque<Numbered>,
    /// Lines that were passed over: inserted, or a later line's.
    extra: Vec<Numbered>,
    /// Number of the record before the first.
    before: u64,
    /// Number of the last record that was accepted.
    index: u64,
    /// MACs by number, from `before` on.
    macs: Vec<[u8; MAC_BYTES]>,
}

/// The keys of the epochs so far.
struct Ladder {
    family: Family,
    keys: Vec<Secret>,
}

impl Ladder {
    /// True when the record was written as number `index` behind the one with the MAC `before`,
    /// whatever number the line gives itself.
    fn fits(&mut self, line: &Line, before: &[u8; MAC_BYTES], index: u64) -> bool {
        let family = self.family;
        let Some(epoch) = usize::try_from(line.epoch).ok().filter(|_| line.epoch < EPOCHS) else {
            return false;
        };
        while self.keys.len() <= epoch {
            let next = self.keys.last().map(|key| next_key(family, key)).unwrap_or_default();
            self.keys.push(next);
        }
        line.mac == link(family, &self.keys[epoch], before, index, &line.record)
    }
}

impl Walk {
    fn new(family: Family, root: &Secret, lines: VecDeque<Numbered>) -> Self {
        let keys = Ladder { family, keys: vec![first_key(family, root)] };
        let macs = vec![[0; MAC_BYTES]];
        Self { keys, lines, extra: Vec::new(), before: 0, index: 0, macs }
    }

    fn run(&mut self, verdict: &mut Verdict) {
        while verdict.findings.len() < FINDINGS {
            let (index, before) = (self.index + 1, self.mac());
            let keys = &mut self.keys;
            let mut fits = |(_, line): &Numbered| keys.fits(line, &before, index);
            if let Some((line, first)) = self.lines.front().filter(|first| fits(first)) {
                // Behind a hole or an insertion the numbers of all that follows may be wrong.
                let untouched = verdict.findings.is_empty() && self.extra.is_empty();
                if first.index != index && untouched {
                    verdict.find(Finding::Edited { index, line: *line });
                }
                self.accept(index);
            } else if let Some(at) = self.extra.iter().position(&mut fits) {
                let (line, record) = self.extra.remove(at);
                verdict.find(Finding::Reordered { index, line });
                self.note(index, record.mac);
            } else if self.lines.is_empty() {
                break;
            } else if let Some(at) = self.lines.iter().take(WINDOW).position(fits) {
                self.extra.extend(self.lines.drain(..at));
                self.accept(index);
            } else {
                verdict.find(self.wrong(index));
            }
        }
        for (line, _) in self.extra.drain(..) {
            verdict.find(Finding::Inserted { line });
        }
        // In the order of the text; a missing end comes last.
        verdict.findings.sort_by_key(|finding| finding.line().unwrap_or(usize::MAX));
    }

    /// Takes the first line, which neither follows nor stands elsewhere: it was edited, or what it
    /// follows is missing. The line behind it tells: its MAC was made over the first line's.
    fn wrong(&mut self, index: u64) -> Finding {
        let Some((line, first)) = self.lines.front() else {
            return Finding::Edited { index, line: 0 };
        };
        let (line, before) = (*line, first.mac);
        // A number far ahead would be believed and fill the memory.
        let claimed = Some(first.index).filter(|at| (index..index + HOLE).contains(at));
        let claimed = claimed.unwrap_or(index);
        let at = match self.lines.get(1) {
            Some((_, next)) => {
                let keys = &mut self.keys;
                let mut candidates = [index, claimed].into_iter().chain(index + 1..index + 64);
                candidates.find(|at| keys.fits(next, &before, at + 1)).unwrap_or(index)
            }
            // The last line has none behind it: what it says of itself must do.
            None => claimed,
        };
        self.macs.resize(slot(at - self.before), [0; MAC_BYTES]);
        self.accept(at);
        if at == index {
            Finding::Edited { index, line }
        } else {
            Finding::Missing { from: index, to: at - 1, line }
        }
    }

    fn accept(&mut self, index: u64) {
        if let Some((_, record)) = self.lines.pop_front() {
            self.note(index, record.mac);
        }
    }

    fn note(&mut self, index: u64, mac: [u8; MAC_BYTES]) {
        self.index = index;
        self.macs.push(mac);
    }

    fn mac(&self) -> [u8; MAC_BYTES] {
        self.macs.last().copied().unwrap_or_default()
    }
}

fn slot(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
