//! From a command to an entry that everybody sees: the shards, the writer's batches, the fan-out,
//! the answers.

use std::sync::Arc;

use posthouse::actors::shard::{self, Answer, Durable, Job, Reading, Shard};
use posthouse::base::chance::Chance;
use posthouse::base::code;
use posthouse::base::{ConversationId, Feed, Language, MessageKey, Private, Tick};
use posthouse::desk::{Actor, Body, Draft, Refusal, Request, Who};
use posthouse::session::{Input, Peer, ServerFrame};
use posthouse::store::{Fact, Item, Mark, NewEntry, Outcome, Proposal, Written};
use posthouse::wire::{self, Submission};

use crate::net::{Agenda, Event, Link, Network};
use crate::server::{Connection, PING_MS, Reply, Server, Task, Work};

impl Server {
    pub fn submit(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        (peer, conversation, key): (Peer, ConversationId, MessageKey),
        submission: Submission,
        reply: Reply,
    ) {
        let Some(running) = &self.running else { return };
        let actor = match peer {
            Peer::Agent(agent) => running.site.actor(agent).expect("a known agent"),
            Peer::Visitor(visitor) => Actor {
                who: Who::Visitor(visitor),
                name: Private::default(),
                role: None,
                teams: Vec::new(),
            },
        };
        let Submission { opening, command, body_hash } = submission;
        let request: Request = running.site.request(key, body_hash, opening, command);
        let now = (Tick(agenda.now), self.wall(agenda.now));
        self.shard(agenda, network, conversation, |shard, effects| {
            shard.submit(now, conversation, Job { actor, request, reply }, effects);
        });
    }

    /// Runs a shard's step and what follows from it.
    pub fn shard(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        conversation: ConversationId,
        step: impl FnOnce(&mut Shard<Reply>, &mut Vec<shard::Effect<Reply>>),
    ) {
        let Some(running) = &mut self.running else { return };
        let number = usize::try_from(conversation.0 % 2).unwrap_or(0);
        let mut effects = Vec::new();
        step(&mut running.shards[number], &mut effects);
        self.carry_out(agenda, network, effects.into_iter().map(|e| Work::Shard(number, e)));
    }

    pub fn shard_effect(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        number: usize,
        effect: shard::Effect<Reply>,
    ) {
        match effect {
            shard::Effect::Load(conversation) => self.soon(agenda, Task::Loaded(conversation)),
            shard::Effect::Look(question) => self.soon(agenda, Task::Looked(question)),
            shard::Effect::Append { number: append, drafts, body_hash, .. } => {
                self.append(agenda, (number, append), drafts, body_hash);
            }
            shard::Effect::Mark { conversation, reading } => {
                let Reading { reader, delivered, read } = reading;
                let mark = Fact::Mark(Mark { conversation, reader, delivered, read });
                let items = [Item::Fact(mark)].into_iter().collect();
                self.propose(agenda, Proposal { ticket: 0, items });
            }
            shard::Effect::Reply { to, answer } => self.reply(agenda, network, to, answer),
        }
    }

    fn append(
        &mut self,
        agenda: &mut Agenda,
        owner: (usize, u64),
        drafts: Vec<Draft>,
        body_hash: [u8; 16],
    ) {
        let item = |draft: Draft| {
            Item::Entry(NewEntry {
                bytes: wire::encode_entry(&draft.entry),
                entry: Arc::new(draft.entry),
                feeds: draft.feeds,
                body_hash,
            })
        };
        let Some(running) = &mut self.running else { return };
        let ticket = running.next_ticket;
        running.next_ticket += 1;
        running.tickets.insert(ticket, owner);
        let items = drafts.into_iter().map(item).collect();
        self.propose(agenda, Proposal { ticket, items });
    }

    /// The writer takes what arrived while the last batch was synced.
    fn propose(&mut self, agenda: &mut Agenda, proposal: Proposal) {
        let Some(running) = &mut self.running else { return };
        running.waiting.push(proposal);
        if !running.committing {
            running.committing = true;
            self.later(agenda, 0, Task::Commit);
        }
    }

    fn reply(&mut self, agenda: &mut Agenda, network: &mut Network, to: Reply, answer: Answer) {
        let Answer { conversation, key, result } = answer;
        match to {
            Reply::Session(link) => {
                let input = match result {
                    Ok((index, at)) => Input::Durable { conversation, key, index, at },
                    Err(refusal) => Input::Refused { conversation, key, refusal },
                };
                self.input(agenda, network, link, input);
            }
            Reply::Nobody => {}
            Reply::Letter(client) => {
                let frame = match result {
                    Ok((index, at)) => ServerFrame::Ack { conversation, key, index, at },
                    Err(refusal) => ServerFrame::Refused {
                        conversation: Some(conversation),
                        key: Some(key),
                        refusal,
                    },
                };
                let around = wire::Surroundings {
                    epoch: Default::default(),
                    now: self.wall(agenda.now),
                    ping_interval_ms: PING_MS,
                    endpoints: &[],
                    staffed: true,
                    language: Language::En,
                };
                let bytes = wire::encode_server(&frame, &around);
                network.letter(agenda, || Event::PostAnswer(client, bytes.clone()));
            }
        }
    }

    pub fn commit(&mut self, agenda: &mut Agenda) -> bool {
        let Some(running) = &mut self.running else { return false };
        let batch = std::mem::take(&mut running.waiting);
        let outcomes = if running.reader.stats().read_only {
            let refusal = Refusal { code: code::READ_ONLY, retry_after_ms: 2_000 };
            batch.into_iter().map(|p| Outcome { ticket: p.ticket, result: Err(refusal) }).collect()
        } else {
            running.engine.commit(batch)
        };
        if self.disk.is_dead() {
            return true;
        }
        let refused = outcomes.iter().filter(|outcome| outcome.result.is_err());
        self.troubles.refused_writes += refused.count() as u64;
        self.note_durable(&outcomes);
        let pause = 1 + self.chance.below(12);
        self.later(agenda, pause, Task::Committed(outcomes));
        false
    }

    /// What must not be shown any more from now on.
    pub fn note_durable(&mut self, outcomes: &[Outcome]) {
        for written in outcomes.iter().filter_map(|o| o.result.as_ref().ok()).flatten() {
            self.erased.extend(written.erases());
            if let Item::Entry(new) = &written.item
                && let Body::Recalled { key, .. } = &new.entry.body
            {
                self.recalled.extend(new.entry.conversation.map(|id| (id, *key)));
            }
        }
    }

    /// Fans out what is durable, then answers the shards.
    pub fn committed(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        outcomes: Vec<Outcome>,
    ) {
        let now = self.wall(agenda.now);
        for outcome in outcomes {
            for written in outcome.result.iter().flatten() {
                self.publish(agenda, network, written);
            }
            let Some(running) = &mut self.running else { return };
            let Some((number, append)) = running.tickets.remove(&outcome.ticket) else { continue };
            let durable: Result<Vec<Durable>, Refusal> =
                outcome.result.map(|items| items.iter().filter_map(|w| durable(w)).collect());
            let mut effects = Vec::new();
            let result = durable.as_deref().map_err(|refusal| *refusal);
            running.shards[number].outcome(now, append, result, &mut effects);
            self.carry_out(agenda, network, effects.into_iter().map(|e| Work::Shard(number, e)));
        }
        let Some(running) = &mut self.running else { return };
        running.committing = !running.waiting.is_empty();
        if running.committing {
            self.later(agenda, 0, Task::Commit);
        }
    }

    fn publish(&mut self, agenda: &mut Agenda, network: &mut Network, written: &Written) {
        let Item::Entry(new) = &written.item else { return };
        let (public, _) = written.conversation_indices();
        for (feed, index) in &written.places {
            let shown = matches!(feed, Feed::Full(_)).then_some(public).flatten();
            let frame = wire::delivery(*feed, *index, shown, &new.bytes);
            let Some(running) = &self.running else { return };
            let follows = |(_, c): &(&Link, &Connection)| c.follows.contains(feed);
            let links: Vec<Link> =
                running.connections.iter().filter(follows).map(|(link, _)| *link).collect();
            for link in links {
                let (feed, index, frame) = (*feed, *index, frame.clone());
                self.input(agenda, network, link, Input::Entry { feed, index, frame });
            }
        }
        if let Some(id) = written.erases() {
            self.close_feed(agenda, network, Feed::Public(id));
            self.close_feed(agenda, network, Feed::Full(id));
        }
    }
}

fn durable(written: &Written) -> Option<Durable> {
    let Item::Entry(new) = &written.item else { return None };
    let (public, full) = written.conversation_indices();
    Some(Durable { entry: Arc::clone(&new.entry), position: written.position, public, full })
}
