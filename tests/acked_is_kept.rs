//! Law 2 and R1, R2, R4, R6 on the real process: it is killed with -9 again and again under
//! WebSocket load, and what was acknowledged is kept in a list outside the store. Nothing of that
//! list may be missing, doubled or changed, neither in the store nor for a client that resumes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::print_stdout, clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use posthouse::wire::proto::{entry::Body, message::Content};
use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::socket::{Socket, Target};
use posthouse_load::words::{self, Entry, Said};

const VISITORS: u64 = 32;
/// Messages of one visitor that are not acknowledged yet.
const WINDOW: usize = 4;

fn binary() -> PathBuf {
    std::env::var_os("POSTHOUSE_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into())
        .into()
}

/// A fresh folder under target/, on a real disk: a tmpfs would make the sync a lie.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// One visitor with its outbox, and what it was promised and shown.
struct Client {
    visitor: Visitor,
    number: u64,
    made: u64,
    /// Sent or to be sent again, in order, with the key that each keeps.
    outbox: BTreeMap<[u8; 16], String>,
    /// The oracle: text and index of every acknowledged key.
    acked: BTreeMap<[u8; 16], (String, u64)>,
    /// Index of every own message that was delivered.
    shown: BTreeMap<[u8; 16], u64>,
}

impl Client {
    fn new(number: u64, inbox_key: &str) -> Self {
        Self {
            visitor: Visitor::new(number + 1, inbox_key),
            number,
            made: 0,
            outbox: BTreeMap::new(),
            acked: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Writes until `stop`, then until everything is acknowledged and shown.
    async fn live(&mut self, target: &Target, stop: &Cell<bool>) {
        while !(stop.get() && self.is_done()) {
            let Ok(mut socket) = self.visitor.connect(target, true).await else {
                tokio::time::sleep(Duration::from_millis(20 + self.number)).await;
                continue;
            };
            // The connection ends with a kill; what it left open is tried on the next one.
            let _ = self.talk(&mut socket, stop).await;
        }
    }

    fn is_done(&self) -> bool {
        self.outbox.is_empty() && self.acked.keys().all(|key| self.shown.contains_key(key))
    }

    async fn talk(&mut self, socket: &mut Socket, stop: &Cell<bool>) -> anyhow::Result<()> {
        for (key, text) in self.outbox.clone() {
            self.send(socket, key, text).await?;
        }
        let mut following = self.visitor.opened;
        while !(stop.get() && self.is_done()) {
            // The opening goes alone: it is what makes the conversation.
            let room = if self.visitor.opened { WINDOW } else { 1 };
            if self.outbox.len() < room && !stop.get() {
                let text = format!("message {} of visitor {}", self.made, self.number);
                let key = words::key(self.number << 32 | self.made);
                self.made += 1;
                self.outbox.insert(key, text.clone());
                self.send(socket, key, text).await?;
                continue;
            }
            match self.visitor.next(socket).await? {
                Err(_) => return Ok(()),
                Ok(Said::Ack { key, index }) => self.acknowledge(key, index),
                Ok(Said::Delivery { index, entry }) => self.show(index, &entry),
                Ok(Said::Refused { code, retry_after_ms, key }) => {
                    assert!(retry_after_ms > 0, "refused for good with {code}");
                    tokio::time::sleep(Duration::from_millis(retry_after_ms.into())).await;
                    let key: [u8; 16] = key.as_slice().try_into()?;
                    if let Some(text) = self.outbox.get(&key).cloned() {
                        self.send(socket, key, text).await?;
                    }
                }
                Ok(_) => {}
            }
            if self.visitor.opened && !following {
                following = true;
                socket.send(&words::follow(vec![self.visitor.cursor()])).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, socket: &mut Socket, key: [u8; 16], text: String) -> anyhow::Result<()> {
        let opening = (!self.visitor.opened).then_some(self.visitor.inbox_key.as_str());
        socket.send(&words::text(&self.visitor.conversation, key, opening, text)).await
    }

    fn acknowledge(&mut self, key: Vec<u8>, index: u64) {
        let key: [u8; 16] = key.try_into().expect("a key of 16 bytes");
        self.visitor.opened = true;
        if let Some(text) = self.outbox.remove(&key) {
            self.acked.insert(key, (text, index));
        }
        let (_, first) = self.acked.get(&key).expect("an ack of what was sent");
        assert_eq!(*first, index, "a replay answers the original ack");
    }

    fn show(&mut self, index: u64, entry: &Entry) {
        assert_eq!(index, self.visitor.index + 1, "the feed is dense");
        self.visitor.index = index;
        if text_of(entry).is_some() {
            let key: [u8; 16] = entry.key.as_slice().try_into().expect("a key of 16 bytes");
            assert_eq!(self.shown.insert(key, index), None, "shown twice");
        }
    }
}

fn text_of(entry: &Entry) -> Option<&str> {
    match &entry.body {
        Some(Body::Message(message)) => match &message.content {
            Some(Content::Text(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every acknowledged key stands in the store exactly once, with its text.
fn check_store(server: &Server, clients: &[&Client], complete: bool) {
    let mut stored: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in server.dump().expect("the store opens and dumps") {
        let key = line["key"].as_str().unwrap_or_default().replace('-', "");
        let of = line["conversation"].as_str().unwrap_or_default().replace('-', "");
        stored.entry(format!("{of}/{key}")).or_default().push(line["body"].to_string());
    }
    let mut expected = BTreeSet::new();
    for client in clients {
        for (key, (text, _)) in &client.acked {
            let name = format!("{}/{}", hex(&client.visitor.conversation), hex(key));
            let bodies = stored.get(&name).unwrap_or_else(|| panic!("LOST {name}: {text}"));
            assert_eq!(bodies.len(), 1, "DOUBLED {name}: {bodies:?}");
            assert!(bodies[0].contains(text.as_str()), "CHANGED {name}: {bodies:?}");
            expected.insert(name);
        }
        for (key, index) in &client.shown {
            let name = format!("{}/{}", hex(&client.visitor.conversation), hex(key));
            assert!(stored.contains_key(&name), "SHOWN BEFORE IT WAS DURABLE {name} at {index}");
        }
    }
    if complete {
        for client in clients {
            let all: BTreeSet<_> = client.acked.iter().map(|(key, (_, at))| (key, at)).collect();
            assert_eq!(all, client.shown.iter().collect(), "acks and deliveries agree");
            assert_eq!(client.acked.len() as u64, client.made, "all is acknowledged in the end");
        }
    }
}

#[test]
fn fifty_kills_lose_and_double_nothing() {
    let kills: u64 = match std::env::var("POSTHOUSE_KILLS") {
        Ok(text) => text.parse().expect("POSTHOUSE_KILLS is a number"),
        Err(_) => 50,
    };
    let folder = folder("acked_is_kept");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    let target = server.target(false).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    let clients = tasks.block_on(&runtime, async {
        let stop = Rc::new(Cell::new(false));
        let mut lives = Vec::new();
        for number in 0..VISITORS {
            let mut client = Client::new(number, &server.inbox_key);
            let (target, stop) = (target.clone(), stop.clone());
            lives.push(tokio::task::spawn_local(async move {
                client.live(&target, &stop).await;
                client
            }));
        }
        let mut slowest = Duration::ZERO;
        for kill in 0..kills {
            tokio::time::sleep(Duration::from_millis(200 + words::mix(kill) % 1_500)).await;
            server.kill().unwrap();
            slowest = slowest.max(server.start().unwrap());
        }
        stop.set(true);
        let begin = Instant::now();
        let mut clients = Vec::new();
        for life in lives {
            let left = Duration::from_secs(60).saturating_sub(begin.elapsed());
            let client = tokio::time::timeout(left, life).await;
            clients.push(client.expect("all is acknowledged in the end").unwrap());
        }
        println!("slowest restart {slowest:?}");
        clients
    });
    server.kill().unwrap();
    let all: Vec<&Client> = clients.iter().collect();
    let acked: usize = all.iter().map(|client| client.acked.len()).sum();
    println!("{kills} kills, {acked} acknowledged messages");
    assert!(acked as u64 > kills * VISITORS, "the load was too small to prove anything");
    check_store(&server, &all, true);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_oracle_reports_a_message_that_is_missing() {
    let folder = folder("oracle");
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    server.stop().unwrap();
    let mut client = Client::new(0, "key");
    client.acked.insert(words::key(1), ("never sent".to_owned(), 1));
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        check_store(&server, &[&client], false);
    }));
    assert!(checked.is_err(), "a lost message was not noticed");
    std::fs::remove_dir_all(&folder).unwrap();
}
