//! The owner of a part of the conversations, without I/O: the task beside it and the simulator
//! pump it. Invariants: at most one append that is not durable is in flight per conversation, so
//! `decide` sees applied state; a reply goes out only with an outcome of the journal, or with a
//! refusal.

use std::collections::{HashMap, VecDeque};

use crate::base::limits::{
    CONVERSATION_IDLE_MS, CONVERSATION_QUEUE, KEY_SKEW_INTERVAL_MS, KEY_SKEW_MS,
};
use crate::base::{BlobId, ConversationId, Index, MessageKey, Position, Tick, Wall, code};
use crate::desk::{
    Actor, Attachment, Command, Content, Conversation, Decision, Draft, Entry, Placed, Prior,
    Recallable, Refusal, Request, State, Who,
};

/// A command on its way. `R` is where the answer goes; the shard never looks into it.
#[derive(Debug)]
pub struct Job<R> {
    pub actor: Actor,
    pub request: Request,
    pub reply: R,
}

/// How far a reader has come, in indices of the public feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub reader: Who,
    pub delivered: Index,
    pub read: Index,
}

/// What the store knows that a decision needs.
#[derive(Debug, Default)]
pub struct Facts {
    pub prior: Option<Prior>,
    pub recallable: Option<Recallable>,
    /// The stored attachment that a message names.
    pub attachment: Option<Attachment>,
}

/// An entry of ours that is durable now.
#[derive(Clone, Debug)]
pub struct Durable {
    pub entry: std::sync::Arc<Entry>,
    pub position: Position,
    pub public: Option<Index>,
    pub full: Option<Index>,
}

/// What the shell must do.
#[derive(Debug)]
pub enum Effect<R> {
    /// Read the conversation and answer with `loaded`.
    Load(ConversationId),
    /// Read what is asked for and answer with `looked`.
    Look(Question),
    /// Hand the drafts to the journal as one batch and answer with `outcome`.
    Append {
        number: u64,
        drafts: Vec<Draft>,
        body_hash: [u8; 16],
        sender: Who,
    },
    /// Journal a mark.
    Mark {
        conversation: ConversationId,
        reading: Reading,
    },
    Reply {
        to: R,
        answer: Answer,
    },
}

/// A look-up that a decision waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub conversation: ConversationId,
    pub who: Who,
    /// The command's key, when it may have been seen before.
    pub key: Option<MessageKey>,
    /// Key and author of the entry to take back.
    pub recall: Option<(MessageKey, Who)>,
    pub blob: Option<BlobId>,
}

/// The answer to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub conversation: ConversationId,
    pub key: MessageKey,
    /// Index in the sender's feed and the server's time of the entry.
    pub result: Result<(Index, Wall), Refusal>,
}

/// The conversations of one shard.
#[derive(Debug)]
pub struct Shard<R> {
    open: HashMap<ConversationId, Open<R>>,
    /// Which conversation an append belongs to.
    appends: HashMap<u64, ConversationId>,
    next_append: u64,
    /// Negative control of the simulator: decide without looking for a prior.
    pub forget_priors: bool,
}

#[derive(Debug)]
struct Open<R> {
    /// `None` while it is being read.
    conversation: Option<Conversation>,
    waiting: VecDeque<Work<R>>,
    /// The command that waits for its facts.
    looking: Option<Job<R>>,
    /// The command whose entries are not durable yet.
    in_flight: Option<Job<R>>,
    touched: Tick,
    skewed: Option<Tick>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // Nearly all of the work is jobs.
enum Work<R> {
    Job(Job<R>),
    Mark(Reading),
}

impl<R> Default for Shard<R> {
    fn default() -> Self {
        Self { open: HashMap::new(), appends: HashMap::new(), next_append: 0, forget_priors: false }
    }
}

impl<R> Shard<R> {
    /// A command arrived.
    pub fn submit(
        &mut self,
        now: (Tick, Wall),
        id: ConversationId,
        job: Job<R>,
        effects: &mut Vec<Effect<R>>,
    ) {
        let open = self.touch(now.0, id, effects);
        let refusal = if open.waiting.len() >= CONVERSATION_QUEUE {
            Some(Refusal::busy(200))
        } else {
            open.refuse_skewed_key(now, job.request.key)
        };
        if let Some(refusal) = refusal {
            effects.push(job.refused(id, refusal));
            return;
        }
        open.waiting.push_back(Work::Job(job));
        self.pump(now.1, id, effects);
    }

    /// A reader came further.
    pub fn mark(
        &mut self,
        now: (Tick, Wall),
        id: ConversationId,
        reading: Reading,
        effects: &mut Vec<Effect<R>>,
    ) {
        let open = self.touch(now.0, id, effects);
        if open.waiting.len() < CONVERSATION_QUEUE {
            open.waiting.push_back(Work::Mark(reading));
            self.pump(now.1, id, effects);
        }
    }

    /// The answer to `Effect::Load`; `None` when there is no such conversation.
    pub fn loaded(
        &mut self,
        now: Wall,
        id: ConversationId,
        found: Result<Option<Conversation>, Refusal>,
        effects: &mut Vec<Effect<R>>,
    ) {
        match found {
            Ok(found) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.conversation = Some(found.unwrap_or_else(|| Conversation::absent(id)));
                }
                self.pump(now, id, effects);
            }
            Err(refusal) => {
                let waiting = self.open.remove(&id).map(|open| open.waiting).unwrap_or_default();
                effects.extend(waiting.into_iter().filter_map(|work| match work {
                    Work::Job(job) => Some(job.refused(id, refusal)),
                    Work::Mark(_) => None,
                }));
            }
        }
    }

    /// The answer to `Effect::Look`.
    pub fn looked(
        &mut self,
        now: Wall,
        id: ConversationId,
        facts: Result<Facts, Refusal>,
        effects: &mut Vec<Effect<R>>,
    ) {
        let Some(job) = self.open.get_mut(&id).and_then(|open| open.looking.take()) else {
            return;
        };
        match facts {
            Ok(facts) => self.decide(now, id, job, facts, effects),
            Err(refusal) => effects.push(job.refused(id, refusal)),
        }
        self.pump(now, id, effects);
    }

    /// The answer to `Effect::Append`: the entries are durable, or nothing was written.
    pub fn outcome(
        &mut self,
        now: Wall,
        number: u64,
        result: Result<&[Durable], Refusal>,
        effects: &mut Vec<Effect<R>>,
    ) {
        let Some(id) = self.appends.remove(&number) else { return };
        let Some(open) = self.open.get_mut(&id) else { return };
        let Some(job) = open.in_flight.take() else { return };
        match result {
            Ok(written) => {
                let answer = open.apply(&job, written);
                effects.push(job.answered(id, answer));
            }
            Err(refusal) => effects.push(job.refused(id, refusal)),
        }
        self.pump(now, id, effects);
    }

    /// Lets conversations go that nobody used for a while; they are read again when needed.
    pub fn sweep(&mut self, now: Tick) {
        self.open
            .retain(|_, open| !open.is_idle() || now.since(open.touched) < CONVERSATION_IDLE_MS);
    }

    /// Conversations in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn touch(
        &mut self,
        now: Tick,
        id: ConversationId,
        effects: &mut Vec<Effect<R>>,
    ) -> &mut Open<R> {
        let open = self.open.entry(id).or_insert_with(|| {
            effects.push(Effect::Load(id));
            Open {
                conversation: None,
                waiting: VecDeque::new(),
                looking: None,
                in_flight: None,
                touched: now,
                skewed: None,
            }
        });
        open.touched = now;
        open
    }

    /// Takes up waiting work until something must be waited for.
    fn pump(&mut self, now: Wall, id: ConversationId, effects: &mut Vec<Effect<R>>) {
        loop {
            let Some(open) = self.open.get_mut(&id) else { return };
            let Some(conversation) = &open.conversation else { return };
            if open.looking.is_some() || open.in_flight.is_some() {
                return;
            }
            match open.waiting.pop_front() {
                None => return,
                Some(Work::Mark(reading)) => {
                    if let Some(reading) = allowed(conversation, reading) {
                        effects.push(Effect::Mark { conversation: id, reading });
                    }
                }
                Some(Work::Job(job)) => match question(conversation, &job) {
                    Some(question) if !self.forget_priors || question.key.is_none() => {
                        open.looking = Some(job);
                        effects.push(Effect::Look(question));
                        return;
                    }
                    Some(_) | None => self.decide(now, id, job, Facts::default(), effects),
                },
            }
        }
    }

    fn decide(
        &mut self,
        now: Wall,
        id: ConversationId,
        mut job: Job<R>,
        facts: Facts,
        effects: &mut Vec<Effect<R>>,
    ) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let Some(conversation) = &open.conversation else { return };
        if let Ok(Command::Message(Content::Attachment(named))) = &mut job.request.command {
            // An attachment that the store does not have stays named only, and is refused.
            *named = facts.attachment.unwrap_or_else(|| named.clone());
        }
        let recallable = facts.recallable.as_ref();
        match conversation.decide(now, &job.actor, facts.prior, recallable, &job.request) {
            Err(refusal) => effects.push(job.refused(id, refusal)),
            Ok(Decision::Already { index, at }) => effects.push(job.answered(id, (index, at))),
            Ok(Decision::Append(drafts)) => {
                let number = self.next_append;
                self.next_append += 1;
                self.appends.insert(number, id);
                effects.push(Effect::Append {
                    number,
                    drafts,
                    body_hash: job.request.body_hash,
                    sender: job.actor.who,
                });
                open.in_flight = Some(job);
            }
        }
    }
}

impl<R> Open<R> {
    fn is_idle(&self) -> bool {
        self.conversation.is_some()
            && self.waiting.is_empty()
            && self.looking.is_none()
            && self.in_flight.is_none()
    }

    /// Applies what became durable; the place of the entry with the command's key is the answer.
    fn apply(&mut self, job: &Job<R>, written: &[Durable]) -> (Index, Wall) {
        let mut answer = (Index(0), Wall::default());
        let Some(conversation) = &mut self.conversation else { return answer };
        for durable in written {
            conversation.apply(&Placed {
                entry: &durable.entry,
                position: durable.position,
                public: durable.public,
                full: durable.full,
            });
            if durable.entry.key == job.request.key {
                let index = match job.actor.who {
                    Who::Visitor(_) => durable.public,
                    Who::Agent(_) | Who::System => durable.full,
                };
                answer = (index.unwrap_or_default(), durable.entry.at);
            }
        }
        answer
    }

    /// Keys far off the server's time cost a search of their own: one a second is taken.
    fn refuse_skewed_key(&mut self, now: (Tick, Wall), key: MessageKey) -> Option<Refusal> {
        let (tick, wall) = now;
        if !wall.trusted || key.wall_ms().abs_diff(wall.ms) <= KEY_SKEW_MS {
            return None;
        }
        let recent = |last| tick.since(last) < u64::from(KEY_SKEW_INTERVAL_MS);
        if self.skewed.is_some_and(recent) {
            let retry_after_ms = KEY_SKEW_INTERVAL_MS;
            return Some(Refusal { code: code::CLOCK_SKEW, retry_after_ms });
        }
        self.skewed = Some(tick);
        None
    }
}

impl<R> Job<R> {
    fn answered(self, conversation: ConversationId, place: (Index, Wall)) -> Effect<R> {
        let answer = Answer { conversation, key: self.request.key, result: Ok(place) };
        Effect::Reply { to: self.reply, answer }
    }

    fn refused(self, conversation: ConversationId, refusal: Refusal) -> Effect<R> {
        let answer = Answer { conversation, key: self.request.key, result: Err(refusal) };
        Effect::Reply { to: self.reply, answer }
    }
}

/// What the store must be asked before this command can be decided. A key above every key ever
/// accepted in the conversation cannot have been seen.
fn question<R>(conversation: &Conversation, job: &Job<R>) -> Option<Question> {
    let request = &job.request;
    let question = Question {
        conversation: conversation.id,
        who: job.actor.who,
        key: conversation.may_know(request.key).then_some(request.key),
        recall: match request.command {
            Ok(Command::Recall { key, author }) => Some((key, author.unwrap_or(job.actor.who))),
            _ => None,
        },
        blob: match &request.command {
            Ok(Command::Message(Content::Attachment(named))) => Some(named.blob),
            _ => None,
        },
    };
    let needed = question.key.is_some() || question.recall.is_some() || question.blob.is_some();
    needed.then_some(question)
}

/// Only the visitor and the owning agent leave marks, and none beyond the last entry.
fn allowed(conversation: &Conversation, reading: Reading) -> Option<Reading> {
    let theirs = match reading.reader {
        Who::Visitor(visitor) => conversation.visitor == visitor,
        Who::Agent(agent) => conversation.agent == Some(agent),
        Who::System => false,
    };
    let open = conversation.state != State::Erased;
    (theirs && open).then(|| Reading {
        reader: reading.reader,
        delivered: reading.delivered.min(conversation.public_index),
        read: reading.read.min(conversation.public_index),
    })
}
