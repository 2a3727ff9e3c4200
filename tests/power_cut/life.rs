//! One store through several lives: work, a power cut or a kill, recovery, and what must hold then.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;

use posthouse::base::chance::{Chance, Seeded};
use posthouse::base::{ConversationId, Feed, InboxId, Index, MessageKey, TeamId, VisitorId, Wall};
use posthouse::desk::{
    Author, Body, Content, Conversation, Entry, Feeds, Gone, Placed, Profile, Who,
};
use posthouse::store::engine::{Engine, Layout};
use posthouse::store::journal::Shape;
use posthouse::store::sealed::SealedDisk;
use posthouse::store::sim::{Faults, SimDisk};
use posthouse::store::{Fault, Item, NewEntry, Proposal, Reader};
use posthouse::wire::{decode_entry, encode_entry};

use crate::rotation::Masters;

const LIVES: u32 = 12;
const CONVERSATIONS: u64 = 4;
/// Pages that a page key seals here.
const PAGES_OF_A_KEY: u64 = 50;
const VISITOR: Who = Who::Visitor(VisitorId(1));

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    None,
    LyingSync,
    AckBeforeSync,
    /// The side file of a rotation is not durable before pages are overwritten.
    LyingSideFile,
    /// Old masters are dropped at once.
    EarlyDrop,
}

/// What the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    /// Its page key changes after a few pages.
    Sealed,
    /// The same, and its masters are rotated all the time.
    Rotating,
}

pub struct Run {
    disk: SimDisk,
    chance: Seeded,
    control: Control,
    kind: Kind,
    masters: Masters,
    cuts: u64,
    next_key: u128,
    /// Every proposal ever made: the keys of its messages, and whether it was acknowledged.
    proposals: Vec<Made>,
    opened: BTreeSet<ConversationId>,
    /// Conversations that an erasure was proposed for.
    doomed: BTreeSet<ConversationId>,
}

struct Made {
    conversation: ConversationId,
    /// Of its entries, an erasing one among them.
    keys: Vec<MessageKey>,
    erases: bool,
    acked: bool,
}

type Verdict = Result<(), String>;

impl Run {
    pub fn new(seed: u64, control: Control, kind: Kind) -> Self {
        Self {
            disk: SimDisk::new(seed),
            chance: Seeded::new(seed ^ 0x5eed),
            control,
            kind,
            masters: Masters::one(),
            cuts: 0,
            next_key: 1,
            proposals: Vec::new(),
            opened: BTreeSet::new(),
            doomed: BTreeSet::new(),
        }
    }

    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Rotations that came to their end.
    pub fn dropped(&self) -> u64 {
        self.masters.dropped
    }

    pub fn lives(&mut self) -> Verdict {
        for _ in 0..LIVES {
            self.life()?;
        }
        self.disk.set_faults(Faults::default());
        let engine = self.open().map_err(|fault| format!("unopenable: {fault}"))?;
        self.check(&engine.reader())
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    fn faults(&self) -> Faults {
        Faults {
            lying_sync: self.control == Control::LyingSync,
            lying_file: (self.control == Control::LyingSideFile).then_some("resealing"),
            ..Faults::default()
        }
    }

    fn open(&mut self) -> Result<Engine, Fault> {
        let shape = Shape { segments: 3, segment_bytes: 16 * 1024 };
        let chance = self.chance.wide();
        let layout = Layout { shape, cache_bytes: 256 * 1024, chance };
        let disk = Arc::new(self.disk.clone());
        self.masters.forget_pass();
        if self.kind != Kind::Plain {
            let sealed = SealedDisk::with_bound(disk, self.masters.keys(), PAGES_OF_A_KEY)?;
            return Engine::open(Arc::new(sealed), layout);
        }
        Engine::open(disk, layout)
    }

    fn life(&mut self) -> Verdict {
        self.disk.set_faults(self.faults());
        // Short lives end inside recovery.
        let length = if self.below(3) == 0 { 12 } else { 150 };
        let operations = 1 + self.below(length);
        self.disk.cut_after(operations);
        match self.open() {
            Err(_) if self.disk.is_dead() => {}
            Err(fault) => return Err(format!("unopenable: {fault}")),
            Ok(mut engine) => {
                let checked = self.check(&engine.reader());
                if !self.disk.is_dead() {
                    checked?;
                    self.work(&mut engine);
                }
                drop(engine.reader());
                self.end(engine);
                return Ok(());
            }
        }
        self.power_cut();
        Ok(())
    }

    /// A kill now and then; the power otherwise.
    fn end(&mut self, engine: Engine) {
        if self.below(5) == 0 {
            self.disk.kill();
            drop(engine);
        } else {
            self.power_cut();
            drop(engine);
        }
    }

    fn power_cut(&mut self) {
        self.disk.power_cut();
        self.cuts += 1;
    }

    fn work(&mut self, engine: &mut Engine) {
        for _ in 0..self.below(60) {
            if self.disk.is_dead() {
                return;
            }
            match self.below(12) {
                // The other kinds draw the same numbers.
                4..=8 if self.kind == Kind::Rotating => {
                    self.masters.step(engine, self.control == Control::EarlyDrop);
                }
                0 | 1 => drop(engine.shared().checkpoint()),
                2 => drop(engine.shared().grow()),
                3 => self.trouble(engine),
                _ => self.commit(engine),
            }
        }
    }

    /// Errors for a while, then healing.
    fn trouble(&mut self, engine: &mut Engine) {
        let mut faults = self.faults();
        match self.below(3) {
            0 => faults.sync = Some(ErrorKind::Other),
            1 => faults.write = Some(ErrorKind::StorageFull),
            _ => faults.grow = Some(ErrorKind::StorageFull),
        }
        self.disk.set_faults(faults);
        for _ in 0..=self.below(3) {
            if self.kind == Kind::Rotating && self.below(2) == 0 {
                self.masters.step(engine, false);
            } else if self.below(3) == 0 {
                drop(engine.shared().checkpoint());
            } else {
                self.commit(engine);
            }
        }
        self.disk.set_faults(self.faults());
        self.heal(engine);
        drop(engine.shared().checkpoint());
    }

    /// What was kept back is told when the key of an erased conversation is destroyed.
    fn heal(&mut self, engine: &mut Engine) -> bool {
        let healed = engine.heal().is_ok();
        for outcome in engine.unparked() {
            let made = &mut self.proposals[usize::try_from(outcome.ticket).unwrap()];
            made.acked |= outcome.result.is_ok();
        }
        healed
    }

    fn commit(&mut self, engine: &mut Engine) {
        if engine.reader().stats().read_only && !self.heal(engine) {
            return;
        }
        let first = self.proposals.len();
        let batch: Vec<Proposal> = (0..=self.below(5)).map(|_| self.propose()).collect();
        let count = batch.len();
        let outcomes = engine.commit(batch);
        let tickets = outcomes.iter().map(|outcome| outcome.ticket);
        assert!(tickets.is_sorted(), "outcomes keep their order");
        assert!(
            outcomes.len() == count || self.kind != Kind::Plain,
            "only an erasure is kept back"
        );
        for outcome in outcomes {
            let acked = outcome.result.is_ok() || self.control == Control::AckBeforeSync;
            let made = &mut self.proposals[usize::try_from(outcome.ticket).unwrap()];
            made.acked = acked;
            if outcome.result.is_err() && !made.acked && !made.erases {
                self.opened.remove(&made.conversation);
            }
        }
        assert!(self.proposals.len() == first + count);
    }

    /// One to three messages of one conversation, and its opening when it may not be there yet.
    fn propose(&mut self) -> Proposal {
        let mut conversation = ConversationId(1 + u128::from(self.below(CONVERSATIONS)));
        let mut proposal =
            Proposal { ticket: self.proposals.len() as u64, items: Vec::new().into() };
        // Nobody writes to a conversation that is being erased: another takes its place.
        while self.doomed.contains(&conversation) {
            conversation.0 += u128::from(CONVERSATIONS);
        }
        if self.below(12) == 0 && self.opened.contains(&conversation) {
            self.doomed.insert(conversation);
            let key = MessageKey(self.next_key);
            self.next_key += 1;
            let body = Body::Erased { inbox: InboxId(1), team: TeamId(1), visitor: VisitorId(1) };
            proposal.items.push(item(conversation, key, body));
            let keys = vec![key];
            self.proposals.push(Made { conversation, keys, erases: true, acked: false });
            return proposal;
        }
        if self.opened.insert(conversation) {
            let body = Body::Opened {
                inbox: InboxId(1),
                team: TeamId(1),
                visitor: VisitorId(1),
                profile: Profile::default(),
            };
            proposal.items.push(item(conversation, MessageKey(0), body));
        }
        let mut keys = Vec::new();
        for _ in 0..=self.below(3) {
            let key = MessageKey(self.next_key);
            self.next_key += 1;
            keys.push(key);
            let words = "x".repeat(usize::try_from(self.below(700)).unwrap());
            let text = format!("{} {words}", key.0);
            proposal.items.push(item(conversation, key, Body::Message(Content::Text(text.into()))));
        }
        self.proposals.push(Made { conversation, keys, erases: false, acked: false });
        proposal
    }

    /// What must hold after every recovery.
    fn check(&mut self, reader: &Reader) -> Verdict {
        let fault = |fault: Fault| format!("unreadable: {fault}");
        let mut found: BTreeMap<MessageKey, u32> = BTreeMap::new();
        let mut rows: BTreeMap<ConversationId, Conversation> = BTreeMap::new();
        let mut bodies = Vec::new();
        let page = reader.page(Feed::Site, Index(0), usize::MAX, usize::MAX).map_err(fault)?;
        dense(&page.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), page.head)?;
        for paged in &page.entries {
            let entry = decode_entry(&paged.bytes).map_err(|code| format!("entry: {code:?}"))?;
            *found.entry(entry.key).or_default() += u32::from(entry.key.0 != 0);
            let id = entry.conversation.ok_or("an entry of no conversation")?;
            bodies.push((id, entry.body.clone()));
            let row = rows.entry(id).or_insert_with(|| Conversation::absent(id));
            let next = Some(row.full_index.next());
            let position = posthouse::base::Position(row.position.0 + 1);
            row.apply(&Placed { entry: &entry, position, public: next, full: next });
        }
        if let Some((key, _)) = found.iter().find(|(_, times)| **times > 1) {
            return Err(format!("{} is there twice", key.0));
        }
        self.opened = rows.keys().copied().collect();
        self.check_erasures(&bodies)?;
        for (id, mut row) in rows {
            for feed in [Feed::Public(id), Feed::Full(id)] {
                let page = reader.page(feed, Index(0), usize::MAX, usize::MAX).map_err(fault)?;
                dense(&page.entries.iter().map(|e| e.index).collect::<Vec<_>>(), page.head)?;
                if page.head != row.full_index {
                    return Err(format!("{feed:?} has {:?}, not {:?}", page.head, row.full_index));
                }
            }
            let kept = reader.conversation(id).map_err(fault)?.ok_or("a row is missing")?;
            row.position = kept.position;
            if kept != row {
                return Err(format!("{kept:?} is not {row:?}"));
            }
        }
        self.check_proposals(reader, &found)
    }

    /// Of a conversation everything is there or nothing, and nothing when its erasure is there or
    /// was acknowledged.
    fn check_erasures(&mut self, bodies: &[(ConversationId, Body)]) -> Verdict {
        let there = |(id, body): &(ConversationId, Body)| body.erases().then_some(*id);
        let erased: BTreeSet<ConversationId> = bodies.iter().filter_map(there).collect();
        let acked = self.proposals.iter().filter(|made| made.erases && made.acked);
        if let Some(lost) = acked.map(|made| made.conversation).find(|id| !erased.contains(id)) {
            return Err(format!("{lost} was erased and is there"));
        }
        for (id, body) in bodies {
            let gone = matches!(body, Body::Tombstone(Gone::Deleted) | Body::Erased { .. });
            if gone != erased.contains(id) {
                return Err(format!("half of {id} is erased: {body:?}"));
            }
        }
        self.doomed = erased;
        Ok(())
    }

    fn check_proposals(&mut self, reader: &Reader, found: &BTreeMap<MessageKey, u32>) -> Verdict {
        for made in &mut self.proposals {
            let there = made.keys.iter().filter(|key| found.contains_key(key)).count();
            if made.acked && there < made.keys.len() {
                return Err(format!("acknowledged and lost: {:?}", made.keys[0].0));
            }
            if there != 0 && there != made.keys.len() {
                return Err(format!("half there: {:?}", made.keys[0].0));
            }
            let prior = reader.prior(made.conversation, VISITOR, made.keys[0]);
            let prior = prior.map_err(|fault| format!("unreadable: {fault}"))?;
            if prior.is_some() != (there > 0) {
                return Err(format!("key and entry differ: {:?}", made.keys[0].0));
            }
            // A retry would be answered with the original ack now.
            made.acked |= there > 0;
        }
        Ok(())
    }
}

fn dense(indices: &[Index], head: Index) -> Verdict {
    let expected: Vec<Index> = (1..=head.0).map(Index).collect();
    if indices == expected { Ok(()) } else { Err(format!("a hole: {indices:?}")) }
}

fn item(conversation: ConversationId, key: MessageKey, body: Body) -> Item {
    let entry = Entry {
        conversation: Some(conversation),
        key,
        author: Author { who: VISITOR, name: "v".into() },
        at: Wall { ms: 1_000, trusted: true },
        body,
    };
    let feeds: Feeds =
        [Feed::Site, Feed::Full(conversation), Feed::Public(conversation)].into_iter().collect();
    let bytes = encode_entry(&entry);
    Item::Entry(NewEntry { bytes, entry: Arc::new(entry), feeds, body_hash: [1; 16] })
}
