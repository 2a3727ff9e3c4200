//! Figures of the design with ceilings, on the real process: memory of an idle desk and of an idle
//! connection, time to the first answer. `scripts/bench` measures the same with more care. Bytes
//! written for a message are counted in the store's own tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use posthouse_load::crowd::{self, Stance};
use posthouse_load::kernel;
use posthouse_load::server::Server;

const CONNECTIONS: u64 = 2_000;
/// Resident memory of the process for one connection, session state included.
const PLAIN_BYTES: u64 = 6 * 1024;
const TLS_BYTES: u64 = 16 * 1024;
/// Resident memory of a desk that nobody is connected to, shared pages of the binary included.
const IDLE_BYTES: u64 = 24 * 1024 * 1024;
/// From the start of the process to its first answer.
const COLD_START: Duration = Duration::from_millis(300);

/// The optimised binary. Without one there is nothing to measure: a debug build's tasks are larger.
fn binary() -> Option<PathBuf> {
    let binary = std::env::var_os("POSTHOUSE_BIN").map(PathBuf::from);
    if binary.is_none() {
        println!("skipped: POSTHOUSE_BIN names the optimised binary that is measured");
    }
    binary
}

fn server(binary: &Path, name: &str) -> (Server, PathBuf) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::set_up(binary, &folder, None).unwrap();
    (server, folder)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn bytes_of_a_connection(name: &str, tls: bool) -> Option<u64> {
    let binary = binary()?;
    assert!(kernel::raise_descriptors() > CONNECTIONS + 64, "too few descriptors for this test");
    let (mut server, folder) = server(&binary, name);
    server.start().unwrap();
    let target = server.target(tls).unwrap();
    let (pid, key) = (server.pid().unwrap(), server.inbox_key.clone());
    let each = tokio::task::LocalSet::new().block_on(&runtime(), async {
        // The first connections pay for what all share.
        drop(crowd::gather(&target, &key, 1 << 40, 64, Stance::Greeted).await.unwrap());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = kernel::resident_bytes(pid).unwrap();
        let all = crowd::gather(&target, &key, 1, CONNECTIONS, Stance::Greeted).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = kernel::resident_bytes(pid).unwrap();
        assert_eq!(all.len() as u64, CONNECTIONS);
        after.saturating_sub(before) / CONNECTIONS
    });
    println!("{each} bytes for an idle connection, tls {tls}");
    server.kill().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    Some(each)
}

#[test]
fn an_idle_plain_connection_costs_at_most_six_kilobytes() {
    if let Some(each) = bytes_of_a_connection("figures-plain", false) {
        assert!(each <= PLAIN_BYTES, "{each} bytes");
    }
}

#[test]
fn an_idle_tls_connection_costs_at_most_sixteen_kilobytes() {
    if let Some(each) = bytes_of_a_connection("figures-tls", true) {
        assert!(each <= TLS_BYTES, "{each} bytes");
    }
}

#[test]
fn an_idle_desk_starts_at_once_and_holds_at_most_twenty_four_megabytes() {
    let Some(binary) = binary() else { return };
    let (mut server, folder) = server(&binary, "figures-idle");
    let mut starts: Vec<Duration> = (0..5)
        .map(|_| {
            let took = server.start().unwrap();
            server.stop().unwrap();
            took
        })
        .collect();
    starts.sort();
    server.start().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let resident = kernel::resident_bytes(server.pid().unwrap()).unwrap();
    println!("starts {starts:?}, idle {} KiB", resident / 1024);
    assert!(starts[2] <= COLD_START, "{starts:?}");
    assert!(resident <= IDLE_BYTES, "{} KiB", resident / 1024);
    server.kill().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
