//! A sealed site as a real process: masters that change while it serves, and the ways its key file
//! is opened. What was acknowledged is there after every kill.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use posthouse::base::Wall;
use posthouse::store::key;
use posthouse::wire::proto::{entry::Body, message::Content};
use posthouse_crypto::seal::SEALED_PAGE_BYTES;
use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::words::{self, Said};
use serde_json::Value;

const PASSPHRASE_FILE: &str = "POSTHOUSE_CRYPTO_KEY_PASSPHRASE_FILE";
const WORDS: &str = "words that nobody may read on the disk";

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
    environment: Vec<(String, String)>,
    visitor: Visitor,
    said: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Site {
    fn new(folder: PathBuf, environment: &[(&str, &str)]) -> Self {
        let mut server = Server::set_up_with(&binary(), &folder, None, environment).unwrap();
        server.start().unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let visitor = Visitor::new(1, &server.inbox_key);
        let environment = environment.iter().map(owned).collect();
        Self { server, folder, environment, visitor, said: Vec::new(), runtime }
    }

    fn say(&mut self, count: usize) {
        let target = self.server.target(false).unwrap();
        let (visitor, said) = (&mut self.visitor, &mut self.said);
        self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            for at in 0..count {
                let text = format!("{WORDS} {}", said.len());
                let mark = at as u64 + words::wall_ms();
                visitor.say(&mut socket, mark, text.clone()).await.unwrap();
                said.push(text);
            }
        });
    }

    /// Everything that was acknowledged is delivered to who comes without a cursor.
    fn check(&mut self) {
        let target = self.server.target(false).unwrap();
        let visitor = &mut self.visitor;
        visitor.index = 0;
        let cursor = visitor.cursor();
        let texts = self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            socket.send(&words::follow(vec![cursor])).await.unwrap();
            let mut texts = Vec::new();
            loop {
                match visitor.next(&mut socket).await.unwrap().unwrap() {
                    Said::Delivery { entry, .. } => {
                        if let Some(Body::Message(message)) = &entry.body
                            && let Some(Content::Text(text)) = &message.content
                        {
                            texts.push(text.clone());
                        }
                    }
                    Said::CaughtUp { .. } => return texts,
                    _ => {}
                }
            }
        });
        assert_eq!(texts, self.said);
    }

    fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(words).arg("--data").arg(self.server.data()).env_remove("POSTHOUSE_BIN");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// What the last line of a command says.
    fn asked(&self, words: &[&str]) -> Value {
        let output = self.command(words);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }

    /// Pages that this master sealed, and whether the words are in any file.
    fn on_the_disk(&self, master: u16) -> (usize, bool) {
        let pages = std::fs::read(self.server.data().join("store.redb")).unwrap();
        let pages = pages.as_chunks::<SEALED_PAGE_BYTES>().0;
        let of = |page: &&[u8; SEALED_PAGE_BYTES]| {
            page[SEALED_PAGE_BYTES - 4..].starts_with(&master.to_be_bytes())
        };
        let readable = ["journal", "store.redb"].iter().any(|name| {
            let bytes = std::fs::read(self.server.data().join(name)).unwrap();
            bytes.windows(12).any(|window| window == &WORDS.as_bytes()[..12])
        });
        (pages[1..].iter().filter(of).count(), readable)
    }
}

fn passphrase(folder: &Path) -> String {
    let path = folder.join("passphrase");
    std::fs::write(&path, "correct horse battery staple\n").unwrap();
    path.display().to_string()
}

#[test]
fn a_running_site_takes_up_a_master_and_forgets_the_old_one() {
    let folder = folder("sealed-rotation");
    let passphrase = passphrase(&folder);
    let mut site = Site::new(folder, &[(PASSPHRASE_FILE, &passphrase)]);
    site.say(20);
    site.server.stop().unwrap();
    site.server.start().unwrap();
    let (old, readable) = site.on_the_disk(1);
    assert!(old > 10 && !readable, "the control: {old} pages of the first master");

    assert_eq!(site.asked(&["store", "rotate"])["newest"], 2);
    site.say(20);
    site.server.kill().unwrap();
    // The next process goes on with the rotation by itself.
    site.server.start().unwrap();
    site.check();
    site.say(5);
    let dropped = site.asked(&["store", "rotate", "--drop-old"]);
    assert_eq!((&dropped["masters"], &dropped["part"]), (&Value::from(1), &Value::from("nothing")));
    assert_eq!(site.on_the_disk(1), (0, false));
    site.say(5);
    // A master that is in the key file only, as when the disk was full: it is taken up first.
    let source = key::Source::Passphrase(passphrase.into());
    key::rotate(site.server.data(), &source, Wall { ms: 1, trusted: true }).unwrap();
    let dropped = site.asked(&["store", "rotate", "--drop-old"]);
    assert_eq!((&dropped["masters"], &dropped["newest"]), (&Value::from(1), &Value::from(3)));
    site.server.kill().unwrap();
    site.server.start().unwrap();
    site.check();
    site.server.stop().unwrap();
    // Without a server the same command does all of it itself.
    assert_eq!(site.asked(&["store", "rotate"])["newest"], 4);
    assert_eq!(site.asked(&["store", "rotate", "--drop-old"])["masters"], 1);
    assert_eq!(site.on_the_disk(3), (0, false));
    assert_eq!(site.asked(&["store", "check", "--json"])["findings"], Value::Array(Vec::new()));
    std::fs::remove_dir_all(&site.folder).unwrap();
}

#[test]
fn a_credential_of_the_service_manager_opens_the_key_file() {
    let folder = folder("sealed-credential");
    let credentials = folder.join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("posthouse.key"), "correct horse battery staple").unwrap();
    let environment = [
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
        (PASSPHRASE_FILE, "credential:posthouse.key"),
    ];
    let mut site = Site::new(folder.clone(), &environment);
    site.say(3);
    site.server.kill().unwrap();
    site.server.start().unwrap();
    site.check();
    site.server.stop().unwrap();
    std::fs::remove_file(credentials.join("posthouse.key")).unwrap();
    assert!(site.server.start().is_err(), "without the passphrase nothing opens");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The reference agent as a process.
struct KeyAgent(Child);

impl KeyAgent {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(binary());
        command.args(["keystore", "agent", "--keys", "device", "--passphrase-file", "passphrase"]);
        command.args(["--socket", "agent.sock"]).current_dir(folder);
        let mut child = command.env_remove("POSTHOUSE_BIN").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "agent.sock\n");
        Self(child)
    }
}

impl Drop for KeyAgent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_key_store_opens_the_site_and_a_bad_one_is_told_in_time() {
    let folder = folder("sealed-keystore");
    passphrase(&folder);
    let mut add = Command::new(binary());
    add.args(["keystore", "add", "--keys", "device", "--passphrase-file", "passphrase"]);
    add.args(["--kind", "wrap", "--label", "site"]).current_dir(&folder);
    assert!(add.env_remove("POSTHOUSE_BIN").status().unwrap().success());
    let agent = KeyAgent::start(&folder);
    let socket = folder.join("agent.sock");
    let environment = [
        ("POSTHOUSE_CRYPTO_KEY_AGENT_SOCKET", socket.to_str().unwrap()),
        ("POSTHOUSE_CRYPTO_KEY_AGENT_KEY", "site"),
    ];
    let mut site = Site::new(folder.clone(), &environment);
    site.say(10);
    site.server.kill().unwrap();
    site.server.start().unwrap();
    site.check();
    // The desk asked once, at its start: it needs the agent no more until a master is added.
    drop(agent);
    site.say(3);
    site.server.kill().unwrap();
    assert!(site.server.start().is_err(), "nobody opens the key file");
    let refused = |site: &Site, how: &str| {
        let begun = Instant::now();
        let output = site.command(&["store", "check"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("4012"), "{how}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(25), "{how}: {:?}", begun.elapsed());
        said
    };
    assert!(refused(&site, "absent").contains("agent.sock"));
    for how in ["silent", "closes", "endless", "lies"] {
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || misbehave(&listener, how));
        refused(&site, how);
    }
    let _agent = KeyAgent::start(&folder);
    site.server.start().unwrap();
    site.check();
    site.server.stop().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// One connection of an agent that does not do as the protocol says.
fn misbehave(listener: &UnixListener, how: &str) {
    let Ok((mut stream, _)) = listener.accept() else { return };
    let mut first = [0; 4];
    drop(stream.read_exact(&mut first));
    match how {
        "silent" => std::thread::sleep(Duration::from_secs(20)),
        "endless" => drop(stream.write_all(&u32::MAX.to_be_bytes())),
        // A result that is no key: field 1, 32 bytes.
        "lies" => drop(stream.write_all(&[&[0, 0, 0, 34, 0x0a, 32][..], &[7; 32]].concat())),
        _ => {}
    }
}
