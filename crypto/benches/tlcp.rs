//! What TLCP costs: handshakes, records, and a connection at rest. Both sides run in this process
//! and without sockets; a handshake's figure is the server's part alone.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use posthouse_crypto::tlcp::tokio::TlcpStream;
use posthouse_crypto::tlcp::{
    ClientAuth, ClientConfig, Connection, Presented, Roots, ServerConfig, ServerName, Session,
    State, Suite,
};
use posthouse_crypto::x509::{Authority, Pair};

const NOW_S: u64 = 1_795_600_000;
/// Connections at rest that are held at once.
const HELD: usize = 5_000;

struct Site {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Site {
    fn new(suite: Suite, mutual: bool) -> Self {
        let authority = Authority::create("Site", NOW_S).unwrap();
        let roots = Roots::new([authority.certificate().as_ref()]).unwrap();
        let pair = authority.issue(&["desk.example".to_owned()], NOW_S).unwrap();
        let identity = |pair: &Pair| pair.identity().unwrap();
        let mut server = ServerConfig::new(Presented::new(identity(&pair)));
        server.suites = vec![suite];
        let mut client = ClientConfig::new(roots.clone());
        if mutual {
            server.client_auth = ClientAuth::Required(roots);
            client.identity = Some(identity(&authority.issue_client("agent", NOW_S).unwrap()));
        }
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    /// Both sides after a handshake, and the time that the server took for it.
    fn shake(&self, session: Option<Arc<Session>>) -> (Connection, Connection, Duration) {
        let name = ServerName::try_from("desk.example").unwrap();
        let client = Arc::clone(&self.client);
        let mut client = Connection::client(client, name, session, NOW_S).unwrap();
        let mut took = Duration::ZERO;
        let start = Instant::now();
        let mut server = Connection::server(Arc::clone(&self.server), NOW_S);
        took += start.elapsed();
        let mut wire = Vec::new();
        while client.state() != State::Open || server.state() != State::Open {
            wire.clear();
            client.drain(&mut wire);
            let start = Instant::now();
            server.feed(&wire).unwrap();
            wire.clear();
            server.drain(&mut wire);
            took += start.elapsed();
            client.feed(&wire).unwrap();
        }
        (client, server, took)
    }
}

fn main() {
    for suite in Suite::ALL {
        for mutual in [false, true] {
            let ecdhe = matches!(suite, Suite::EcdheGcm | Suite::EcdheCbc);
            if ecdhe && !mutual {
                continue;
            }
            let site = Site::new(suite, mutual);
            let full = median(|| site.shake(None).2);
            let (client, ..) = site.shake(None);
            let session = client.agreed().unwrap().session.clone();
            let resumed = median(|| site.shake(session.clone()).2);
            let clients = if mutual { "with certificates" } else { "without" };
            println!(
                "handshake {:18} {clients:18} {full:8.1?} resumed {resumed:8.1?}",
                suite.name()
            );
        }
    }
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        for bytes in [16_384, 1_400, 200] {
            records(suite, bytes);
        }
    }
    // Both are held to the end: memory that the first gave back would hide the second.
    let _held = [Suite::EccGcm, Suite::EccCbc].map(at_rest);
}

fn records(suite: Suite, bytes: usize) {
    let (mut client, mut server, _) = Site::new(suite, false).shake(None);
    let content = vec![1; bytes];
    let mut read = vec![0; bytes];
    let mut wire = Vec::new();
    let times = 2_000;
    let (mut sealing, mut opening) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let start = Instant::now();
        client.write(&content).unwrap();
        sealing.push(start.elapsed());
        wire.clear();
        client.drain(&mut wire);
        let space = server.space();
        space[..wire.len()].copy_from_slice(&wire);
        let start = Instant::now();
        server.received(wire.len()).unwrap();
        assert_eq!(server.read(&mut read).unwrap(), bytes);
        opening.push(start.elapsed());
    }
    let speed = |mut times: Vec<Duration>| {
        times.sort();
        let median = times[times.len() / 2];
        (median, bytes as f64 / median.as_secs_f64() / 1e6)
    };
    let ((seal, seal_speed), (open, open_speed)) = (speed(sealing), speed(opening));
    let sealing = format!("seal {seal:8.2?} {seal_speed:7.0} MB/s");
    let opening = format!("open {open:8.2?} {open_speed:7.0} MB/s");
    println!("record {:18} {bytes:6} {sealing} {opening}", suite.name());
}

/// Resident memory of a server's connections whose clients are silent after some talk.
fn at_rest(suite: Suite) -> Vec<Connection> {
    let site = Site::new(suite, false);
    let (client, ..) = site.shake(None);
    let session = client.agreed().unwrap().session.clone();
    let mut held = Vec::with_capacity(HELD);
    let before = resident();
    for _ in 0..HELD {
        let (mut client, mut server, _) = site.shake(session.clone());
        client.write(b"hello").unwrap();
        let mut wire = Vec::new();
        client.drain(&mut wire);
        server.feed(&wire).unwrap();
        server.read(&mut [0; 10]).unwrap();
        server.write(b"hello").unwrap();
        server.drain(&mut wire);
        server.rest();
        held.push(server);
    }
    let each = resident().saturating_sub(before) / HELD;
    let frame = size_of::<TlcpStream<()>>();
    println!("at rest {:18} {each} bytes resident, {frame} of them in the stream", suite.name());
    held
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4_096
}

fn median(mut step: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..200).map(|_| step()).collect();
    times.sort();
    times[times.len() / 2]
}
