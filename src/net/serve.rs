//! One accepted socket: first bytes, TLS handshake, HTTP. All of it runs in a task of its own that
//! ends with the connection or with its upgrade, so that a WebSocket inherits none of its memory.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};
use tower_service::Service;

use super::answer;
use super::body::{Activity, RequestBody, ResponseBody};
use super::gate::Place;
use super::handshake::handshake;
use super::hello::{First, sniff};
use super::server::House;
use super::stream::{Link, Stream};
use crate::base::{ClientCertificate, PeerInfo, limits};

/// How often an HTTP connection is looked at for idleness.
const IDLE_CHECK: Duration = Duration::from_secs(5);

/// What the service answers with.
pub(super) type Answer<B> = Response<ResponseBody<Either<B, Full<Bytes>>>>;

/// What a connection needs to know of the house, and whom it serves.
pub(super) struct Visit {
    pub(super) peer: PeerInfo,
    pub(super) place: Place,
    /// Plain HTTP goes there unless it is served.
    pub(super) secure_port: Option<u16>,
}

/// From the first bytes to the end.
pub(super) async fn converse<S, B>(house: Arc<House>, tcp: TcpStream, visit: Visit, service: S)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(&tcp).set_tcp_notsent_lowat(limits::KERNEL_UNSENT_BYTES);
    let mut drain = house.drain();
    let first = tokio::select! {
        first = timeout(millis(limits::REQUEST_HEAD_MS), sniff(&tcp)) => first,
        _ = drain.wait_for(|drain| *drain) => return,
    };
    let Ok(Ok(first)) = first else { return };
    let Visit { mut peer, place, secure_port } = visit;
    let full = place.spare;
    let mut shown = None;
    let (link, http2) = match (&house.tls, first) {
        (Some(_), First::Tls | First::Tlcp) => {
            let Some(sealed) = handshake(&house, tcp, first).await else { return };
            if sealed.protocol.as_deref() == Some(posthouse_crypto::tls::ACME_ALPN) {
                return;
            }
            peer.family = Some(sealed.family);
            shown = sealed.certificate;
            (sealed.link, sealed.protocol.as_deref() == Some(b"h2"))
        }
        (Some(_) | None, _) => (Link::Plain(tcp), false),
    };
    let redirected = house.tls.is_some() && !peer.tls() && !house.gate.trusts(peer.addr.ip());
    let instead = match (full, redirected) {
        (true, _) => Some(Instead::Full),
        (false, true) => Some(Instead::Redirect(secure_port)),
        (false, false) => None,
    };
    let activity = Activity::new();
    let stream = HttpStream { stream: Stream::new(link, place), stalled: None };
    let io = TokioIo::new(stream);
    let activity_of = Arc::clone(&activity);
    let house_of = Arc::clone(&house);
    let answering =
        Answering { service, peer, shown, house: house_of, instead, activity: activity_of };
    if http2 {
        let connection = http2_builder().serve_connection(io, answering);
        attend(pin!(connection), |c| c.graceful_shutdown(), &activity, house.drain()).await;
    } else {
        let connection = http1_builder().serve_connection(io, answering).with_upgrades();
        attend(pin!(connection), |c| c.graceful_shutdown(), &activity, house.drain()).await;
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(millis(limits::REQUEST_HEAD_MS))
        .max_buf_size(limits::HEAD_BYTES as usize)
        .max_headers(limits::HEADERS)
        .half_close(false);
    builder
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .initial_stream_window_size(limits::HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_WINDOW_BYTES * 4)
        .max_send_buf_size(limits::HTTP2_WINDOW_BYTES as usize)
        .max_header_list_size(limits::HEAD_BYTES)
        .keep_alive_interval(millis(limits::REQUEST_HEAD_MS * 2))
        .keep_alive_timeout(millis(limits::REQUEST_HEAD_MS));
    builder
}

/// Drives an HTTP connection until it ends, is idle for too long, or the house closes.
async fn attend<C, E>(
    mut connection: Pin<&mut C>,
    stop: impl Fn(Pin<&mut C>),
    activity: &Activity,
    mut drain: watch::Receiver<bool>,
) where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(fault) = ended {
                    tracing::debug!(%fault, "HTTP connection ended");
                }
                return;
            }
            () = sleep(IDLE_CHECK) => {
                let idle = activity.idle() >= millis(limits::HTTP_IDLE_MS);
                let silent = !activity.used() && activity.idle() >= millis(limits::REQUEST_HEAD_MS);
                if silent || idle && stopping {
                    return;
                }
                if idle {
                    stop(connection.as_mut());
                    stopping = true;
                }
            }
            _ = drain.wait_for(|drain| *drain), if !stopping => {
                stop(connection.as_mut());
                stopping = true;
            }
        }
    }
}

/// What a connection gets instead of the service.
#[derive(Clone, Copy)]
enum Instead {
    Full,
    Redirect(Option<u16>),
}

/// The service as hyper calls it.
struct Answering<S> {
    service: S,
    peer: PeerInfo,
    shown: Option<ClientCertificate>,
    house: Arc<House>,
    instead: Option<Instead>,
    activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Answering<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Answer<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer<B>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = self.activity.begin();
        let own = match self.instead {
            None => None,
            Some(Instead::Full) => Some(answer::full()),
            Some(Instead::Redirect(port)) => {
                Some(answer::redirect(&request, port, self.peer.local))
            }
        };
        let wrap = |body| ResponseBody { body, _under_way: under_way };
        if let Some(own) = own {
            return Box::pin(std::future::ready(Ok(own.map(|body| wrap(Either::Right(body))))));
        }
        let mut request = request.map(RequestBody::new);
        request.extensions_mut().insert(self.peer);
        if let Some(shown) = self.shown.as_ref().filter(|shown| self.house.counts(shown)) {
            request.extensions_mut().insert(shown.clone());
        }
        let answer = self.service.clone().call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| wrap(Either::Left(body))))
        })
    }
}

/// A stream that fails when its peer takes nothing for too long. Upgraded, it is a [`Stream`]
/// again.
pub(super) struct HttpStream {
    stream: Stream,
    /// Runs while a write is held up.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl HttpStream {
    pub(super) fn into_inner(self) -> Stream {
        self.stream
    }

    fn progress<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let length = millis(limits::STALLED_WRITE_MS);
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(length)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.progress(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.progress(cx, shut)
    }
}

/// A peer as the listener sees it, before anything is known of TLS.
pub(super) fn peer_info(tcp: &TcpStream, addr: SocketAddr) -> io::Result<PeerInfo> {
    Ok(PeerInfo { addr, local: tcp.local_addr()?, family: None })
}

pub(super) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
