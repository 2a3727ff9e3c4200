//! The TLS handshake of a connection: which family, who shows a certificate.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use posthouse_crypto::certificate::client_certificate;
use posthouse_crypto::tlcp::tokio::{Hello, TlcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::families::Choice;
use super::hello::{First, Kept};
use super::serve::millis;
use super::server::House;
use super::stream::Link;
use crate::base::{ClientCertificate, Family, code, limits};
use crate::config::SmHint;

/// How long a peer that was refused may take to read its alert.
const FAREWELL: Duration = Duration::from_secs(1);
/// The version in a TLCP record's header (GB/T 38636 section 6.3).
const TLCP_VERSION: [u8; 2] = [1, 1];

/// A connection whose handshake is over.
pub(super) struct Sealed {
    pub(super) link: Link,
    pub(super) family: Family,
    /// What ALPN agreed on.
    pub(super) protocol: Option<Vec<u8>>,
    pub(super) certificate: Option<ClientCertificate>,
}

/// A handshake within its deadline. The hello is read without a permit, so that peers who stop in
/// the middle of one keep nobody waiting; the answer to it needs a permit.
pub(super) async fn handshake(house: &House, tcp: TcpStream, first: First) -> Option<Sealed> {
    house.counters.handshakes.up();
    let shake = async {
        match first {
            First::Tlcp => tlcp_only(house, tcp).await,
            First::Tls | First::Plain => tls(house, tcp).await,
        }
    };
    let shaken = timeout(millis(limits::HANDSHAKE_MS), Box::pin(shake)).await;
    house.counters.handshakes.down();
    match shaken {
        Ok(Ok(Some(sealed))) => {
            house.counters.shaken(sealed.family);
            Some(sealed)
        }
        Ok(Ok(None)) => None,
        Ok(Err(fault)) => {
            house.counters.handshakes_failed.one();
            tracing::debug!(%fault, "TLS handshake failed");
            None
        }
        Err(_) => {
            house.counters.handshakes_failed.one();
            None
        }
    }
}

async fn tls(house: &House, tcp: TcpStream) -> io::Result<Option<Sealed>> {
    let Some(families) = &house.tls else { return Ok(None) };
    let kept = Kept::new(tcp, families.hint == SmHint::Switch);
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), kept).await?;
    let choice = families.choose(&hello.client_hello());
    let (tcp, bytes) = hello.io.into_parts();
    let (family, config) = match choice {
        Choice::Speak(family, config) => (family, config),
        Choice::Return => {
            tracing::debug!("a TLS hello that lists TLCP was sent back");
            farewell(tcp, TLS_VERSION).await?;
            return Ok(None);
        }
        Choice::Switch(config) => {
            tracing::debug!("a TLS hello that lists TLCP is answered in TLCP");
            let now_s = house.clock.wall().ms / 1000;
            let hello = TlcpStream::switched(config, tcp, now_s, &bytes).await?;
            return greeted(house, hello).await.map(Some);
        }
        Choice::Refuse => return refuse(house, tcp, TLS_VERSION).await,
    };
    drop(bytes);
    let hello = StartHandshake::from_parts(hello.accepted, tcp);
    let stream = paced(house, hello.into_stream(config)).await?;
    let connection = stream.get_ref().1;
    let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
    let leaf = connection.peer_certificates().and_then(|chain| chain.first());
    let certificate = leaf.map(|leaf| known(house, leaf)).transpose()?;
    Ok(Some(Sealed { link: Link::Tls(Box::new(stream)), family, protocol, certificate }))
}

async fn tlcp_only(house: &House, tcp: TcpStream) -> io::Result<Option<Sealed>> {
    let Some(config) = house.tls.as_ref().and_then(|families| families.tlcp.clone()) else {
        return refuse(house, tcp, TLCP_VERSION).await;
    };
    let now_s = house.clock.wall().ms / 1000;
    let hello = TlcpStream::hello(config, tcp, now_s).await?;
    greeted(house, hello).await.map(Some)
}

async fn greeted(house: &House, hello: Hello<TcpStream>) -> io::Result<Sealed> {
    let stream = paced(house, hello.accept()).await?;
    let protocol = stream.alpn().map(<[u8]>::to_vec);
    let leaf = stream.peer_certificates().first();
    let certificate = leaf.map(|leaf| known(house, leaf)).transpose()?;
    let (link, family) = (Link::Tlcp(Box::new(stream)), Family::Tlcp);
    Ok(Sealed { link, family, protocol, certificate })
}

/// Begins a handshake under a permit: the first step makes our keys and signs. The rest waits for
/// the peer, and a permit that waited with it would let silent peers keep everybody out.
async fn paced<T>(house: &House, shake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let permit = house.handshakes.acquire().await.map_err(io::Error::other)?;
    let mut shake = pin!(shake);
    let first = poll_fn(|cx| Poll::Ready(shake.as_mut().poll(cx))).await;
    drop(permit);
    match first {
        Poll::Ready(done) => done,
        Poll::Pending => shake.await,
    }
}

/// Whom a certificate that TLS has verified proves.
///
/// # Errors
/// It proves nobody, or does not count: its connection ends, whether or not one is required.
fn known(house: &House, leaf: &[u8]) -> io::Result<ClientCertificate> {
    let shown = client_certificate(leaf).map(|read| ClientCertificate {
        holder: read.holder.into(),
        serial: read.serial.into(),
        not_after_s: read.not_after_s,
    });
    if let Some(shown) = shown.as_ref().filter(|shown| house.counts(shown)) {
        return Ok(shown.clone());
    }
    let (code, serial) = (code::CERTIFICATE_REFUSED.0, shown.as_ref().map(|shown| &*shown.serial));
    tracing::debug!(code, serial, "a client's certificate was refused");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "a certificate that does not count"))
}

/// `handshake_failure`, a fatal alert (RFC 8446 section 6).
const HANDSHAKE_FAILURE: [u8; 2] = [2, 40];
/// The version in a TLS record's header.
const TLS_VERSION: [u8; 2] = [3, 3];

/// Turns away a client that offers no family that is spoken here.
async fn refuse(house: &House, tcp: TcpStream, version: [u8; 2]) -> io::Result<Option<Sealed>> {
    house.counters.refused(code::FAMILY_REFUSED);
    let peer = tcp.peer_addr().ok();
    tracing::debug!(code = code::FAMILY_REFUSED.0, ?peer, ?version, "TLS family refused");
    farewell(tcp, version).await?;
    Ok(None)
}

/// Sends an alert and waits until the peer has closed: bytes of its that nobody read would make the
/// system throw the alert away.
async fn farewell(mut tcp: TcpStream, version: [u8; 2]) -> io::Result<()> {
    let [major, minor] = version;
    let [level, alert] = HANDSHAKE_FAILURE;
    tcp.write_all(&[21, major, minor, 0, 2, level, alert]).await?;
    tcp.shutdown().await?;
    let mut rest = [0; 1024];
    let drained = async {
        while tcp.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whoever goes on sending is cut off.
    let _ = timeout(FAREWELL, drained).await;
    Ok(())
}
