//! The owner of the front desk: who is online, who waits, who gets whom. It proposes; the
//! conversation decides and logs. Nothing here is needed for correctness: at a start it is read
//! from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::desk::Desk;
use super::shard::Job;
use super::shards::Reply;
use super::task::spawn;
use crate::base::limits::{AGENT_GONE_MS, ANSWER_MS};
use crate::base::{AgentId, ConversationId, Feed, MessageKey, Position, Private, TeamId, Tick};
use crate::desk::routing::{Proposal, Routing};
use crate::desk::{Actor, Body, Command, Conversation, Entry, Refusal, Request, State, Who};
use crate::session::Status;
use crate::wire;

/// What reaches the front.
#[derive(Debug)]
pub enum FrontInput {
    /// Entries became durable, in the order of the log.
    Applied(Vec<Arc<Entry>>),
    /// An agent's own choice.
    Status { agent: AgentId, status: Status },
    /// A console of the agent connected, or one is gone.
    Console { agent: AgentId, connected: bool },
    /// A console of the agent asked by HTTP: it is there, and asks again within seconds.
    Seen(AgentId),
    /// A conversation after one of its life events.
    Row(Box<Conversation>),
    /// The conversation did not take a proposal.
    Refused(ConversationId),
    /// Somebody follows the conversation and wants to know its place in the queue.
    Watched(ConversationId),
}

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    pub statuses: BTreeMap<AgentId, Status>,
    /// Teams of which somebody takes conversations.
    pub staffed: BTreeSet<TeamId>,
}

/// The front's state, pumped by its task.
pub(super) struct Front {
    desk: Desk,
    staff: watch::Sender<Arc<Staff>>,
    routing: Routing,
    consoles: BTreeMap<AgentId, Consoles>,
    /// Position of the newest row taken of each open conversation: reads may finish out of order.
    rows: BTreeMap<ConversationId, Position>,
}

/// The consoles of one agent. The news of a full mailbox may overtake each other: below zero, one
/// was heard to leave before it was heard to come.
#[derive(Debug, Default)]
struct Consoles {
    open: i64,
    chosen: Status,
    /// When the last one closed: a reload comes back within seconds.
    closed: Option<Tick>,
}

impl Consoles {
    fn count(&mut self, more: i64, now: Tick) {
        self.open += more;
        self.closed = (self.open <= 0).then_some(now);
    }

    fn forget_closed(&mut self, now: Tick) {
        self.closed = self.closed.filter(|at| now.since(*at) < AGENT_GONE_MS);
    }

    fn present(&self) -> bool {
        self.open > 0 || self.closed.is_some()
    }
}

impl Front {
    pub(super) fn new(
        desk: Desk,
        staff: watch::Sender<Arc<Staff>>,
        open: Vec<Conversation>,
    ) -> Self {
        let mut front = Self {
            desk,
            staff,
            routing: Routing::default(),
            consoles: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        let now = front.desk.clock().tick();
        front.take_site();
        for row in open {
            // Who had conversations before the restart has the time of a reload to come back.
            if let Some(agent) = row.agent {
                front.consoles.entry(agent).or_default().closed = Some(now);
            }
            front.take_row(&row, now);
        }
        front
    }

    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<FrontInput>) {
        loop {
            let now = self.desk.clock().tick();
            let due = self.deadline();
            if now >= due || !inputs.is_empty() {
                // Everything that waits is taken in before anything is proposed.
                while let Ok(input) = inputs.try_recv() {
                    self.take(input, now);
                }
                self.act(now);
                continue;
            }
            let sleep = tokio::time::sleep(Duration::from_millis(due.since(now).min(60_000)));
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.take(input, now),
                    None => return,
                },
                () = sleep => {}
            }
            let now = self.desk.clock().tick();
            self.act(now);
        }
    }

    fn deadline(&mut self) -> Tick {
        let gone = self.consoles.values().filter_map(|consoles| consoles.closed);
        let gone = gone.map(|at| at.after(AGENT_GONE_MS)).min().unwrap_or(Tick::NEVER);
        self.routing.deadline().min(gone)
    }

    fn take(&mut self, input: FrontInput, now: Tick) {
        match input {
            FrontInput::Applied(entries) => self.take_entries(&entries, now),
            FrontInput::Row(row) => self.take_row(&row, now),
            FrontInput::Refused(conversation) => self.routing.refused(conversation, now),
            FrontInput::Watched(conversation) => {
                let place = self.routing.place(conversation);
                let frame = || wire::queue_place(conversation, place);
                self.desk.0.hub.hint(Feed::Public(conversation), frame);
            }
            FrontInput::Status { agent, status } => {
                self.consoles.entry(agent).or_default().chosen = status;
            }
            FrontInput::Seen(agent) => {
                self.consoles.entry(agent).or_default().count(0, now);
            }
            FrontInput::Console { agent, connected } => {
                let more = if connected { 1 } else { -1 };
                self.consoles.entry(agent).or_default().count(more, now);
            }
        }
    }

    /// Life events are looked up as rows, because a routing decision needs what came before them.
    fn take_entries(&mut self, entries: &[Arc<Entry>], now: Tick) {
        let mut changed = BTreeSet::new();
        for entry in entries {
            let Some(conversation) = entry.conversation else {
                self.take_site();
                continue;
            };
            match &entry.body {
                Body::Message(_) => {
                    let by_visitor = matches!(entry.author.who, Who::Visitor(_));
                    self.routing.message(conversation, by_visitor, now);
                }
                Body::Opened { .. }
                | Body::Queued { .. }
                | Body::Assigned { .. }
                | Body::Transferred { .. }
                | Body::Resolved
                | Body::Reopened
                | Body::Erased { .. } => {
                    changed.insert(conversation);
                }
                Body::Note(_)
                | Body::Rated { .. }
                | Body::Recalled { .. }
                | Body::Profile(_)
                | Body::Tombstone(_)
                | Body::Agent(_)
                | Body::Team(_)
                | Body::Inbox(_)
                | Body::Site(_) => {}
            }
        }
        if !changed.is_empty() {
            let desk = self.desk.clone();
            spawn(async move { desk.read_rows_for_front(changed).await });
        }
    }

    fn take_row(&mut self, row: &Conversation, now: Tick) {
        let newest = self.rows.entry(row.id).or_default();
        if row.position < *newest {
            return;
        }
        *newest = row.position;
        if matches!(row.state, State::Resolved | State::Erased) {
            self.rows.remove(&row.id);
        }
        self.routing.update(row, now);
    }

    fn take_site(&mut self) {
        let site = self.desk.site();
        for row in site.agents.values() {
            self.routing.agent(row);
        }
        let own = u64::from(site.row.answer_timeout_ms);
        self.routing.answer_within(if own == 0 { ANSWER_MS } else { own });
    }

    fn act(&mut self, now: Tick) {
        self.publish_staff(now);
        for proposal in self.routing.propose(now) {
            match proposal {
                Proposal::Assign { conversation, agent } => {
                    let assignee = self.desk.site().assignee(agent);
                    match assignee {
                        Some(assignee) => self.ask(conversation, Command::Assign(assignee)),
                        None => self.routing.refused(conversation, now),
                    }
                }
                Proposal::Requeue { conversation, reason } => {
                    self.ask(conversation, Command::Requeue(reason));
                }
                Proposal::Place { conversation, place } => {
                    let frame = || wire::queue_place(conversation, place);
                    self.desk.0.hub.hint(Feed::Public(conversation), frame);
                }
            }
        }
        let (queued, owned) = self.routing.counts();
        self.desk.0.counters.conversations_queued.set(queued as u64);
        self.desk.0.counters.conversations_open.set((queued + owned) as u64);
    }

    /// Sends a proposal to its conversation; a refusal comes back as an input.
    fn ask(&self, conversation: ConversationId, command: Command) {
        let desk = self.desk.clone();
        spawn(async move {
            if let Err(refusal) = desk.propose(conversation, command).await {
                tracing::debug!(code = refusal.code.0, %conversation, "proposal refused");
                // A front that is gone needs no answer.
                let _ = desk.0.front.send(FrontInput::Refused(conversation)).await;
            }
        });
    }

    /// Tells the consoles whose status changed, and remembers who is there.
    fn publish_staff(&mut self, now: Tick) {
        for consoles in self.consoles.values_mut() {
            consoles.forget_closed(now);
        }
        let site = self.desk.site();
        let mut statuses = BTreeMap::new();
        for (agent, consoles) in &self.consoles {
            let working = consoles.present() && site.agent(*agent).is_some();
            let status = if working { consoles.chosen } else { Status::Offline };
            self.routing.presence(*agent, status == Status::Online, working);
            statuses.insert(*agent, status);
        }
        let next = Staff { statuses, staffed: self.routing.staffed() };
        let last = Arc::clone(&self.staff.borrow());
        if *last == next {
            return;
        }
        for (agent, status) in &next.statuses {
            if last.statuses.get(agent) != Some(status) {
                self.desk.0.hub.hint(Feed::Roster, || wire::presence_agent(*agent, *status));
            }
        }
        let online = next.statuses.values().filter(|status| **status == Status::Online).count();
        self.desk.0.counters.agents_online.set(online as u64);
        self.staff.send_replace(Arc::new(next));
    }
}

impl Desk {
    /// Submits a command of the desk itself and waits until it is durable.
    async fn propose(&self, conversation: ConversationId, command: Command) -> Result<(), Refusal> {
        let key = MessageKey::new(self.clock().wall().ms, super::account::random()?);
        let request = Request::plain(key, command);
        let actor =
            Actor { who: Who::System, name: Private::default(), role: None, teams: Vec::new() };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.send_request(conversation, Job { actor, request, reply: Reply::Caller(sender) })?;
        match receiver.await {
            Ok(answer) => answer.map(drop),
            Err(_stopping) => Ok(()),
        }
    }

    /// Reads the rows of conversations whose life went on and hands them to the front.
    async fn read_rows_for_front(&self, changed: BTreeSet<ConversationId>) {
        for id in changed {
            match self.conversation(id).await {
                Ok(row) => {
                    // A front that is gone routes nothing any more.
                    let _ = self.0.front.send(FrontInput::Row(Box::new(row))).await;
                }
                Err(refusal) => {
                    tracing::warn!(code = refusal.code.0, %id, "conversation not read for routing");
                }
            }
        }
    }
}

impl Staff {
    #[must_use]
    pub fn is_staffed(&self, team: TeamId) -> bool {
        self.staffed.contains(&team)
    }

    #[must_use]
    pub fn status(&self, agent: AgentId) -> Status {
        self.statuses.get(&agent).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn presence(&self) -> Vec<wire::Presence> {
        let presence = |(agent, status): (&AgentId, &Status)| wire::Presence::Agent {
            agent: *agent,
            status: *status,
        };
        self.statuses.iter().map(presence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_that_is_heard_to_leave_before_it_came_leaves_nobody_present() {
        let mut consoles = Consoles::default();
        for more in [-1, 1] {
            consoles.count(more, Tick(0));
        }
        assert!(consoles.present(), "as after every console that leaves: it may be a reload");
        consoles.forget_closed(Tick(AGENT_GONE_MS));
        assert!(!consoles.present());

        for more in [1, -1, 1] {
            consoles.count(more, Tick(0));
        }
        consoles.forget_closed(Tick(AGENT_GONE_MS));
        assert!(consoles.present(), "one of two consoles is open");
    }
}
