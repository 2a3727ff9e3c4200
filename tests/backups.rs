//! Backups on the real process: made while it serves, put back on an empty folder; a client from
//! before gets a fresh state, never silence. And a site that is sealed late.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use posthouse::wire::proto::{entry::Body, message::Content};
use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::words::{self, Said};
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

struct Site {
    server: Server,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    visitor: Visitor,
    runtime: tokio::runtime::Runtime,
}

impl Site {
    /// A site with a folder for its backups; `sealed` from its first start on.
    fn new(name: &str, sealed: bool) -> Self {
        let folder = folder(name);
        let mut environment = vec![
            ("POSTHOUSE_BACKUP_FOLDER", folder.join("backups").display().to_string()),
            ("POSTHOUSE_BACKUP_PASSPHRASE_FILE", passphrase(&folder, "recovery")),
        ];
        if sealed {
            environment.push((KEY, passphrase(&folder, "site")));
        }
        let words: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut server = Server::set_up_with(&binary(), &folder, None, &words).unwrap();
        server.start().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let visitor = Visitor::new(1, &server.inbox_key);
        Self { server, folder, environment, visitor, runtime }
    }

    /// Writes the texts, and remembers the last one's place.
    fn say(&mut self, texts: &[&str]) {
        let target = self.server.target(false).unwrap();
        let visitor = &mut self.visitor;
        visitor.index = self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            let mut index = 0;
            for (at, text) in texts.iter().enumerate() {
                let mark = at as u64 + words::wall_ms();
                index = visitor.say(&mut socket, mark, (*text).to_owned()).await.unwrap();
            }
            index
        });
    }

    /// Comes back with its cursor: the texts that it is given, and whether they are a snapshot.
    fn resume(&mut self) -> (Vec<String>, bool) {
        let target = self.server.target(false).unwrap();
        let visitor = &mut self.visitor;
        let cursor = visitor.cursor();
        self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            socket.send(&words::follow(vec![cursor])).await.unwrap();
            let (mut texts, mut snapshot) = (Vec::new(), false);
            loop {
                match visitor.next(&mut socket).await.unwrap().unwrap() {
                    Said::Delivery { entry, .. } => {
                        if let Some(Body::Message(message)) = &entry.body
                            && let Some(Content::Text(text)) = &message.content
                        {
                            texts.push(text.clone());
                        }
                    }
                    Said::Snapshot { .. } => snapshot = true,
                    Said::CaughtUp { .. } => return (texts, snapshot),
                    _ => {}
                }
            }
        })
    }

    fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(words).arg("--data").arg(self.server.data()).env_remove("POSTHOUSE_BIN");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    fn asked(&self, words: &[&str]) -> Value {
        let output = self.command(words);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }

    /// The code that a command is refused with.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn audited(&self, what: &str) -> bool {
        let output = self.command(&["audit", "list"]);
        let what = format!("\"what\":\"{what}\"");
        String::from_utf8(output.stdout).unwrap().lines().any(|line| line.contains(&what))
    }
}

const KEY: &str = "POSTHOUSE_CRYPTO_KEY_PASSPHRASE_FILE";

fn passphrase(folder: &Path, name: &str) -> String {
    let path = folder.join(format!("{name}.txt"));
    std::fs::write(&path, format!("the passphrase of {name}\n")).unwrap();
    path.display().to_string()
}

#[test]
fn a_client_from_before_gets_a_fresh_state_after_a_backup_was_put_back() {
    for sealed in [false, true] {
        let mut site = Site::new(&format!("backups-{sealed}"), sealed);
        site.say(&["1", "2", "3"]);
        let made = site.asked(&["backup", "create", "--json"]);
        assert!(made["entries"].as_u64().unwrap() > 3, "{made}");
        site.say(&["4", "5", "6"]);
        let again = site.asked(&["backup", "create", "--json"]);
        assert!(again["written"].as_u64() < made["written"].as_u64(), "{again}");
        assert_eq!(site.asked(&["backup", "list", "--json"])["name"], again["name"]);
        let verified = site.asked(&["backup", "verify", "--all", "--json"]);
        assert_eq!((&verified["good"], &verified["name"]), (&true.into(), &again["name"]));
        let name = made["name"].as_str().unwrap();
        let running = site.refused(&["backup", "restore", name, "--beside"]);
        assert!(running.contains("(6008)"), "{running}");
        assert!(site.audited("backup.create") && site.audited("backup.verify"));
        site.server.stop().unwrap();
        let occupied = site.refused(&["backup", "restore", name]);
        assert!(occupied.contains("(4022)"), "{occupied}");
        let dry = site.asked(&["backup", "restore", name, "--dry-run", "--json"]);
        assert_eq!((&dry["good"], &dry["entries"]), (&true.into(), &made["entries"]));
        // The machine is gone; the folder and its passphrase are left.
        std::fs::rename(site.server.data(), site.folder.join("lost")).unwrap();
        let restored = site.asked(&["backup", "restore", name, "--json"]);
        assert_eq!(restored["entries"], made["entries"]);
        site.server.start().unwrap();
        let mut other = Visitor::new(1, &site.server.inbox_key);
        other.opened = true;
        std::mem::swap(&mut site.visitor, &mut other);
        site.say(&["a", "b", "c", "d", "e"]);
        assert!(site.visitor.index > other.index, "it has grown past the client's place");
        site.visitor = other;
        let texts = ["1", "2", "3", "a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(site.resume(), (texts, true));
        assert!(site.audited("backup.restore"));
        site.server.stop().unwrap();
        std::fs::remove_dir_all(&site.folder).unwrap();
    }
}

#[test]
fn a_medium_that_fails_is_told_and_the_desk_goes_on() {
    let mut site = Site::new("backups-fail", false);
    site.say(&["1"]);
    let gone = site.folder.join("nowhere/below");
    std::fs::write(site.folder.join("nowhere"), "a file").unwrap();
    let words = ["backup", "create", "--folder", gone.to_str().unwrap()];
    let told = site.refused(&words);
    assert!(told.contains("(4015)") && told.contains("nowhere"), "{told}");
    let made = site.asked(&["backup", "create", "--json"]);
    let list = site.folder.join("backups/backups").join(made["name"].as_str().unwrap());
    let mut bytes = std::fs::read(&list).unwrap();
    bytes[90] ^= 1;
    std::fs::write(&list, bytes).unwrap();
    let output = site.command(&["backup", "verify", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["code"]), (Some(1), &4018.into()));
    assert_eq!(said["about"], list.display().to_string());
    site.say(&["2"]);
    site.visitor.index = 0;
    assert_eq!(site.resume().0, ["1", "2"]);
    site.server.stop().unwrap();
    std::fs::remove_dir_all(&site.folder).unwrap();
}

/// The command is killed at system calls that change something, again and again: the site is
/// sealed or it is not, it answers, and the next try ends it.
#[test]
fn a_site_is_sealed_late_and_the_power_may_go_at_any_moment() {
    let mut site = Site::new("backups-seal", false);
    site.say(&["1", "2", "3"]);
    let running = site.refused(&["store", "seal"]);
    assert!(running.contains("(3007)"), "no key is configured: {running}");
    let key = passphrase(&site.folder, "site");
    site.environment.push((KEY, key.clone()));
    let running = site.refused(&["store", "seal"]);
    assert!(running.contains("(6008)"), "{running}");
    site.server.stop().unwrap();
    let data = site.server.data().to_owned();
    let whole = site.folder.join("whole");
    copy(&data, &whole);
    let traced = Command::new("strace").arg("-V").output().is_ok();
    let (mut old, mut new) = (0, 0);
    // Calls are counted each by itself: names change late, pages are written early.
    for (calls, step) in [("?rename,?renameat,?renameat2", 2), ("?fsync", 7), ("?pwrite64", 23)] {
        for at in (1..).step_by(step).take_while(|_| traced) {
            std::fs::remove_dir_all(&data).unwrap();
            copy(&whole, &data);
            let cut = !site.seal_cut_off(&data, calls, at);
            // As the next start finds it: sealed when the change was decided, else as it was.
            let decided = data.join("staged").exists() || data.join("sealed").exists();
            let key = site.environment.pop().unwrap();
            if decided {
                site.environment.push(key.clone());
                new += 1;
            } else {
                old += 1;
            }
            let check = site.asked(&["store", "check", "--json"]);
            assert_eq!(check["findings"].as_array().unwrap().len(), 0, "{calls} {at}: {check}");
            assert!(check["entries"].as_u64().unwrap() > 3, "{calls} {at}: {check}");
            site.environment.retain(|(name, _)| *name != KEY);
            site.environment.push(key);
            site.asked(&["store", "seal", "--json"]);
            let sealed = data.join("sealed").exists() && !data.join("staged").exists();
            assert!(sealed, "{calls} {at}");
            if !cut {
                break;
            }
        }
    }
    assert!(!traced || (old > 6 && new > 6), "{old} old, {new} new");
    if !traced {
        site.asked(&["store", "seal", "--json"]);
    }
    site.server.set(KEY, &key);
    site.server.start().unwrap();
    site.say(&["4"]);
    site.visitor.index = 0;
    assert_eq!(site.resume().0, ["1", "2", "3", "4"]);
    let verified = site.command(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    assert!(site.audited("store.seal"));
    site.server.stop().unwrap();
    site.asked(&["store", "unseal", "--json"]);
    assert!(!data.join("keys").exists());
    std::fs::remove_dir_all(&site.folder).unwrap();
}

impl Site {
    /// Seals the site, and is killed at a system call. True when it came to its end.
    fn seal_cut_off(&self, data: &Path, calls: &str, at: usize) -> bool {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:signal=KILL:when={at}"));
        strace.arg(binary()).args(["store", "seal", "--data"]).arg(data);
        strace.env_remove("POSTHOUSE_BIN").envs(self.environment.clone());
        strace.output().unwrap().status.success()
    }
}

/// The very files with their times; a copy begins another epoch, which is no concern here.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}
