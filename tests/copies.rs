//! R5 on the real process: a data folder that is put back from a copy has an epoch of its own, so
//! that a client which saw more than the copy holds gets a snapshot and never silence, however far
//! the copy has grown since.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::path::{Path, PathBuf};
use std::process::Command;

use posthouse::wire::proto::{entry::Body, message::Content};
use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::words::{Entry, Said};

fn binary() -> PathBuf {
    std::env::var_os("POSTHOUSE_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into())
        .into()
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// Runs a line of shell in the folder of a test.
fn shell(folder: &Path, line: &str) {
    let status = Command::new("sh").args(["-ec", line]).current_dir(folder).status().unwrap();
    assert!(status.success(), "{line}");
}

/// What a client that resumes is given.
#[derive(Debug, PartialEq)]
enum Given {
    /// The texts of the entries it had missed.
    Entries(Vec<String>),
    /// A fresh state with these texts.
    Snapshot(Vec<String>),
}

fn text(entry: &Entry) -> String {
    match &entry.body {
        Some(Body::Message(message)) => match &message.content {
            Some(Content::Text(text)) => text.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// One visitor with two devices: this one, and whoever else writes with the token.
struct Desk {
    server: Server,
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn new(name: &str) -> Self {
        let folder = folder(name);
        let mut server = Server::set_up(&binary(), &folder, None).unwrap();
        server.start().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { server, folder, runtime }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(1, &self.server.inbox_key)
    }

    /// Writes the texts; returns the index of the last one.
    fn say(&self, visitor: &mut Visitor, texts: &[&str]) -> u64 {
        let target = self.server.target(false).unwrap();
        self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            let mut index = 0;
            for (at, text) in texts.iter().enumerate() {
                let mark = at as u64 + posthouse_load::words::wall_ms();
                index = visitor.say(&mut socket, mark, (*text).to_owned()).await.unwrap();
            }
            index
        })
    }

    /// Comes back with the cursor that the visitor has.
    fn resume(&self, visitor: &mut Visitor) -> Given {
        let target = self.server.target(false).unwrap();
        let cursor = visitor.cursor();
        self.runtime.block_on(async {
            let mut socket = visitor.connect(&target, false).await.unwrap();
            socket.send(&posthouse_load::words::follow(vec![cursor])).await.unwrap();
            let (mut texts, mut snapshot) = (Vec::new(), false);
            loop {
                match visitor.next(&mut socket).await.unwrap().unwrap() {
                    Said::Delivery { entry, .. } => texts.push(text(&entry)),
                    Said::Snapshot { epoch, too_long, .. } => {
                        assert!(too_long, "the client is told that it missed something");
                        assert_eq!(epoch, visitor.epoch);
                        snapshot = true;
                    }
                    Said::CaughtUp { .. } => break,
                    _ => {}
                }
            }
            texts.retain(|text| !text.is_empty());
            if snapshot { Given::Snapshot(texts) } else { Given::Entries(texts) }
        })
    }

    /// Three texts, a copy, three more which this client has seen; then the folder is put back by
    /// `way`, and somebody else writes past the client's place.
    fn history(&mut self, way: &str) -> Visitor {
        let mut visitor = self.visitor();
        self.say(&mut visitor, &["1", "2", "3"]);
        self.server.stop().unwrap();
        shell(&self.folder, "cp -a data copy");
        self.server.start().unwrap();
        visitor.index = self.say(&mut visitor, &["4", "5", "6"]);
        self.server.stop().unwrap();
        shell(&self.folder, way);
        self.server.start().unwrap();
        let mut other = self.visitor();
        other.opened = true;
        let index = self.say(&mut other, &["a", "b", "c", "d", "e"]);
        assert!(index > visitor.index, "the copy has grown past the client's place");
        visitor
    }
}

fn after_a_copy_back() -> Given {
    Given::Snapshot(["1", "2", "3", "a", "b", "c", "d", "e"].map(str::to_owned).to_vec())
}

#[test]
fn a_client_from_before_gets_a_snapshot_when_a_copy_takes_the_folders_place() {
    let mut desk = Desk::new("copies-place");
    let mut visitor = desk.history("rm -r data && cp -a copy data");
    assert_eq!(desk.resume(&mut visitor), after_a_copy_back());
    // It is settled: the next restart changes nothing.
    visitor.index = 9;
    desk.server.kill().unwrap();
    desk.server.start().unwrap();
    assert!(matches!(desk.resume(&mut visitor), Given::Entries(_)));
    std::fs::remove_dir_all(&desk.folder).unwrap();
}

#[test]
fn a_client_from_before_gets_a_snapshot_when_a_copy_is_written_over_the_folder() {
    let mut desk = Desk::new("copies-over");
    let mut visitor = desk.history("cp -a copy/. data/");
    assert_eq!(desk.resume(&mut visitor), after_a_copy_back());
    std::fs::remove_dir_all(&desk.folder).unwrap();
}

#[test]
fn a_folder_that_is_moved_goes_on_and_the_operator_can_say_that_it_was_restored() {
    let mut desk = Desk::new("copies-moved");
    let mut visitor = desk.history("mv data elsewhere && mv elsewhere data");
    // The control: nothing was given up, so only what was missed comes.
    let missed = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    assert_eq!(desk.resume(&mut visitor), Given::Entries(missed));
    desk.server.stop().unwrap();
    let restored = Command::new(binary())
        .args(["store", "restored", "--json", "--data"])
        .arg(desk.server.data())
        .env_remove("POSTHOUSE_BIN")
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    desk.server.start().unwrap();
    assert!(matches!(desk.resume(&mut visitor), Given::Snapshot(_)));
    std::fs::remove_dir_all(&desk.folder).unwrap();
}
