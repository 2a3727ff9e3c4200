//! Interfaces: brought up, given the configured address or one that the network lends. One thread
//! for each; cables and adapters may come and go.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::Sender;

use super::clock;
use super::dhcp::{Action, Client, Lease};
use super::mdns::{self, Responder};
use super::netlink::Route;
use super::supervise::Event;
use crate::config::Appliance;

const CLASS: &str = "/sys/class/net";
/// How often a cable is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Longest packet of DHCP over Ethernet.
const PACKET_BYTES: usize = 1500;
/// Ethernet, in `/sys/class/net/X/type` (linux/if_arp.h).
const ETHERNET: &str = "1";

/// The interfaces that are there.
#[must_use]
pub fn interfaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir(CLASS) else { return Vec::new() };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    names
}

/// Brings the interface of this machine with itself up.
///
/// # Errors
/// The kernel's.
pub fn loopback() -> io::Result<()> {
    Route::open()?.up(1)
}

/// Attends to one interface on a thread of its own, until it goes away. One that is no Ethernet
/// card is left alone.
pub fn attend(name: String, settings: Appliance, events: Sender<Event>) {
    let attended = move || {
        let ended = Card::of(&name).map_or(Ok(()), |card| card.attend(&settings, &events));
        if let Err(error) = ended {
            // The supervisor ends before its threads do.
            let _ = events.blocking_send(Event::Said(format!("network: {name}: {error}")));
        }
        let _ = events.blocking_send(Event::Gone(name));
    };
    drop(std::thread::Builder::new().name("network".to_owned()).spawn(attended));
}

struct Card {
    name: String,
    index: u32,
    mac: [u8; 6],
}

impl Card {
    fn of(name: &str) -> Option<Self> {
        let value = |file: &str| fs::read_to_string(Path::new(CLASS).join(name).join(file)).ok();
        if value("type")?.trim() != ETHERNET {
            return None;
        }
        let mut mac = [0; 6];
        let text = value("address")?;
        let mut parts = text.trim().split(':');
        for byte in &mut mac {
            *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        let index = value("ifindex")?.trim().parse().ok()?;
        Some(Self { name: name.to_owned(), index, mac })
    }

    fn is_there(&self) -> bool {
        Path::new(CLASS).join(&self.name).exists()
    }

    fn has_cable(&self) -> bool {
        let carrier = fs::read_to_string(Path::new(CLASS).join(&self.name).join("carrier"));
        carrier.is_ok_and(|carrier| carrier.trim() == "1")
    }

    fn attend(&self, settings: &Appliance, events: &Sender<Event>) -> io::Result<()> {
        let route = Route::open()?;
        route.up(self.index)?;
        let Some((address, prefix)) = settings.address.and_then(|address| address.host()) else {
            return self.borrow(&route, &settings.name, events);
        };
        let Appliance { gateway, ref dns, .. } = *settings;
        self.give(&route, events, address, prefix, gateway, dns)?;
        let _named = Named::start(self, &settings.name, address, events);
        while self.is_there() {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Gives the interface an address and tells the supervisor.
    fn give(
        &self,
        route: &Route,
        events: &Sender<Event>,
        address: Ipv4Addr,
        prefix: u8,
        router: Option<Ipv4Addr>,
        dns: &[Ipv4Addr],
    ) -> io::Result<()> {
        route.add(self.index, address, prefix)?;
        if let Some(router) = router {
            route.default_route(self.index, router)?;
        }
        let servers: String = dns.iter().map(|server| format!("nameserver {server}\n")).collect();
        fs::write("/etc/resolv.conf", servers)?;
        let interface = self.name.clone();
        // The supervisor ends before its threads do.
        let _ = events.blocking_send(Event::Address { interface, address });
        Ok(())
    }

    /// Keeps an address that the network lends; returns when the interface is gone.
    fn borrow(&self, route: &Route, host: &str, events: &Sender<Event>) -> io::Result<()> {
        let socket = self.socket()?;
        let seed = getrandom::u32().unwrap_or(self.index);
        let mut client = Client::new(self.mac, host, seed, clock::uptime());
        let mut lease: Option<(Lease, Named)> = None;
        let mut cable = false;
        let mut packet = [0; PACKET_BYTES];
        while self.is_there() {
            let had_cable = std::mem::replace(&mut cable, self.has_cable());
            if !cable {
                std::thread::sleep(LOOK);
                continue;
            }
            if !had_cable {
                client.restart(clock::uptime());
            }
            let mut action = client.wake(clock::uptime());
            if action.is_none() {
                let pause = client.due().saturating_sub(clock::uptime());
                let pause = pause.clamp(Duration::from_millis(10), LOOK);
                socket.set_read_timeout(Some(pause))?;
                if let Ok(length) = socket.recv(&mut packet) {
                    action = client.hear(&packet[..length], clock::uptime());
                }
            }
            match action {
                None => {}
                Some(Action::Send(packet)) => {
                    // A network that is not there yet is asked again after a pause.
                    let _ = socket.send_to(&packet, (Ipv4Addr::BROADCAST, 67));
                }
                Some(Action::Bound(new)) => {
                    if lease.as_ref().is_some_and(|(old, _)| old.is_same(&new)) {
                        continue;
                    }
                    if let Some((old, _)) = lease.take() {
                        self.take(route, &old);
                    }
                    self.give(route, events, new.address, new.prefix, new.router, &new.dns)?;
                    let named = Named::start(self, host, new.address, events);
                    lease = Some((new, named));
                }
                Some(Action::Lost) => {
                    if let Some((old, _)) = lease.take() {
                        self.take(route, &old);
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&self, route: &Route, old: &Lease) {
        // The interface may be gone, and its address with it.
        let _ = route.remove(self.index, old.address, old.prefix);
    }

    /// A socket that sends and hears on this interface alone, address or not.
    fn socket(&self) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(self.name.as_bytes()))?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68).into())?;
        Ok(socket.into())
    }
}

/// The machine's name on the network of one interface, answered for by a thread until this is
/// dropped.
struct Named(Arc<AtomicBool>);

impl Named {
    fn start(card: &Card, name: &str, address: Ipv4Addr, events: &Sender<Event>) -> Self {
        let runs = Arc::new(AtomicBool::new(true));
        let (own, events) = (Arc::clone(&runs), events.clone());
        let mut responder = Responder::new(name, address, clock::uptime());
        let interface = card.name.clone();
        let naming = move || {
            let ended = answer(&mut responder, &interface, address, &own, &events);
            if let Err(error) = ended {
                let said = format!("mdns: {interface}: {error}");
                // The supervisor ends before its threads do.
                let _ = events.blocking_send(Event::Said(said));
            }
        };
        drop(std::thread::Builder::new().name("mdns".to_owned()).spawn(naming));
        Self(runs)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn answer(
    responder: &mut Responder,
    interface: &str,
    address: Ipv4Addr,
    runs: &AtomicBool,
    events: &Sender<Event>,
) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, mdns::PORT).into())?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_loop_v4(false)?;
    socket.join_multicast_v4(&mdns::GROUP, &address)?;
    socket.set_multicast_if_v4(&address)?;
    let socket: UdpSocket = socket.into();
    let mut packet = [0; PACKET_BYTES];
    while runs.load(Ordering::Relaxed) {
        let mut action = responder.wake(clock::uptime());
        if action.is_none() {
            let pause = responder.due().saturating_sub(clock::uptime());
            socket.set_read_timeout(Some(pause.clamp(Duration::from_millis(10), LOOK)))?;
            if let Ok(length) = socket.recv(&mut packet) {
                action = responder.hear(&packet[..length], clock::uptime());
            }
        }
        let out = match action {
            None => continue,
            Some(mdns::Action::Send(out)) => out,
            Some(mdns::Action::Named(name, out)) => {
                // The supervisor ends before its threads do.
                let _ = events.blocking_send(Event::Named(name));
                out
            }
        };
        // A cable that is out takes no packet; it is asked for again when it is in.
        let _ = socket.send_to(&out, (mdns::GROUP, mdns::PORT));
    }
    Ok(())
}
