//! What a reader can verify who has the public key and no secret: every signed head, and the lines
//! between two of them. A change is found between two heads, not at its line.

use super::chain::{MAC_BYTES, digest};
use super::head::Head;
use super::line::Line;
use super::verify::{Finding, Verdict};

/// Verifies a text that begins with a head, as a file of the log and an export do. `signer` is the
/// public key in hexadecimal digits; `kept` are heads that were kept elsewhere. Records behind the
/// last head are not covered: `last` is then more than `signed`.
#[must_use]
pub fn verify_signed<T: AsRef<str>>(
    text: impl Iterator<Item = T>,
    signer: &str,
    kept: &[Head],
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut span = Span { before: None, last: 0, lines: [0; MAC_BYTES], whole: true };
    for (number, line) in (1..).zip(text) {
        let line = line.as_ref();
        if Head::is_one(line) {
            match Head::from_text(line).ok().filter(|(_, key)| key == signer) {
                Some((head, _)) => span.close(head, number, &mut verdict),
                None => verdict.find(Finding::BadHead { line: number }),
            }
        } else if let (Ok(record), Some(head)) = (Line::from_text(line), span.before) {
            span.whole &= record.index == span.last + 1;
            span.last = record.index;
            span.lines = digest(head.family, &span.lines, line);
        } else {
            verdict.find(Finding::Unreadable { line: number });
        }
    }
    verdict.last = span.last;
    for head in kept.iter().filter(|head| head.last > span.last) {
        verdict.find(Finding::Truncated { found: span.last, last: head.last });
    }
    verdict
}

/// The lines since the last head.
struct Span {
    before: Option<Head>,
    last: u64,
    lines: [u8; MAC_BYTES],
    /// The numbers rose one by one.
    whole: bool,
}

impl Span {
    fn close(&mut self, head: Head, line: usize, verdict: &mut Verdict) {
        match self.before {
            None => verdict.before = head.last,
            // A file begins with the head at the end of the one before.
            Some(before) if before == head && self.last == head.last => {}
            Some(before) => {
                let same = self.whole
                    && head.family == before.family
                    && (head.from, head.last) == (before.last, self.last)
                    && head.lines == self.lines;
                if !same {
                    let from = before.last.saturating_add(1);
                    verdict.find(Finding::Changed { from, to: head.last, line });
                }
            }
        }
        verdict.signed = head.last;
        *self = Self { before: Some(head), last: head.last, lines: [0; MAC_BYTES], whole: true };
    }
}
