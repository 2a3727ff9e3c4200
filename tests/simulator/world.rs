//! One run: visitors, agents, a server, and what goes wrong between them; then peace, and the
//! verdict.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use bytes::Bytes;
use posthouse::base::chance::{Chance, Seeded};
use posthouse::base::{ConversationId, Index, MessageKey};
use posthouse::store::sim::{Copy, Faults};
use posthouse::wire::{self, proto};
use prost::Message as _;

use crate::client::{Client, Told};
use crate::judge;
use crate::net::{Agenda, ClientId, Event, Network};
use crate::server::{Breaks, Server, Troubles};

const AGENTS: usize = 2;
const VISITORS: usize = 3;
/// Simulated time of trouble, and the longest time that peace may take to set everything right.
const TROUBLE_MS: u64 = 30_000;
const PEACE_MS: u64 = 90_000;

/// What happened, so that a run in which nothing did is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub acked: u64,
    pub refused: u64,
    pub crashes: u64,
    pub retried: u64,
    pub recalled: u64,
    pub erased: u64,
    pub events: u64,
    pub settled_ms: u64,
    /// Letters of HTTP lost and doubled; connections broken or dark; clocks that jumped.
    pub lost: u64,
    pub doubled: u64,
    pub partitions: u64,
    pub jumps: u64,
    /// Copies put back.
    pub restored: u64,
    pub troubles: Troubles,
}

impl Report {
    pub fn add(&mut self, other: &Self) {
        self.acked += other.acked;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.retried += other.retried;
        self.recalled += other.recalled;
        self.erased += other.erased;
        self.events += other.events;
        self.settled_ms = self.settled_ms.max(other.settled_ms);
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.partitions += other.partitions;
        self.jumps += other.jumps;
        self.restored += other.restored;
        let (own, more) = (&mut self.troubles, &other.troubles);
        own.slow_readers += more.slow_readers;
        own.refused_writes += more.refused_writes;
        own.failed_reads += more.failed_reads;
        own.snapshots += more.snapshots;
        own.too_long += more.too_long;
        own.resealed += more.resealed;
    }
}

pub struct World {
    agenda: Agenda,
    network: Network,
    server: Server,
    clients: Vec<Client>,
    chance: Seeded,
    report: Report,
    /// Copies of the data folder are taken and put back.
    copies: bool,
    kept: Option<Kept>,
}

/// A copy, and what had been promised when it was taken: later promises go with what it lacks.
struct Kept {
    disk: Copy,
    told: Vec<Vec<Told>>,
    recalled: BTreeSet<(ConversationId, MessageKey)>,
    erased: BTreeSet<ConversationId>,
}

impl World {
    pub fn new(seed: u64, breaks: Breaks) -> Self {
        let mut chance = Seeded::new(seed);
        let mut part = || Seeded::new(chance.bits());
        let (network, server) = (Network::new(part()), Server::new(part(), breaks));
        let clients = (0..AGENTS + VISITORS).map(|id| Client::new(id, AGENTS, part())).collect();
        Self {
            agenda: Agenda::default(),
            network,
            server,
            clients,
            chance,
            report: Report::default(),
            copies: false,
            kept: None,
        }
    }

    /// The same with copies of the data folder that are put back.
    pub fn with_copies(seed: u64, breaks: Breaks) -> Self {
        Self { copies: true, ..Self::new(seed, breaks) }
    }

    pub fn run(mut self) -> Result<Report, String> {
        self.start()?;
        for id in 0..self.clients.len() {
            let at = self.chance.below(500);
            self.agenda.after(at, Event::Client(ClientId(id)));
        }
        self.agenda.after(1_000, Event::Fault);
        while self.agenda.now < TROUBLE_MS {
            self.step()?;
        }
        self.make_peace()?;
        let mut look = self.agenda.now;
        while self.agenda.now < TROUBLE_MS + PEACE_MS {
            self.step()?;
            if self.agenda.now >= look {
                look = self.agenda.now + 500;
                if self.is_quiet() {
                    break;
                }
            }
        }
        self.report.settled_ms = self.agenda.now - TROUBLE_MS;
        let running = self.server.running.as_ref().ok_or("the server is down in peace")?;
        judge::everything(&running.reader, &self.clients)?;
        for told in self.clients.iter().flat_map(|client| &client.told) {
            match told.result {
                Ok(_) => self.report.acked += 1,
                Err(_) => self.report.refused += 1,
            }
        }
        self.report.retried = self.clients.iter().map(|client| client.retried).sum();
        self.report.recalled = self.server.recalled.len() as u64;
        self.report.erased = self.server.erased.len() as u64;
        self.report.troubles = self.server.troubles;
        (self.report.lost, self.report.doubled) = (self.network.lost, self.network.doubled);
        Ok(self.report)
    }

    fn step(&mut self) -> Result<(), String> {
        let event = self.agenda.next().ok_or("nothing will ever happen again")?;
        self.report.events += 1;
        self.happen(event)?;
        if self.server.disk.is_dead() && self.server.running.is_some() {
            self.die();
        }
        let wrong = self.clients.iter_mut().find_map(|client| client.wrong.take());
        match self.server.wrong.take().or(wrong) {
            Some(text) => Err(text),
            None => Ok(()),
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        let Self { agenda, network, server, clients, .. } = self;
        match event {
            Event::ToServer(link, bytes) => {
                let known = server.connection(link).is_some();
                if known || server.accept(agenda, link) {
                    server.frame(agenda, network, link, bytes);
                } else {
                    network.hang_up(agenda, link, true);
                }
            }
            Event::ToClient(link, bytes) => {
                if let Some(id) = network.client(link).or_else(|| Self::of(clients, link)) {
                    clients[id.0].frame(agenda, network, link, bytes);
                }
            }
            Event::ServerSeesEnd(link) => server.hung_up(agenda, network, link),
            Event::ClientSeesEnd(link) => {
                for client in clients {
                    client.ended(agenda, link);
                }
            }
            Event::Post(id, bytes) => {
                server.letter(agenda, network, (id, clients[id.0].peer), &bytes);
            }
            Event::Get(id, bytes) => Self::get(agenda, network, server, &clients[id.0], &bytes),
            Event::PostAnswer(id, bytes) => clients[id.0].take(agenda, network, bytes),
            Event::GetAnswer(id, frames) => {
                for frame in frames {
                    clients[id.0].take(agenda, network, frame);
                }
            }
            Event::Server(life, task) => {
                if life == server.life && server.running.is_some() {
                    server.task(agenda, network, task);
                }
            }
            Event::Client(id) => clients[id.0].wake(agenda, network),
            Event::Fault => self.fault(),
            Event::Restart => self.start()?,
        }
        Ok(())
    }

    /// What was under way when the server hung up still arrives.
    fn of(clients: &[Client], link: crate::net::Link) -> Option<ClientId> {
        clients.iter().find(|client| client.is_on(link)).map(|client| client.id)
    }

    fn get(
        agenda: &mut Agenda,
        network: &mut Network,
        server: &mut Server,
        client: &Client,
        bytes: &Bytes,
    ) {
        let cursor = proto::Cursor::decode(bytes.clone()).expect("a cursor");
        let feed = wire::feed_from_proto(&cursor.feed.expect("a feed")).expect("a known feed");
        let frames = server.get(client.peer, feed, &cursor.epoch, Index(cursor.index));
        let id = client.id;
        network.letter(agenda, || Event::GetAnswer(id, frames.clone()));
    }

    /// Power comes back: whatever the disk kept must open, and hold what was acknowledged.
    fn start(&mut self) -> Result<(), String> {
        if self.server.running.is_some() {
            return Ok(());
        }
        let started = self.server.start(&mut self.agenda);
        if self.server.disk.is_dead() {
            // The power went again while the store recovered: it refused to open, or it opened and
            // does not show the last batch, which it could not make sure of.
            self.die();
            return Ok(());
        }
        started?;
        let Some(running) = &self.server.running else { return Ok(()) };
        judge::acked_is_kept(&running.reader, &self.clients)
    }

    fn die(&mut self) {
        self.report.crashes += 1;
        self.server.die(&mut self.agenda, &mut self.network);
    }

    fn fault(&mut self) {
        if !self.network.rough {
            return;
        }
        let again = 500 + self.chance.below(4_000);
        self.agenda.after(again, Event::Fault);
        if self.copies && self.chance.below(4) == 0 {
            self.copy();
            return;
        }
        let none = Faults::default();
        let jump = i64::try_from(self.chance.below(400_000_000)).unwrap_or(0) - 200_000_000;
        match self.chance.below(12) {
            0 | 1 => {
                self.report.partitions += 1;
                self.network.suffer(&mut self.agenda);
            }
            2 if self.server.running.is_some() => self.die(),
            3 | 4 => {
                let operations = self.chance.below(120);
                self.server.disk.cut_after(1 + operations);
            }
            5 => {
                let full = Some(ErrorKind::StorageFull);
                self.server.set_faults(Faults { write: full, grow: full, ..none });
            }
            6 => {
                let grow = Some(ErrorKind::StorageFull);
                self.server.set_faults(Faults { grow, ..none });
            }
            7 => {
                let sync = Some(ErrorKind::Other);
                self.server.set_faults(Faults { sync, ..none });
            }
            8 => {
                self.report.jumps += 1;
                self.server.clock_skew = jump;
            }
            9 => {
                self.report.jumps += 1;
                let at = self.chance.below(self.clients.len() as u64);
                self.clients[usize::try_from(at).unwrap_or(0)].clock_skew = jump;
            }
            10 => {
                let read = Some(ErrorKind::Other);
                self.server.set_faults(Faults { read, ..none });
            }
            _ => self.server.set_faults(none),
        }
    }

    /// Takes a copy of the data folder, or puts the one that was taken back in its place.
    fn copy(&mut self) {
        let Some(kept) = self.kept.take() else {
            self.kept = Some(Kept {
                disk: self.server.disk.copy(),
                told: self.clients.iter().map(|client| client.told.clone()).collect(),
                recalled: self.server.recalled.clone(),
                erased: self.server.erased.clone(),
            });
            return;
        };
        self.report.restored += 1;
        let up = self.server.running.is_some();
        if up {
            self.die();
        }
        self.agenda.forget_answers();
        if self.server.breaks.same_files {
            self.server.disk.roll_back(&kept.disk);
        } else {
            self.server.disk.put_back(&kept.disk);
        }
        for (client, told) in self.clients.iter_mut().zip(kept.told) {
            client.told = told;
        }
        self.server.recalled = kept.recalled;
        self.server.erased = kept.erased;
    }

    /// Nothing goes wrong any more, and nobody begins anything.
    fn make_peace(&mut self) -> Result<(), String> {
        self.network.rough = false;
        self.server.disk.cut_after(u64::MAX);
        self.server.set_faults(Faults::default());
        for client in &mut self.clients {
            client.busy = false;
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let Some(running) = &self.server.running else { return false };
        // A handle that a failed read closed is opened anew a little later.
        if running.reader.site().is_err() {
            return false;
        }
        let said = self.server.last_erasure.max(TROUBLE_MS);
        self.clients.iter().all(|client| {
            client.heard_all(said)
                && client.outbox.is_empty()
                && client.places.iter().all(|(feed, place)| {
                    running.reader.head(*feed).is_ok_and(|head| head.0 == place.last)
                })
        })
    }
}
