//! Peers that mean harm, or are broken: they are closed within their deadlines, cost little, and
//! nobody else notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use posthouse::base::{Clock, Counters, Rate, Tick, Wall};
use posthouse::net::{Ceiling, Door, Options, RequestBody, Server};
use posthouse_crypto::authority::Authority;
use posthouse_crypto::tls::{Presented, TlsOptions, provider, server_config};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

/// Everything hostile is gone after this long.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

/// Answers with the length of the body.
#[derive(Clone)]
struct Measure;

impl Service<Request<RequestBody>> for Measure {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        Box::pin(async move {
            let length = request.into_body().collect().await.map(|body| body.to_bytes().len());
            let text = length.map_or_else(|fault| fault.to_string(), |length| length.to_string());
            Ok(Response::new(Full::from(text)))
        })
    }
}

struct Steady(Instant);

impl Clock for Steady {
    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn wall(&self) -> Wall {
        Wall::default()
    }
}

struct House {
    server: Server,
    address: SocketAddr,
    counters: Arc<Counters>,
    authority: Authority,
}

fn house(ceiling: Ceiling, rate: Option<Rate>) -> House {
    let authority = Authority::create("hostile").unwrap();
    let identity = authority.issue(&["localhost".to_owned()], 0).unwrap();
    let tls = server_config(Presented::new(&identity), &TlsOptions::default()).unwrap();
    let options = Options { tls: Some(tls.into()), ceiling, trusted_proxies: Vec::new(), rate };
    let counters = Arc::new(Counters::new());
    let server = Server::new(options, Arc::clone(&counters), Arc::new(Steady(Instant::now())));
    let door = Door::bind((Ipv4Addr::LOCALHOST, 0).into(), false).unwrap();
    let address = door.address().unwrap();
    server.serve(door, Measure).unwrap();
    House { server, address, counters, authority }
}

fn usual() -> House {
    house(Ceiling { connections: 2000, spare: 4 }, None)
}

impl House {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn sealed(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.certificate_pem();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, self.connect().await).await.unwrap()
    }

    /// One request over TLS with HTTP/1.1; the whole answer.
    async fn ask(&self, request: &str) -> String {
        let mut tls = self.sealed(b"http/1.1").await;
        tls.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = tls.read_to_string(&mut answer).await;
        answer
    }

    async fn is_well(&self) {
        let begun = Instant::now();
        let answer =
            self.ask("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

/// Everything the server says until it closes.
async fn last_words(tcp: &mut TcpStream) -> String {
    let mut words = Vec::new();
    let read = tokio::time::timeout(CLOSED_WITHIN, tcp.read_to_end(&mut words)).await;
    assert!(
        read.is_ok(),
        "still open after {CLOSED_WITHIN:?}: {:?}",
        String::from_utf8_lossy(&words)
    );
    String::from_utf8_lossy(&words).into_owned()
}

/// A peer that says `first`, then a drop every two seconds, until it is closed.
async fn trickle<S>(mut tcp: S, first: &'static [u8], drop_by_drop: &'static [u8]) -> Duration
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let begun = Instant::now();
    tcp.write_all(first).await.unwrap();
    let mut ear = [0; 1024];
    loop {
        let heard = tokio::time::timeout(Duration::from_secs(2), tcp.read(&mut ear)).await;
        match heard {
            Ok(Ok(0) | Err(_)) => return begun.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) if begun.elapsed() > 2 * CLOSED_WITHIN => return begun.elapsed(),
            Err(_) => drop(tcp.write_all(drop_by_drop).await),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_slow_peers_are_closed_in_time() {
    let house = usual();
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegin";
    const HALF_HELLO: &[u8] = &[0x16, 3, 1, 0x02, 0, 1, 0, 0x01, 0xfc, 3, 3];
    let ways: [&'static [u8]; 4] =
        [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", POST, HALF_HELLO];
    let mut slow = Vec::new();
    for n in 0..400 {
        slow.push(tokio::spawn(trickle(house.connect().await, ways[n % ways.len()], b"a")));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(house.counters.sockets.get() >= 390, "{}", house.counters.sockets.get());
    house.is_well().await;
    for (n, peer) in slow.into_iter().enumerate() {
        let lasted = peer.await.unwrap();
        assert!(lasted <= CLOSED_WITHIN, "way {}: {lasted:?}", n % ways.len());
    }
    house.is_well().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(house.counters.sockets.get(), 0, "every place was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_peers_that_ask_nothing_are_closed_in_time() {
    const SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0heartbea";
    /// HEADERS of stream 1 whose block never ends (RFC 9113 section 6.2).
    const BEGUN: &[u8] = b"\0\0\x01\x01\0\0\0\0\x01\x82";
    let house = usual();
    let mut slow = Vec::new();
    for (first, drop_by_drop) in
        [(SETTINGS, PING), (SETTINGS, b""), (b"PRI * ", b""), (SETTINGS, BEGUN)]
    {
        let tls = house.sealed(b"h2").await;
        slow.push(tokio::spawn(trickle(tls, first, drop_by_drop)));
    }
    for (n, peer) in slow.into_iter().enumerate() {
        let lasted = peer.await.unwrap();
        assert!(lasted <= CLOSED_WITHIN, "way {n}: {lasted:?}");
    }
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_closed_and_costs_nobody_else() {
    let house = usual();
    let garbage: [&[u8]; 6] = [
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x16\x03\x01\xff\xff garbage in a record of a wrong length",
        b"\x16garbage after the type of a handshake record",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        &[0xff; 70_000],
    ];
    for bytes in garbage {
        let mut tcp = house.connect().await;
        let _ = tcp.write_all(bytes).await;
        let mut words = Vec::new();
        let read = tokio::time::timeout(CLOSED_WITHIN, tcp.read_to_end(&mut words)).await;
        assert!(read.is_ok(), "{:?} is still open", &bytes[..8.min(bytes.len())]);
        assert!(!words.starts_with(b"HTTP/1.1 2"), "{:?}", String::from_utf8_lossy(&words));
    }
    house.is_well().await;
}

#[tokio::test]
async fn an_endless_request_head_is_refused() {
    let house = usual();
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "a".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    let uri = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(40_000));
    for (request, status) in [(long, "431"), (many, "431"), (uri, "414")] {
        let mut tcp = house.connect().await;
        let _ = tcp.write_all(request.as_bytes()).await;
        let mut words = [0; 12];
        tcp.read_exact(&mut words).await.unwrap();
        let words = String::from_utf8_lossy(&words).into_owned();
        assert!(words.ends_with(status) || status == "414" && words.ends_with("431"), "{words}");
    }
    house.is_well().await;
}

#[tokio::test]
async fn plain_http_is_served_here_and_redirected_from_elsewhere() {
    let house = usual();
    let request = b"GET /a?b=c HTTP/1.1\r\nHost: desk.example:8443\r\nConnection: close\r\n\r\n";
    let mut tcp = house.connect().await;
    tcp.write_all(request).await.unwrap();
    assert!(last_words(&mut tcp).await.starts_with("HTTP/1.1 200"));

    let Some(elsewhere) = other_address() else { return };
    let door = Door::bind((Ipv4Addr::UNSPECIFIED, 0).into(), false).unwrap();
    let port = door.address().unwrap().port();
    house.server.serve(door, Measure).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let mut tcp = socket.connect((elsewhere, port).into()).await.unwrap();
    tcp.write_all(request).await.unwrap();
    let answer = last_words(&mut tcp).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(answer.contains("location: https://desk.example:8443/a?b=c\r\n"), "{answer}");
}

/// An address of this machine that is not loopback; none where there is no network.
fn other_address() -> Option<Ipv4Addr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737): connecting a datagram socket sends nothing.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(own) if !own.ip().is_loopback() => Some(*own.ip()),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_answers_that_it_is_full() {
    let house = house(Ceiling { connections: 3, spare: 2 }, None);
    let kept = [house.connect().await, house.connect().await, house.connect().await];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = house.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 60"), "{answer}");
    drop(kept);
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.is_well().await;
}

#[tokio::test]
async fn a_drained_house_lets_requests_end_and_takes_no_more() {
    let house = usual();
    let mut under_way = house.connect().await;
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12";
    under_way.write_all(head).await.unwrap();
    let idle = house.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let drained = tokio::spawn(house.server.drain(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(house.address).await.is_err(), "the door is shut");
    under_way.write_all(b"345").await.unwrap();
    let answer = last_words(&mut under_way).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('5'), "{answer}");
    tokio::time::timeout(Duration::from_secs(2), drained).await.unwrap().unwrap();
    drop(idle);
}

/// A desk in a process of its own.
struct Desk {
    process: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Desk {
    /// With so many descriptors, or with what the machine gives.
    fn start(name: &str, descriptors: Option<u32>) -> Self {
        let binary = std::env::var_os("POSTHOUSE_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into());
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&data);
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let limit = descriptors.map_or(String::new(), |most| format!("ulimit -n {most}; "));
        let run = "exec \"$0\" serve --data \"$1\" --listen \"$2\"";
        let process = Command::new("sh")
            .args(["-c", &format!("{limit}{run}")])
            .env_remove("POSTHOUSE_BIN")
            .arg(binary)
            .arg(&data)
            .arg(address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, address, data }
    }

    /// The status of `/healthz`, asked without TLS from this machine; `None` without an answer.
    async fn health(&self) -> Option<String> {
        let mut tcp = TcpStream::connect(self.address).await.ok()?;
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        tcp.write_all(request).await.ok()?;
        let mut answer = String::new();
        let read = tcp.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(2), read).await.ok()?.ok()?;
        Some(answer.get(9..12)?.to_owned())
    }

    /// Sockets that it holds, the one that asks among them.
    async fn sockets(&self) -> u64 {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        tcp.write_all(request).await.unwrap();
        let figures = last_words(&mut tcp).await;
        let line = figures.lines().find_map(|line| line.strip_prefix("posthouse_sockets "));
        line.unwrap_or_else(|| panic!("{figures}")).trim().parse().unwrap()
    }

    async fn becomes_healthy(&self) -> bool {
        for _ in 0..100 {
            if self.health().await.as_deref() == Some("200") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

#[tokio::test]
async fn a_desk_with_sixty_four_descriptors_survives_three_hundred_sockets() {
    let mut desk = Desk::start("few_descriptors", Some(64));
    assert!(desk.becomes_healthy().await, "it starts");
    let mut kept = Vec::new();
    for _ in 0..300 {
        kept.extend(TcpStream::connect(desk.address).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(desk.process.try_wait().unwrap().is_none(), "it runs while it is full");
    assert_ne!(desk.health().await.as_deref(), Some("200"), "there was a shortage at all");
    drop(kept);
    assert!(desk.becomes_healthy().await, "it serves again");
    assert!(desk.process.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_desk_closes_four_hundred_slow_peers_and_serves_the_others() {
    const HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    const BODY: &[u8] =
        b"POST /v1/visitor HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
          Content-Length: 60000\r\n\r\n{\"inbox\": \"";
    const HALF_HELLO: &[u8] = &[0x16, 3, 1, 0x02, 0, 1, 0, 0x01, 0xfc, 3, 3];
    const HALF_RECORD: &[u8] = &[0x16, 3];
    const UPGRADE: &[u8] =
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
          Sec-WebSocket-Protocol: posthouse.v1\r\n\r\n";
    let long: &'static [u8] =
        format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}", "a".repeat(40_000)).leak().as_bytes();
    let ways: [&'static [u8]; 7] = [b"", HEAD, BODY, HALF_HELLO, HALF_RECORD, UPGRADE, long];
    let mut desk = Desk::start("slow_peers", None);
    assert!(desk.becomes_healthy().await, "it starts");
    let begun = Instant::now();
    let mut slow = Vec::new();
    for n in 0..400 {
        let tcp = TcpStream::connect(desk.address).await.unwrap();
        slow.push(tokio::spawn(trickle(tcp, ways[n % ways.len()], b"a")));
    }
    assert!(desk.sockets().await >= 300, "they are held at first");
    let mut slowest = Duration::ZERO;
    while !slow.iter().all(tokio::task::JoinHandle::is_finished) {
        let asked = Instant::now();
        assert_eq!(desk.health().await.as_deref(), Some("200"), "after {:?}", begun.elapsed());
        slowest = slowest.max(asked.elapsed());
        assert!(begun.elapsed() < 2 * CLOSED_WITHIN, "some are still open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (n, peer) in slow.into_iter().enumerate() {
        let lasted = peer.await.unwrap();
        assert!(lasted <= CLOSED_WITHIN, "way {}: {lasted:?}", n % ways.len());
    }
    assert!(slowest < Duration::from_secs(1), "a healthy request took {slowest:?}");
    assert!(desk.sockets().await <= 3, "every place was given back");
    assert!(desk.process.try_wait().unwrap().is_none(), "it runs");
}
