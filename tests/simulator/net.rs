//! Time and the network: events in one order, connections that delay, stall, black out and break,
//! and the letters of HTTP, which may be lost, doubled and overtake each other.

use std::collections::BTreeMap;

use bytes::Bytes;
use posthouse::base::chance::{Chance, Seeded};

use crate::server::Task;

/// A connection of a client; numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub usize);

#[derive(Debug)]
pub enum Event {
    ToServer(Link, Bytes),
    ToClient(Link, Bytes),
    /// The other side's end of the connection is gone.
    ServerSeesEnd(Link),
    ClientSeesEnd(Link),
    /// A command by HTTP POST, and the answer.
    Post(ClientId, Bytes),
    PostAnswer(ClientId, Bytes),
    /// A page by HTTP GET: the frames of the answer.
    Get(ClientId, Bytes),
    GetAnswer(ClientId, Vec<Bytes>),
    /// Work of the server that was running when it was asked for; a later life lets it go.
    Server(u64, Task),
    Client(ClientId),
    Fault,
    Restart,
}

/// What can still happen, in the order in which it will.
#[derive(Default)]
pub struct Agenda {
    events: BTreeMap<(u64, u64), Event>,
    number: u64,
    pub now: u64,
}

impl Agenda {
    pub fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now + ms, event);
    }

    pub fn at(&mut self, ms: u64, event: Event) {
        self.number += 1;
        self.events.insert((ms.max(self.now), self.number), event);
    }

    /// What is under way to clients is gone with the connections it came by.
    pub fn forget_answers(&mut self) {
        self.events.retain(|_, event| {
            !matches!(event, Event::ToClient(..) | Event::PostAnswer(..) | Event::GetAnswer(..))
        });
    }

    pub fn next(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }
}

/// Both directions of one connection, each in order.
struct Wire {
    client: ClientId,
    up: u64,
    down: u64,
    /// Nothing arrives any more and nobody is told.
    dark: bool,
}

pub struct Network {
    wires: BTreeMap<Link, Wire>,
    next: u64,
    /// Faults happen; false while everything settles.
    pub rough: bool,
    /// Letters that were lost, and that came twice.
    pub lost: u64,
    pub doubled: u64,
    pub chance: Seeded,
}

impl Network {
    pub fn new(chance: Seeded) -> Self {
        Self { wires: BTreeMap::new(), next: 1, rough: true, lost: 0, doubled: 0, chance }
    }

    /// True once in `of` times while the network is rough.
    pub fn mishap(&mut self, of: u64) -> bool {
        self.rough && self.chance.below(of) == 0
    }

    fn delay(&mut self) -> u64 {
        if self.mishap(40) { self.chance.below(3_000) } else { 1 + self.chance.below(30) }
    }

    pub fn connect(&mut self, client: ClientId) -> Link {
        let link = Link(self.next);
        self.next += 1;
        self.wires.insert(link, Wire { client, up: 0, down: 0, dark: false });
        link
    }

    pub fn client(&self, link: Link) -> Option<ClientId> {
        self.wires.get(&link).map(|wire| wire.client)
    }

    pub fn up(&mut self, agenda: &mut Agenda, link: Link, bytes: Bytes) {
        let at = agenda.now + self.delay();
        if let Some(wire) = self.wires.get_mut(&link).filter(|wire| !wire.dark) {
            wire.up = wire.up.max(at);
            agenda.at(wire.up, Event::ToServer(link, bytes));
        }
    }

    pub fn down(&mut self, agenda: &mut Agenda, link: Link, bytes: Bytes) {
        let at = agenda.now + self.delay();
        if let Some(wire) = self.wires.get_mut(&link).filter(|wire| !wire.dark) {
            wire.down = wire.down.max(at);
            agenda.at(wire.down, Event::ToClient(link, bytes));
        }
    }

    /// One side hangs up; the other learns of it behind what is under way, unless the line is dead.
    pub fn hang_up(&mut self, agenda: &mut Agenda, link: Link, by_server: bool) {
        let at = agenda.now + self.delay();
        let Some(wire) = self.wires.remove(&link) else { return };
        if wire.dark {
            return;
        }
        let event = if by_server { Event::ClientSeesEnd(link) } else { Event::ServerSeesEnd(link) };
        agenda.at(at.max(if by_server { wire.down } else { wire.up }), event);
    }

    /// Some connections break, or go dark without a word.
    pub fn suffer(&mut self, agenda: &mut Agenda) {
        let links: Vec<Link> = self.wires.keys().copied().collect();
        for link in links {
            match self.chance.below(6) {
                0 => {
                    self.wires.remove(&link);
                    agenda.after(0, Event::ClientSeesEnd(link));
                    agenda.after(1, Event::ServerSeesEnd(link));
                }
                1 => {
                    if let Some(wire) = self.wires.get_mut(&link) {
                        wire.dark = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// The server died: every connection ends, some of them without a word.
    pub fn server_died(&mut self, agenda: &mut Agenda) {
        let links: Vec<Link> = self.wires.keys().copied().collect();
        for link in links {
            self.hang_up(agenda, link, true);
        }
    }

    /// A letter of HTTP: lost, doubled, or late.
    pub fn letter(&mut self, agenda: &mut Agenda, make: impl Fn() -> Event) {
        if self.mishap(8) {
            self.lost += 1;
            return;
        }
        let delay = self.delay();
        agenda.after(delay, make());
        if self.mishap(8) {
            self.doubled += 1;
            let delay = self.delay();
            agenda.after(delay, make());
        }
    }
}
