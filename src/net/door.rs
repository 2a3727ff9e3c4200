//! Listening sockets: bound here, or handed over by systemd, in which case they outlive a restart.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::NetFault;

/// Connections the kernel holds for us while we are busy: a reconnect storm waits there.
const BACKLOG: i32 = 4096;
/// Name of our sockets in systemd's store.
const STORE_NAME: &str = "posthouse";

/// A listening socket.
#[derive(Debug)]
pub struct Door {
    pub(super) listener: TcpListener,
    /// Where plain HTTP is sent that may not be served: `None` is the port the request came to.
    pub(super) secure_port: Option<u16>,
    /// It is a socket unit's, which holds it itself while no process runs.
    lent: bool,
}

impl Door {
    /// Binds `address`; with `shared`, several doors (of several processes) may share a port.
    ///
    /// # Errors
    /// [`NetFault::Listen`].
    pub fn bind(address: SocketAddr, shared: bool) -> Result<Self, NetFault> {
        let listener = bind(address, shared).map_err(|why| NetFault::Listen { address, why })?;
        Ok(Self { listener, secure_port: None, lent: false })
    }

    /// The doors of a house: sockets that systemd handed over take the place of `secure`, or of
    /// `plain` when they have its port; what is missing is bound.
    ///
    /// # Errors
    /// An address cannot be bound, or an inherited descriptor is no TCP listener.
    pub fn open(secure: SocketAddr, plain: Option<SocketAddr>) -> Result<Vec<Self>, NetFault> {
        let mut doors = Self::inherited()?;
        let has_plain = |door: &Self| plain.is_some_and(|plain| door.port() == plain.port());
        if doors.iter().all(has_plain) {
            doors.push(Self::bind(secure, false)?);
        }
        if let Some(plain) = plain
            && !doors.iter().any(has_plain)
        {
            doors.push(Self::bind(plain, false)?);
        }
        let secure_port = doors.iter().find(|door| !has_plain(door)).map(Self::port);
        for door in doors.iter_mut().filter(|door| has_plain(door)) {
            door.secure_port = secure_port;
        }
        Ok(doors)
    }

    /// Every socket that came by `LISTEN_FDS` (`sd_listen_fds(3)`), from a socket unit or from the
    /// store of a process before this one.
    ///
    /// # Errors
    /// A descriptor is no TCP listener.
    pub fn inherited() -> Result<Vec<Self>, NetFault> {
        // Without names they are taken for stored ones: to store a socket twice is harmless.
        let names: Vec<_> = sd_notify::listen_fds_with_names()
            .map(|named| named.map(|(_, name)| name).collect())
            .unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let mut doors = Vec::new();
        for place in 0..handed.len() {
            let lent = names.get(place).is_some_and(|name| name.ends_with(".socket"));
            let taken = handed.take_tcp_listener(place);
            let listener = taken.map_err(|why| NetFault::Inherited { place, why })?;
            doors.extend(listener.map(|listener| Self { listener, secure_port: None, lent }));
        }
        Ok(doors)
    }

    /// Leaves the sockets in systemd's store, so that the next start gets them and no client sees a
    /// closed port in between; but not those of a socket unit, or the next start would have them
    /// twice, and a changed unit would leave the old port open. Does nothing outside systemd; needs
    /// `FileDescriptorStoreMax=`.
    pub fn keep(doors: &[Self]) {
        let own = doors.iter().filter(|door| !door.lent);
        let sockets: Vec<_> = own.map(|door| door.listener.as_fd()).collect();
        if sockets.is_empty() {
            return;
        }
        let state = [NotifyState::FdStore, NotifyState::FdName(STORE_NAME)];
        if let Err(fault) = sd_notify::notify_with_fds(&state, &sockets) {
            tracing::debug!(%fault, "listening sockets were not stored");
        }
    }

    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    fn port(&self) -> u16 {
        self.address().map_or(0, |address| address.port())
    }
}

fn bind(address: SocketAddr, shared: bool) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_and_a_shared_one_is_not_taken() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = Door::bind(any, true).unwrap();
        let address = first.address().unwrap();
        assert!(Door::bind(address, true).is_ok());
        let fault = Door::bind(address, false).unwrap_err();
        assert!(fault.to_string().starts_with(&address.to_string()), "{fault}");
        assert_eq!(fault.code(), crate::base::code::CANNOT_LISTEN);
    }

    #[test]
    fn plain_http_is_sent_to_the_secure_port() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let plain = Door::bind(any, false).unwrap().address().unwrap();
        let doors = Door::open(any, Some(plain)).unwrap();
        assert_eq!(doors.len(), 2);
        assert_eq!((doors[0].secure_port, doors[1].secure_port), (None, Some(doors[0].port())));
    }
}
