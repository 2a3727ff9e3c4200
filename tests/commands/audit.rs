//! The audit log over kills and copies, on the real process: an act that was durable has its line
//! after the next start, and an older copy of either log is found.

use std::fs;
use std::path::{Path, PathBuf};

use posthouse_load::server::Server;
use serde_json::Value;

use super::{binary, code, folder, row, rows, run};

fn site(name: &str) -> (PathBuf, Server) {
    let folder = folder(name);
    let server = Server::set_up(&binary(), &folder, None).unwrap();
    fs::write(folder.join("password"), "correct horse battery\n").unwrap();
    (folder, server)
}

fn add(folder: &Path, login: &str) {
    let words = ["agent", "add", "--login", login, "--password-file", "password"];
    assert_eq!(code(&run(folder, &words)), 0, "{login}");
}

fn lines(folder: &Path) -> Vec<Value> {
    rows(&run(folder, &["audit", "list", "--count", "500"]))
}

fn about<'a>(lines: &'a [Value], what: &str, about: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["what"] == what && line["about"] == about).collect()
}

fn kinds(folder: &Path) -> Vec<String> {
    let verified = row(&run(folder, &["audit", "verify", "--json"]));
    let found = verified["findings"].as_array().unwrap().clone();
    found.iter().map(|found| found["kind"].as_str().unwrap().to_owned()).collect()
}

fn issues(folder: &Path) -> Vec<u64> {
    let doctor = run(folder, &["doctor", "--json"]);
    let text = String::from_utf8(doctor.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| row["code"].as_u64()).collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The newest file of the log without its last line: as if the kill had come before its sync.
fn cut_last_line(data: &Path) -> String {
    let mut files: Vec<PathBuf> =
        fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let file = files.last().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let at = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(file, &text[..at]).unwrap();
    text[at..].to_owned()
}

/// The kill comes when the account is durable; with `cut`, before its line is.
fn killed(name: &str, cut: bool) -> (PathBuf, Server) {
    let (folder, mut server) = site(name);
    server.start().unwrap();
    add(&folder, "ann");
    server.kill().unwrap();
    if cut {
        assert!(cut_last_line(server.data()).contains("ann agent"));
    }
    server.start().unwrap();
    (folder, server)
}

#[test]
fn an_act_whose_line_a_kill_kept_out_has_it_after_the_next_start() {
    let (folder, mut server) = killed("audit-late", true);
    let told = lines(&folder);
    let [line] = about(&told, "agent.add", "ann agent")[..] else { panic!("{told:?}") };
    assert_eq!((&line["who"], &line["result"]), (&"operator".into(), &"ok".into()));
    assert!(line["late_ms"].as_u64() >= line["at_ms"].as_u64(), "{line}");
    // Once, however often the site is killed after it.
    for _ in 0..2 {
        server.kill().unwrap();
        server.start().unwrap();
    }
    assert_eq!(about(&lines(&folder), "agent.add", "ann agent").len(), 1);
    assert_eq!(kinds(&folder), [""; 0]);
    server.stop().unwrap();
}

/// The control: a line that was durable is not written again.
#[test]
fn an_act_whose_line_was_durable_has_no_late_one() {
    let (folder, mut server) = killed("audit-in-time", false);
    let told = lines(&folder);
    let [line] = about(&told, "agent.add", "ann agent")[..] else { panic!("{told:?}") };
    assert!(line.get("late_ms").is_none(), "{line}");
    assert!(told.iter().all(|line| line.get("late_ms").is_none()), "{told:?}");
    server.stop().unwrap();
}

/// Real kills at any moment: whatever account there is, its line is there, once.
#[test]
fn every_account_that_outlived_a_kill_has_one_line() {
    let (folder, mut server) = site("audit-kills");
    for round in 0..4 {
        server.start().unwrap();
        let adding: Vec<_> = (0..3)
            .map(|lane| {
                let folder = folder.clone();
                std::thread::spawn(move || {
                    for number in 0..40 {
                        let login = format!("k{round}x{lane}x{number}");
                        let file = ["--password-file", "password"];
                        let words = [&["agent", "add", "--login", &login], &file[..]].concat();
                        if code(&run(&folder, &words)) != 0 {
                            break;
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(500 + 130 * round));
        server.kill().unwrap();
        for lane in adding {
            lane.join().unwrap();
        }
    }
    server.start().unwrap();
    let accounts = rows(&run(&folder, &["agent", "list", "--json"]));
    let told = lines(&folder);
    assert!(accounts.len() > 6, "{}", accounts.len());
    for account in &accounts {
        let login = account["login"].as_str().unwrap();
        if login != "owner" {
            let found = about(&told, "agent.add", &format!("{login} agent")).len();
            assert_eq!(found, 1, "{login}");
        }
    }
    assert_eq!(kinds(&folder), [""; 0]);
    server.stop().unwrap();
}

#[test]
fn an_older_copy_of_the_log_is_found_by_the_head_that_the_store_knows() {
    let (folder, mut server) = site("audit-older");
    server.start().unwrap();
    add(&folder, "ann");
    server.stop().unwrap();
    let (log, old) = (server.data().join("audit"), folder.join("old"));
    copy(&log, &old);
    server.start().unwrap();
    add(&folder, "bob");
    server.stop().unwrap();
    // The control: nothing was put back.
    assert_eq!(kinds(&folder), [""; 0]);
    server.start().unwrap();
    assert!(!issues(&folder).contains(&7020));

    // Under the running desk: the store's head is asked for, the files are shorter.
    copy(&log, &folder.join("new"));
    copy(&old, &log);
    assert_eq!(kinds(&folder)[0], "truncated");
    copy(&folder.join("new"), &log);
    server.stop().unwrap();

    copy(&old, &log);
    server.start().unwrap();
    assert!(issues(&folder).contains(&7020), "{:?}", issues(&folder));
    let told = lines(&folder);
    assert!(told.iter().any(|line| line["what"] == "audit.older"), "{told:?}");
    assert!(about(&told, "agent.add", "bob agent").is_empty());
    // What is missing stays missing, whatever is written after it.
    add(&folder, "cid");
    server.stop().unwrap();
    assert_eq!(kinds(&folder), ["missing"]);
    server.start().unwrap();
    assert!(!issues(&folder).contains(&7020), "told once; the log says it for ever");
    server.stop().unwrap();
}

#[test]
fn an_older_copy_of_the_store_is_found_by_the_acts_that_the_log_tells_of() {
    let (folder, mut server) = site("store-older");
    server.start().unwrap();
    add(&folder, "ann");
    server.stop().unwrap();
    let data = server.data().to_owned();
    let files = ["store.redb", "journal"];
    for file in files {
        fs::copy(data.join(file), folder.join(file)).unwrap();
    }
    server.start().unwrap();
    add(&folder, "bob");
    server.stop().unwrap();
    for file in files {
        fs::copy(folder.join(file), data.join(file)).unwrap();
    }
    server.start().unwrap();
    assert!(issues(&folder).contains(&7021), "{:?}", issues(&folder));
    let told = lines(&folder);
    assert!(told.iter().any(|line| line["what"] == "store.older"), "{told:?}");
    // The account is gone, and who added it when is not.
    assert_eq!(about(&told, "agent.add", "bob agent").len(), 1);
    server.stop().unwrap();
    server.start().unwrap();
    assert!(!issues(&folder).contains(&7021));
    server.stop().unwrap();
}

#[test]
fn duties_are_separated_and_combined_at_the_machine_and_each_change_is_a_line() {
    let (folder, mut server) = site("duties");
    server.start().unwrap();
    let separate = |system: &str, security: &str, audit: &str| {
        let flags = ["--system", system, "--security", security, "--audit", audit];
        run(&folder, &[&["duties", "separate"], &flags[..]].concat())
    };
    for login in ["sys", "sec"] {
        add(&folder, login);
    }
    let refused = separate("sys", "sec", "sec");
    assert_ne!(code(&refused), 0, "a site with too few people stays as it is");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("(1034)"));
    assert!(String::from_utf8_lossy(&separate("sys", "sec", "aud").stderr).contains("(1011)"));
    add(&folder, "aud");
    let done = separate("sys", "sec", "aud");
    assert_eq!(code(&done), 0);
    assert!(String::from_utf8_lossy(&done.stdout).contains("reset-password --login sec"));
    let role = |login: &str| {
        let accounts = rows(&run(&folder, &["agent", "list", "--json"]));
        let found = accounts.iter().find(|row| row["login"] == login).unwrap().clone();
        found["role"].as_str().unwrap().to_owned()
    };
    assert_eq!((&*role("owner"), &*role("aud")), ("supervisor", "audit-administrator"));
    server.stop().unwrap();
    // Without a server, too.
    assert_eq!(code(&run(&folder, &["duties", "combine", "--owner", "owner"])), 0);
    assert_eq!((&*role("owner"), &*role("aud")), ("owner", "agent"));
    let told = lines(&folder);
    for (what, results) in [("duties.separate", ["ok", "1034"]), ("duties.combine", ["ok", "ok"])] {
        for result in results {
            let is = |line: &&Value| {
                line["what"] == what && line["result"].as_str().unwrap().starts_with(result)
            };
            let line = told.iter().find(is).unwrap_or_else(|| panic!("{what} {result}: {told:?}"));
            assert_eq!(line["who"], "operator");
        }
    }
}
