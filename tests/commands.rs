//! The command line against the real process: setup, agents, dump, doctor, with and without a
//! running server; exit codes; and a log that knows nothing of what people say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use serde_json::Value;

fn binary() -> PathBuf {
    std::env::var_os("POSTHOUSE_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into())
        .into()
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let data = folder.join("data");
    let mut command = Command::new(binary());
    command.args(words).arg("--data").arg(data).current_dir(folder).env("LANG", "en_US.UTF-8");
    // A variable of the tests is none of the program's: doctor would rightly ask what it is.
    command.env_remove("POSTHOUSE_BIN").output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    assert_eq!(code(output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What must be the same whether a server runs or not.
fn administer(folder: &Path, login: &str) {
    let add = ["agent", "add", "--password-file", "password", "--login", login];
    assert_eq!(code(&run(folder, &add)), 0);
    let again = run(folder, &add);
    assert_eq!(code(&again), 2, "a name that is taken is the caller's mistake");
    assert_eq!(String::from_utf8_lossy(&again.stderr).lines().count(), 3);
    let agents = rows(&run(folder, &["agent", "list", "--json"]));
    assert!(agents.iter().any(|agent| agent["login"] == login && agent["role"] == "agent"));
    let reset = ["agent", "reset-password", "--password-file", "password", "--login", "nobody"];
    assert_eq!(code(&run(folder, &reset)), 2);
    let setup = ["setup", "--owner", "x", "--password-file", "password", "--site", "S"];
    let refused = run(folder, &setup);
    assert_eq!(code(&refused), 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("6004"));
    assert_eq!(code(&run(folder, &["doctor"])), 0);
}

#[test]
fn a_site_is_administered_the_same_with_and_without_a_server() {
    let folder = folder("commands");
    assert_eq!(code(&run(&folder, &["agent", "list"])), 2, "there is no site yet");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    administer(&folder, "ben");
    let check = run(&folder, &["store", "check", "--json"]);
    assert_eq!(rows(&check)[0]["findings"], serde_json::json!([]));

    server.start().unwrap();
    administer(&folder, "cat");
    let busy = run(&folder, &["store", "check"]);
    assert_eq!(code(&busy), 3);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("6008"));
    let running = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    server.stop().unwrap();
    let stopped = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    assert_eq!(running, stopped);
}

#[test]
fn a_renewed_certificate_is_presented_without_a_restart() {
    let folder = folder("commands-cert");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    let shown =
        |folder: &Path| rows(&run(folder, &["cert", "show", "--json"]))[0]["sha256"].clone();
    let before = shown(&folder);
    assert_eq!(code(&run(&folder, &["cert", "renew"])), 0);
    assert_ne!(shown(&folder), before);
    std::fs::write(folder.join("bad.pem"), "no certificate").unwrap();
    let bad = ["cert", "import", "--certificate", "bad.pem", "--key", "bad.pem"];
    assert_eq!(code(&run(&folder, &bad)), 3);
    server.stop().unwrap();
}

#[test]
fn wrong_usage_and_wrong_settings_end_with_two_and_a_check_with_one() {
    let folder = folder("commands-usage");
    assert_eq!(code(&run(&folder, &["serve", "--nonsense"])), 2);
    std::fs::write(folder.join("bad.yaml"), "listne: 127.0.0.1:1\n").unwrap();
    let served = run(&folder, &["serve", "--config", "bad.yaml"]);
    assert_eq!(code(&served), 2);
    let words = String::from_utf8_lossy(&served.stderr).into_owned();
    assert!(words.contains("bad.yaml:1:1: listne") && words.contains("listen?"), "{words}");
    assert_eq!(code(&run(&folder, &["config", "check", "--config", "bad.yaml"])), 1);
}

/// The control is the text itself: it must reach the server, or its absence would prove nothing.
#[tokio::test]
async fn the_log_knows_nothing_of_what_people_say() {
    let folder = folder("commands-log");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.set("POSTHOUSE_LOG_LEVEL", "trace,posthouse=trace,hyper=debug");
    server.start().unwrap();
    let target = server.target(false).unwrap();
    let mut visitor = Visitor::new(7, &server.inbox_key);
    let mut socket = visitor.connect(&target, true).await.unwrap();
    let secret = "my number is 0171-2345-6789";
    visitor.say(&mut socket, 1, secret.to_owned()).await.unwrap();
    drop(socket);
    server.stop().unwrap();
    let dump = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    assert!(dump.iter().any(|row| row["body"] == secret), "the control must be there");
    let log = std::fs::read_to_string(folder.join("server.log")).unwrap();
    assert!(log.contains("ready"), "{log}");
    for word in ["0171", "correct horse", secret] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}
