//! Speed of the national algorithms on every SM4 kernel that this processor has, beside Tongsuo's
//! where the environment variable TONGSUO names its `openssl`; then whether the time that they
//! take tells of their secrets. One JSON line per row goes to standard output, a table to standard
//! error.
//!
//! `cargo bench -p posthouse-crypto --bench primitives -- [--quick] [--speed|--timing]`
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod clock;
mod rows;
mod sm2;
mod timing;
mod tongsuo;

use rows::Row;
use tongsuo::Tongsuo;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| given.iter().any(|argument| argument == flag);
    let quick = has("--quick");
    if !has("--timing") {
        speed(if quick { 3 } else { 7 });
    }
    if !has("--speed") {
        timing::report(if quick { 20_000 } else { 200_000 });
    }
}

/// Medians over rounds in which we and the peer take turns.
fn speed(rounds: usize) {
    let peer = Tongsuo::from_environment();
    let mut rows = rows::all();
    let mut ours = vec![Vec::new(); rows.len()];
    let mut theirs = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        let mut said = Vec::new();
        for (n, row) in rows.iter_mut().enumerate() {
            ours[n].push(clock::nanoseconds_of(&mut row.run));
            let Some(peer) = &peer else { continue };
            // Rows that differ in the kernel alone share the peer's figure of the round.
            let known = said.iter().find(|(question, _)| *question == row.question);
            let answer =
                known.map_or_else(|| peer.per_second(&row.question), |(_, answer)| *answer);
            said.push((row.question.clone(), answer));
            theirs[n].extend(answer);
        }
    }
    for ((row, ours), theirs) in rows.iter().zip(ours).zip(theirs) {
        print(row, 1e9 / median(ours), theirs);
    }
}

fn print(row: &Row, operations: f64, theirs: Vec<f64>) {
    let bytes = row.bytes.unwrap_or(1) as f64;
    let ours = operations * bytes;
    let (unit, scale) = if row.bytes.is_some() { ("MB/s", 1e6) } else { ("op/s", 1.0) };
    let (mut text, mut json) = (String::new(), String::new());
    if !theirs.is_empty() {
        let theirs = median(theirs);
        text = format!("  tongsuo {:10.1}  ratio {:6.2}", theirs / scale, ours / theirs);
        json = format!(",\"tongsuo\":{:.1},\"ratio\":{:.3}", theirs / scale, ours / theirs);
    }
    let bytes = row.bytes.unwrap_or(0);
    let (name, kernel) = (row.name, row.kernel);
    eprintln!("{name:16} {kernel:12} {bytes:6} {:10.1} {unit}{text}", ours / scale);
    println!(
        "{{\"row\":\"{name}\",\"kernel\":\"{kernel}\",\"bytes\":{bytes},\"unit\":\"{unit}\",\
         \"ours\":{:.1}{json}}}",
        ours / scale
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
