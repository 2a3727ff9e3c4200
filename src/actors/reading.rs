//! What a peer may read, and the pages and snapshots they get.
//! Invariant: every read of a feed passes `admit` first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::desk::{Desk, who};
use crate::base::limits::{LIST_ROWS, PAGE_BYTES, PAGE_ENTRIES, SNAPSHOT_ENTRIES};
use crate::base::{AgentId, ConversationId, Feed, Index, TeamId, code};
use crate::desk::{AgentRow, Conversation, Refusal, Right, State};
use crate::hub::{Outbox, Taken};
use crate::session::{Input, Peer};
use crate::store::{self, Fault, ListQuery, Paged, Reader, Scope};
use crate::wire;

/// Entries of a feed in order, each an encoded `ServerFrame` with its delivery.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<(Index, Bytes)>,
    /// The feed's head when the page was read.
    pub head: Index,
}

/// A list of conversations in the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Mine,
    Queue,
    All,
}

impl Desk {
    /// Entries after an index, oldest first, at most a page.
    ///
    /// # Errors
    /// The feed is not the peer's, or the store cannot be read.
    pub async fn page(&self, peer: Peer, feed: Feed, after: Index) -> Result<Page, Refusal> {
        self.admit(peer, feed).await?;
        let read = move |reader: &Reader| reader.page(feed, after, PAGE_ENTRIES, PAGE_BYTES);
        let page = self.0.reads.run(read).await?;
        Ok(Page { entries: frames(feed, &page.entries), head: page.head })
    }

    /// The site's feed for the operator of the machine, who owns its files anyway.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn log(&self, after: Index) -> Result<store::Page, Refusal> {
        let read = move |reader: &Reader| reader.page(Feed::Site, after, PAGE_ENTRIES, PAGE_BYTES);
        self.0.reads.run(read).await
    }

    /// Entries before an index, oldest first, at most a page: scrolling back.
    ///
    /// # Errors
    /// As `page`.
    pub async fn page_before(
        &self,
        peer: Peer,
        feed: Feed,
        before: Index,
    ) -> Result<Page, Refusal> {
        self.admit(peer, feed).await?;
        let read = move |reader: &Reader| reader.page_before(feed, before, PAGE_ENTRIES);
        let page = self.0.reads.run(read).await?;
        Ok(Page { entries: frames(feed, &page.entries), head: page.head })
    }

    /// The state of a feed and the index it is at, as an encoded `ServerFrame`.
    ///
    /// # Errors
    /// As `page`.
    pub async fn snapshot(
        &self,
        peer: Peer,
        feed: Feed,
        too_long: bool,
    ) -> Result<(Index, Bytes), Refusal> {
        let conversation = self.admit(peer, feed).await?;
        let team = conversation.as_ref().map(|row| row.team).unwrap_or_default();
        let read = move |reader: &Reader| stored(reader, feed, conversation);
        let mut snapshot = self.0.reads.run(read).await?;
        snapshot.epoch = self.epoch();
        snapshot.too_long = too_long;
        self.add_what_is_live(&mut snapshot, team);
        Ok((snapshot.index, wire::encode_snapshot(&snapshot)))
    }

    /// Waits for something new in a feed: returns at once when its head is past `after`, else at
    /// the next entry or hint, else after `wait_ms`. The frames are the hints; entries are read
    /// with `page`.
    ///
    /// # Errors
    /// As `page`.
    pub async fn wait(
        &self,
        peer: Peer,
        feed: Feed,
        after: Index,
        wait_ms: u64,
    ) -> Result<Vec<Bytes>, Refusal> {
        self.admit(peer, feed).await?;
        let follower = Follower::new(self.clone(), feed);
        // The head is read after following, so that nothing falls between the two.
        if self.0.reads.run(move |reader| reader.head(feed)).await? > after {
            return Ok(Vec::new());
        }
        let mut drain = self.0.drain.subscribe();
        let hints = tokio::select! {
            hints = follower.next() => hints,
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => Vec::new(),
            _ = drain.wait_for(Option::is_some) => Vec::new(),
        };
        Ok(hints)
    }

    /// A list of the console, last activity first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn conversations(
        &self,
        agent: AgentId,
        view: View,
        before_ms: Option<u64>,
    ) -> Result<Vec<Conversation>, Refusal> {
        let site = self.site();
        let row = site.agent(agent).ok_or(Refusal::new(code::BAD_TOKEN))?.clone();
        let state = (view == View::Queue).then_some(State::Queued);
        let scopes = match view {
            _ if !row.role.may(Right::Converse) => Vec::new(),
            View::Mine => vec![Scope::Agent(agent)],
            View::Queue | View::All if sees_all(&row) => vec![Scope::All],
            View::Queue | View::All => row.teams.iter().map(|team| Scope::Team(*team)).collect(),
        };
        let before_ms = before_ms.unwrap_or(u64::MAX);
        let read = move |reader: &Reader| {
            let mut rows = Vec::new();
            for scope in scopes {
                let query = ListQuery { scope, state, before_ms, limit: LIST_ROWS };
                rows.extend(reader.conversations(query)?);
            }
            rows.sort_by_key(|row| std::cmp::Reverse((row.last_ms, row.id)));
            rows.truncate(LIST_ROWS);
            Ok(rows)
        };
        self.0.reads.run(read).await
    }

    /// Whether the peer may read the feed; of a conversation's feed, the conversation.
    ///
    /// # Errors
    /// `DENIED`, or `NO_CONVERSATION` for one that is not there or not theirs: the two look the
    /// same.
    pub async fn admit(&self, peer: Peer, feed: Feed) -> Result<Option<Conversation>, Refusal> {
        let denied = Err(Refusal::new(code::DENIED));
        match (feed, peer) {
            (Feed::Public(id) | Feed::Full(id), Peer::Agent(_)) | (Feed::Public(id), _) => {
                let conversation = self.conversation(id).await?;
                self.admit_to(peer, &conversation)?;
                Ok(Some(conversation))
            }
            (_, Peer::Visitor(_)) => denied,
            (_, Peer::Agent(agent)) => {
                let site = self.site();
                let row = site.agent(agent).ok_or(Refusal::new(code::BAD_TOKEN))?;
                let may = match feed {
                    Feed::Inbox(of) => {
                        of == agent && row.role.may(Right::Converse) || sees_all(row)
                    }
                    Feed::Team(team) => row.teams.contains(&team) || sees_all(row),
                    Feed::Roster => true,
                    Feed::Site => row.role.may(Right::ReadAll),
                    Feed::Public(_) | Feed::Full(_) => false,
                };
                if may { Ok(None) } else { denied }
            }
        }
    }

    /// Whether the peer may see this conversation.
    pub(super) fn admit_to(&self, peer: Peer, conversation: &Conversation) -> Result<(), Refusal> {
        let theirs = match peer {
            Peer::Visitor(visitor) => conversation.visitor == visitor,
            Peer::Agent(agent) => {
                let site = self.site();
                let row = site.agent(agent).ok_or(Refusal::new(code::BAD_TOKEN))?;
                sees_all(row)
                    || row.role.may(Right::Converse)
                        && (row.teams.contains(&conversation.team)
                            || conversation.agent == Some(agent))
            }
        };
        match (theirs, conversation.state) {
            (true, State::Erased) => Err(Refusal::new(code::ERASED)),
            (true, _) => Ok(()),
            (false, _) => Err(Refusal::new(code::NO_CONVERSATION)),
        }
    }

    pub(super) async fn conversation(&self, id: ConversationId) -> Result<Conversation, Refusal> {
        let read = move |reader: &Reader| {
            reader.check_key(id)?;
            reader.conversation(id)
        };
        self.0.reads.run(read).await?.ok_or(Refusal::new(code::NO_CONVERSATION))
    }

    fn add_what_is_live(&self, snapshot: &mut wire::Snapshot, team: TeamId) {
        let staff = self.0.staff.borrow().clone();
        match snapshot.feed {
            Feed::Roster => snapshot.presence = staff.presence(),
            Feed::Full(id) => {
                let online = self.0.hub.is_followed(Feed::Public(id));
                snapshot.presence.push(wire::Presence::Visitor { conversation: id, online });
            }
            Feed::Public(_) => {
                snapshot.presence.push(wire::Presence::Staffed(staff.is_staffed(team)));
            }
            Feed::Inbox(_) | Feed::Team(_) | Feed::Site => {}
        }
    }

    /// Who reads as the store knows them; also what a typing frame shows.
    pub(super) fn author(&self, peer: Peer) -> crate::desk::Author {
        let name = match peer {
            Peer::Visitor(_) => None,
            Peer::Agent(agent) => self.site().agent(agent).map(|row| row.name.clone()),
        };
        crate::desk::Author { who: who(peer), name: name.unwrap_or_default() }
    }
}

/// Supervisors and owners see every team.
pub(super) fn sees_all(row: &AgentRow) -> bool {
    row.role.may(Right::Lead)
}

/// The stored part of a snapshot. Its index is never ahead of its rows: a conversation's row says
/// where it is, for lists the head is read first, so what comes between is delivered again.
fn stored(
    reader: &Reader,
    feed: Feed,
    conversation: Option<Conversation>,
) -> Result<wire::Snapshot, Fault> {
    let index = match (feed, &conversation) {
        (Feed::Public(_), Some(row)) => row.public_index,
        (Feed::Full(_), Some(row)) => row.full_index,
        _ => reader.head(feed)?,
    };
    let mut snapshot = wire::Snapshot::of(feed, index);
    let list = |scope| {
        reader.conversations(ListQuery {
            scope,
            state: None,
            before_ms: u64::MAX,
            limit: LIST_ROWS,
        })
    };
    match feed {
        Feed::Public(id) | Feed::Full(id) => {
            let before = index.next();
            let page = reader.page_before(feed, before, SNAPSHOT_ENTRIES)?;
            snapshot.entries = page.entries;
            snapshot.marks = reader.marks(id)?;
            snapshot.conversations.extend(conversation);
        }
        Feed::Inbox(agent) => snapshot.conversations = list(Scope::Agent(agent))?,
        Feed::Team(team) => snapshot.conversations = list(Scope::Team(team))?,
        Feed::Roster => {
            let site = reader.site()?;
            snapshot.agents = site.agents.into_values().collect();
            snapshot.teams = site.teams.into_values().collect();
            snapshot.inboxes = site.inboxes.into_values().collect();
            snapshot.site = Some(site.row);
        }
        Feed::Site => {}
    }
    Ok(snapshot)
}

fn frames(feed: Feed, entries: &[Paged]) -> Vec<(Index, Bytes)> {
    let frame = |paged: &Paged| {
        let bytes = wire::delivery(feed, paged.index, paged.public, &paged.bytes);
        (paged.index, bytes)
    };
    entries.iter().map(frame).collect()
}

/// A follower for the time of one wait.
pub(super) struct Follower {
    desk: Desk,
    feed: Feed,
    outbox: Arc<Outbox>,
}

impl Follower {
    pub(super) fn new(desk: Desk, feed: Feed) -> Self {
        let outbox = Arc::new(Outbox::default());
        desk.0.hub.follow(feed, &outbox);
        Self { desk, feed, outbox }
    }

    /// The hints that came, when something came.
    pub(super) async fn next(&self) -> Vec<Bytes> {
        let mut inputs = std::collections::VecDeque::new();
        std::future::poll_fn(|context| {
            self.outbox.register(context.waker());
            match self.outbox.take(&mut inputs) {
                Taken::Nothing => std::task::Poll::Pending,
                Taken::Some | Taken::Overflow => std::task::Poll::Ready(()),
            }
        })
        .await;
        let hint = |input| if let Input::Hint(frame) = input { Some(frame) } else { None };
        inputs.into_iter().filter_map(hint).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.desk.0.hub.unfollow(self.feed, &self.outbox);
        self.outbox.close();
    }
}
