//! R10 on the real process: a thousand readers that stop reading cost bounded memory, are closed in
//! time, and nobody else notices; readers that only pause miss nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::print_stdout, clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::socket::{self, Socket};
use posthouse_load::{kernel, words};

const READERS: u64 = 1_000;
/// What the kernel may hold of one connection before a write blocks: send and receive buffer.
const KERNEL_BYTES: usize = 4 * 1024 * 1024;
/// The product's promise: a reader that stands still is closed within this time.
const CLOSED: Duration = Duration::from_secs(15);
/// Half of a thousand outboxes of 256 KiB: frames are shared, not copied for each reader. What is
/// not shared is the write that a socket took only in part (16 KiB) and the queue's places.
const GROWTH: u64 = 128 * 1024 * 1024;
const TEXT: usize = 8_000;

fn binary() -> PathBuf {
    std::env::var_os("POSTHOUSE_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into())
        .into()
}

#[test]
fn a_thousand_stalled_readers_are_closed_and_cost_little() {
    assert!(kernel::raise_descriptors() > 3_000, "too few descriptors for this test");
    beside("slow_reader", stall);
}

#[test]
fn readers_that_pause_get_everything_in_order() {
    beside("paused_reader", pause);
}

fn beside(name: &str, run: impl AsyncFnOnce(&Server)) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let mut server = Server::set_up(&binary(), &folder, None).unwrap();
    server.start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&server));
    server.kill().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// More than the kernel takes and less than an outbox holds, while nobody reads: what waited must
/// come when they read again, though no entry wakes a connection whose socket is full. Enough
/// readers that they are woken in portions.
async fn pause(server: &Server) {
    const PAUSED: u64 = 100;
    const MESSAGES: u64 = 24;
    let target = server.target(false).unwrap();
    let mut busy = Visitor::new(1, &server.inbox_key);
    let mut mouth = busy.connect(&target, false).await.unwrap();
    let first = busy.say(&mut mouth, 0, "Hello".to_owned()).await.unwrap();
    let mut paused = Vec::new();
    for n in 0..PAUSED {
        let mut reader = Visitor::new(1, &server.inbox_key);
        reader.index = first;
        let mut socket = Socket::dial(&target, socket::source(n), Some(4096)).await.unwrap();
        socket.send(&words::hello(busy.token, &busy.inbox_key, Vec::new())).await.unwrap();
        let Ok(words::Said::Welcome { epoch }) = reader.next(&mut socket).await.unwrap() else {
            panic!("no welcome");
        };
        reader.epoch = epoch;
        reader.follow(&mut socket).await.unwrap();
        paused.push((reader, socket));
    }
    // Twice: what is sent after a pause must wake again.
    for round in 0..2 {
        let mut last = 0;
        for n in 0..MESSAGES {
            let mark = 1 + round * MESSAGES + n;
            last = busy.say(&mut mouth, mark, "x".repeat(TEXT)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (reader, socket) in &mut paused {
            while reader.index < last {
                let next = tokio::time::timeout(CLOSED, reader.next(socket)).await;
                let said = next.expect("nothing comes any more").unwrap();
                if let words::Said::Delivery { index, .. } = said.expect("the reader stays") {
                    assert_eq!(index, reader.index + 1);
                    reader.index = index;
                }
            }
        }
    }
}

async fn stall(server: &Server) {
    let pid = server.pid().unwrap();
    let target = server.target(false).unwrap();
    let mut busy = Visitor::new(1, &server.inbox_key);
    let mut mouth = busy.connect(&target, false).await.unwrap();
    busy.say(&mut mouth, 0, "Hello".to_owned()).await.unwrap();
    let mut healthy = Visitor::new(1, &server.inbox_key);
    let mut ears = healthy.connect(&target, false).await.unwrap();
    healthy.opened = true;
    healthy.follow(&mut ears).await.unwrap();

    let sockets = kernel::sockets(pid).unwrap();
    let mut stalled = Vec::new();
    for n in 0..READERS {
        let mut socket = Socket::dial(&target, socket::source(n), Some(4096)).await.unwrap();
        let cursors = vec![healthy.cursor()];
        socket.send(&words::hello(busy.token, &busy.inbox_key, cursors)).await.unwrap();
        stalled.push(socket);
    }
    let before = kernel::resident_bytes(pid).unwrap();
    assert!(kernel::sockets(pid).unwrap() >= sockets + READERS as usize, "all are connected");

    let text = "x".repeat(TEXT);
    let (mut sent, mut heard, mut peak, mut full) = (0usize, 0usize, 0u64, None::<Instant>);
    let begin = Instant::now();
    while kernel::sockets(pid).unwrap() > sockets {
        busy.say(&mut mouth, sent as u64, text.clone()).await.unwrap();
        sent += 1;
        // The healthy reader gets each message although a thousand others do not.
        while heard < sent {
            match healthy.next(&mut ears).await.unwrap().expect("the healthy reader stays") {
                words::Said::Delivery { index, entry } => {
                    assert_eq!(index, healthy.index + 1);
                    healthy.index = index;
                    heard += usize::from(!entry.key.is_empty());
                }
                _ => continue,
            }
        }
        peak = peak.max(kernel::resident_bytes(pid).unwrap());
        if sent * TEXT > KERNEL_BYTES {
            let since = *full.get_or_insert_with(Instant::now);
            let left = kernel::sockets(pid).unwrap().saturating_sub(sockets);
            assert!(since.elapsed() < CLOSED, "{left} stalled readers are not closed");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let growth = peak.saturating_sub(before);
    println!("closed after {:?}, {sent} messages, grown by {} KiB", begin.elapsed(), growth / 1024);
    assert!(growth < GROWTH, "{} KiB for {READERS} stalled readers", growth / 1024);
}
