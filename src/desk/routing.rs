//! Who gets whom: the queue of each team and the load of each agent, pure. It proposes; the
//! conversation decides. Everything here is derived from rows and applied entries, so a restart
//! rebuilds it.

use std::collections::{BTreeMap, BTreeSet};

use super::conversation::{Conversation, State};
use super::entry::{AgentRow, QueueReason};
use super::rights::Right;
use crate::base::limits::PROPOSAL_MS;
use crate::base::{AgentId, ConversationId, Position, TeamId, Tick};

/// The front desk's view of open conversations and of the agents.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    agents: BTreeMap<AgentId, Seat>,
    queue: BTreeMap<ConversationId, Waiting>,
    owned: BTreeMap<ConversationId, Owned>,
    /// Places told last.
    places: BTreeMap<ConversationId, u32>,
    answer_timeout_ms: u64,
    /// Rises with every assignment: who was given one longest ago is next among equals.
    turn: u64,
    /// Something that proposals depend on is not what it was when they were made last. A message
    /// is no such thing: a busy desk would else go through its whole queue for each.
    changed: bool,
    /// When proposals were made last.
    asked: Tick,
    /// The answer of `deadline`, as long as it holds.
    next: Option<Tick>,
}

/// What the routing wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    Assign {
        conversation: ConversationId,
        agent: AgentId,
    },
    Requeue {
        conversation: ConversationId,
        reason: QueueReason,
    },
    /// A place in the queue changed; 1 = next, 0 = not queued any more.
    Place {
        conversation: ConversationId,
        place: u32,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seat {
    capacity: u32,
    teams: Vec<TeamId>,
    /// Takes conversations.
    available: bool,
    /// Has a console open; away is present.
    present: bool,
    /// Disabled, or holds a role that takes no conversations.
    barred: bool,
    /// When the agent was given a conversation last.
    turn: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    team: TeamId,
    /// Where in the log it was queued: the order of the queue.
    since: Position,
    preferred: Option<AgentId>,
    /// Did not answer in time, so somebody else comes first.
    passed: Option<AgentId>,
    proposed: Option<(AgentId, Tick)>,
}

#[derive(Clone, Debug)]
struct Owned {
    agent: AgentId,
    team: TeamId,
    /// Since when the visitor waits for an answer.
    unanswered: Option<Tick>,
    requeued: Option<Tick>,
}

impl Routing {
    /// A conversation as its last applied entry left it. Rows may come late or twice, never
    /// reordered for the worse: the shell drops rows older than one it has handed in.
    pub fn update(&mut self, row: &Conversation, now: Tick) {
        let id = row.id;
        self.changed = true;
        match row.state {
            State::Queued => {
                self.owned.remove(&id);
                let timed_out = row.queue_reason == Some(QueueReason::Timeout);
                let waiting = self.queue.entry(id).or_insert_with(|| Waiting {
                    team: row.team,
                    since: row.position,
                    preferred: row.last_agent.filter(|_| !timed_out),
                    passed: row.last_agent.filter(|_| timed_out),
                    proposed: None,
                });
                waiting.team = row.team;
            }
            State::Assigned => {
                self.queue.remove(&id);
                let Some(agent) = row.agent else { return };
                let known = self.owned.remove(&id).filter(|owned| owned.agent == agent);
                if known.is_none() {
                    self.turn += 1;
                    if let Some(seat) = self.agents.get_mut(&agent) {
                        seat.turn = self.turn;
                    }
                }
                let since = known.and_then(|owned| owned.unanswered).unwrap_or(now);
                let unanswered = (row.waiting_since_ms != 0).then_some(since);
                let team = row.team;
                self.owned.insert(id, Owned { agent, team, unanswered, requeued: None });
            }
            State::Resolved | State::Absent | State::Erased => {
                self.queue.remove(&id);
                self.owned.remove(&id);
            }
        }
    }

    /// A message was applied: the visitor's starts the wait for an answer, the agent's ends it.
    pub fn message(&mut self, id: ConversationId, by_visitor: bool, now: Tick) {
        let Some(owned) = self.owned.get_mut(&id) else { return };
        let since = by_visitor.then(|| owned.unanswered.unwrap_or(now));
        owned.unanswered = since;
        if let Some(since) = since {
            let late = since.after(self.answer_timeout_ms);
            // What is late already waits for a change.
            if late > now {
                self.next = self.next.map(|next| next.min(late));
            }
            let agent = owned.agent;
            self.changed |= !self.is_present(agent);
        }
    }

    /// An agent's row as it is now.
    pub fn agent(&mut self, row: &AgentRow) {
        let seat = self.agents.entry(row.id).or_default();
        let before = seat.clone();
        seat.capacity = row.capacity;
        seat.teams.clone_from(&row.teams);
        seat.barred = row.disabled || !row.role.may(Right::Converse);
        if seat.barred {
            (seat.available, seat.present) = (false, false);
        }
        self.changed |= *seat != before;
    }

    /// Whether an agent takes conversations, and whether a console of theirs is open at all.
    pub fn presence(&mut self, agent: AgentId, available: bool, present: bool) {
        let seat = self.agents.entry(agent).or_default();
        let (available, present) = (available && !seat.barred, present && !seat.barred);
        let before = std::mem::replace(&mut seat.available, available) != available;
        self.changed |= std::mem::replace(&mut seat.present, present) != present || before;
    }

    /// How long a visitor waits for an answer before somebody else is asked.
    pub fn answer_within(&mut self, ms: u64) {
        self.changed |= self.answer_timeout_ms != ms;
        self.answer_timeout_ms = ms;
    }

    /// A proposal was refused: it is made again later, perhaps to somebody else.
    pub fn refused(&mut self, id: ConversationId, now: Tick) {
        if let Some(waiting) = self.queue.get_mut(&id) {
            waiting.proposed = waiting.proposed.map(|(agent, _)| (agent, now));
            self.next = None;
        }
    }

    /// Teams of which somebody takes conversations.
    #[must_use]
    pub fn staffed(&self) -> BTreeSet<TeamId> {
        let available = self.agents.values().filter(|seat| seat.available);
        available.flat_map(|seat| seat.teams.iter().copied()).collect()
    }

    /// The place in the queue that was told last; 0 = not queued.
    #[must_use]
    pub fn place(&self, id: ConversationId) -> u32 {
        self.places.get(&id).copied().unwrap_or_default()
    }

    /// Conversations that wait, and those that somebody owns.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.queue.len(), self.owned.len())
    }

    /// What should happen now, each thing once until `PROPOSAL_MS` have passed without effect.
    pub fn propose(&mut self, now: Tick) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        if !self.changed && now < self.deadline() {
            return proposals;
        }
        for waiting in self.queue.values_mut() {
            waiting.proposed = waiting.proposed.filter(|(_, at)| now.since(*at) < PROPOSAL_MS);
        }
        let mut loads = self.loads();
        self.give_back(now, &loads, &mut proposals);
        self.give_out(now, &mut loads, &mut proposals);
        self.tell_places(&mut proposals);
        (self.changed, self.asked, self.next) = (false, now, None);
        proposals
    }

    /// When `propose` should be asked again though nothing happened; later than it was asked last.
    #[must_use]
    pub fn deadline(&mut self) -> Tick {
        if let Some(next) = self.next {
            return next;
        }
        let proposals = self.queue.values().filter_map(|waiting| waiting.proposed);
        let retries = proposals.map(|(_, at)| at.after(PROPOSAL_MS));
        let owned = self.owned.values().filter_map(|owned| {
            // Who is gone is not waited for; what was refused is proposed again soon.
            let wait = if self.is_present(owned.agent) { self.answer_timeout_ms } else { 0 };
            let answer = owned.unanswered?.after(wait);
            Some(owned.requeued.map_or(answer, |at| answer.max(at.after(PROPOSAL_MS))))
        });
        // What is late and found nobody else waits for a change, not for the clock.
        let future = retries.chain(owned).filter(|at| *at > self.asked);
        let next = future.min().unwrap_or(Tick::NEVER);
        self.next = Some(next);
        next
    }

    /// Conversations whose owner is gone or does not answer go back, when that helps the visitor.
    fn give_back(&mut self, now: Tick, loads: &Loads, proposals: &mut Vec<Proposal>) {
        let mut back = Vec::new();
        for (id, owned) in &self.owned {
            let Some(since) = owned.unanswered else { continue };
            if owned.requeued.is_some_and(|at| now.since(at) < PROPOSAL_MS) {
                continue;
            }
            let present = self.is_present(owned.agent);
            let late = self.answer_timeout_ms > 0 && now.since(since) >= self.answer_timeout_ms;
            if !present {
                back.push((*id, QueueReason::AgentGone));
            } else if late && self.somebody_else(owned, loads) {
                back.push((*id, QueueReason::Timeout));
            }
        }
        for (id, reason) in back {
            if let Some(owned) = self.owned.get_mut(&id) {
                owned.requeued = Some(now);
            }
            proposals.push(Proposal::Requeue { conversation: id, reason });
        }
    }

    fn is_present(&self, agent: AgentId) -> bool {
        self.agents.get(&agent).is_some_and(|seat| seat.present)
    }

    fn somebody_else(&self, owned: &Owned, loads: &Loads) -> bool {
        self.agents.iter().any(|(agent, seat)| {
            *agent != owned.agent && seat.serves(owned.team) && load(loads, *agent) < seat.capacity
        })
    }

    fn give_out(&mut self, now: Tick, loads: &mut Loads, proposals: &mut Vec<Proposal>) {
        let mut order: Vec<_> = self.queue.iter().map(|(id, w)| (w.since, *id)).collect();
        order.sort_unstable();
        for (_, id) in order {
            let Some(waiting) = self.queue.get(&id) else { continue };
            if waiting.proposed.is_some() {
                continue;
            }
            if let Some(agent) = self.choose(waiting, loads) {
                *loads.entry(agent).or_default() += 1;
                self.turn += 1;
                if let Some(seat) = self.agents.get_mut(&agent) {
                    seat.turn = self.turn;
                }
                if let Some(waiting) = self.queue.get_mut(&id) {
                    waiting.proposed = Some((agent, now));
                }
                proposals.push(Proposal::Assign { conversation: id, agent });
            }
        }
    }

    /// The returning agent first, then the least load for the capacity, then the longest without
    /// one.
    fn choose(&self, waiting: &Waiting, loads: &Loads) -> Option<AgentId> {
        let free = |agent: &AgentId, seat: &Seat| {
            seat.serves(waiting.team) && load(loads, *agent) < seat.capacity
        };
        let preferred = waiting
            .preferred
            .filter(|agent| self.agents.get(agent).is_some_and(|seat| free(agent, seat)));
        if preferred.is_some() {
            return preferred;
        }
        let rank = |agent: AgentId, seat: &Seat| {
            let passed = waiting.passed == Some(agent);
            let load = u64::from(load(loads, agent)) * 1_000 / u64::from(seat.capacity.max(1));
            (passed, load, seat.turn, agent)
        };
        self.agents
            .iter()
            .filter(|(agent, seat)| free(agent, seat))
            .map(|(agent, seat)| rank(*agent, seat))
            .min()
            .map(|(.., agent)| agent)
    }

    /// Conversations each agent owns or is about to.
    fn loads(&self) -> Loads {
        let mut loads = Loads::new();
        let proposed = self.queue.values().filter_map(|waiting| waiting.proposed);
        let agents = self.owned.values().map(|owned| owned.agent);
        for agent in agents.chain(proposed.map(|(agent, _)| agent)) {
            *loads.entry(agent).or_default() += 1;
        }
        loads
    }

    fn tell_places(&mut self, proposals: &mut Vec<Proposal>) {
        let mut order: Vec<_> = self.queue.iter().map(|(id, w)| (w.team, w.since, *id)).collect();
        order.sort_unstable();
        let mut places = BTreeMap::new();
        let mut counted = BTreeMap::<TeamId, u32>::new();
        for (team, _, id) in order {
            let place = counted.entry(team).or_default();
            *place += 1;
            places.insert(id, *place);
        }
        for (id, place) in &places {
            if self.places.get(id) != Some(place) {
                proposals.push(Proposal::Place { conversation: *id, place: *place });
            }
        }
        for id in self.places.keys().filter(|id| !places.contains_key(id)) {
            proposals.push(Proposal::Place { conversation: *id, place: 0 });
        }
        self.places = places;
    }
}

impl Seat {
    fn serves(&self, team: TeamId) -> bool {
        self.available && self.teams.contains(&team)
    }
}

type Loads = BTreeMap<AgentId, u32>;

fn load(loads: &Loads, agent: AgentId) -> u32 {
    loads.get(&agent).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Private;
    use crate::desk::Role;

    const TEAM: TeamId = TeamId(1);

    fn routing(agents: u32, capacity: u32) -> Routing {
        let mut routing = Routing::default();
        routing.answer_within(60_000);
        for id in 1..=agents {
            routing.agent(&AgentRow {
                id: AgentId(id),
                login: format!("a{id}"),
                name: Private::default(),
                picture: None,
                role: Role::Agent,
                capacity,
                teams: vec![TEAM],
                disabled: false,
            });
            routing.presence(AgentId(id), true, true);
        }
        routing
    }

    fn row(id: u128, state: State, agent: Option<u32>) -> Conversation {
        Conversation {
            id: ConversationId(id),
            team: TEAM,
            state,
            agent: agent.map(AgentId),
            position: Position(id as u64),
            waiting_since_ms: 1,
            ..Conversation::default()
        }
    }

    fn assigned(proposals: &[Proposal]) -> Vec<(u128, u32)> {
        let pair = |proposal: &Proposal| match proposal {
            Proposal::Assign { conversation, agent } => Some((conversation.0, agent.0)),
            Proposal::Requeue { .. } | Proposal::Place { .. } => None,
        };
        proposals.iter().filter_map(pair).collect()
    }

    #[test]
    fn the_queue_is_served_in_order_and_the_least_loaded_first() {
        let mut routing = routing(2, 2);
        routing.update(&row(9, State::Assigned, Some(1)), Tick(0));
        for id in [3, 2, 1, 4] {
            routing.update(&row(id, State::Queued, None), Tick(0));
        }
        let proposals = routing.propose(Tick(0));
        assert_eq!(assigned(&proposals), [(1, 2), (2, 1), (3, 2)], "capacity 2 each");
        let fourth = Proposal::Place { conversation: ConversationId(4), place: 4 };
        assert!(proposals.contains(&fourth));
        assert_eq!(assigned(&routing.propose(Tick(1))), [], "each thing is proposed once");
    }

    #[test]
    fn a_returning_visitor_gets_the_agent_they_know() {
        let mut routing = routing(3, 5);
        routing.update(&row(7, State::Assigned, Some(2)), Tick(0));
        let back = Conversation { last_agent: Some(AgentId(2)), ..row(8, State::Queued, None) };
        routing.update(&back, Tick(0));
        assert_eq!(assigned(&routing.propose(Tick(0))), [(8, 2)]);
    }

    #[test]
    fn silence_moves_a_conversation_only_when_somebody_else_is_there() {
        let mut routing = routing(2, 5);
        routing.presence(AgentId(2), false, true);
        routing.update(&row(1, State::Assigned, Some(1)), Tick(0));
        assert_eq!(routing.propose(Tick(60_000)), []);
        routing.presence(AgentId(2), true, true);
        let requeue = |reason| Proposal::Requeue { conversation: ConversationId(1), reason };
        assert_eq!(routing.propose(Tick(60_001)), [requeue(QueueReason::Timeout)]);

        routing.message(ConversationId(1), false, Tick(60_002));
        assert_eq!(routing.propose(Tick(200_000)), [], "it was answered");
        assert_eq!(routing.deadline(), Tick::NEVER);
        routing.presence(AgentId(1), false, false);
        routing.message(ConversationId(1), true, Tick(200_000));
        assert_eq!(routing.propose(Tick(200_000)), [requeue(QueueReason::AgentGone)]);

        let mut queued = row(1, State::Queued, None);
        queued.queue_reason = Some(QueueReason::Timeout);
        queued.last_agent = Some(AgentId(1));
        routing.presence(AgentId(1), true, true);
        routing.update(&queued, Tick(200_001));
        assert_eq!(assigned(&routing.propose(Tick(200_001))), [(1, 2)], "not the one who slept");
    }

    #[test]
    fn a_late_answer_that_nobody_else_can_give_is_not_asked_for_again_and_again() {
        let mut routing = routing(1, 5);
        routing.update(&row(1, State::Assigned, Some(1)), Tick(0));
        assert_eq!(routing.propose(Tick(1)), []);
        assert_eq!(routing.deadline(), Tick(60_000));
        assert_eq!(routing.propose(Tick(60_000)), []);
        assert_eq!(routing.deadline(), Tick::NEVER, "it waits for a change");
    }

    #[test]
    fn a_refused_return_to_the_queue_is_proposed_again_soon_when_the_agent_is_gone() {
        let mut routing = routing(2, 5);
        routing.presence(AgentId(1), false, false);
        routing.update(&row(1, State::Assigned, Some(1)), Tick(0));
        let back =
            Proposal::Requeue { conversation: ConversationId(1), reason: QueueReason::AgentGone };
        assert_eq!(routing.propose(Tick(1)), std::slice::from_ref(&back));
        routing.refused(ConversationId(1), Tick(2));
        assert_eq!(routing.deadline(), Tick(1).after(PROPOSAL_MS));
        assert_eq!(routing.propose(Tick(1).after(PROPOSAL_MS)), [back]);
    }

    #[test]
    fn messages_move_the_deadline_and_propose_nothing() {
        let mut routing = routing(2, 5);
        let mut answered = row(1, State::Assigned, Some(1));
        answered.waiting_since_ms = 0;
        routing.update(&answered, Tick(0));
        assert_eq!(routing.propose(Tick(1)), []);
        assert_eq!(routing.deadline(), Tick::NEVER);
        routing.message(ConversationId(1), true, Tick(10));
        assert!(!routing.changed, "the queue is not gone through");
        assert_eq!(routing.deadline(), Tick(60_010));
        assert_eq!(routing.propose(Tick(60_010)).len(), 1);
    }

    #[test]
    fn a_refused_proposal_is_made_again() {
        let mut routing = routing(1, 1);
        routing.update(&row(1, State::Queued, None), Tick(0));
        assert_eq!(assigned(&routing.propose(Tick(0))), [(1, 1)]);
        routing.refused(ConversationId(1), Tick(1));
        let again = routing.deadline();
        assert_eq!(assigned(&routing.propose(again)), [(1, 1)]);
    }
}
