//! What the store costs on the disk under `TMPDIR`: processor time per message, group
//! commit, restart with a million entries. `cargo nextest run --cargo-profile release --run-ignored
//! all --no-capture --test store_speed` prints the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // figures

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use posthouse::base::{Clock, ConversationId, Feed, Index, MessageKey, Tick, VisitorId, Wall};
use posthouse::desk::{Author, Body, Content, Entry, Feeds, Who};
use posthouse::store::engine::{Engine, Layout};
use posthouse::store::journal::Shape;
use posthouse::store::sealed::SealedDisk;
use posthouse::store::storage::{Disk, Folder};
use posthouse::store::{self, Item, NewEntry, Options, Proposal};
use posthouse::wire::encode_entry;
use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::Keys;

const CONVERSATIONS: u64 = 1_000;

struct Real(Instant);

impl Clock for Real {
    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn wall(&self) -> Wall {
        Wall { ms: 0, trusted: false }
    }
}

#[allow(clippy::disallowed_methods)] // a measurement needs the time
fn now() -> Instant {
    Instant::now()
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A message of 200 bytes; keys rise with time as those of clients do.
fn message(number: u64) -> Proposal {
    let id = ConversationId(u128::from(number % CONVERSATIONS + 1) << 64 | 7);
    let entry = Entry {
        conversation: Some(id),
        key: MessageKey::new(1_700_000_000_000 + number / 8, u128::from(number) << 30),
        author: Author { who: Who::Visitor(VisitorId(id.0)), name: "visitor".into() },
        at: Wall { ms: 1_700_000_000_000 + number, trusted: true },
        body: Body::Message(Content::Text("m".repeat(200).into())),
    };
    let feeds: Feeds = [Feed::Site, Feed::Full(id), Feed::Public(id)].into_iter().collect();
    let bytes = encode_entry(&entry);
    let new = NewEntry { bytes, entry: Arc::new(entry), feeds, body_hash: [7; 16] };
    Proposal { ticket: number, items: std::iter::once(Item::Entry(new)).collect() }
}

/// Processor time of this process's threads with this name, in milliseconds.
fn thread_ms(name: &str) -> f64 {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let read = |file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            let ns: f64 = read("schedstat").split(' ').next().unwrap().parse().unwrap();
            sum += ns / 1e6;
        }
    }
    sum
}

/// Appends `rate` messages a second for some seconds and prints what that cost.
fn paced(dir: &Path, rate: u64, seconds: u64) -> f64 {
    let (done, acks) = channel();
    let sink = Box::new(move |outcomes: Vec<store::Outcome>| {
        let at = now();
        for outcome in outcomes {
            outcome.result.expect("the disk takes it");
            done.send((outcome.ticket, at)).unwrap();
        }
    });
    let clock = Arc::new(Real(now()));
    let (writer, reader) = store::open(&Options::new(dir.to_owned()), clock, sink).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let before = (thread_ms("store-writer"), thread_ms("store-apply"));
    let (start, total) = (now(), rate * seconds);
    let due = |number: u64| start + Duration::from_micros(number * 1_000_000 / rate);
    for number in 0..total {
        let wait = due(number).saturating_duration_since(now());
        if wait > Duration::from_micros(300) {
            std::thread::sleep(wait);
        }
        while writer.append(message(number)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let mut delays: Vec<f64> = (0..total)
        .map(|_| acks.recv().unwrap())
        .map(|(ticket, at)| at.saturating_duration_since(due(ticket)).as_secs_f64() * 1e3)
        .collect();
    delays.sort_by(f64::total_cmp);
    let took = start.elapsed().as_secs_f64();
    let spent = (thread_ms("store-writer"), thread_ms("store-apply"));
    let (writer_ms, check_ms) = (spent.0 - before.0, spent.1 - before.1);
    let stats = reader.stats();
    writer.close();
    let at = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    println!(
        "{rate}/s for {took:.1} s: {:.1} messages a commit; ack p50 {:.1} p99 {:.1} ms; \
         writer {:.1} % and checkpoint {:.1} % of a core; \
         journal {:.0} bytes a message",
        stats.committed_items as f64 / stats.commits as f64,
        at(0.5),
        at(0.99),
        writer_ms / took / 10.0,
        check_ms / took / 10.0,
        stats.committed_bytes as f64 / total as f64,
    );
    (writer_ms + check_ms) / took / 10.0
}

#[test]
#[ignore = "a measurement: half a minute on a quiet machine with an optimised build"]
fn the_store_takes_less_than_a_quarter_of_a_core_at_8000_messages_a_second() {
    let dir = folder("speed");
    for rate in [500, 2_000, 8_000] {
        let percent = paced(&dir.join(rate.to_string()), rate, 8);
        assert!(rate < 8_000 || percent < 25.0, "{percent} % of a core");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

/// Processor time of this thread in seconds.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Writes the same messages to a plain and to a sealed store by turns, as fast as they go, and
/// gives the time of each run and its processor time in seconds: journal, checkpoints and all.
fn rounds(dir: &Path, kinds: &[(&str, Option<Keys>)], rounds: usize) -> Vec<[Vec<f64>; 2]> {
    let mut took = vec![[Vec::new(), Vec::new()]; kinds.len()];
    for round in 0..rounds {
        for (kind, (name, keys)) in kinds.iter().enumerate() {
            let path = dir.join(format!("{name}-{round}"));
            std::fs::create_dir_all(&path).unwrap();
            let folder: Arc<dyn Disk> = Arc::new(Folder::new(&path));
            let disk: Arc<dyn Disk> = match keys {
                Some(keys) => Arc::new(SealedDisk::open(folder, keys.clone()).unwrap()),
                None => folder,
            };
            let shape = Shape { segments: 4, segment_bytes: 16 << 20 };
            let layout = Layout { shape, cache_bytes: 32 << 20, chance: 5 };
            let mut engine = Engine::open(disk, layout).unwrap();
            while engine.shared().grow().unwrap() {}
            let (start, spent) = (now(), processor());
            for batch in 0..400 {
                let outcomes = engine.commit((batch * 250..(batch + 1) * 250).map(message));
                assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
                if batch % 40 == 39 {
                    while engine.shared().checkpoint().unwrap() {}
                }
            }
            took[kind][0].push(start.elapsed().as_secs_f64());
            took[kind][1].push(processor() - spent);
            drop(engine);
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    took
}

#[test]
#[ignore = "a measurement: writes half a million entries with an optimised build"]
fn a_sealed_store_writes_at_most_15_percent_slower_than_a_plain_one() {
    let dir = folder("sealed-speed");
    let keys = |family| Keys::new(family, vec![(1, Secret::new([7; 32]))]);
    let kinds = [
        ("plain", None),
        ("sm4-gcm", keys(Family::National)),
        ("aes-256-gcm", keys(Family::International)),
    ];
    let took: Vec<[f64; 2]> = rounds(&dir, &kinds, 5)
        .into_iter()
        .map(|runs| {
            runs.map(|mut runs| {
                runs.sort_by(f64::total_cmp);
                runs[runs.len() / 2]
            })
        })
        .collect();
    for ((name, _), [seconds, spent]) in kinds.iter().zip(&took) {
        let [slower, more] = [seconds / took[0][0], spent / took[0][1]];
        println!(
            "{name}: 100 000 messages in {seconds:.2} s, {slower:.3} of plain; processor \
             {spent:.2} s, {more:.3} of plain"
        );
    }
    println!("SM4 kernel: {}", posthouse_crypto::sm4::kernel());
    std::fs::remove_dir_all(dir).unwrap();
    let most = took[0][0] * 1.15;
    assert!(took[1][0] < most && took[2][0] < most, "{took:?}");
}

#[test]
#[ignore = "a measurement: writes a million entries with an optimised build"]
fn a_store_of_a_million_entries_opens_within_a_second_after_a_kill() {
    let dir = folder("restart");
    let shape = Shape { segments: 4, segment_bytes: 16 << 20 };
    let layout = Layout { shape, cache_bytes: 32 << 20, chance: 5 };
    let mut engine = Engine::open(Arc::new(Folder::new(&dir)), layout).unwrap();
    while engine.shared().grow().unwrap() {}
    for batch in 0..2_000 {
        let outcomes = engine.commit((batch * 500..(batch + 1) * 500).map(message));
        assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
        if batch % 40 == 39 && batch < 1_960 {
            while engine.shared().checkpoint().unwrap() {}
        }
    }
    let waiting = engine.reader().stats().tail_items;
    std::mem::forget(engine);
    let start = now();
    let engine = Engine::open(Arc::new(Folder::new(&dir)), layout).unwrap();
    let took = start.elapsed();
    assert_eq!(engine.reader().head(Feed::Site).unwrap(), Index(1_000_000));
    println!("opened 1 000 000 entries, {waiting} of them in the journal, in {took:?}");
    // With debug assertions redb walks the whole file at every opening.
    assert!(cfg!(debug_assertions) || took < Duration::from_secs(1), "{took:?}");
    std::fs::remove_dir_all(dir).unwrap();
}
