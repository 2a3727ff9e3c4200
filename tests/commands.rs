//! The command line against the real process: setup, agents, dump, doctor, with and without a
//! running server; exit codes; and a log that knows nothing of what people say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use posthouse_crypto::selftest::Algorithm;
use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use serde_json::Value;

#[path = "commands/audit.rs"]
mod audit;

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
    command(folder, words).output().unwrap()
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let data = folder.join("data");
    let mut command = Command::new(binary());
    command.args(words).arg("--data").arg(data).current_dir(folder).env("LANG", "en_US.UTF-8");
    // The tests' variables are none of the program's: doctor would rightly ask what they are.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("POSTHOUSE_")) {
        command.env_remove(name);
    }
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    assert_eq!(code(output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A wrong bit in any algorithm, and the desk says so in the operator's language and ends, before
/// it has touched a file or opened a port.
#[test]
fn a_desk_whose_self_test_fails_does_not_serve() {
    let folder = folder("self-test");
    let help = run(&folder, &["serve", "--help"]);
    if !String::from_utf8_lossy(&help.stdout).contains("--test-wrong-answer") {
        println!("skipped: the binary has no `test-peer`");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = port.to_string();
    for algorithm in Algorithm::ALL {
        let words = ["serve", "--listen", &listen, "--test-wrong-answer", algorithm.name()];
        for (language, sentence) in [
            ("en_US.UTF-8", "An algorithm failed its self-test."),
            ("zh_CN.UTF-8", "密码算法自检未通过。"),
        ] {
            let mut command = command(&folder, &words);
            let ended = command.env("LC_ALL", language).output().unwrap();
            let told = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(code(&ended), 3, "{told}");
            assert!(told.contains("(5109)") && told.contains(sentence), "{told}");
            let named = format!("posthouse: {} gave a wrong answer", algorithm.name());
            assert!(told.contains(&named), "{told}");
            assert!(ended.stdout.is_empty(), "no banner");
        }
    }
    assert!(!folder.join("data").exists());
    assert!(std::net::TcpStream::connect(port).is_err());
    let unknown = run(&folder, &["serve", "--test-wrong-answer", "SM9"]);
    assert_eq!(code(&unknown), 2);
}

/// What must be the same whether a server runs or not.
fn administer(folder: &Path, login: &str) {
    let add = ["agent", "add", "--password-file", "password", "--login", login];
    let added = run(folder, &add);
    assert_eq!(code(&added), 0, "{added:?}");
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
    let live = run(&folder, &["store", "check", "--json"]);
    let (stopped, live) = (&rows(&check)[0], &rows(&live)[0]);
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(stopped), keys(live), "one form, whoever answers");
    assert_eq!((&live["findings"], &live["running"]), (&serde_json::json!([]), &true.into()));
    assert_eq!((&stopped["pages"], &live["pages"]), (&true.into(), &false.into()));
    let nothing = run(&folder, &["store", "repair"]);
    assert_eq!(code(&nothing), 0);
    let restored = run(&folder, &["store", "restored"]);
    assert_eq!(code(&restored), 3);
    assert!(String::from_utf8_lossy(&restored.stderr).contains("6008"));
    let running = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    server.stop().unwrap();
    let stopped = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    assert_eq!(running, stopped);
}

/// Flips a bit of the first byte of `needle` in a file.
fn damage(file: &Path, needle: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let content = std::fs::read(file).unwrap();
    let at = content.windows(needle.len()).position(|bytes| bytes == needle).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(&[needle[0] ^ 1], at as u64).unwrap();
}

/// One visitor writes one text.
fn say(server: &Server, text: &str) {
    say_as(7, server, text);
}

fn say_as(visitor: u64, server: &Server, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = server.target(false).unwrap();
        let mut visitor = Visitor::new(visitor, &server.inbox_key);
        let mut socket = visitor.connect(&target, true).await.unwrap();
        visitor.say(&mut socket, 1, text.to_owned()).await.unwrap();
    });
}

fn row(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_conversation_is_erased_the_same_with_and_without_a_server() {
    let folder = folder("erase");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    for (visitor, words) in [(1, "first secret"), (2, "second secret"), (3, "what stays")] {
        say_as(visitor, &server, words);
    }
    let dump = |folder: &Path| rows(&run(folder, &["store", "dump", "--jsonl"]));
    let of = |words: &str| {
        let said = dump(&folder).into_iter().find(|row| row["body"] == words);
        said.unwrap()["conversation"].as_str().unwrap().to_owned()
    };
    let erase = |id: &str| run(&folder, &["store", "erase", "--json", "--conversation", id]);
    let done = serde_json::json!({ "key_destroyed": false, "removed": true });
    let (first, second) = (of("first secret"), of("second secret"));
    assert_eq!(row(&erase(&first)), done);
    let again = erase(&first);
    assert_eq!(code(&again), 2);
    assert!(String::from_utf8_lossy(&again.stderr).contains("1023"));
    assert_eq!(code(&erase("nothing")), 2);
    server.stop().unwrap();
    assert_eq!(row(&erase(&second)), done);
    let left = run(&folder, &["store", "dump", "--jsonl"]);
    let text = String::from_utf8(left.stdout).unwrap();
    assert!(text.contains("what stays") && !text.contains("secret"), "{text}");
    assert_eq!(text.matches("\"erased\"").count(), 2);
    assert_eq!(code(&run(&folder, &["store", "check"])), 0);
}

#[test]
fn a_damaged_journal_is_repaired_while_the_desk_runs() {
    let folder = folder("commands-journal");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    say(&server, "a needle in the journal");
    damage(&server.data().join("journal"), b"a needle in the journal");
    let check = run(&folder, &["store", "check"]);
    assert_eq!(code(&check), 1);
    assert!(String::from_utf8_lossy(&check.stdout).contains("(4004)"));
    let repair = run(&folder, &["store", "repair", "--json"]);
    assert_eq!(code(&repair), 0, "{}", String::from_utf8_lossy(&repair.stderr));
    let repair = row(&repair);
    assert_eq!((&repair["renewed"], &repair["left"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(code(&run(&folder, &["store", "check"])), 0);
    server.kill().unwrap();
    server.start().unwrap();
    server.stop().unwrap();
    let dump = rows(&run(&folder, &["store", "dump", "--jsonl"]));
    assert!(dump.iter().any(|row| row["body"] == "a needle in the journal"));
}

#[test]
fn what_a_running_desk_cannot_repair_is_told_with_the_command_to_type() {
    let folder = folder("commands-row");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    say(&server, "a needle in the database");
    server.stop().unwrap();
    damage(&server.data().join("store.redb"), b"a needle in the database");
    server.start().unwrap();
    let check = run(&folder, &["store", "check", "--json"]);
    assert_eq!((code(&check), &row(&check)["findings"][0]["code"]), (1, &4101.into()));
    let repair = run(&folder, &["store", "repair"]);
    let words = String::from_utf8_lossy(&repair.stdout).into_owned();
    assert_eq!(code(&repair), 1);
    let command = format!("posthouse store repair --data '{}'", server.data().display());
    assert!(words.contains("(6008)") && words.contains(&command), "{words}");
    assert!(server.get("/readyz").unwrap().starts_with("HTTP/1.1 200"), "it serves on");
    server.stop().unwrap();
    assert_eq!(code(&run(&folder, &["store", "check"])), 1);
}

#[test]
fn the_audit_log_verifies_here_and_elsewhere_and_a_change_is_located() {
    let folder = folder("commands-audit");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    let whats = || -> Vec<String> {
        let list = rows(&run(&folder, &["audit", "list"]));
        list.iter().map(|row| row["what"].as_str().unwrap().to_owned()).collect()
    };
    assert!(whats().contains(&"site.claim".to_owned()), "{:?}", whats());
    assert_eq!(code(&run(&folder, &["store", "dump", "--jsonl"])), 0);
    assert_eq!(whats()[0], "store.dump");
    assert_eq!(code(&run(&folder, &["audit", "verify"])), 0);
    assert_eq!(whats()[0], "audit.verify");
    assert_eq!(code(&run(&folder, &["cert", "renew"])), 0);
    assert!(whats().contains(&"cert.renew".to_owned()), "{:?}", whats());

    // An export, on a machine that has the public key alone.
    assert_eq!(code(&run(&folder, &["audit", "export", "--out", "export.jsonl"])), 0);
    let key = String::from_utf8(run(&folder, &["audit", "key"]).stdout).unwrap();
    let elsewhere = |file: &str| {
        let words = ["audit", "verify", "--json", "--from", file, "--key", key.trim()];
        row(&run(&folder, &words))
    };
    assert_eq!(elsewhere("export.jsonl")["findings"], serde_json::json!([]));
    let text = std::fs::read_to_string(folder.join("export.jsonl")).unwrap();
    let forged = text.replacen("store.dump", "store.peek", 1);
    std::fs::write(folder.join("forged.jsonl"), forged).unwrap();
    assert_eq!(elsewhere("forged.jsonl")["findings"][0]["kind"], "changed");

    // Here, with the secret, a change is found at its line.
    server.stop().unwrap();
    let file = server.data().join("audit/00000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|line| line.contains("store.dump")).unwrap() + 1;
    std::fs::write(&file, text.replacen("store.dump", "store.peek", 1)).unwrap();
    let verify = run(&folder, &["audit", "verify", "--json"]);
    let found = row(&verify)["findings"][0].clone();
    assert_eq!(
        (code(&verify), &found["kind"], found["line"].as_u64()),
        (1, &"edited".into(), Some(line as u64))
    );
    let words = String::from_utf8(run(&folder, &["audit", "verify"]).stdout).unwrap();
    assert!(words.contains("(4104)"), "{words}");
    // Heads that were kept show an end that was cut off.
    std::fs::write(&file, &text).unwrap();
    let first: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, first).unwrap();
    let words = ["audit", "verify", "--json", "--heads", "export.jsonl"];
    let found = row(&run(&folder, &words))["findings"].clone();
    let gone = |found: &Value| found["kind"] == "truncated" || found["kind"] == "missing";
    assert!(found.as_array().unwrap().iter().any(gone), "{found}");
}

#[test]
fn what_was_answered_before_a_kill_has_its_line() {
    let folder = folder("commands-audit-kill");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    std::fs::write(folder.join("password"), "correct horse battery\n").unwrap();
    let mut acked = Vec::new();
    for round in 0..3 {
        server.start().unwrap();
        let adding: Vec<_> = (0..3)
            .map(|lane| {
                let folder = folder.clone();
                std::thread::spawn(move || {
                    let name = |number| format!("a{round}x{lane}x{number}");
                    let add = |login: &String| {
                        let words =
                            ["agent", "add", "--login", login, "--password-file", "password"];
                        code(&run(&folder, &words)) == 0
                    };
                    (0..40).map(name).take_while(add).collect::<Vec<_>>()
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(900));
        server.kill().unwrap();
        // The folder is free now: what still comes opens it by itself, and has its line, too.
        acked.extend(adding.into_iter().flat_map(|lane| lane.join().unwrap()));
    }
    let list = rows(&run(&folder, &["audit", "list", "--count", "500"]));
    let told: Vec<&str> = list.iter().filter_map(|row| row["about"].as_str()).collect();
    assert!(acked.len() > 3, "{acked:?}");
    for login in &acked {
        assert!(told.contains(&format!("{login} agent").as_str()), "{login}");
    }
    assert_eq!(code(&run(&folder, &["audit", "verify"])), 0);
}

/// The status of `/metrics` for a reader from elsewhere with this token, and the endpoints that a
/// visitor is told.
fn told(server: &Server, token: &str) -> (String, Value) {
    let ask = |head: &str, body: &str| {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        let length = body.len();
        write!(stream, "{head}Host: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let elsewhere = "X-Forwarded-For: 192.0.2.1\r\nAuthorization: Bearer ";
    let metrics = ask(&format!("GET /metrics HTTP/1.1\r\n{elsewhere}{token}\r\n"), "");
    let head = "POST /v1/visitor HTTP/1.1\r\nContent-Type: application/json\r\n";
    let visitor = ask(head, &format!("{{\"inbox\":\"{}\"}}", server.inbox_key));
    let body = visitor.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{visitor}"));
    (metrics.get(9..12).unwrap_or_default().to_owned(), body["endpoints"].clone())
}

#[test]
fn a_reload_takes_all_that_can_change_or_nothing_and_names_what_needs_a_restart() {
    let folder = folder("commands-reload");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    let file = folder.join("posthouse.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let token = |text: &str| std::fs::write(folder.join("token"), text).unwrap();
    let reload = || {
        let words = ["config", "reload", "--json", "--config", "posthouse.yaml"];
        run(&folder, &words)
    };
    write("metrics: {token_file: token}\n");
    token("first\nsecond line\n");
    assert_eq!(code(&reload()), 3, "nobody runs");
    server.set("POSTHOUSE_CONFIG", &file.to_string_lossy());
    server.start().unwrap();
    let old = ("200".to_owned(), serde_json::json!([]));
    assert_eq!(told(&server, "first"), old);
    assert_eq!(told(&server, "second").0, "403");

    // Each of these has one mistake: nothing of it is taken.
    token("second\n");
    std::fs::write(folder.join("bad.pem"), "no certificate").unwrap();
    let good = "endpoints: ['https://b.example']\nmetrics: {token_file: token}\n";
    for mistake in [
        "lgo: {level: info}",
        "trusted_proxies: [nonsense]",
        "tls: {certificate: bad.pem, key: bad.pem}",
    ] {
        write(&format!("{good}{mistake}\n"));
        let kept = reload();
        assert_eq!(code(&kept), 2, "{mistake}: {}", String::from_utf8_lossy(&kept.stderr));
        assert_eq!(told(&server, "first"), old, "{mistake}");
    }

    write(&format!("{good}listen: 127.0.0.1:1\nplugins: [{{name: p}}]\n"));
    let taken = reload();
    assert_eq!(code(&taken), 1, "{}", String::from_utf8_lossy(&taken.stderr));
    let text = String::from_utf8_lossy(&taken.stdout).into_owned();
    let changes: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let waits: Vec<&str> = changes
        .iter()
        .filter(|change| change["needs_restart"] == true)
        .map(|change| change["key"].as_str().unwrap())
        .collect();
    // The flag of the running process comes before the file, so `listen` has not changed.
    assert_eq!(waits, ["plugins"], "{text}");
    assert!(changes.iter().any(|change| change["key"] == "endpoints"), "{text}");
    let new = ("200".to_owned(), serde_json::json!(["https://b.example"]));
    assert_eq!(told(&server, "second"), new);
    assert_eq!(told(&server, "first").0, "403");
    assert_eq!(code(&reload()), 1, "it is named until the restart");
    server.stop().unwrap();
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
