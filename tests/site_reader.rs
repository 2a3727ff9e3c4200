//! R12 on the real process: a reader of the site feed with a durable place is killed with its
//! process between the effect and the confirmation, again and again. Every entry takes effect at
//! least once and in order, and always under the same key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use posthouse_load::client::Visitor;
use posthouse_load::server::Server;
use posthouse_load::words;

const VISITORS: u64 = 8;
const KILLS: u64 = 12;

/// The binary that has the reader in it: built with `test-peer`.
fn binary() -> Option<PathBuf> {
    let binary = PathBuf::from(
        std::env::var_os("POSTHOUSE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into()),
    );
    let help = std::process::Command::new(&binary).args(["serve", "--help"]).output().unwrap();
    let has_it = String::from_utf8_lossy(&help.stdout).contains("--test-reader");
    has_it.then_some(binary)
}

/// What the reader did: for each index its key and how often it took effect.
#[derive(Debug, Default)]
struct Effects {
    seen: BTreeMap<u64, (String, u32)>,
    /// The first entry that came although an earlier one had not.
    skipped: Option<u64>,
}

impl Effects {
    fn read(file: &Path) -> Self {
        let mut effects = Self::default();
        for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
            let (epoch, index) = line.split_once(' ').expect("a whole line");
            let index: u64 = index.parse().unwrap();
            if index > effects.seen.len() as u64 + 1 {
                effects.skipped.get_or_insert(index);
            }
            let (key, times) = effects.seen.entry(index).or_insert_with(|| (epoch.to_owned(), 0));
            assert_eq!(key, epoch, "entry {index} has one key for ever");
            *times += 1;
        }
        effects
    }

    fn repeated(&self) -> usize {
        self.seen.values().filter(|(_, times)| *times > 1).count()
    }
}

/// Visitors write while the process is killed; returns what the reader did and how many entries
/// the log has.
fn run(name: &str, binary: &Path, careless: bool) -> (Effects, u64) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let mut server = Server::set_up(binary, &folder, None).unwrap();
    let file = folder.join("effects");
    let mut more = vec!["--test-reader", file.to_str().unwrap()];
    if careless {
        more.push("--test-reader-careless");
    }
    server.words(&more);
    server.start().unwrap();
    let target = server.target(false).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let mut lives = Vec::new();
        for number in 0..VISITORS {
            let (target, key) = (target.clone(), server.inbox_key.clone());
            lives.push(tokio::task::spawn_local(async move {
                let mut visitor = Visitor::new(number + 1, &key);
                let mut made = 0;
                loop {
                    let Ok(mut socket) = visitor.connect(&target, false).await else {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    };
                    let text = || "a text".to_owned();
                    while visitor.say(&mut socket, number << 32 | made, text()).await.is_ok() {
                        made += 1;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }));
        }
        for kill in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(300 + words::mix(kill) % 700)).await;
            server.kill().unwrap();
            server.start().unwrap();
        }
        lives.into_iter().for_each(|life| life.abort());
    });
    let log = || server.dump().unwrap().len() as u64;
    let begun = Instant::now();
    while (Effects::read(&file).seen.len() as u64) < log() && !careless {
        assert!(begun.elapsed() < Duration::from_secs(30), "the reader does not catch up");
        std::thread::sleep(Duration::from_millis(100));
    }
    let entries = log();
    server.stop().unwrap();
    let effects = Effects::read(&file);
    std::fs::remove_dir_all(&folder).unwrap();
    (effects, entries)
}

#[test]
fn every_entry_takes_effect_at_least_once_under_one_key() {
    let Some(binary) = binary() else {
        println!("skipped: the binary has no test reader (build it with --features test-peer)");
        return;
    };
    let (effects, entries) = run("site_reader", &binary, false);
    println!("{entries} entries, {} took effect more than once", effects.repeated());
    assert_eq!(effects.skipped, None);
    assert_eq!(effects.seen.keys().copied().collect::<Vec<_>>(), (1..=entries).collect::<Vec<_>>());
    assert!(entries > 100, "{entries} entries prove nothing");
    assert!(effects.repeated() > 0, "no kill came between the effect and the confirmation");
}

#[test]
fn a_reader_that_confirms_first_loses_entries() {
    let Some(binary) = binary() else {
        println!("skipped: the binary has no test reader (build it with --features test-peer)");
        return;
    };
    let (effects, _) = run("site_reader-careless", &binary, true);
    assert!(effects.skipped.is_some(), "nobody noticed");
}
