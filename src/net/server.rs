//! The accept loops and their end. Invariant: nothing that a peer or a shortage does ends a loop;
//! only [`Server::drain`] does.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tower_service::Service;

use super::body::RequestBody;
use super::gate::{Ceiling, Gate};
use super::serve::{Visit, converse, peer_info};
use super::{Door, Families, NetFault};
use crate::base::chance::Seeded;
use crate::base::{Backoff, ClientCertificate, Clock, Counters, Rate, limits};
use crate::config::Network;

/// How the sockets are run.
pub struct Options {
    /// `None`: no TLS at all, plain HTTP for everybody. Only for tests and tools.
    pub tls: Option<Families>,
    pub ceiling: Ceiling,
    /// Reverse proxies: served plain HTTP, and not paced.
    pub trusted_proxies: Vec<Network>,
    /// Pace of one address; `None` for no pace.
    pub rate: Option<Rate>,
}

impl Options {
    /// The product's own: ceiling of this machine, pace of `limits`.
    #[must_use]
    pub fn usual(
        tls: impl Into<Families>,
        trusted_proxies: Vec<Network>,
        connections_max: Option<u32>,
    ) -> Self {
        let rate =
            Rate { per_second: limits::CONNECTS_PER_SECOND, burst: limits::CONNECTS_AT_ONCE };
        let ceiling = Ceiling::of_machine(connections_max);
        Self { tls: Some(tls.into()), ceiling, trusted_proxies, rate: Some(rate) }
    }
}

/// Accepts connections and serves HTTP on them until it is drained.
pub struct Server {
    house: Arc<House>,
    draining: watch::Sender<bool>,
    /// Each task holds a sender; all are gone when `recv` answers `None`.
    gone: mpsc::Receiver<Infallible>,
    alive: mpsc::Sender<Infallible>,
}

/// What all connections share.
pub(super) struct House {
    pub(super) tls: Option<Families>,
    pub(super) gate: Gate,
    pub(super) handshakes: Semaphore,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Arc<dyn Clock>,
    draining: watch::Receiver<bool>,
}

impl House {
    /// Whether a client's certificate may still sign in: it was not taken back, and as far as the
    /// clock is to be believed it has not ended. Asked at each request, too: a connection may
    /// stand for long.
    pub(super) fn counts(&self, shown: &ClientCertificate) -> bool {
        let now = self.clock.wall();
        let ended = now.trusted && now.ms / 1000 > shown.not_after_s;
        let families = self.tls.as_ref();
        !ended && families.is_none_or(|families| !families.revoked.contains(&shown.serial))
    }

    pub(super) fn drain(&self) -> watch::Receiver<bool> {
        self.draining.clone()
    }
}

impl Server {
    #[must_use]
    pub fn new(options: Options, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        let (draining, receiver) = watch::channel(false);
        let (alive, gone) = mpsc::channel(1);
        let Options { tls, ceiling, trusted_proxies, rate } = options;
        let gate = Gate::new(ceiling, trusted_proxies, rate, Arc::clone(&counters));
        let handshakes = Semaphore::new(limits::HANDSHAKES);
        let house = House { tls, gate, handshakes, counters, clock, draining: receiver };
        Self { house: Arc::new(house), draining, gone, alive }
    }

    /// Trusts these proxies from now on, and holds as many connections as this machine and the
    /// operator's number allow.
    pub fn set(&self, trusted_proxies: Vec<Network>, connections_max: Option<u32>) {
        self.house.gate.set(Ceiling::of_machine(connections_max), trusted_proxies);
    }

    /// Serves `service` on `door`, in a task of its own. Every request carries a
    /// [`PeerInfo`](crate::base::PeerInfo) as extension. Must be called inside the runtime.
    ///
    /// # Errors
    /// The socket cannot be given to the runtime.
    #[allow(clippy::disallowed_methods, reason = "the accept loop is the network room's own task")]
    pub fn serve<S, B>(&self, door: Door, service: S) -> Result<(), NetFault>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let address = door.address().unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        let listener = door.listener.set_nonblocking(true);
        let listener = listener.and_then(|()| TcpListener::from_std(door.listener));
        let listener = listener.map_err(|why| NetFault::Listen { address, why })?;
        let (house, alive) = (Arc::clone(&self.house), self.alive.clone());
        tokio::spawn(accept_all(house, listener, door.secure_port, service, alive));
        Ok(())
    }

    /// Stops accepting, lets requests under way end, and waits until every HTTP connection is gone
    /// or `deadline` has passed. WebSockets are not waited for: their owner ends them.
    pub async fn drain(mut self, deadline: Duration) {
        self.draining.send_replace(true);
        drop(self.alive);
        let _ = tokio::time::timeout(deadline, self.gone.recv()).await;
    }
}

#[allow(clippy::disallowed_methods, reason = "each connection is a task of the network room")]
async fn accept_all<S, B>(
    house: Arc<House>,
    listener: TcpListener,
    secure_port: Option<u16>,
    service: S,
    alive: mpsc::Sender<Infallible>,
) where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut draining = house.drain();
    let mut shortage = Shortage::new(house.clock.tick().0);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = draining.wait_for(|draining| *draining) => return,
        };
        let (tcp, visit) = match accepted.and_then(|(tcp, addr)| welcome(&house, tcp, addr)) {
            Ok(Some((tcp, place, peer))) => (tcp, Visit { peer, place, secure_port }),
            Ok(None) => continue,
            Err(fault) => {
                shortage.wait(&fault).await;
                continue;
            }
        };
        shortage.over();
        let (house, service, alive) = (Arc::clone(&house), service.clone(), alive.clone());
        tokio::spawn(async move {
            Box::pin(converse(house, tcp, visit, service)).await;
            drop(alive);
        });
    }
}

type Welcomed = (TcpStream, super::gate::Place, crate::base::PeerInfo);

/// A place for the socket; `None` turns it away by closing it.
fn welcome(
    house: &House,
    tcp: TcpStream,
    addr: std::net::SocketAddr,
) -> io::Result<Option<Welcomed>> {
    let Ok(place) = house.gate.enter(addr.ip(), house.clock.tick()) else { return Ok(None) };
    // A peer that is gone already has no address any more: no shortage of ours.
    let Ok(peer) = peer_info(&tcp, addr) else { return Ok(None) };
    Ok(Some((tcp, place, peer)))
}

/// What to do when the system gives no socket: out of descriptors or memory. The connections wait
/// in the kernel's queue meanwhile.
struct Shortage {
    backoff: Backoff,
    chance: Seeded,
    told: bool,
}

impl Shortage {
    fn new(seed: u64) -> Self {
        Self { backoff: Backoff::new(5, 500), chance: Seeded::new(seed), told: false }
    }

    async fn wait(&mut self, fault: &io::Error) {
        if fault.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(%fault, code = crate::base::code::DESCRIPTORS_SHORT.0, "accept failed");
        }
        let wait = self.backoff.next_ms(&mut self.chance);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }

    fn over(&mut self) {
        self.backoff.reset();
        self.told = false;
    }
}
