//! What the server reads from its store: pages and snapshots for sessions, facts for decisions.
//! Nothing that was recalled or erased may come out of here.

use bytes::Bytes;
use posthouse::actors::shard::{Facts, Question};
use posthouse::base::code;
use posthouse::base::{Feed, Index};
use posthouse::desk::{Body, Conversation, Gone, Refusal, State};
use posthouse::session::{Input, Peer};
use posthouse::store::{Fault, ListQuery, Scope};
use posthouse::wire::{self, Paged, Submission};

use crate::net::{Agenda, Link, Network};
use crate::server::{ROOM_BYTES, Running, Server, Task};

const PAGE_ENTRIES: usize = 20;
const PAGE_BYTES: usize = 2 * 1024;
const SNAPSHOT_ENTRIES: usize = 10;

/// A page or a snapshot for a session.
#[derive(Debug)]
pub struct Read {
    pub link: Link,
    pub feed: Feed,
    pub wanted: Wanted,
    pub register: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Page { after: Index },
    Snapshot { too_long: bool },
}

pub fn unreadable(_: Fault) -> Refusal {
    Refusal { code: code::READ_ONLY, retry_after_ms: 300 }
}

impl Server {
    /// Reads when the outbox has room: checks the right, registers, reads.
    pub fn read(&mut self, agenda: &mut Agenda, network: &mut Network, read: Read) {
        let Some(connection) = self.connection(read.link) else { return };
        if connection.bytes > ROOM_BYTES {
            self.later(agenda, 20, Task::Read(read));
            return;
        }
        let Some(peer) = connection.session.peer() else { return };
        let Read { link, feed, wanted, register } = read;
        let Some(running) = &self.running else { return };
        let admitted = running.admit(peer, feed);
        if admitted.is_ok()
            && register
            && let Some(connection) = self.connection(link)
        {
            connection.follows.insert(feed);
        }
        let Some(running) = &self.running else { return };
        let input = admitted.and_then(|row| running.answer(feed, wanted, row));
        let entries = running.shown_again(feed, wanted);
        self.judge(&entries);
        self.troubles.failed_reads += u64::from(input.is_err());
        if let (Ok(_), Wanted::Snapshot { too_long }) = (&input, wanted) {
            self.troubles.snapshots += 1;
            self.troubles.too_long += u64::from(too_long);
        }
        let input = input.unwrap_or_else(|refusal| Input::ReadRefused { feed, refusal });
        self.input(agenda, network, link, input);
    }

    /// A page by HTTP GET; nothing for a cursor of another epoch, which a new connection sorts out.
    pub fn get(&mut self, peer: Peer, feed: Feed, epoch: &[u8], after: Index) -> Vec<Bytes> {
        let Some(running) = &self.running else { return Vec::new() };
        let same = running.reader.epoch().to_bytes() == epoch;
        if !same || running.admit(peer, feed).is_err() {
            return Vec::new();
        }
        let entries = running.shown_again(feed, Wanted::Page { after });
        self.judge(&entries);
        frames(feed, entries).into_iter().map(|(_, frame)| frame).collect()
    }
}

impl Server {
    /// The text of a message is not shown any more once its recall or its conversation's erasure is
    /// durable.
    fn judge(&mut self, entries: &[Paged]) {
        for paged in entries {
            let entry = wire::decode_entry(&paged.bytes).expect("the store's entries are whole");
            let Some(id) = entry.conversation else { continue };
            let shown = matches!(entry.body, Body::Message(_) | Body::Note(_));
            if shown && self.recalled.contains(&(id, entry.key)) {
                self.wrong = Some(format!("{} was recalled and is shown again", entry.key));
            }
            let left = matches!(entry.body, Body::Tombstone(Gone::Deleted) | Body::Erased { .. });
            if !left && self.erased.contains(&id) {
                self.wrong = Some(format!("{id} was erased and is shown again"));
            }
        }
    }
}

fn frames(feed: Feed, entries: Vec<Paged>) -> Vec<(Index, Bytes)> {
    let frame =
        |entry: Paged| (entry.index, wire::delivery(feed, entry.index, entry.public, &entry.bytes));
    entries.into_iter().map(frame).collect()
}

impl Running {
    /// Visitors read their own conversation, agents everything that the simulated team has.
    pub fn admit(&self, peer: Peer, feed: Feed) -> Result<Option<Conversation>, Refusal> {
        match (peer, feed) {
            (_, Feed::Public(id)) | (Peer::Agent(_), Feed::Full(id)) => {
                let found = self.reader.conversation(id).map_err(unreadable)?;
                let theirs = |row: &Conversation| match peer {
                    Peer::Visitor(visitor) => row.visitor == visitor,
                    Peer::Agent(_) => true,
                };
                let found = found.filter(|row| theirs(row));
                if found.as_ref().is_some_and(|row| row.state == State::Erased) {
                    return Err(Refusal::new(code::ERASED));
                }
                found.map(Some).ok_or(Refusal::new(code::NO_CONVERSATION))
            }
            (Peer::Agent(_), Feed::Team(_)) => Ok(None),
            _ => Err(Refusal::new(code::DENIED)),
        }
    }

    fn answer(
        &self,
        feed: Feed,
        wanted: Wanted,
        row: Option<Conversation>,
    ) -> Result<Input<Submission>, Refusal> {
        match wanted {
            Wanted::Page { after } => {
                let page = self.reader.page(feed, after, PAGE_ENTRIES, PAGE_BYTES);
                let page = page.map_err(unreadable)?;
                Ok(Input::Page { feed, head: page.head, entries: frames(feed, page.entries) })
            }
            Wanted::Snapshot { too_long } => {
                // The row says where it is; a head read at another moment would say something else.
                let index = match (feed, &row) {
                    (Feed::Public(_), Some(row)) => row.public_index,
                    (Feed::Full(_), Some(row)) => row.full_index,
                    _ => self.reader.head(feed).map_err(unreadable)?,
                };
                let mut snapshot = wire::Snapshot::of(feed, index);
                snapshot.epoch = self.reader.epoch();
                snapshot.too_long = too_long;
                match row {
                    Some(row) => {
                        let before = index.next();
                        let page = self.reader.page_before(feed, before, SNAPSHOT_ENTRIES);
                        snapshot.entries = page.map_err(unreadable)?.entries;
                        snapshot.marks = self.reader.marks(row.id).map_err(unreadable)?;
                        snapshot.conversations.push(row);
                    }
                    None => {
                        let query = ListQuery {
                            scope: Scope::All,
                            state: None,
                            before_ms: u64::MAX,
                            limit: 100,
                        };
                        let rows = self.reader.conversations(query).map_err(unreadable)?;
                        snapshot.conversations = rows;
                    }
                }
                let frame = wire::encode_snapshot(&snapshot);
                Ok(Input::Snapshot { feed, index, frame })
            }
        }
    }

    /// The entries that such a read shows.
    fn shown_again(&self, feed: Feed, wanted: Wanted) -> Vec<Paged> {
        let page = match wanted {
            Wanted::Page { after } => self.reader.page(feed, after, PAGE_ENTRIES, PAGE_BYTES),
            Wanted::Snapshot { .. } => {
                self.reader.page_before(feed, Index(u64::MAX), SNAPSHOT_ENTRIES)
            }
        };
        page.map(|page| page.entries).unwrap_or_default()
    }

    pub fn look(&self, question: Question) -> Result<Facts, Refusal> {
        let Question { conversation, who, key, recall, .. } = question;
        let prior = match key {
            Some(key) => self.reader.prior(conversation, who, key).map_err(unreadable)?,
            None => None,
        };
        let recallable = match recall {
            Some((key, author)) => {
                self.reader.recallable(conversation, key, author).map_err(unreadable)?
            }
            None => None,
        };
        Ok(Facts { prior, recallable, attachment: None })
    }
}
