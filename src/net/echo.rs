//! What conformance and memory tests talk to: every message comes back, through the listener,
//! limits and WebSocket of the product. Only built with the feature `test-peer`.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready as wait};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use posthouse_crypto::authority::Authority;
use posthouse_crypto::tls::{Presented, TlsOptions, server_config};
use tower_service::Service;

use super::ws::{Message, Outgoing, WebSocket, upgrade};
use super::{Door, NetFault, Options, Server};
use crate::base::{Clock, Counters, Tick, Wall, limits};

/// Answers upgrades with an echo, and everything else with one line.
#[derive(Clone)]
pub struct Echo {
    pub message_bytes: usize,
}

/// Opens an echo on `address` and answers where it listens. Without `tls` it speaks plain HTTP with
/// everybody; with it, it behaves as the product does, under a certificate of its own making.
///
/// # Errors
/// The address cannot be bound.
pub fn open(address: SocketAddr, echo: Echo, tls: bool) -> Result<(Server, SocketAddr), NetFault> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let identity = Authority::create("Posthouse echo")?.issue(&names, 0)?;
    let sealed = server_config(Presented::new(&identity), &TlsOptions::default())?;
    let mut options = Options::usual(sealed, Vec::new(), None);
    if !tls {
        options.tls = None;
    }
    let server = Server::new(options, Arc::new(Counters::new()), Arc::new(Monotonic::begin()));
    let door = Door::bind(address, false)?;
    let bound = door.address().unwrap_or(address);
    server.serve(door, echo)?;
    Ok((server, bound))
}

impl<B> Service<Request<B>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[allow(clippy::disallowed_methods, reason = "the echo owns its connections")]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Ok((response, upgrading)) = upgrade(&mut request, None) else {
            return ready(Ok(Response::new(Full::from("echo\n"))));
        };
        let message_bytes = self.message_bytes;
        tokio::spawn(async move {
            if let Some(ws) = Box::pin(upgrading.ready(message_bytes)).await {
                tokio::spawn(repeat(ws));
            }
        });
        ready(Ok(response.map(|()| Full::default())))
    }
}

/// The smallest life of a connection: what it says comes back until it closes.
async fn repeat(mut ws: WebSocket) {
    let mut waiting: Option<Outgoing> = None;
    poll_fn(|cx| poll_repeat(&mut ws, &mut waiting, cx)).await;
    Box::pin(ws.finish(Duration::from_secs(2))).await;
}

fn poll_repeat(
    ws: &mut WebSocket,
    waiting: &mut Option<Outgoing>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        if wait!(ws.poll_send(cx, &mut || waiting.take())).is_err() {
            return Poll::Ready(());
        }
        match wait!(ws.poll_next(cx)) {
            Some(Ok(Message::Text(text))) => *waiting = Some(Outgoing::Text(text)),
            Some(Ok(Message::Binary(bytes))) => *waiting = Some(Outgoing::Binary(bytes)),
            Some(Ok(Message::Alive)) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Poll::Ready(()),
        }
    }
}

/// The limit of the product, unless a suite needs more.
pub const MESSAGE_BYTES: usize = limits::FRAME_BYTES;

struct Monotonic(Instant);

impl Monotonic {
    #[allow(clippy::disallowed_methods, reason = "the echo runs without the node and its clock")]
    fn begin() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn wall(&self) -> Wall {
        Wall::default()
    }
}
