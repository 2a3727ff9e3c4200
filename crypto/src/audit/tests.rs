//! What the verifier says of every kind of change, in both families, and that it says nothing of a
//! log that nobody changed.

use super::super::{Chain, Head, Line, Signer, verify_signed};
use super::*;

const FAMILIES: [Family; 2] = [Family::National, Family::International];

struct Log {
    family: Family,
    chain: Chain,
    signer: Signer,
    lines: Vec<String>,
}

fn root() -> Secret {
    Secret::new([3; 32])
}

impl Log {
    /// Twelve records in three epochs, with a head behind each epoch.
    fn of_twelve(family: Family) -> Self {
        let signer = Signer::of_seed(family, &Secret::new([4; 32])).unwrap();
        let mut log =
            Self { family, chain: Chain::new(family, &root()), signer, lines: Vec::new() };
        for epoch in 0..3 {
            for number in 0..4 {
                log.write(&format!(r#"{{"who":"agent 1","what":"sign-in {epoch}.{number}"}}"#));
            }
            log.head();
            log.chain.next_epoch();
        }
        log
    }

    fn write(&mut self, record: &str) {
        self.lines.push(self.chain.append(record).unwrap().to_text());
    }

    fn head(&mut self) {
        self.lines.push(self.chain.head(1_000).sign(&self.signer).unwrap());
        self.chain.covered();
    }

    fn verdict(&self, lines: &[String], kept: &[Head]) -> Verdict {
        let signer = crate::token::hex(&self.signer.public());
        verify(lines.iter().map(String::as_str), self.family, &root(), &signer, kept)
    }

    /// The findings after a change of the lines; heads stand at 5, 10 and 15.
    fn after(&self, change: impl FnOnce(&mut Vec<String>)) -> Vec<Finding> {
        let mut lines = self.lines.clone();
        change(&mut lines);
        self.verdict(&lines, &[]).findings
    }
}

#[test]
fn an_untouched_log_has_no_findings() {
    for family in FAMILIES {
        let mut log = Log::of_twelve(family);
        let verdict = log.verdict(&log.lines, &[]);
        assert_eq!(verdict, Verdict { last: 12, signed: 12, ..Verdict::default() });
        log.write(r#""after the head""#);
        let verdict = log.verdict(&log.lines, &[]);
        assert_eq!(verdict, Verdict { last: 13, signed: 12, ..Verdict::default() });
    }
}

#[test]
fn an_edited_record_is_found_where_it_stands() {
    for family in FAMILIES {
        let log = Log::of_twelve(family);
        for (at, index) in [(0, 1), (2, 3), (3, 4), (5, 5), (13, 12)] {
            let found = log.after(|lines| lines[at] = lines[at].replace("agent 1", "agent 2"));
            assert_eq!(found, [Finding::Edited { index, line: at + 1 }], "line {at}");
        }
        let mac = log.after(|lines| {
            let mut line = Line::from_text(&lines[2]).unwrap();
            line.mac[0] ^= 1;
            lines[2] = line.to_text();
        });
        assert_eq!(mac[0], Finding::Edited { index: 3, line: 3 });
        let number = log.after(|lines| lines[2] = lines[2].replace("\"i\":3", "\"i\":4"));
        assert_eq!(number, [Finding::Edited { index: 3, line: 3 }]);
        let epoch = log.after(|lines| lines[2] = lines[2].replace("\"epoch\":0", "\"epoch\":1"));
        assert_eq!(epoch, [Finding::Edited { index: 3, line: 3 }]);
    }
}

#[test]
fn a_hole_is_measured() {
    let log = Log::of_twelve(Family::National);
    let one = log.after(|lines| drop(lines.remove(2)));
    assert_eq!(one, [Finding::Missing { from: 3, to: 3, line: 3 }]);
    let first = log.after(|lines| drop(lines.drain(..2)));
    assert_eq!(first, [Finding::Missing { from: 1, to: 2, line: 1 }]);
    let epoch = log.after(|lines| drop(lines.drain(5..10)));
    assert_eq!(epoch, [Finding::Missing { from: 5, to: 8, line: 6 }]);
    let renumbered = log.after(|lines| {
        lines.remove(2);
        for line in &mut lines[2..] {
            if let Ok(mut record) = Line::from_text(line) {
                record.index -= 1;
                *line = record.to_text();
            }
        }
    });
    assert_eq!(renumbered, [Finding::Missing { from: 3, to: 3, line: 3 }]);
}

#[test]
fn records_in_another_order_are_found() {
    let log = Log::of_twelve(Family::National);
    let swapped = log.after(|lines| lines.swap(1, 2));
    assert_eq!(swapped, [Finding::Reordered { index: 3, line: 2 }]);
    let across = log.after(|lines| {
        let line = lines.remove(1);
        lines.insert(7, line);
    });
    assert!(across.iter().all(|found| matches!(found, Finding::Reordered { .. })), "{across:?}");
    assert_eq!(across[0], Finding::Reordered { index: 3, line: 2 });
    let backward = log.after(|lines| {
        let line = lines.remove(12);
        lines.insert(1, line);
    });
    assert_eq!(backward, [Finding::Reordered { index: 11, line: 2 }]);
}

#[test]
fn an_inserted_record_is_found_also_when_all_others_are_renumbered() {
    let log = Log::of_twelve(Family::National);
    let forged = |lines: &mut Vec<String>| {
        let mut line = Line::from_text(&lines[2]).unwrap();
        line.record = r#"{"who":"nobody"}"#.into();
        line.mac = [7; 32];
        lines.insert(2, line.to_text());
    };
    assert_eq!(log.after(forged), [Finding::Inserted { line: 3 }]);
    let renumbered = log.after(|lines| {
        forged(lines);
        for line in &mut lines[3..] {
            if let Ok(mut record) = Line::from_text(line) {
                record.index += 1;
                *line = record.to_text();
            }
        }
    });
    assert_eq!(renumbered, [Finding::Inserted { line: 3 }]);
    let twice = log.after(|lines| lines.insert(7, lines[2].clone()));
    assert_eq!(twice, [Finding::Inserted { line: 8 }]);
}

#[test]
fn a_cut_end_is_found_by_any_head_that_was_kept() {
    for family in FAMILIES {
        let log = Log::of_twelve(family);
        let inside = log.after(|lines| drop(lines.drain(12..14)));
        assert_eq!(inside, [Finding::Truncated { found: 10, last: 12 }]);
        // The negative control: who also takes the head leaves nothing to see …
        assert_eq!(log.after(|lines| lines.truncate(10)), []);
        // … unless a head was copied elsewhere.
        let (kept, _) = Head::from_text(&log.lines[14]).unwrap();
        let cut = log.verdict(&log.lines[..10], &[kept]);
        assert_eq!(cut.findings, [Finding::Truncated { found: 8, last: 12 }]);
        assert_eq!(log.verdict(&log.lines, &[kept]).findings, []);
    }
}

#[test]
fn a_head_of_another_key_or_of_another_log_is_told() {
    for family in FAMILIES {
        let log = Log::of_twelve(family);
        let other = Signer::of_seed(family, &Secret::new([5; 32])).unwrap();
        let found = log.after(|lines| lines[4] = log.chain.head(9).sign(&other).unwrap());
        assert_eq!(found, [Finding::BadHead { line: 5 }]);
        let found = log.after(|lines| lines[4] = lines[4].replace("\"i\":4", "\"i\":3"));
        assert_eq!(found, [Finding::BadHead { line: 5 }]);
        let mut twin = Log::of_twelve(family);
        twin.chain = Chain::new(family, &Secret::new([6; 32]));
        twin.lines.clear();
        twin.write("1");
        twin.head();
        let found = log.after(|lines| lines[4].clone_from(&twin.lines[1]));
        assert_eq!(found, [Finding::BadHead { line: 5 }]);
        let found = log.after(|lines| lines[0] = "not a line".into());
        assert_eq!(found[0], Finding::Unreadable { line: 1 });
    }
}

/// Who takes the machine in the third epoch has its key, and the keys of what comes, but not of
/// what was: what is written anew with the stolen key is found from the first changed record on.
#[test]
fn a_stolen_state_does_not_rewrite_an_older_epoch() {
    let log = Log::of_twelve(Family::National);
    let mut stolen = log.chain.clone();
    let forged = stolen.append(r#"{"who":"agent 2"}"#).unwrap();
    let found = log.after(|lines| {
        lines[0] = Line { index: 1, epoch: 0, ..forged.clone() }.to_text();
    });
    assert_eq!(found[0], Finding::Edited { index: 1, line: 1 });
    // The control: with the first key the same forgery is not found in the record itself.
    let mut anew = Chain::new(Family::National, &root());
    let forged = anew.append(r#"{"who":"agent 2"}"#).unwrap().to_text();
    assert_eq!(log.verdict(&[forged], &[]).findings, []);
}

#[test]
fn a_chain_goes_on_behind_a_head_and_takes_over_lines_behind_that() {
    let mut chain = Chain::new(Family::International, &root());
    chain.append("1").unwrap();
    chain.next_epoch();
    chain.append("2").unwrap();
    let head = chain.head(5);
    chain.covered();
    let three = chain.append("3").unwrap();
    chain.next_epoch();
    let four = chain.append("4").unwrap();
    let mut again = Chain::after(&head, &root());
    assert!(!again.replay(&four));
    assert!(again.replay(&three) && again.replay(&four));
    assert!(!again.replay(&four));
    assert_eq!(again.head(9), chain.head(9), "the digest since the head, too");
    assert_eq!(again.append("5").unwrap(), chain.append("5").unwrap());
    assert_eq!(chain.append("two\nlines"), Err(super::super::BadLine));
    assert!(!format!("{chain:?}").contains("key"));
}

#[test]
fn a_part_that_begins_with_a_head_verifies_by_itself() {
    for family in FAMILIES {
        let log = Log::of_twelve(family);
        let verdict = log.verdict(&log.lines[9..], &[]);
        assert_eq!(verdict, Verdict { before: 8, last: 12, signed: 12, findings: vec![] });
        let mut lines = log.lines[9..].to_vec();
        lines.remove(2);
        assert_eq!(
            log.verdict(&lines, &[]).findings,
            [Finding::Missing { from: 10, to: 10, line: 3 }]
        );
        let mut lines = log.lines[9..].to_vec();
        lines[0].clone_from(&log.lines[4]);
        let other = log.verdict(&lines, &[]);
        assert_eq!(other.findings[0], Finding::Missing { from: 5, to: 8, line: 2 });
    }
}

#[test]
fn the_public_key_alone_finds_a_change_between_two_heads() {
    for family in FAMILIES {
        let mut log = Log::of_twelve(family);
        let origin = Chain::new(family, &root()).head(0).sign(&log.signer).unwrap();
        log.lines.insert(0, origin);
        let key = crate::token::hex(&log.signer.public());
        let signed = |lines: &[String], kept: &[Head]| verify_signed(lines.iter(), &key, kept);
        let whole = Verdict { last: 12, signed: 12, ..Verdict::default() };
        assert_eq!(signed(&log.lines, &[]), whole);
        let second = [Finding::Changed { from: 5, to: 8, line: 11 }];
        let changed = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = log.lines.clone();
            change(&mut lines);
            signed(&lines, &[]).findings
        };
        let edited = changed(&|lines| lines[7] = lines[7].replace("agent 1", "agent 2"));
        assert_eq!(edited, second);
        assert_eq!(changed(&|lines| lines.swap(7, 8)), second);
        let gone = changed(&|lines| drop(lines.remove(7)));
        assert_eq!(gone, [Finding::Changed { from: 5, to: 8, line: 10 }]);
        let twice = changed(&|lines| lines.insert(7, lines[7].clone()));
        assert_eq!(twice, [Finding::Changed { from: 5, to: 8, line: 12 }]);
        // A head that is taken out with its lines leaves a gap to the next one.
        let epoch = changed(&|lines| drop(lines.drain(6..11)));
        assert_eq!(epoch, [Finding::Changed { from: 5, to: 12, line: 11 }]);
        // A file's end and the next one's beginning are the same head.
        assert_eq!(changed(&|lines| lines.insert(6, lines[5].clone())), []);
        let (kept, _) = Head::from_text(&log.lines[15]).unwrap();
        let cut = signed(&log.lines[..11], &[kept]);
        assert_eq!(cut.findings, [Finding::Truncated { found: 8, last: 12 }]);
        assert_eq!(verify_signed(log.lines.iter(), "00", &[]).findings.len(), 16);
    }
}

#[test]
fn a_line_has_one_form_only() {
    let line = Line { index: 7, epoch: 1, mac: [0xab; 32], record: r#"{"a":"}"}"#.into() };
    let text = line.to_text();
    assert_eq!(Line::from_text(&text), Ok(line));
    for (from, to) in
        [("\"i\":7", "\"i\":07"), ("\"i\":7", "\"i\": 7"), ("abab", "ABab"), ("}}", "} }x")]
    {
        assert!(Line::from_text(&text.replace(from, to)).is_err(), "{from} {to}");
    }
}
