//! Whether time tells of secrets, after O. Reparaz, J. Balasch and I. Verbauwhede, "Dude, is my
//! code constant time?" (DATE 2017): calls with a fixed secret and with random ones are mixed, and
//! Welch's t-test compares both classes, whole and cropped at percentiles. A t beyond 10 is a
//! leak, one below 4.5 shows none; between them a run proves nothing. A cipher with tables stands
//! by as the control.

use std::hint::black_box;
use std::time::Instant;

use posthouse_crypto::modes::Cbc;
use posthouse_crypto::sm2::SecretKey;
use posthouse_crypto::sm3::hmac;
use posthouse_crypto::sm4::{Kernel, Sm4};
use posthouse_crypto::tlcp::opens_cbc;

/// Beyond this the classes differ for certain.
const LEAK: f64 = 10.0;

/// Measures everything with so many calls, and fails when the control is not found out or something
/// else is.
pub fn report(calls: usize) {
    let mut leaks = Vec::new();
    for kernel in Kernel::all() {
        let what = format!("sm4 {}", kernel.name());
        let t = compare(calls, secrets, |secret: &[u8; 16]| {
            let key = Sm4::with_kernel(kernel, secret);
            move || {
                let mut blocks = [[0x55; 16]; 4];
                key.encrypt(&mut blocks);
                black_box(blocks);
            }
        });
        leaks.extend(judge(&what, t));
        let t = compare(calls, secrets, |secret: &[u8; 16]| {
            let secret = *secret;
            move || {
                black_box(Sm4::with_kernel(kernel, &secret));
            }
        });
        leaks.extend(judge(&format!("{what} key schedule"), t));
    }
    let t = compare(calls / 20, scalars, |secret: &[u8; 32]| {
        let key = SecretKey::from_bytes(secret).unwrap();
        move || {
            black_box(key.sign_digest(&[0x55; 32]).unwrap());
        }
    });
    leaks.extend(judge("sm2 sign", t));
    let table = leaky_table();
    let control = compare(calls, secrets, |secret: &[u8; 16]| {
        let (secret, table) = (*secret, &table);
        move || {
            black_box(leaky(table, &secret));
        }
    });
    let found = judge("control: a table", control).is_some();
    let t = compare(calls / 4, records, |record: &[u8; RECORD_BYTES]| {
        let record = *record;
        move || {
            black_box(opens_cbc(&CBC_KEY, &CBC_MAC, &mut record.clone()));
        }
    });
    leaks.extend(judge("tlcp cbc record", t));
    let control = compare(calls / 4, records, |record: &[u8; RECORD_BYTES]| {
        let record = *record;
        move || {
            black_box(leaky_open(&mut record.clone()));
        }
    });
    let found = found && judge("control: a MAC of what is left", control).is_some();
    assert!(found, "the control was not found out: the machine is too noisy, or calls too few");
    assert!(leaks.is_empty(), "time tells of the secrets of {leaks:?}");
}

fn judge(what: &str, t: f64) -> Option<String> {
    let word = match t {
        t if t > LEAK => "leaks",
        t if t > 4.5 => "unclear",
        _ => "no leak seen",
    };
    eprintln!("{what:32} |t| {t:8.2}  {word}");
    println!("{{\"row\":\"timing {what}\",\"t\":{t:.2},\"verdict\":\"{word}\"}}");
    (t > LEAK).then(|| what.to_owned())
}

/// The largest |t| of the two classes: the fixed secret, which `secrets` gives for `None`, and
/// random ones. What `prepare` does is not timed.
fn compare<S, R: FnMut()>(
    calls: usize,
    secrets: impl Fn(Option<&mut Noise>) -> S,
    prepare: impl Fn(&S) -> R,
) -> f64 {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let random = noise.next() & 1 == 1;
        // Both classes draw the same amount of noise, so that preparing them costs the same.
        let drawn = secrets(Some(&mut noise));
        let secret = if random { drawn } else { secrets(None) };
        let mut run = prepare(&secret);
        run();
        let begin = Instant::now();
        for _ in 0..4 {
            run();
        }
        times.push((random, begin.elapsed().as_nanos() as f64));
    }
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let crops = [50, 70, 80, 90, 95, 99].map(|percent| sorted[calls * percent / 100]);
    crops
        .into_iter()
        .map(|crop| welch(times.iter().filter(|(_, t)| *t <= crop)))
        .fold(0.0, f64::max)
}

/// Welch's t of both classes, without its sign.
fn welch<'a>(times: impl Iterator<Item = &'a (bool, f64)>) -> f64 {
    let (mut count, mut mean, mut square) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for (random, time) in times {
        let class = usize::from(*random);
        count[class] += 1.0;
        let delta = time - mean[class];
        mean[class] += delta / count[class];
        square[class] += delta * (time - mean[class]);
    }
    let spread: f64 = (0..2).map(|n| square[n] / (count[n] - 1.0) / count[n]).sum();
    if spread > 0.0 { (mean[0] - mean[1]).abs() / spread.sqrt() } else { 0.0 }
}

/// Splitmix64: enough to draw classes and secrets for a measurement.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

fn secrets(noise: Option<&mut Noise>) -> [u8; 16] {
    let Some(noise) = noise else { return [0; 16] };
    (u128::from(noise.next()) << 64 | u128::from(noise.next())).to_le_bytes()
}

/// The fixed one has few bits set, which a lazy multiplication would show.
fn scalars(noise: Option<&mut Noise>) -> [u8; 32] {
    let mut scalar = [0; 32];
    scalar[31] = 2;
    if let Some(noise) = noise {
        scalar[..16].copy_from_slice(&secrets(Some(noise)));
        scalar[16..].copy_from_slice(&secrets(Some(noise)));
        scalar[0] &= 0x7f;
    }
    scalar
}

const CBC_KEY: [u8; 16] = [3; 16];
const CBC_MAC: [u8; 32] = [4; 32];
/// Initial value, and what padding of every length fits into.
const RECORD_BYTES: usize = 16 + 320;

/// Records whose padding is right and whose MAC is wrong, one byte of padding in the fixed one.
fn records(noise: Option<&mut Noise>) -> [u8; RECORD_BYTES] {
    let value = noise.map_or(0, |noise| noise.next().to_le_bytes()[0]);
    let mut record = [0; RECORD_BYTES];
    record[RECORD_BYTES - 1 - usize::from(value)..].fill(value);
    let (initial, body) = record.split_at_mut(16);
    Cbc::new(&CBC_KEY).encrypt(&[0; 16], body);
    initial.fill(0);
    record
}

/// Opens a record as the standard tells it: the MAC of what is left without the padding.
fn leaky_open(record: &mut [u8; RECORD_BYTES]) -> [u8; 32] {
    let (_, body) = record.split_at_mut(16);
    Cbc::new(&CBC_KEY).decrypt(&[0; 16], body);
    let padding = usize::from(body[body.len() - 1]) + 1;
    hmac(&CBC_MAC, &[&body[..body.len() - padding - 32]])
}

/// Entries a page apart: all of them compete for one set of the first cache, which has room for a
/// dozen lines or less.
const STRIDE: usize = 4_096 / size_of::<u64>();

fn leaky_table() -> Vec<u64> {
    (0..256 * STRIDE as u64).map(|n| n.wrapping_mul(2)).collect()
}

/// Looks up byte after byte of the secret, as ciphers with tables do: the more different bytes, the
/// more often the cache misses.
fn leaky(table: &[u64], secret: &[u8; 16]) -> u64 {
    let mut sum = 0u64;
    for _ in 0..4 {
        for byte in secret {
            // Each address waits for the entry before it.
            sum ^= table[usize::from(*byte) * STRIDE + (sum & 1) as usize];
        }
    }
    sum
}
