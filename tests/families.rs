//! One port, three families of TLS: each client gets the family that the settings promise, and one
//! that offers nothing of them gets an alert, never another protocol than it asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use posthouse::base::code::FAMILY_REFUSED;
use posthouse::base::{ClientCertificate, Clock, Counters, PeerInfo, Tick, Wall};
use posthouse::config::SmHint;
use posthouse::net::{Ceiling, Door, Families, Options, RequestBody, Revoked, Server};
use posthouse_crypto::certificate::TIME_FLOOR_S;
use posthouse_crypto::tlcp::tokio::TlcpStream;
use posthouse_crypto::tls::{ClientAuth, Presented, TlsOptions, provider, server_config};
use posthouse_crypto::{authority, rfc8998, tlcp, x509};
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

#[path = "families/switching.rs"]
mod switching;

/// Answers with the family and the certificate of the connection.
#[derive(Clone)]
struct Tell;

impl Service<Request<RequestBody>> for Tell {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let peer = request.extensions().get::<PeerInfo>().unwrap();
        let family = peer.family.map_or("plain", |family| family.name());
        let holder = request.extensions().get::<ClientCertificate>();
        let holder = holder.map_or("nobody", |shown| &*shown.holder);
        ready(Ok(Response::new(Full::from(format!("{family} {holder}")))))
    }
}

const NOW: Wall = Wall { ms: TIME_FLOOR_S * 1000, trusted: true };

/// A clock whose date is set by hand.
struct Steady(Instant, Arc<Mutex<Wall>>);

impl Clock for Steady {
    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn wall(&self) -> Wall {
        *self.1.lock().unwrap()
    }
}

/// The site in both worlds.
struct Site {
    international: authority::Authority,
    national: x509::Authority,
}

struct House {
    _server: Server,
    address: SocketAddr,
    counters: Arc<Counters>,
    revoked: Arc<Revoked>,
    wall: Arc<Mutex<Wall>>,
}

impl Site {
    fn new() -> Self {
        let international = authority::Authority::create("site").unwrap();
        let national = x509::Authority::create("SM2 site", TIME_FLOOR_S).unwrap();
        Self { international, national }
    }

    /// All that can be spoken, clients asked for certificates.
    fn families(&self) -> Families {
        let names = ["localhost".to_owned()];
        let identity = self.international.issue(&names, TIME_FLOOR_S).unwrap();
        let clients = ClientAuth::Optional(vec![self.international.certificate().unwrap()]);
        let options = TlsOptions { clients, ..TlsOptions::default() };
        let international = server_config(Presented::new(&identity), &options).unwrap();
        let pair = self.national.issue(&names, TIME_FLOOR_S).unwrap();
        let presented = rfc8998::Presented::new(&pair.sign).unwrap();
        let clients = ClientAuth::Optional(vec![self.national.certificate().clone()]);
        let rfc8998 = rfc8998::server_config(presented, &clients).unwrap();
        let mut config = tlcp::ServerConfig::new(tlcp::Presented::new(pair.identity().unwrap()));
        config.client_auth = tlcp::ClientAuth::Optional(self.tlcp_roots());
        Families {
            international: Some(international),
            rfc8998: Some(rfc8998),
            tlcp: Some(Arc::new(config)),
            ..Families::default()
        }
    }

    fn tlcp_roots(&self) -> tlcp::Roots {
        tlcp::Roots::new([self.national.certificate().as_ref()]).unwrap()
    }

    fn international_client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.international.certificate().unwrap()).unwrap();
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    fn national_client(&self, own: Option<&x509::Certified>) -> ClientConfig {
        rfc8998::client_config(&[self.national.certificate().clone()], own).unwrap()
    }
}

fn house(families: Families) -> House {
    let revoked = Arc::clone(&families.revoked);
    let wall = Arc::new(Mutex::new(NOW));
    let clock = Steady(Instant::now(), Arc::clone(&wall));
    let ceiling = Ceiling { connections: 200, spare: 4 };
    let options = Options { tls: Some(families), ceiling, trusted_proxies: Vec::new(), rate: None };
    let counters = Arc::new(Counters::new());
    let server = Server::new(options, Arc::clone(&counters), Arc::new(clock));
    let door = Door::bind((Ipv4Addr::LOCALHOST, 0).into(), false).unwrap();
    let address = door.address().unwrap();
    server.serve(door, Tell).unwrap();
    House { _server: server, address, counters, revoked, wall }
}

impl House {
    /// What the service sees of a client; the error of the handshake otherwise.
    async fn told(&self, client: ClientConfig) -> Result<String, String> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let mut tls = connector.connect(name, tcp).await.map_err(|fault| fault.to_string())?;
        tls.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let _ = tls.read_to_string(&mut answer).await;
        Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
    }

    /// The same over TLCP.
    async fn told_by_tlcp(&self, client: tlcp::ClientConfig) -> Result<String, String> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let shaken = TlcpStream::connect(Arc::new(client), name, None, tcp, TIME_FLOOR_S).await;
        let mut stream = shaken.map_err(|fault| fault.to_string())?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
    }

    /// Sends bytes and reads to the end.
    async fn answer(&self, pieces: &[&[u8]]) -> Vec<u8> {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        for piece in pieces {
            tcp.write_all(piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), tcp.read_to_end(&mut answer)).await;
        answer
    }

    /// Sends a hello and reads one record.
    async fn record(&self, hello: &[u8]) -> Vec<u8> {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(hello).await.unwrap();
        let mut record = vec![0; 5];
        tcp.read_exact(&mut record).await.unwrap();
        record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
        tcp.read_exact(&mut record[5..]).await.unwrap();
        record
    }

    fn refused(&self) -> u64 {
        self.counters.refusals.get(FAMILY_REFUSED)
    }
}

/// What a client would send first, with more suites, each two bytes, at the end of its list.
fn hello(client: ClientConfig, suites: &[u8]) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    // Record header, message header, version, random; then the session id and the suites.
    let list = 5 + 4 + 2 + 32 + 1 + usize::from(bytes[5 + 4 + 2 + 32]);
    let grow = |bytes: &mut [u8], at: usize| {
        let length = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let length = length + u16::try_from(suites.len()).unwrap();
        bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
    };
    let end = list + 2 + usize::from(u16::from_be_bytes([bytes[list], bytes[list + 1]]));
    for at in [3, 7, list] {
        grow(&mut bytes, at);
    }
    bytes.splice(end..end, suites.iter().copied());
    bytes
}

const TLS_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];
const TLCP_ALERT: [u8; 7] = [21, 1, 1, 0, 2, 2, 40];
const ECC_SM4: [u8; 4] = [0xe0, 0x13, 0xe0, 0x53];
/// The suite in a ServerHello, behind record header, message header, version, random and the
/// session id of 32 bytes.
fn chosen(answer: &[u8]) -> CipherSuite {
    let at = 5 + 4 + 2 + 32 + 1 + 32;
    CipherSuite::from(u16::from_be_bytes([answer[at], answer[at + 1]]))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_its_own_family_on_one_port() {
    let site = Site::new();
    let house = house(site.families());
    assert_eq!(house.told(site.international_client()).await.unwrap(), "international nobody");
    assert_eq!(house.told(site.national_client(None)).await.unwrap(), "rfc8998 nobody");
    assert_eq!(house.counters.handshakes_international.get(), 1);
    assert_eq!(house.counters.handshakes_rfc8998.get(), 1);
    let client = tlcp::ClientConfig::new(site.tlcp_roots());
    assert_eq!(house.told_by_tlcp(client).await.unwrap(), "tlcp nobody");
    assert_eq!(house.counters.handshakes_tlcp.get(), 1);
    assert_eq!((house.refused(), house.counters.handshakes_failed.get()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_a_client_certificate_stands_beside_the_request() {
    let site = Site::new();
    let house = house(site.families());
    let li = site.national.issue_client("li", TIME_FLOOR_S).unwrap();
    assert_eq!(house.told(site.national_client(Some(&li.sign))).await.unwrap(), "rfc8998 li");
    let mut client = tlcp::ClientConfig::new(site.tlcp_roots());
    client.identity = Some(li.identity().unwrap());
    assert_eq!(house.told_by_tlcp(client).await.unwrap(), "tlcp li");
    let der = li.sign.leaf();
    let serial = posthouse_crypto::certificate::client_certificate(der).unwrap().serial;
    house.revoked.replace([serial].into());
    let client = site.national_client(Some(&li.sign));
    assert_ne!(house.told(client).await, Ok("rfc8998 li".to_owned()), "it was taken back");
    let stranger = Site::new().national.issue_client("li", TIME_FLOOR_S).unwrap();
    let refused = house.told(site.national_client(Some(&stranger.sign))).await;
    // TLS 1.3 tells a client of its certificate only with the first bytes after the handshake.
    assert_ne!(refused, Ok("rfc8998 li".to_owned()));
    assert_eq!(house.counters.handshakes_failed.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_count_ends_its_connection() {
    let site = Site::new();
    let house = house(site.families());
    let li = site.national.issue_client("li", TIME_FLOOR_S).unwrap();
    let nobody = Ok(String::new());
    // The encryption one, whose key an authority may keep in escrow.
    let told = house.told(site.national_client(Some(&li.encrypt))).await;
    assert!(told.is_err() || told == nobody, "{told:?}");
    let leaf = posthouse_crypto::certificate::client_certificate(li.sign.leaf()).unwrap();
    let client = || {
        let mut client = tlcp::ClientConfig::new(site.tlcp_roots());
        client.identity = Some(li.identity().unwrap());
        client
    };
    assert_eq!(house.counters.handshakes_failed.get(), 1);
    house.revoked.replace([leaf.serial].into());
    let told = house.told_by_tlcp(client()).await;
    assert!(told.is_err() || told == nobody, "{told:?}");
    assert_eq!(house.counters.handshakes_failed.get(), 2);
}

/// A client's certificate is looked at when a session begins; what it proves later on is judged
/// again: at a session that is taken up again, and at each request of a connection that stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_proven_once_is_judged_again_at_each_request() {
    let site = Site::new();
    let house = house(site.families());
    let li = site.national.issue_client("li", TIME_FLOOR_S).unwrap();
    let leaf = posthouse_crypto::certificate::client_certificate(li.sign.leaf()).unwrap();
    let client = site.national_client(Some(&li.sign));
    assert_eq!(house.told(client.clone()).await.unwrap(), "rfc8998 li");

    let tcp = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(client.clone()));
    let mut standing = connector.connect(name, tcp).await.unwrap();
    let ask = async |standing: &mut tokio_rustls::client::TlsStream<TcpStream>| {
        standing.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let length = standing.read(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer[..length].to_vec()).unwrap();
        answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
    };
    assert_eq!(ask(&mut standing).await, "rfc8998 li");
    let end = (leaf.not_after_s + 1) * 1000;
    *house.wall.lock().unwrap() = Wall { ms: end, trusted: false };
    assert_eq!(ask(&mut standing).await, "rfc8998 li", "the clock is not to be believed");
    *house.wall.lock().unwrap() = Wall { ms: end, trusted: true };
    assert_eq!(ask(&mut standing).await, "rfc8998 nobody", "it has ended");
    let resumed = house.told(client).await;
    assert!(resumed.is_err() || resumed == Ok(String::new()), "{resumed:?}");
    *house.wall.lock().unwrap() = NOW;
    assert_eq!(ask(&mut standing).await, "rfc8998 li");
    house.revoked.replace([leaf.serial].into());
    assert_eq!(ask(&mut standing).await, "rfc8998 nobody", "it was taken back");
}

/// A client of both worlds, as none should be configured; the hello is all that it is for.
fn both_worlds(national_first: bool) -> ClientConfig {
    let (mut one, mut other) = ((*provider()).clone(), (*rfc8998::provider()).clone());
    if national_first {
        std::mem::swap(&mut one, &mut other);
    }
    one.cipher_suites.extend(other.cipher_suites);
    one.kx_groups.extend(other.kx_groups);
    ClientConfig::builder_with_provider(Arc::new(one))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_offers_both_gets_what_the_profile_prefers() {
    let site = Site::new();
    for national_first in [false, true] {
        let house = house(Families { national_first, ..site.families() });
        for own_order in [false, true] {
            let suite = chosen(&house.record(&hello(both_worlds(own_order), &[])).await);
            let is_national = suite == rfc8998::names::SM4_GCM_SM3;
            assert_eq!(is_national, national_first, "{suite:?}, own order {own_order}");
        }
    }
    // It lists a suite of the other world, and no group of it.
    let house = house(site.families());
    let half = hello(site.national_client(None), &[0x13, 0x01]);
    assert_eq!(chosen(&house.record(&half).await), rfc8998::names::SM4_GCM_SM3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_that_is_not_allowed_gets_an_alert() {
    let site = Site::new();
    let all = site.families();
    let national = house(Families { international: None, ..all.clone() });
    assert!(national.told(site.international_client()).await.unwrap_err().contains("alert"));
    assert!(national.told(site.national_client(None)).await.is_ok());
    let international = house(Families { rfc8998: None, ..all });
    assert!(international.told(site.national_client(None)).await.unwrap_err().contains("alert"));
    assert!(international.told(site.international_client()).await.is_ok());
    assert_eq!((national.refused(), international.refused()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tlcp_that_is_not_spoken_gets_an_alert_of_its_own_version() {
    let house = house(Families { tlcp: None, ..Site::new().families() });
    let hello = [22, 1, 1, 0, 4, 1, 0, 0, 0];
    assert_eq!(house.answer(&[&hello]).await, TLCP_ALERT);
    assert_eq!(house.answer(&[&hello[..1], &hello[1..2], &hello[2..]]).await, TLCP_ALERT);
    assert_eq!(house.refused(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_of_tlcp_is_sent_back_or_ignored_as_the_settings_say() {
    let site = Site::new();
    let hinted = hello(site.international_client(), &ECC_SM4);
    let alerting = house(Families { hint: SmHint::Alert, ..site.families() });
    assert_eq!(alerting.answer(&[&hinted]).await, TLS_ALERT);
    assert_eq!(alerting.refused(), 0, "it was sent back, not refused");
    let ignoring = house(site.families());
    // Where TLCP is not spoken it is of no use to come back.
    for hint in [SmHint::Alert, SmHint::Switch] {
        let silent = Families { hint, tlcp: None, ..site.families() };
        assert_eq!(house(silent).record(&hinted).await[..3], [22, 3, 3]);
    }
    assert_eq!(ignoring.record(&hinted).await[..3], [22, 3, 3], "the handshake goes on");
    // What can speak RFC 8998 has no need to come back.
    let able = hello(site.national_client(None), &ECC_SM4);
    for hint in [SmHint::Alert, SmHint::Switch] {
        let house = house(Families { hint, ..site.families() });
        assert_eq!(chosen(&house.record(&able).await), rfc8998::names::SM4_GCM_SM3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_may_come_byte_by_byte() {
    let site = Site::new();
    let house = house(site.families());
    let hello = hello(site.national_client(None), &[]);
    let pieces: Vec<&[u8]> = hello.chunks(1).take(6).chain([&hello[6..]]).collect();
    assert_eq!(chosen(&house.answer(&pieces).await), rfc8998::names::SM4_GCM_SM3);
}

/// A client that is answered in TLCP goes on in it, whichever of the two versions it writes into
/// its secret; one that was told of another hello than the server read gets no further.
#[tokio::test(flavor = "multi_thread")]
async fn a_hint_of_tlcp_may_be_answered_in_tlcp_on_the_spot() {
    let site = Site::new();
    let switching = house(Families { hint: SmHint::Switch, ..site.families() });
    let hinted = hello(site.international_client(), &ECC_SM4[2..]);
    for version in [[3, 3], [1, 1]] {
        let told = switching::ask(switching.address, &hinted, &hinted, version).await;
        assert_eq!(told.unwrap().rsplit("\r\n").next(), Some("tlcp nobody"));
    }
    assert_eq!(switching.counters.handshakes_tlcp.get(), 2);
    let other_version = switching::ask(switching.address, &hinted, &hinted, [3, 2]).await;
    assert!(other_version.unwrap_err().starts_with("an alert"));
    let mut changed = hinted.clone();
    let end = changed.len() - 1;
    changed[end] ^= 1;
    let misled = switching::ask(switching.address, &hinted, &changed, [3, 3]).await;
    assert!(misled.unwrap_err().starts_with("an alert"));
    assert_eq!(switching.counters.handshakes_tlcp.get(), 2);
    // Who does not hint is spoken to as ever.
    assert!(switching.told(site.international_client()).await.is_ok());
    let ignoring = house(site.families());
    let ignored = switching::ask(ignoring.address, &hinted, &hinted, [3, 3]).await;
    assert_eq!(ignored.unwrap_err(), "an answer in TLS");
}

/// Every suite of rustls must be known to the one or to the other side of the choice.
#[test]
fn no_suite_is_of_two_families() {
    let of = |suites: &[rustls::SupportedCipherSuite]| -> Vec<CipherSuite> {
        suites.iter().map(rustls::SupportedCipherSuite::suite).collect()
    };
    let national = of(&rfc8998::provider().cipher_suites);
    assert!(of(&provider().cipher_suites).iter().all(|suite| !national.contains(suite)));
}
