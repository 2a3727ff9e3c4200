//! Every change of the files is found and located, and nothing is found in files nobody changed.

use std::fs;

use posthouse_crypto::audit::Finding;
use posthouse_crypto::family::Family;

use super::*;

struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("posthouse-audit-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn keys(&self) -> AuditKeys {
        AuditKeys::of_folder(&self.0, Family::National).unwrap()
    }

    fn open(&self, day: u64) -> (AuditLog, Opened) {
        AuditLog::open(&self.0, self.keys(), at(day), None).unwrap()
    }

    fn file(&self, number: u32) -> PathBuf {
        files::path(&self.0.join(FOLDER), number)
    }

    fn findings(&self) -> Vec<(Option<(u32, usize)>, Finding)> {
        let (_, found) = verify(&self.0.join(FOLDER), &self.keys(), &[]).unwrap();
        let number = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        found
            .into_iter()
            .map(|Located { place, finding }| {
                (place.map(|(path, line)| (number(&path), line)), finding)
            })
            .collect()
    }

    fn edit(&self, number: u32, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.file(number);
        let mut lines: Vec<String> =
            fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    /// Three files of a month each, two lines in each, signed.
    fn of_three_files(name: &str) -> Self {
        let site = Self::new(name);
        let (mut log, _) = site.open(0);
        for day in [0, 31, 62] {
            log.append(&[r#"{"what":"a"}"#.into(), r#"{"what":"b"}"#.into()], at(day)).unwrap();
            log.sign(at(day)).unwrap();
        }
        assert_eq!(files::numbers(&site.0.join(FOLDER)).unwrap(), [1, 2, 3]);
        site
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn at(day: u64) -> Wall {
    Wall { ms: (20_000 + day) * DAY_MS, trusted: true }
}

#[test]
fn an_untouched_log_goes_on_over_restarts_without_findings() {
    let site = Site::of_three_files("whole");
    for _ in 0..3 {
        let (mut log, opened) = site.open(63);
        assert_eq!(opened, Opened::default());
        log.append(&["1".into()], at(63)).unwrap();
    }
    assert_eq!(site.findings(), []);
    let (verdict, _) = verify(&site.0.join(FOLDER), &site.keys(), &[]).unwrap();
    assert_eq!((verdict.last, verdict.signed), (9, 6));
    assert_eq!(newest(&site.0.join(FOLDER), 4).unwrap(), ["1", "1", "1", r#"{"what":"b"}"#]);
}

#[test]
fn an_edit_a_hole_an_exchange_and_a_missing_file_are_located() {
    // A file has its first head, two lines and a head; file 2 and 3 begin with that head.
    let edited = Site::of_three_files("edited");
    edited.edit(2, |lines| lines[1] = lines[1].replace("\"a\"", "\"c\""));
    assert_eq!(edited.findings(), [(Some((2, 2)), Finding::Edited { index: 3, line: 6 })]);

    let hole = Site::of_three_files("hole");
    hole.edit(2, |lines| drop(lines.remove(1)));
    let found = hole.findings();
    assert_eq!(found, [(Some((2, 2)), Finding::Missing { from: 3, to: 3, line: 6 })]);

    let swapped = Site::of_three_files("swapped");
    swapped.edit(3, |lines| lines.swap(1, 2));
    assert_eq!(swapped.findings(), [(Some((3, 2)), Finding::Reordered { index: 6, line: 10 })]);

    let gone = Site::of_three_files("gone");
    fs::remove_file(gone.file(2)).unwrap();
    let found = gone.findings();
    assert_eq!(found, [(Some((3, 2)), Finding::Missing { from: 3, to: 4, line: 6 })]);

    let cut = Site::of_three_files("cut");
    cut.edit(3, |lines| drop(lines.drain(1..3)));
    assert_eq!(cut.findings(), [(None, Finding::Truncated { found: 4, last: 6 })]);
}

#[test]
fn a_cut_end_is_found_by_a_head_that_was_kept() {
    let site = Site::of_three_files("kept");
    let text = fs::read_to_string(site.file(3)).unwrap();
    let (head, _) = Head::from_text(text.lines().last().unwrap()).unwrap();
    site.edit(3, |lines| lines.truncate(1));
    // The control: nothing in the folder itself shows it.
    assert_eq!(site.findings(), []);
    let (_, found) = verify(&site.0.join(FOLDER), &site.keys(), &[head]).unwrap();
    assert_eq!(found[0].finding, Finding::Truncated { found: 4, last: 6 });
}

#[test]
fn a_torn_last_line_is_taken_away_and_a_changed_end_is_left_as_it_is() {
    let site = Site::of_three_files("torn");
    let whole = fs::read(site.file(3)).unwrap();
    for cut in 1..40 {
        let mut torn = whole.clone();
        torn.extend_from_slice(&br#"{"i":7,"epoch":3,"mac":"00112233445566778899aabb"#[..cut]);
        fs::write(site.file(3), torn).unwrap();
        let (log, opened) = site.open(63);
        assert_eq!(opened, Opened { torn: true, ..Opened::default() });
        drop(log);
        assert_eq!(fs::read(site.file(3)).unwrap(), whole);
    }
    let (mut log, _) = site.open(63);
    log.append(&["7".into()], at(63)).unwrap();
    site.edit(3, |lines| {
        let last = lines.last_mut().unwrap();
        *last = last.replace("\"record\":7", "\"record\":8");
    });
    let (mut log, opened) = site.open(63);
    assert_eq!(opened, Opened { broken: true, ..Opened::default() });
    log.append(&["9".into()], at(63)).unwrap();
    log.sign(at(63)).unwrap();
    let found = site.findings();
    assert!(found.iter().any(|(place, _)| *place == Some((3, 5))), "{found:?}");
}

#[test]
fn files_go_only_by_age_and_by_number() {
    let site = Site::new("age");
    let (mut log, _) = site.open(0);
    for day in (0..300).step_by(31) {
        log.append(&["1".into()], at(day)).unwrap();
    }
    assert_eq!(log.expired(180, at(300)).unwrap(), [1, 2, 3]);
    assert!(log.expired(180, Wall { trusted: false, ..at(300) }).unwrap().is_empty());
    // A clock that jumps ten years ahead takes no more than the months that were written since.
    assert_eq!(log.expired(180, at(4_000)).unwrap(), [1, 2, 3, 4]);
    log.remove(1).unwrap();
    let (verdict, found) = verify(&site.0.join(FOLDER), &site.keys(), &[]).unwrap();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(verdict.before, 1);
}

#[test]
fn an_export_verifies_with_the_public_key_alone() {
    let site = Site::of_three_files("export");
    let key = site.keys().public();
    for (since, lines, before) in [(0, 12, 0), (40, 8, 2)] {
        let mut out = Vec::new();
        let count = export(&site.0.join(FOLDER), at(since).ms, &mut out).unwrap();
        assert_eq!(count, lines);
        let text = String::from_utf8(out).unwrap();
        let verdict = posthouse_crypto::audit::verify_signed(text.lines(), &key, &[]);
        assert_eq!(
            (verdict.findings.as_slice(), verdict.before, verdict.last),
            (&[][..], before, 6)
        );
        let other = text.replacen("\"b\"", "\"c\"", 1);
        let verdict = posthouse_crypto::audit::verify_signed(other.lines(), &key, &[]);
        assert_eq!(verdict.findings.len(), 1);
    }
}
