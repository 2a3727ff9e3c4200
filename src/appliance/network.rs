//! Interfaces: brought up, given the configured address or one that the network lends. One thread
//! for each; cables and adapters may come and go.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::Sender;

use super::clock;
use super::dhcp::{Action, Client, Lease};
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
        let Some(card) = Card::of(&name) else { return };
        let ended = card.attend(&settings, &events);
        if let Err(error) = ended {
            // The supervisor ends before its threads do.
            let _ = events.blocking_send(Event::Said(format!("network: {name}: {error}")));
        }
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
        if let Some((address, prefix)) = settings.address.and_then(|address| address.host()) {
            let Appliance { gateway, ref dns, .. } = *settings;
            return self.give(&route, events, address, prefix, gateway, dns);
        }
        self.borrow(&route, &settings.name, events)
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
        let mut lease: Option<Lease> = None;
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
                    let former = lease.replace(new.clone());
                    self.exchange(route, events, former, &new)?;
                }
                Some(Action::Lost) => {
                    if let Some(old) = lease.take() {
                        self.take(route, &old);
                    }
                }
            }
        }
        Ok(())
    }

    fn exchange(
        &self,
        route: &Route,
        events: &Sender<Event>,
        former: Option<Lease>,
        new: &Lease,
    ) -> io::Result<()> {
        let same = former.as_ref().is_some_and(|old| {
            (old.address, old.prefix, old.router) == (new.address, new.prefix, new.router)
        });
        if same {
            return Ok(());
        }
        if let Some(old) = former {
            self.take(route, &old);
        }
        self.give(route, events, new.address, new.prefix, new.router, &new.dns)
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
