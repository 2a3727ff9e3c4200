//! The server of the simulation: the very sessions, shards and store that ship, pumped by one event
//! at a time on a disk that fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use posthouse::actors::shard::{self, Question, Reading, Shard};
use posthouse::base::chance::{Chance, Seeded};
use posthouse::base::code::{self, Code};
use posthouse::base::{
    AgentId, ConversationId, Feed, Language, MessageKey, Private, TeamId, Tick, VisitorId, Wall,
};
use posthouse::desk::{InboxRow, Role, Site, TeamRow, Who};
use posthouse::session::{ClientFrame, Effect, Hello, Input, Peer, Session, Terms};
use posthouse::store::engine::{Engine, Layout};
use posthouse::store::journal::Shape;
use posthouse::store::sealed::SealedDisk;
use posthouse::store::sim::{Faults, SimDisk};
use posthouse::store::storage::Disk;
use posthouse::store::{Fault, Outcome, Proposal, Reader};
use posthouse::wire::{self, Submission};
use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::Keys;

use crate::net::{Agenda, ClientId, Event, Link, Network};
use crate::reads::{Read, Wanted, unreadable};

/// Bytes that wait for a peer before it counts as a slow reader: small, so that it happens.
const OUTBOX_BYTES: usize = 5 * 1024;
/// A page is read when no more than this waits.
pub const ROOM_BYTES: usize = 1024;
pub const INBOX_KEY: &str = "simulatedinbox00";
pub const TEAM: TeamId = TeamId(1);
pub const PING_MS: u32 = 5_000;

/// What the server does a little later than it was asked to.
#[derive(Debug)]
pub enum Task {
    Authenticated(Link, Result<Peer, Code>),
    Read(Read),
    Loaded(ConversationId),
    Looked(Question),
    Commit,
    Committed(Vec<Outcome>),
    Checkpoint,
    Heal,
    Erase,
    Time(Link),
    Drain(Link),
}

#[derive(Clone, Copy, Debug)]
pub enum Reply {
    Session(Link),
    Letter(ClientId),
    /// The operator of the machine, who looks at the log.
    Nobody,
}

pub struct Connection {
    pub session: Session<Submission>,
    outbox: VecDeque<Bytes>,
    pub bytes: usize,
    pub follows: BTreeSet<Feed>,
    /// Frames that arrived while the session did not want to read.
    unread: VecDeque<Bytes>,
    reading: bool,
    draining: bool,
    wakes_at: u64,
}

/// Rules to break on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaks {
    pub forget_priors: bool,
    pub lying_sync: bool,
    /// A copy that is put back is taken for the files it was made of.
    pub same_files: bool,
}

/// How often something happened that a run is to survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    pub slow_readers: u64,
    pub refused_writes: u64,
    pub failed_reads: u64,
    pub snapshots: u64,
    pub too_long: u64,
    /// Steps of a rotation.
    pub resealed: u64,
}

/// Masters that a store gets in one run.
const MASTERS_MOST: u16 = 6;
/// Pages that a page key of a sealed store seals here.
const PAGES_OF_A_KEY: u64 = 200;

pub struct Server {
    pub disk: SimDisk,
    /// Every other seed runs over a sealed store.
    sealed: bool,
    /// Masters in its key file, numbered from 1 on.
    masters: u16,
    /// Where the next step of its rotation begins.
    reseal: Option<u64>,
    pub life: u64,
    /// Wall clock minus simulated time; clocks jump.
    pub clock_skew: i64,
    /// `None` while the machine is down.
    pub running: Option<Running>,
    /// Messages whose recall is durable, and what was served of them afterwards.
    pub recalled: BTreeSet<(ConversationId, MessageKey)>,
    /// Conversations whose erasure is durable.
    pub erased: BTreeSet<ConversationId>,
    /// When followers were last told of an erasure.
    pub last_erasure: u64,
    pub wrong: Option<String>,
    pub troubles: Troubles,
    pub breaks: Breaks,
    pub chance: Seeded,
}

pub struct Running {
    pub engine: Engine,
    pub reader: Reader,
    pub shards: Vec<Shard<Reply>>,
    pub site: Site,
    pub connections: BTreeMap<Link, Connection>,
    pub waiting: Vec<Proposal>,
    pub committing: bool,
    pub tickets: BTreeMap<u64, (usize, u64)>,
    pub next_ticket: u64,
}

/// What one input made: effects of a shard or of a session to be carried out.
pub enum Work {
    Session(Link, Effect<Submission>),
    Shard(usize, shard::Effect<Reply>),
}

pub fn wall(now: u64, skew: i64) -> Wall {
    let ms = 1_790_000_000_000_u64.saturating_add(now).saturating_add_signed(skew);
    Wall { ms, trusted: true }
}

fn site() -> Site {
    let mut site = Site::default();
    site.teams.insert(TEAM, TeamRow { id: TEAM, name: "All".into(), disabled: false });
    let inbox = InboxRow {
        id: posthouse::base::InboxId(1),
        key: INBOX_KEY.into(),
        name: "Shop".into(),
        team: TEAM,
        origins: Vec::new(),
        greeting: String::new(),
        offline_greeting: String::new(),
        color: "#000000".into(),
        disabled: false,
    };
    site.inboxes.insert(inbox.id, inbox);
    for id in [1, 2].map(posthouse::base::AgentId) {
        let row = posthouse::desk::AgentRow {
            id,
            login: format!("agent{id}"),
            name: Private(format!("Agent {id}")),
            picture: None,
            role: Role::Agent,
            capacity: 50,
            teams: vec![TEAM],
            disabled: false,
        };
        site.agents.insert(id, row);
    }
    site
}

impl Server {
    pub fn new(mut chance: Seeded, breaks: Breaks) -> Self {
        let bits = chance.bits();
        Self {
            disk: SimDisk::new(bits),
            sealed: bits.is_multiple_of(2),
            masters: 1,
            reseal: None,
            life: 0,
            clock_skew: 0,
            running: None,
            recalled: BTreeSet::new(),
            erased: BTreeSet::new(),
            last_erasure: 0,
            wrong: None,
            troubles: Troubles::default(),
            breaks,
            chance,
        }
    }

    pub fn wall(&self, now: u64) -> Wall {
        wall(now, self.clock_skew)
    }

    /// Opens the store as it is on the disk.
    ///
    /// # Errors
    /// What the store says: nothing that was acknowledged may make it unopenable.
    pub fn start(&mut self, agenda: &mut Agenda) -> Result<(), String> {
        self.set_faults(Faults::default());
        let layout = Layout {
            shape: Shape { segments: 3, segment_bytes: 32 * 1024 },
            // Without a cache every read meets the disk and its faults.
            cache_bytes: if self.chance.below(2) == 0 { 0 } else { 1 << 20 },
            chance: self.chance.wide() | 1,
        };
        self.life += 1;
        let engine = self
            .sealed_or_plain()
            .and_then(|disk| Engine::open(disk, layout))
            .map_err(|fault| format!("the store does not open: {fault}"))?;
        let shard = || {
            let mut shard = Shard::default();
            shard.forget_priors = self.breaks.forget_priors;
            shard
        };
        self.running = Some(Running {
            reader: engine.reader(),
            engine,
            shards: (0..2).map(|_| shard()).collect(),
            site: site(),
            connections: BTreeMap::new(),
            waiting: Vec::new(),
            committing: false,
            tickets: BTreeMap::new(),
            next_ticket: 1,
        });
        self.later(agenda, 300, Task::Checkpoint);
        self.later(agenda, 200, Task::Heal);
        self.later(agenda, 3_000, Task::Erase);
        Ok(())
    }

    fn sealed_or_plain(&self) -> Result<Arc<dyn Disk>, Fault> {
        let disk = Arc::new(self.disk.clone());
        if !self.sealed {
            return Ok(disk);
        }
        Ok(Arc::new(SealedDisk::with_bound(disk, self.keys(), PAGES_OF_A_KEY)?))
    }

    fn keys(&self) -> Keys {
        let master = |id: u16| (id, Secret::new([u8::try_from(id).unwrap(); 32]));
        Keys::new(Family::International, (1..=self.masters).map(master).collect()).unwrap()
    }

    /// One step of a rotation, which begins now and then. A failing disk is tried again.
    fn rotate(&mut self) {
        let Some(running) = &mut self.running else { return };
        let shared = Arc::clone(running.engine.shared());
        let Some(disk) = shared.disk.sealed() else { return };
        match self.reseal {
            None if self.masters < MASTERS_MOST => {
                self.masters += 1;
                if disk.renew(&self.keys()).is_ok() {
                    self.reseal = Some(0);
                }
            }
            None => {}
            Some(first) => match disk.reseal(first) {
                Ok(step) => {
                    self.troubles.resealed += 1;
                    self.reseal = step.next;
                }
                Err(_) => drop(running.engine.wipe(true)),
            },
        }
    }

    pub fn set_faults(&mut self, faults: Faults) {
        self.disk.set_faults(Faults { lying_sync: self.breaks.lying_sync, ..faults });
    }

    /// The process is killed, and mostly the power goes too: memory is gone, and of the disk what
    /// was not synced.
    pub fn die(&mut self, agenda: &mut Agenda, network: &mut Network) {
        self.running = None;
        if self.disk.is_dead() || self.chance.below(4) > 0 {
            self.disk.power_cut();
        } else {
            self.disk.kill();
        }
        network.server_died(agenda);
        let pause = self.chance.below(1_500);
        agenda.after(pause, Event::Restart);
    }

    pub fn later(&mut self, agenda: &mut Agenda, ms: u64, task: Task) {
        agenda.after(ms, Event::Server(self.life, task));
    }

    pub fn soon(&mut self, agenda: &mut Agenda, task: Task) {
        let ms = self.chance.below(25);
        self.later(agenda, ms, task);
    }

    pub fn accept(&mut self, agenda: &mut Agenda, link: Link) -> bool {
        let Some(running) = &mut self.running else { return false };
        let terms = Terms {
            epoch: running.reader.epoch(),
            ping_interval_ms: PING_MS,
            started: Tick(agenda.now),
        };
        let connection = Connection {
            session: Session::new(terms),
            outbox: VecDeque::new(),
            bytes: 0,
            follows: BTreeSet::new(),
            unread: VecDeque::new(),
            reading: true,
            draining: false,
            wakes_at: u64::MAX,
        };
        running.connections.insert(link, connection);
        true
    }

    pub fn frame(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link, bytes: Bytes) {
        let Some(running) = &mut self.running else { return };
        let Some(connection) = running.connections.get_mut(&link) else { return };
        if !connection.reading {
            connection.unread.push_back(bytes);
            return;
        }
        let input = match wire::decode_client(&bytes) {
            Ok(frame) => Input::Frame(frame),
            Err(code) => Input::Bad(code),
        };
        self.input(agenda, network, link, input);
    }

    pub fn hung_up(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link) {
        self.input(agenda, network, link, Input::Gone);
        if let Some(running) = &mut self.running {
            running.connections.remove(&link);
        }
    }

    /// A command by HTTP POST.
    pub fn letter(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        from: (ClientId, Peer),
        bytes: &Bytes,
    ) {
        if self.running.is_none() {
            return;
        }
        let Ok(frames) = wire::decode_client_list(bytes) else { return };
        for frame in frames {
            if let ClientFrame::Submit { conversation, key, submit } = frame {
                let reply = Reply::Letter(from.0);
                self.submit(agenda, network, (from.1, conversation, key), submit, reply);
            }
        }
    }

    pub fn input(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        link: Link,
        input: Input<Submission>,
    ) {
        let Some(running) = &mut self.running else { return };
        let Some(connection) = running.connections.get_mut(&link) else { return };
        let mut effects = Vec::new();
        connection.session.step(Tick(agenda.now), input, &mut effects);
        self.carry_out(agenda, network, effects.into_iter().map(|e| Work::Session(link, e)));
        self.set_timer(agenda, link);
    }

    fn set_timer(&mut self, agenda: &mut Agenda, link: Link) {
        let Some(running) = &mut self.running else { return };
        let Some(connection) = running.connections.get_mut(&link) else { return };
        let deadline = connection.session.deadline();
        if deadline != Tick::NEVER && deadline.0 < connection.wakes_at {
            connection.wakes_at = deadline.0.max(agenda.now + 1);
            agenda.at(connection.wakes_at, Event::Server(self.life, Task::Time(link)));
        }
    }

    pub fn carry_out(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        works: impl IntoIterator<Item = Work>,
    ) {
        for work in works {
            match work {
                Work::Session(link, effect) => self.session_effect(agenda, network, link, effect),
                Work::Shard(number, effect) => self.shard_effect(agenda, network, number, effect),
            }
        }
    }

    fn session_effect(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        link: Link,
        effect: Effect<Submission>,
    ) {
        match effect {
            Effect::Send(frame) => {
                let Some(running) = &self.running else { return };
                let around = wire::Surroundings {
                    epoch: running.reader.epoch(),
                    now: self.wall(agenda.now),
                    ping_interval_ms: PING_MS,
                    endpoints: &[],
                    staffed: true,
                    language: Language::En,
                };
                self.send(agenda, network, link, wire::encode_server(&frame, &around));
            }
            Effect::SendBytes(bytes) => self.send(agenda, network, link, bytes),
            Effect::Authenticate(hello) => {
                let peer = authenticate(&hello);
                self.soon(agenda, Task::Authenticated(link, peer));
            }
            Effect::Unfollow { feed } => {
                if let Some(connection) = self.connection(link) {
                    connection.follows.remove(&feed);
                }
            }
            Effect::Read { feed, after, register } => {
                let wanted = Wanted::Page { after };
                self.soon(agenda, Task::Read(Read { link, feed, wanted, register }));
            }
            Effect::Snapshot { feed, too_long, register } => {
                let wanted = Wanted::Snapshot { too_long };
                self.soon(agenda, Task::Read(Read { link, feed, wanted, register }));
            }
            Effect::Submit { conversation, key, submit } => {
                let peer = self.connection(link).and_then(|c| c.session.peer());
                if let Some(peer) = peer {
                    let reply = Reply::Session(link);
                    self.submit(agenda, network, (peer, conversation, key), submit, reply);
                }
            }
            Effect::Mark { conversation, delivered, read } => {
                let Some(peer) = self.connection(link).and_then(|c| c.session.peer()) else {
                    return;
                };
                let reading = Reading { reader: who(peer), delivered, read };
                let now = (Tick(agenda.now), self.wall(agenda.now));
                self.shard(agenda, network, conversation, |shard, effects| {
                    shard.mark(now, conversation, reading, effects);
                });
            }
            Effect::Typing { .. } | Effect::Status(_) => {}
            Effect::Reading(reading) => self.set_reading(agenda, network, link, reading),
            Effect::Close { .. } => self.close(agenda, network, link),
        }
    }

    fn set_reading(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        link: Link,
        reading: bool,
    ) {
        let Some(connection) = self.connection(link) else { return };
        connection.reading = reading;
        while let Some(connection) = self.connection(link).filter(|c| c.reading) {
            let Some(bytes) = connection.unread.pop_front() else { return };
            self.frame(agenda, network, link, bytes);
        }
    }

    fn close(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link) {
        if let Some(running) = &mut self.running
            && let Some(connection) = running.connections.remove(&link)
        {
            for bytes in connection.outbox {
                network.down(agenda, link, bytes);
            }
            network.hang_up(agenda, link, true);
        }
    }

    pub fn connection(&mut self, link: Link) -> Option<&mut Connection> {
        self.running.as_mut()?.connections.get_mut(&link)
    }

    /// Puts a frame in the outbox; a reader that is too slow is cut off and resumes by cursor.
    fn send(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link, bytes: Bytes) {
        let Some(connection) = self.connection(link) else { return };
        connection.bytes += bytes.len();
        connection.outbox.push_back(bytes);
        if connection.bytes > OUTBOX_BYTES {
            connection.outbox.clear();
            self.troubles.slow_readers += 1;
            self.input(agenda, network, link, Input::Gone);
            self.close(agenda, network, link);
        } else if !connection.draining {
            connection.draining = true;
            let pause = if network.mishap(60) { network.chance.below(10_000) } else { 1 };
            self.later(agenda, pause, Task::Drain(link));
        }
    }

    fn drain(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link) {
        let Some(connection) = self.connection(link) else { return };
        connection.draining = false;
        connection.bytes = 0;
        for bytes in std::mem::take(&mut connection.outbox) {
            network.down(agenda, link, bytes);
        }
    }

    /// One task of this life. True when the power went while it was done.
    pub fn task(&mut self, agenda: &mut Agenda, network: &mut Network, task: Task) -> bool {
        match task {
            Task::Authenticated(link, peer) => {
                self.input(agenda, network, link, Input::Authenticated(peer));
            }
            Task::Read(read) => self.read(agenda, network, read),
            Task::Loaded(conversation) => {
                let Some(running) = &self.running else { return false };
                let found = running.reader.conversation(conversation).map_err(unreadable);
                let now = self.wall(agenda.now);
                self.shard(agenda, network, conversation, |shard, effects| {
                    shard.loaded(now, conversation, found, effects);
                });
            }
            Task::Looked(question) => {
                let Some(running) = &self.running else { return false };
                let (facts, id) = (running.look(question), question.conversation);
                let now = self.wall(agenda.now);
                self.shard(agenda, network, id, |shard, effects| {
                    shard.looked(now, id, facts, effects);
                });
            }
            Task::Commit => return self.commit(agenda),
            Task::Committed(outcomes) => self.committed(agenda, network, outcomes),
            Task::Checkpoint => {
                let Some(running) = &self.running else { return false };
                // A disk that is full or failing is tried again, as the checkpointer does.
                let _ = running.engine.shared().database.mend();
                let _ = running.engine.shared().checkpoint();
                let _ = running.engine.shared().grow();
                self.rotate();
                let pause = 200 + self.chance.below(2_000);
                self.later(agenda, pause, Task::Checkpoint);
            }
            Task::Heal => {
                let Some(running) = &mut self.running else { return false };
                let mut told = Vec::new();
                if running.engine.reader().stats().read_only {
                    let _ = running.engine.heal();
                    told = running.engine.unparked();
                }
                self.note_durable(&told);
                self.committed(agenda, network, told);
                self.later(agenda, 500, Task::Heal);
            }
            Task::Erase => self.erase(agenda, network),
            Task::Time(link) => {
                if let Some(connection) = self.connection(link) {
                    connection.wakes_at = u64::MAX;
                }
                self.input(agenda, network, link, Input::Time);
            }
            Task::Drain(link) => self.drain(agenda, network, link),
        }
        self.disk.is_dead()
    }
}

/// Visitors by their token, agents (whose cookie this is) by the name of their client.
fn authenticate(hello: &Hello) -> Result<Peer, Code> {
    match (hello.visitor_token, hello.client.strip_prefix("agent/")) {
        (Some(token), _) => Ok(Peer::Visitor(VisitorId(u128::from(token[0])))),
        (None, Some(number)) => {
            let number = number.parse().map_err(|_| code::BAD_TOKEN)?;
            Ok(Peer::Agent(AgentId(number)))
        }
        (None, None) => Err(code::BAD_TOKEN),
    }
}

pub fn who(peer: Peer) -> Who {
    match peer {
        Peer::Visitor(visitor) => Who::Visitor(visitor),
        Peer::Agent(agent) => Who::Agent(agent),
    }
}
