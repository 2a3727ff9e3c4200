//! The handle to the running desk: what connections, HTTP and the control socket talk to. Cheap
//! to clone. Invariant: it owns nothing; every call ends at an owner's mailbox or at the store's
//! reader.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::audit::Audit;
use super::front::{FrontInput, Staff};
use super::ledger::Ledger;
use super::picture::Paces;
use super::reads::Reads;
use super::rotation::Rotation;
use super::shard::{Job, Reading};
use super::shards::{Reply, ShardInput};
use crate::base::code::Code;
use crate::base::counters::Counters;
use crate::base::{
    AgentId, Clock, ConversationId, Epoch, Index, Language, MessageKey, Private, TeamId, VisitorId,
    Wall, code,
};
use crate::desk::{Actor, Refusal, Request, Site, Who};
use crate::hub::Hub;
use crate::session::{Peer, Status};
use crate::store::{Blobs, Stats};
use crate::wire::Submission;

/// The handle.
#[derive(Clone)]
pub struct Desk(pub(super) Arc<Inner>);

/// What the handle shares.
pub(super) struct Inner {
    pub clock: Arc<dyn Clock>,
    pub epoch: Epoch,
    pub counters: Arc<Counters>,
    pub hub: Arc<Hub>,
    pub reads: Reads,
    pub ledger: Arc<Ledger>,
    pub shards: Vec<mpsc::Sender<ShardInput>>,
    pub hasher: RandomState,
    pub front: mpsc::Sender<FrontInput>,
    pub site: watch::Receiver<Arc<Site>>,
    pub staff: watch::Receiver<Arc<Staff>>,
    /// One change of the site's settings at a time.
    pub settings: Semaphore,
    /// How many new pictures each agent had lately.
    pub pictures: Mutex<Paces>,
    /// Password checks at a time: each holds 19 MiB for its memory-hard hash.
    pub passwords: Arc<Semaphore>,
    pub claim_code: Option<Private>,
    pub endpoints: RwLock<Arc<[String]>>,
    pub national: bool,
    pub blobs: Blobs,
    pub rotation: watch::Sender<Rotation>,
    /// Held by a step of a rotation; true when there is to be none any more.
    pub stopped: Mutex<bool>,
    pub audit: Audit,
    pub draining: AtomicBool,
    pub drain: watch::Sender<Option<u32>>,
}

/// Whether the desk can take something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub read_only: Option<Code>,
    pub draining: bool,
}

/// What the network knows of a visitor.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub address: IpAddr,
    pub device: String,
    pub language: Language,
}

impl Desk {
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    /// The site as the last applied entry left it.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.0.site.borrow())
    }

    /// Base URLs that clients try, best first.
    #[must_use]
    pub fn endpoints(&self) -> Arc<[String]> {
        Arc::clone(&self.0.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Clients that come from now on are told these URLs.
    pub fn set_endpoints(&self, endpoints: Vec<String>) {
        *self.0.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints.into();
    }

    /// Least time between two commits from now on.
    pub fn set_commit_interval(&self, min_ms: u64) {
        self.0.ledger.fabric().set_commit_interval(min_ms);
    }

    /// Whether somebody of the team takes conversations now.
    #[must_use]
    pub fn staffed(&self, team: TeamId) -> bool {
        self.0.staff.borrow().is_staffed(team)
    }

    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            read_only: self.stats().read_only.then_some(code::READ_ONLY),
            draining: self.0.draining.load(Ordering::Relaxed),
        }
    }

    /// Figures of the store.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.reads.reader().stats()
    }

    /// Has `answer` called on the writer's thread, without a sync: a sign of its life.
    pub fn probe(&self, answer: Box<dyn FnOnce() + Send>) {
        // A writer with a full queue does not answer, which is what the caller wants to know.
        let _ = self.0.ledger.fabric().probe(answer);
    }

    /// The visitor that a token proves: the first half of its SHA-256.
    #[must_use]
    pub fn visitor_of(token: &[u8; 32]) -> VisitorId {
        let hash = posthouse_crypto::token::sha256(token);
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        VisitorId(u128::from_be_bytes(first))
    }

    /// Hands a command to its conversation's owner. The answer goes to `reply`; a refusal that is
    /// known at once is returned.
    pub(super) fn send(
        &self,
        peer: Peer,
        from: &Surroundings,
        command: (ConversationId, MessageKey, Submission),
        reply: Reply,
    ) -> Result<(), Refusal> {
        let (conversation, key, submission) = command;
        let site = self.site();
        let (actor, request) = identify(&site, peer, from, key, submission)?;
        self.send_request(conversation, Job { actor, request, reply })
    }

    pub(super) fn send_request(
        &self,
        conversation: ConversationId,
        job: Job<Reply>,
    ) -> Result<(), Refusal> {
        self.to_shard(conversation, ShardInput::Submit { conversation, job: Box::new(job) })
    }

    /// Sends a command and waits for its ack: the index in the sender's feed and the entry's time.
    ///
    /// # Errors
    /// The refusal; nothing was stored, or (after a lost answer) the same key answers again.
    pub async fn submit(
        &self,
        peer: Peer,
        from: &Surroundings,
        conversation: ConversationId,
        key: MessageKey,
        submission: Submission,
    ) -> Result<(Index, Wall), Refusal> {
        let (sender, receiver) = oneshot::channel();
        self.send(peer, from, (conversation, key, submission), Reply::Caller(sender))?;
        receiver.await.unwrap_or(Err(Refusal::new(code::GOING_AWAY)))
    }

    /// Notes how far a reader has come. Lossy: a full mailbox drops it, the next one catches up.
    pub fn mark(&self, peer: Peer, conversation: ConversationId, delivered: Index, read: Index) {
        let reading = Reading { reader: who(peer), delivered, read };
        let _ = self.to_shard(conversation, ShardInput::Mark { conversation, reading });
    }

    /// An agent's own status.
    pub fn status(&self, agent: AgentId, status: Status) {
        self.tell_front(FrontInput::Status { agent, status });
    }

    /// An agent without a connection asked for something.
    pub fn seen(&self, agent: AgentId) {
        self.tell_front(FrontInput::Seen(agent));
    }

    fn to_shard(&self, conversation: ConversationId, input: ShardInput) -> Result<(), Refusal> {
        let part = self.0.hasher.hash_one(conversation) % self.0.shards.len() as u64;
        // Below the number of shards, which is a usize.
        let shard = usize::try_from(part).unwrap_or_default();
        self.0.shards[shard].try_send(input).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::busy(500),
            mpsc::error::TrySendError::Closed(_) => Refusal::new(code::GOING_AWAY),
        })
    }
}

/// The peer as the desk knows them.
#[must_use]
pub fn who(peer: Peer) -> Who {
    match peer {
        Peer::Visitor(visitor) => Who::Visitor(visitor),
        Peer::Agent(agent) => Who::Agent(agent),
    }
}

/// Turns what a client asked into a request of an actor: names are looked up, what only the network
/// knows is added.
fn identify(
    site: &Site,
    peer: Peer,
    from: &Surroundings,
    key: MessageKey,
    submission: Submission,
) -> Result<(Actor, Request), Refusal> {
    let Submission { opening, command, body_hash } = submission;
    let opening = opening.map(|mut opening| {
        opening.profile.address = Private(from.address.to_string());
        opening.profile.device.clone_from(&from.device);
        opening
    });
    let actor = match peer {
        Peer::Agent(agent) => site.actor(agent).ok_or(Refusal::new(code::BAD_TOKEN))?,
        Peer::Visitor(visitor) => Actor {
            who: Who::Visitor(visitor),
            name: opening.as_ref().map(|ask| ask.profile.name.clone()).unwrap_or_default(),
            role: None,
            teams: Vec::new(),
        },
    };
    let request = site.request(key, body_hash, opening, command);
    Ok((actor, request))
}
