//! Every decoder stands its committed corpus and what lies next to it: each file cut off at every
//! length and with bytes changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::cast_possible_truncation)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use posthouse::base::chance::{Chance as _, Seeded};
use posthouse_crypto::x509;
use rustix::process::{Resource, Rlimit};

#[path = "fuzz/src/targets.rs"]
mod targets;

/// Changed copies of each file.
const CHANGES: u64 = 2_000;
/// Settings go through a file each, and the others through elliptic curves: fewer of them.
const SLOW: &[&str] = &[
    "settings",
    "certificate",
    "tlcp_server",
    "tlcp_client",
    "tlcp_stream",
    "first_bytes",
    "certificate_chain",
    "pair",
    "private_key",
    "key_envelope",
    "signing_request",
];
/// More than any decoder may need for inputs of some kilobytes: whoever believes a length of
/// gigabytes is ended by the system.
const MEMORY_BYTES: u64 = 64 << 20;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(target))
        .unwrap_or_else(|_| panic!("{target} has no corpus"))
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Some bytes exchanged, cut out or doubled.
fn change(bytes: &[u8], chance: &mut Seeded) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=chance.below(3) {
        if out.is_empty() {
            return out;
        }
        let at = chance.below(out.len() as u64) as usize;
        match chance.below(4) {
            0 => out[at] ^= 1 << chance.below(8),
            1 => out[at] = [0, 0x7f, 0x80, 0xff][chance.below(4) as usize],
            2 => drop(out.remove(at)),
            _ => {
                let end = (at + 8).min(out.len());
                let part = out[at..end].to_vec();
                out.splice(at..at, part);
            }
        }
    }
    out
}

/// From now on this process gets so much memory more and no more.
fn bound_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let now_kb: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let limits = rustix::process::getrlimit(Resource::Data);
    let current = Some(now_kb * 1024 + MEMORY_BYTES);
    rustix::process::setrlimit(Resource::Data, Rlimit { current, ..limits }).unwrap();
    let mut control = Vec::<u8>::new();
    assert!(control.try_reserve_exact(2 * MEMORY_BYTES as usize).is_err(), "no bound");
}

#[test]
fn every_decoder_stands_its_corpus_and_what_lies_next_to_it() {
    bound_memory();
    for (name, target) in targets::TARGETS {
        let files = corpus(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for (file, bytes) in files {
            let slow = SLOW.contains(name);
            let mut chance = Seeded::new(xxhash_rust::xxh3::xxh3_64(file.as_bytes()));
            let attempt = |bytes: &[u8]| {
                let kept = bytes.to_vec();
                let result = std::panic::catch_unwind(|| target(&kept));
                assert!(result.is_ok(), "{name}/{file}: panics on {kept:02x?}");
            };
            attempt(&bytes);
            let step = if slow { bytes.len() / 20 + 1 } else { bytes.len() / 500 + 1 };
            (0..bytes.len()).step_by(step).for_each(|end| attempt(&bytes[..end]));
            let changes = if slow { CHANGES / 10 } else { CHANGES };
            (0..changes).for_each(|_| attempt(&change(&bytes, &mut chance)));
        }
    }
}

/// Otherwise nothing but the first mistake would ever be looked for.
#[test]
fn what_is_whole_in_the_corpus_of_certificates_and_keys_is_taken() {
    let text =
        |target: &str, file: &str| std::fs::read_to_string(folder(target).join(file)).unwrap();
    let pair = x509::Pair::from_pem(&text("pair", "whole.pem")).unwrap();
    for (file, passphrase) in [("plain", None), ("sec1", None), ("sealed_sha256", Some("驿站"))] {
        let pem = text("private_key", &format!("{file}.pem"));
        assert!(x509::read_key(&pem, passphrase.map(str::as_bytes)).is_ok(), "{file}");
    }
    for file in ["der", "pem", "base64"] {
        let bytes = std::fs::read(folder("key_envelope").join(file)).unwrap();
        assert!(x509::open_envelope(&bytes, pair.sign.key()).is_ok(), "{file}");
    }
}

#[test]
fn each_fuzz_target_has_a_corpus_and_each_corpus_a_target() {
    let named: BTreeSet<String> =
        targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let list = |folder: &str, end: &str| -> BTreeSet<String> {
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .unwrap()
            .map(|item| {
                item.unwrap().file_name().to_string_lossy().trim_end_matches(end).to_owned()
            })
            .collect()
    };
    assert_eq!(list("tests/fuzz/corpus", ""), named);
    assert_eq!(list("tests/fuzz/fuzz_targets", ".rs"), named);
}
