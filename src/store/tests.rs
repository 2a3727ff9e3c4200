//! One store without threads on a simulated disk: what readers see wherever an item is.
#![allow(clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm)] // small numbers

use std::io::ErrorKind;
use std::sync::Arc;

use smallvec::smallvec;

use super::engine::{Engine, Layout};
use super::journal::Shape;
use super::sim::{Faults, SimDisk};
use super::*;
use crate::base::{
    AgentId, ConversationId, Feed, InboxId, Index, MessageKey, Position, TeamId, VisitorId, Wall,
    code,
};
use crate::desk::{
    AgentRow, Author, Body, Content, Conversation, Entry, Feeds, Gone, Profile, Role, State, Who,
};
use crate::wire::{decode_entry, encode_entry};

mod backup;
mod bytes;
mod convert;
mod copies;
mod erased;
mod live;
mod proof;
mod rotation;
mod sealed;

pub(super) const LAYOUT: Layout = Layout {
    shape: Shape { segments: 3, segment_bytes: 16 * 1024 },
    cache_bytes: 1024 * 1024,
    chance: 77 << 64 | 5,
};
const VISITOR: Who = Who::Visitor(VisitorId(9));
const AGENT: Who = Who::Agent(AgentId(1));

fn item(c: u128, key: u128, who: Who, body: Body, extra: &[Feed]) -> Item {
    let id = ConversationId(c);
    let mut feeds: Feeds = smallvec![Feed::Site, Feed::Full(id)];
    if !matches!(body, Body::Note(_)) {
        feeds.push(Feed::Public(id));
    }
    feeds.extend_from_slice(extra);
    entry_item(Some(id), key, who, body, feeds)
}

fn entry_item(c: Option<ConversationId>, key: u128, who: Who, body: Body, feeds: Feeds) -> Item {
    let entry = Entry {
        conversation: c,
        key: MessageKey(key),
        author: Author { who, name: "name".into() },
        at: Wall { ms: 1_000 + key as u64, trusted: true },
        body,
    };
    let bytes = encode_entry(&entry);
    Item::Entry(NewEntry { bytes, entry: Arc::new(entry), feeds, body_hash: [key as u8; 16] })
}

pub(super) fn text(c: u128, key: u128, words: &str) -> Item {
    item(c, key, VISITOR, Body::Message(Content::Text(words.into())), &[])
}

pub(super) fn opened(c: u128) -> Item {
    let body = Body::Opened {
        inbox: InboxId(1),
        team: TeamId(1),
        visitor: VisitorId(9),
        profile: Profile::default(),
    };
    item(c, 0, VISITOR, body, &[])
}

fn recalled(c: u128, key: u128, target: u128, full: u64) -> Item {
    let author = Author { who: VISITOR, name: "name".into() };
    let (public, full) = (Index(full), Index(full));
    let body = Body::Recalled { key: MessageKey(target), author, public, full };
    item(c, key, VISITOR, body, &[])
}

pub(super) fn erased(c: u128, key: u128) -> Item {
    let body = Body::Erased { inbox: InboxId(1), team: TeamId(1), visitor: VisitorId(9) };
    let id = ConversationId(c);
    let feeds = smallvec![Feed::Site, Feed::Full(id), Feed::Roster, Feed::Team(TeamId(1))];
    entry_item(Some(id), key, AGENT, body, feeds)
}

pub(super) fn propose(ticket: u64, items: impl IntoIterator<Item = Item>) -> Proposal {
    Proposal { ticket, items: items.into_iter().collect() }
}

struct Bench {
    disk: SimDisk,
    engine: Engine,
    reader: Reader,
}

fn bench() -> Bench {
    let disk = SimDisk::new(3);
    let engine = Engine::open(Arc::new(disk.clone()), LAYOUT).unwrap();
    while engine.shared().grow().unwrap() {}
    let reader = engine.reader();
    Bench { disk, engine, reader }
}

impl Bench {
    fn write(&mut self, items: impl IntoIterator<Item = Item>) -> Vec<Position> {
        let outcome = self.engine.commit([propose(1, items)]).remove(0);
        outcome.result.unwrap().iter().map(|written| written.position).collect()
    }

    fn checkpoint(&self) {
        while self.engine.shared().checkpoint().unwrap() {}
    }

    fn reopened(self) -> Self {
        let Self { disk, engine, reader } = self;
        drop((engine, reader));
        disk.power_cut();
        let engine = Engine::open(Arc::new(disk.clone()), LAYOUT).unwrap();
        let reader = engine.reader();
        Self { disk, engine, reader }
    }

    fn reopened_after_kill(self) -> Self {
        let Self { disk, engine, reader } = self;
        drop((engine, reader));
        disk.kill();
        let engine = Engine::open(Arc::new(disk.clone()), LAYOUT).unwrap();
        let reader = engine.reader();
        Self { disk, engine, reader }
    }

    fn texts(&self, feed: Feed) -> Vec<String> {
        let page = self.reader.page(feed, Index(0), 1000, usize::MAX).unwrap();
        let indices: Vec<u64> = page.entries.iter().map(|entry| entry.index.0).collect();
        assert_eq!(indices, (1..=page.head.0).collect::<Vec<_>>(), "{feed:?} is dense");
        page.entries.iter().map(|entry| show(&entry.bytes)).collect()
    }
}

fn show(bytes: &[u8]) -> String {
    match decode_entry(bytes).unwrap().body {
        Body::Message(Content::Text(text)) => text.0,
        Body::Note(text) => format!("note {}", text.0),
        Body::Tombstone(Gone::Recalled) => "gone".to_owned(),
        Body::Tombstone(Gone::Deleted) => "deleted".to_owned(),
        Body::Erased { .. } => "erased".to_owned(),
        Body::Recalled { .. } => "recall".to_owned(),
        Body::Opened { .. } => "opened".to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn entries_read_the_same_from_the_tail_from_both_and_from_the_database() {
    let mut bench = bench();
    let c = ConversationId(7);
    bench.write([opened(7), text(7, 1, "one")]);
    for at in 2..=200 {
        bench.write([text(7, at, &at.to_string())]);
        if at == 90 {
            bench.checkpoint();
        }
    }
    let check = |bench: &Bench| {
        let all = bench.texts(Feed::Public(c));
        assert_eq!((all.len(), all[1].as_str(), all[200].as_str()), (201, "one", "200"));
        assert_eq!(bench.texts(Feed::Site), all);
        let page = bench.reader.page_before(Feed::Full(c), Index(100), 5).unwrap();
        let places: Vec<_> = page.entries.iter().map(|e| (e.index.0, e.public)).collect();
        assert_eq!(places[0], (95, Some(Index(95))));
        assert_eq!(places.len(), 5);
    };
    check(&bench);
    bench.checkpoint();
    check(&bench);
    check(&bench.reopened());
}

#[test]
fn a_page_ends_at_its_bytes_but_never_before_one_entry() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, &"x".repeat(500)), text(7, 2, "y")]);
    let feed = Feed::Public(ConversationId(7));
    assert_eq!(bench.reader.page(feed, Index(1), 10, 1).unwrap().entries.len(), 1);
    assert_eq!(bench.reader.page(feed, Index(1), 10, 700).unwrap().entries.len(), 2);
    let end = bench.reader.page(feed, Index(3), 10, 700).unwrap();
    assert_eq!((end.entries.len(), end.head), (0, Index(3)));
}

#[test]
fn a_conversation_is_the_same_before_and_after_the_checkpoint() {
    let mut bench = bench();
    let c = ConversationId(7);
    bench.write([opened(7), text(7, 5, "one")]);
    let fresh = bench.reader.conversation(c).unwrap().unwrap();
    assert_eq!(
        (fresh.state, fresh.max_key, &*fresh.preview),
        (State::Queued, MessageKey(5), "one")
    );
    bench.checkpoint();
    assert_eq!(bench.reader.conversation(c).unwrap(), Some(fresh));
    assert_eq!(bench.reader.conversation(ConversationId(8)).unwrap(), None);
}

#[test]
fn a_key_is_known_with_its_hash_and_place_wherever_it_is() {
    let mut bench = bench();
    let c = ConversationId(7);
    bench.write([opened(7), text(7, 5, "one")]);
    for _ in 0..2 {
        let prior = bench.reader.prior(c, VISITOR, MessageKey(5)).unwrap().unwrap();
        assert_eq!((prior.body_hash, prior.index), (Some([5; 16]), Index(2)));
        assert_eq!(bench.reader.prior(c, AGENT, MessageKey(5)).unwrap(), None);
        assert_eq!(bench.reader.prior(c, VISITOR, MessageKey(0)).unwrap(), None);
        bench.checkpoint();
    }
}

#[test]
fn a_recalled_body_is_gone_from_every_feed_wherever_recall_and_body_are() {
    for checkpoints in 0..8 {
        let mut bench = bench();
        bench.write([
            opened(7),
            item(
                7,
                5,
                VISITOR,
                Body::Message(Content::Text("secret".into())),
                &[Feed::Inbox(AgentId(1)), Feed::Team(TeamId(1))],
            ),
        ]);
        let at = |bench: &Bench, step: u32| {
            if checkpoints & (1 << step) != 0 {
                bench.checkpoint();
            }
        };
        at(&bench, 0);
        bench.write([recalled(7, 6, 5, 2)]);
        at(&bench, 1);
        if checkpoints & 4 != 0 {
            bench = bench.reopened();
        }
        let c = ConversationId(7);
        for feed in [Feed::Public(c), Feed::Full(c), Feed::Site] {
            assert_eq!(bench.texts(feed), ["opened", "gone", "recall"], "{checkpoints}");
        }
        assert_eq!(bench.texts(Feed::Inbox(AgentId(1))), ["gone"]);
        assert_eq!(bench.texts(Feed::Team(TeamId(1))), ["gone"]);
        let named = bench.reader.recallable(c, MessageKey(5), VISITOR).unwrap().unwrap();
        assert_eq!(named.entry.body, Body::Tombstone(Gone::Recalled));
        let prior = bench.reader.prior(c, VISITOR, MessageKey(5)).unwrap().unwrap();
        assert_eq!(prior.body_hash, Some([5; 16]));
    }
}

#[test]
fn facts_are_found_before_and_after_the_checkpoint_and_the_last_one_counts() {
    let mut bench = bench();
    let c = ConversationId(7);
    let mark = |reader, read| {
        Item::Fact(Fact::Mark(Mark {
            conversation: c,
            reader,
            delivered: Index(9),
            read: Index(read),
        }))
    };
    let sign_in = |ended| {
        let (agent, expires_ms) = (AgentId(1), 99);
        Item::Fact(Fact::SignIn(SignIn { token_hash: [1; 32], agent, expires_ms, ended }))
    };
    let secret = |password: &str| {
        Item::Fact(Fact::Secret(Secret { agent: AgentId(1), password: password.into() }))
    };
    let cursor = |index| {
        Item::Fact(Fact::ReaderCursor(ReaderCursor { name: "hook".into(), index: Index(index) }))
    };
    bench.write([mark(VISITOR, 1), mark(AGENT, 2), sign_in(false), secret("a"), cursor(4)]);
    for round in 0..2 {
        let marks = bench.reader.marks(c).unwrap();
        assert_eq!(marks.iter().map(|mark| mark.read.0).collect::<Vec<_>>(), [1, 2]);
        assert!(bench.reader.sign_in(&[1; 32]).unwrap().is_some());
        assert_eq!(bench.reader.sign_ins_of(AgentId(1)).unwrap().len(), 1);
        assert_eq!(&*bench.reader.secret(AgentId(1)).unwrap().unwrap(), "a");
        assert_eq!(bench.reader.reader_cursor("hook").unwrap(), Index(4));
        if round == 0 {
            bench.checkpoint();
        }
    }
    bench.write([mark(VISITOR, 3), sign_in(true), secret("b"), cursor(5)]);
    for _ in 0..2 {
        assert_eq!(bench.reader.marks(c).unwrap()[0].read, Index(3));
        assert!(bench.reader.sign_in(&[1; 32]).unwrap().is_none());
        assert!(bench.reader.sign_ins_of(AgentId(1)).unwrap().is_empty());
        assert_eq!(&*bench.reader.secret(AgentId(1)).unwrap().unwrap(), "b");
        assert_eq!(bench.reader.reader_cursor("hook").unwrap(), Index(5));
        bench.checkpoint();
    }
    assert!(bench.texts(Feed::Site).is_empty(), "facts stand in no feed");
}

#[test]
fn the_site_is_what_its_entries_made_it() {
    let mut bench = bench();
    let agent = |name: &str, key| {
        let row = AgentRow {
            id: AgentId(1),
            login: "li".into(),
            name: name.into(),
            picture: None,
            role: Role::Owner,
            capacity: 5,
            teams: vec![],
            disabled: false,
        };
        entry_item(None, key, Who::System, Body::Agent(row), smallvec![Feed::Roster, Feed::Site])
    };
    bench.write([agent("Li", 1)]);
    bench.checkpoint();
    bench.write([agent("Li Na", 2)]);
    for _ in 0..2 {
        let site = bench.reader.site().unwrap();
        assert_eq!(&*site.agents[&AgentId(1)].name, "Li Na");
        bench.checkpoint();
    }
}

fn ids(rows: &[Conversation]) -> Vec<u128> {
    rows.iter().map(|row| row.id.0).collect()
}

#[test]
fn lists_are_by_last_activity_and_follow_the_owner() {
    let mut bench = bench();
    let query = |scope, state| ListQuery { scope, state, before_ms: u64::MAX, limit: 10 };
    let assigned = |c| {
        let (agent, team) = (AgentId(1), TeamId(1));
        let body = Body::Assigned { agent, name: "Li".into(), avatar: String::new(), team };
        item(c, 0, Who::System, body, &[])
    };
    for c in 1..=3 {
        bench.write([opened(c), text(c, c, "hello")]);
    }
    for _ in 0..2 {
        let all = bench.reader.conversations(query(Scope::All, None)).unwrap();
        assert_eq!(ids(&all), [3, 2, 1]);
        bench.checkpoint();
    }
    bench.write([assigned(2), text(1, 50, "again")]);
    for _ in 0..2 {
        let all = bench.reader.conversations(query(Scope::All, None)).unwrap();
        assert_eq!(ids(&all), [1, 3, 2]);
        let mine = bench.reader.conversations(query(Scope::Agent(AgentId(1)), None)).unwrap();
        assert_eq!(ids(&mine), [2]);
        let queue = query(Scope::Team(TeamId(1)), Some(State::Queued));
        assert_eq!(ids(&bench.reader.conversations(queue).unwrap()), [1, 3]);
        let next = ListQuery { before_ms: all[0].last_ms, limit: 1, ..query(Scope::All, None) };
        assert_eq!(ids(&bench.reader.conversations(next).unwrap()), [3]);
        assert_eq!(bench.reader.unresolved().unwrap().len(), 3);
        bench.checkpoint();
    }
}

#[test]
fn a_proposal_that_is_too_long_takes_no_place() {
    let mut bench = bench();
    let long = "x".repeat(9_000);
    let items: Vec<Item> = (0..20).map(|at| text(7, at + 1, &long)).collect();
    let outcomes = bench.engine.commit([propose(1, items), propose(2, [opened(8)])]);
    assert_eq!(outcomes[0].result.as_ref().unwrap_err().code, code::FRAME_TOO_LONG);
    assert_eq!(outcomes[1].result.as_ref().unwrap()[0].position, Position(1));
}

fn sync_fails(kind: ErrorKind) -> Faults {
    Faults { sync: Some(kind), ..Faults::default() }
}

#[test]
fn after_a_failed_sync_nothing_is_acked_reads_go_on_and_it_heals() {
    for faults in [
        sync_fails(ErrorKind::Other),
        Faults { write: Some(ErrorKind::StorageFull), ..Faults::default() },
        Faults { write: Some(ErrorKind::ReadOnlyFilesystem), ..Faults::default() },
    ] {
        let mut bench = bench();
        let c = ConversationId(7);
        bench.write([opened(7), text(7, 1, "kept")]);
        bench.disk.set_faults(faults);
        let failed = bench.engine.commit([propose(1, [text(7, 2, "lost")])]).remove(0);
        assert_eq!(failed.result.unwrap_err().code, code::READ_ONLY);
        assert!(bench.reader.stats().read_only);
        assert!(bench.engine.heal().is_err());
        assert!(bench.engine.shared().checkpoint().is_err());
        assert_eq!(bench.texts(Feed::Public(c)), ["opened", "kept"]);
        assert_eq!(bench.reader.prior(c, VISITOR, MessageKey(2)).unwrap(), None);
        bench.disk.set_faults(Faults::default());
        bench.engine.heal().unwrap();
        bench.write([text(7, 3, "after")]);
        bench.checkpoint();
        let bench = bench.reopened();
        assert_eq!(bench.texts(Feed::Public(c)), ["opened", "kept", "after"]);
        assert_eq!(bench.texts(Feed::Site).len(), 3);
    }
}

#[test]
fn a_disk_that_takes_nothing_at_the_start_serves_reads_and_heals() {
    for kind in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem] {
        let mut bench = bench();
        let c = ConversationId(7);
        bench.write([opened(7), text(7, 1, "kept")]);
        bench.checkpoint();
        bench.write([text(7, 2, "too")]);
        bench.write([text(7, 3, "last")]);
        bench.disk.set_faults(Faults { write: Some(kind), ..Faults::default() });
        let mut bench = bench.reopened();
        // The last batch may be in the page cache only: it waits until it is written again.
        assert_eq!(bench.texts(Feed::Public(c)), ["opened", "kept", "too"]);
        let failed = bench.engine.commit([propose(1, [text(7, 4, "lost")])]).remove(0);
        assert_eq!(failed.result.unwrap_err().code, code::READ_ONLY);
        bench.disk.set_faults(Faults::default());
        bench.engine.heal().unwrap();
        bench.write([text(7, 5, "after")]);
        bench.checkpoint();
        assert_eq!(bench.texts(Feed::Public(c)), ["opened", "kept", "too", "last", "after"]);
    }
}

#[test]
fn a_full_ring_is_busy_until_the_next_checkpoint() {
    let mut bench = bench();
    bench.write([opened(7)]);
    let long = "x".repeat(3_000);
    let mut key = 0;
    let refusal = loop {
        key += 1;
        let outcome = bench.engine.commit([propose(1, [text(7, key, &long)])]).remove(0);
        if let Err(refusal) = outcome.result {
            break refusal;
        }
    };
    assert_eq!(refusal.code, code::BUSY);
    bench.checkpoint();
    bench.write([text(7, key, &long)]);
    assert_eq!(bench.texts(Feed::Site).len() as u128, key + 1);
}

#[test]
fn a_damaged_row_is_a_fault_and_not_a_wrong_answer() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "a text that is easy to find")]);
    bench.checkpoint();
    let content = bench.disk.content("store.redb").unwrap();
    let needle = b"easy to find";
    let at = content.windows(needle.len()).position(|bytes| bytes == needle).unwrap();
    drop(bench.engine);
    drop(bench.reader);
    bench.disk.damage("store.redb", at, 1);
    let engine = Engine::open(Arc::new(bench.disk.clone()), LAYOUT).unwrap();
    let page = engine.reader().page(Feed::Public(ConversationId(7)), Index(0), 10, 10_000);
    assert!(matches!(page, Err(Fault::RowDamaged { position: 2 })), "{page:?}");
}

#[test]
fn a_journal_that_is_damaged_before_its_end_is_refused_and_kept() {
    let mut bench = bench();
    for key in 1..=3 {
        bench.write([text(7, key, "a text")]);
    }
    let before = bench.disk.content("journal").unwrap();
    bench.disk.damage("journal", 600, 1);
    let opened = Engine::open(Arc::new(bench.disk.clone()), LAYOUT);
    assert!(matches!(opened, Err(Fault::JournalDamaged { position: 1, .. })));
    bench.disk.damage("journal", 600, 1);
    assert_eq!(bench.disk.content("journal").unwrap(), before);
}

#[test]
fn a_check_of_a_sound_store_finds_nothing_and_changes_nothing() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "one")]);
    bench.checkpoint();
    bench.write([text(7, 2, "two"), recalled(7, 3, 1, 2)]);
    let files = ["journal", "store.redb"];
    bench.disk.kill();
    let before = files.map(|name| bench.disk.content(name));
    let checkup = check::check_disk(&bench.disk, LAYOUT.shape, LAYOUT.cache_bytes, None).unwrap();
    assert_eq!(checkup.findings, []);
    assert_eq!((checkup.entries, checkup.conversations, checkup.waiting), (2, 1, 2));
    assert_eq!(before, files.map(|name| bench.disk.content(name)));
}

#[test]
fn a_check_names_the_damaged_row() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "a text that is easy to find")]);
    bench.checkpoint();
    bench.disk.kill();
    let content = bench.disk.content("store.redb").unwrap();
    let needle = b"easy to find";
    let at = content.windows(needle.len()).position(|bytes| bytes == needle).unwrap();
    bench.disk.damage("store.redb", at, 1);
    let checkup = check::check_disk(&bench.disk, LAYOUT.shape, LAYOUT.cache_bytes, None).unwrap();
    let codes: Vec<_> = checkup.findings.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&code::DATABASE_DAMAGED) || codes.contains(&code::ROW_DAMAGED));
}

#[test]
fn a_repair_keeps_what_stands_before_the_damage_and_moves_the_journal_aside() {
    let mut bench = bench();
    for key in 1..=3 {
        bench.write([text(7, key, "a text")]);
    }
    drop((bench.engine, bench.reader));
    let content = bench.disk.content("journal").unwrap();
    let needle = b"a text";
    let found = content.windows(needle.len()).enumerate().filter(|(_, bytes)| bytes == needle);
    let second = found.map(|(at, _)| at).nth(1).unwrap();
    bench.disk.damage("journal", second, 1);
    let damaged = check::check_disk(&bench.disk, LAYOUT.shape, LAYOUT.cache_bytes, None).unwrap();
    assert_eq!(damaged.findings[0].code, code::JOURNAL_DAMAGED);
    let disk = Arc::new(bench.disk.clone());
    let repair = check::repair_disk(disk.clone(), LAYOUT.shape, LAYOUT.cache_bytes, None).unwrap();
    assert_eq!(repair.kept, Some(Position(1)));
    assert_eq!((repair.moved, repair.left), (vec!["journal.damaged-1".to_owned()], vec![]));
    assert!(bench.disk.content("journal.damaged-1").is_some());
    let engine = Engine::open(disk, LAYOUT).unwrap();
    assert_eq!(engine.reader().head(Feed::Site).unwrap(), Index(1));
}

#[test]
fn a_dump_has_every_entry_with_its_place_and_sender() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "one")]);
    bench.checkpoint();
    bench.write([text(8, 2, "two")]);
    let rows = bench.reader.dump(Index(0), 10).unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row.conversation.unwrap().0, row.seq.0, row.key.0)).collect();
    assert_eq!(told, [(7, 1, 0), (7, 2, 1), (8, 1, 2)]);
    assert_eq!((rows[2].sender, rows[2].position), (VISITOR, Position(3)));
    assert_eq!(rows[2].body, Body::Message(Content::Text("two".into())));
    assert_eq!(bench.reader.dump(Index(3), 10).unwrap(), []);
}

#[test]
fn a_reader_of_the_site_feed_goes_on_where_it_confirmed() {
    let mut bench = bench();
    for key in 1..=150 {
        bench.write([text(7, key, "a text")]);
        if key == 60 {
            bench.checkpoint();
        }
    }
    let mut hook = SiteReader::resume(&bench.reader, "hook").unwrap();
    let first = hook.take(&bench.reader).unwrap();
    assert_eq!((first.len(), first[0].index), (100, Index(1)));
    let done = bench.engine.commit([hook.confirm(9, Index(40))]).remove(0);
    assert!(done.result.is_ok());
    assert_eq!(hook.take(&bench.reader).unwrap()[0].index, Index(101));
    for _ in 0..2 {
        let mut hook = SiteReader::resume(&bench.reader, "hook").unwrap();
        assert_eq!(hook.take(&bench.reader).unwrap()[0].index, Index(41));
        let mut other = SiteReader::resume(&bench.reader, "other").unwrap();
        assert_eq!(other.take(&bench.reader).unwrap()[0].index, Index(1));
        bench = bench.reopened();
    }
}

#[test]
fn reads_come_back_after_the_disk_failed_to_read() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "kept")]);
    bench.checkpoint();
    let Bench { disk, engine, reader } = bench;
    drop((engine, reader));
    let small = Layout { cache_bytes: 0, ..LAYOUT };
    let engine = Engine::open(Arc::new(disk.clone()), small).unwrap();
    let mut bench = Bench { reader: engine.reader(), disk, engine };
    bench.disk.set_faults(Faults { read: Some(ErrorKind::Other), ..Faults::default() });
    let read = |bench: &Bench| bench.reader.page_before(Feed::Site, Index(u64::MAX), 10);
    assert!(read(&bench).is_err());
    bench.disk.set_faults(Faults::default());
    assert!(read(&bench).is_err(), "redb has closed the handle");
    bench.engine.shared().database.mend().unwrap();
    assert_eq!(read(&bench).unwrap().entries.len(), 2);
    bench.write([text(7, 2, "after")]);
}
