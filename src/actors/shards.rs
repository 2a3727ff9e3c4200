//! The tasks around the shards: each owns one `Shard`, reads for it, appends for it, answers for
//! it.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use super::reads::Reads;
use super::shard::{Answer, Durable, Effect, Facts, Job, Question, Reading, Shard};
use super::task::spawn;
use super::ticket::{Owner, ticket};
use crate::base::limits::SHARD_SWEEP_MS;
use crate::base::{Clock, ConversationId, Index, Tick, Wall};
use crate::desk::{Conversation, Draft, Refusal};
use crate::fabric::Fabric;
use crate::hub::Outbox;
use crate::session::Input;
use crate::store::{Fact, Fault, Item, Mark, NewEntry, Proposal, Reader};
use crate::wire;

/// What reaches a shard's task.
#[derive(Debug)]
pub enum ShardInput {
    Submit { conversation: ConversationId, job: Box<Job<Reply>> },
    Mark { conversation: ConversationId, reading: Reading },
    Loaded { conversation: ConversationId, found: Box<Result<Option<Conversation>, Refusal>> },
    Looked { conversation: ConversationId, facts: Box<Result<Facts, Refusal>> },
    Outcome { number: u64, result: Result<Vec<Durable>, Refusal> },
}

/// Where an answer goes.
#[derive(Debug)]
pub enum Reply {
    /// To a connection's session.
    Session(Arc<Outbox>),
    /// To a caller that awaits it.
    Caller(oneshot::Sender<Result<(Index, Wall), Refusal>>),
}

/// What a shard's task works with.
pub struct ShardTask {
    pub number: u8,
    pub clock: Arc<dyn Clock>,
    pub fabric: Fabric,
    pub reads: Reads,
    /// Its own results come back here; submits are refused when it is full, results wait.
    pub results: mpsc::Sender<ShardInput>,
}

impl ShardTask {
    pub async fn run(
        self,
        mut submits: mpsc::Receiver<ShardInput>,
        mut results: mpsc::Receiver<ShardInput>,
    ) {
        let mut shard = Shard::default();
        let mut effects = Vec::new();
        let mut swept = self.clock.tick();
        loop {
            let input = tokio::select! {
                biased;
                input = results.recv() => input,
                input = submits.recv() => input,
            };
            let Some(input) = input else { return };
            let now = (self.clock.tick(), self.clock.wall());
            self.step(&mut shard, now, input, &mut effects);
            for effect in effects.split_off(0) {
                self.perform(&mut shard, now.1, effect);
            }
            if now.0.since(swept) >= SHARD_SWEEP_MS {
                swept = now.0;
                shard.sweep(now.0);
            }
        }
    }

    fn step(
        &self,
        shard: &mut Shard<Reply>,
        now: (Tick, Wall),
        input: ShardInput,
        effects: &mut Vec<Effect<Reply>>,
    ) {
        match input {
            ShardInput::Submit { conversation, job } => {
                shard.submit(now, conversation, *job, effects);
            }
            ShardInput::Mark { conversation, reading } => {
                shard.mark(now, conversation, reading, effects);
            }
            ShardInput::Loaded { conversation, found } => {
                shard.loaded(now.1, conversation, *found, effects);
            }
            ShardInput::Looked { conversation, facts } => {
                shard.looked(now.1, conversation, *facts, effects);
            }
            ShardInput::Outcome { number, result } => {
                let result = result.as_deref().map_err(|refusal| *refusal);
                shard.outcome(now.1, number, result, effects);
            }
        }
    }

    /// Carries an effect out. A refused append is an outcome at once, whose effects are carried
    /// out too.
    fn perform(&self, shard: &mut Shard<Reply>, now: Wall, effect: Effect<Reply>) {
        match effect {
            Effect::Reply { to, answer } => reply(to, answer),
            Effect::Load(conversation) => self.load(conversation),
            Effect::Look(question) => self.look(question),
            Effect::Mark { conversation, reading } => self.append_mark(conversation, reading),
            Effect::Append { number, drafts, body_hash, sender: _ } => {
                let ticket = ticket(Owner::Shard(self.number), number);
                let proposal = Proposal { ticket, items: items(drafts, body_hash) };
                if let Err(refusal) = self.fabric.append(proposal) {
                    let mut effects = Vec::new();
                    shard.outcome(now, number, Err(refusal), &mut effects);
                    for effect in effects {
                        self.perform(shard, now, effect);
                    }
                }
            }
        }
    }

    fn load(&self, conversation: ConversationId) {
        let (reads, results) = (self.reads.clone(), self.results.clone());
        spawn(async move {
            let found = Box::new(reads.run(move |reader| reader.conversation(conversation)).await);
            // A shard that is gone needs no answer.
            let _ = results.send(ShardInput::Loaded { conversation, found }).await;
        });
    }

    fn look(&self, question: Question) {
        let (reads, results) = (self.reads.clone(), self.results.clone());
        spawn(async move {
            let facts = Box::new(reads.run(move |reader| facts(reader, question)).await);
            let conversation = question.conversation;
            let _ = results.send(ShardInput::Looked { conversation, facts }).await;
        });
    }

    /// Marks may be lost: a busy or failing journal drops them, the reader's next one catches up.
    fn append_mark(&self, conversation: ConversationId, reading: Reading) {
        let Reading { reader, delivered, read } = reading;
        let mark = Item::Fact(Fact::Mark(Mark { conversation, reader, delivered, read }));
        let items = SmallVec::from_iter([mark]);
        let _ = self.fabric.append(Proposal { ticket: ticket(Owner::Nobody, 0), items });
    }
}

fn items(drafts: Vec<Draft>, body_hash: [u8; 16]) -> SmallVec<[Item; 2]> {
    drafts
        .into_iter()
        .map(|draft| {
            let bytes = wire::encode_entry(&draft.entry);
            Item::Entry(NewEntry {
                bytes,
                entry: Arc::new(draft.entry),
                feeds: draft.feeds,
                body_hash,
            })
        })
        .collect()
}

fn facts(reader: &Reader, question: Question) -> Result<Facts, Fault> {
    let Question { conversation, who, key, recall, blob } = question;
    let prior = match key {
        Some(key) => reader.prior(conversation, who, key)?,
        None => None,
    };
    let recallable = match recall {
        Some((key, author)) => reader.recallable(conversation, key, author)?,
        None => None,
    };
    let attachment = match blob {
        Some(blob) => reader
            .blob(blob)?
            .filter(|row| row.conversation == Some(conversation))
            .map(|row| row.attachment),
        None => None,
    };
    Ok(Facts { prior, recallable, attachment })
}

fn reply(to: Reply, answer: Answer) {
    let Answer { conversation, key, result } = answer;
    match to {
        Reply::Session(outbox) => outbox.push(match result {
            Ok((index, at)) => Input::Durable { conversation, key, index, at },
            Err(refusal) => Input::Refused { conversation, key, refusal },
        }),
        // A caller that went away reads the answer by its key.
        Reply::Caller(caller) => drop(caller.send(result)),
    }
}
