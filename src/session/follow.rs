//! The feeds a peer follows and how far it was sent each. Invariant: what is sent of a feed begins
//! after the peer's cursor, or after a snapshot, and has every index once and in order (R4, R6).

use bytes::Bytes;

use super::io::{Cursor, Effect, ServerFrame};
use crate::base::limits::{FEEDS_PER_CONNECTION, RESUME_ENTRIES};
use crate::base::{Epoch, Feed, Index, Tick};

/// The followed feeds of one session. One read or snapshot is under way at a time, so that catching
/// up needs the memory of one page, however many feeds there are.
#[derive(Debug, Default)]
pub(super) struct Following {
    feeds: Vec<Followed>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct Followed {
    feed: Feed,
    /// The index to send next.
    next: Index,
    /// The highest index the feed is known to have.
    head: Index,
    stage: Stage,
    /// The shell has not registered it yet.
    new: bool,
    not_before: Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Needs a snapshot before anything else.
    Blank { too_long: bool },
    /// Needs a page after `next`.
    Behind,
    /// Was sent everything up to `head`.
    Live,
}

#[derive(Debug)]
struct UnderWay {
    feed: Feed,
    after: Index,
    /// The feed was followed anew or left since: the answer is of no use.
    stale: bool,
}

/// A connection follows no more feeds than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyFeeds;

impl Following {
    /// Follows from the cursor on; a feed that is followed already begins again there.
    pub(super) fn follow(&mut self, epoch: Epoch, cursor: Cursor) -> Result<(), TooManyFeeds> {
        let stage = if cursor.epoch == Some(epoch) {
            Stage::Behind
        } else {
            Stage::Blank { too_long: cursor.epoch.is_some() }
        };
        let next = Index(cursor.index.0.saturating_add(1));
        if let Some(known) = self.feeds.iter_mut().find(|known| known.feed == cursor.feed) {
            (known.stage, known.next) = (stage, next);
            self.forget_answer(cursor.feed);
            return Ok(());
        }
        if self.feeds.len() >= FEEDS_PER_CONNECTION {
            return Err(TooManyFeeds);
        }
        self.feeds.push(Followed {
            feed: cursor.feed,
            next,
            head: Index(0),
            stage,
            new: true,
            not_before: Tick(0),
        });
        Ok(())
    }

    /// True when the feed was followed.
    pub(super) fn unfollow(&mut self, feed: Feed) -> bool {
        let before = self.feeds.len();
        self.feeds.retain(|known| known.feed != feed);
        self.forget_answer(feed);
        before != self.feeds.len()
    }

    /// A live entry. A gap is read, not held: the page that closes it is in the store already.
    pub(super) fn entry<S>(
        &mut self,
        feed: Feed,
        index: Index,
        frame: Bytes,
        effects: &mut Vec<Effect<S>>,
    ) {
        let Some(known) = self.feeds.iter_mut().find(|known| known.feed == feed) else { return };
        known.head = known.head.max(index);
        match known.stage {
            Stage::Blank { .. } => {}
            Stage::Behind | Stage::Live if index == known.next => known.send(frame, effects),
            Stage::Behind => {}
            Stage::Live => {
                if index > known.next {
                    known.stage = Stage::Behind;
                }
            }
        }
    }

    /// The answer to `Effect::Read`.
    pub(super) fn page<S>(
        &mut self,
        feed: Feed,
        entries: Vec<(Index, Bytes)>,
        head: Index,
        effects: &mut Vec<Effect<S>>,
    ) {
        let Some(answered) = self.answered(feed) else { return };
        let Some(place) = self.feeds.iter().position(|known| known.feed == feed) else { return };
        let known = &mut self.feeds[place];
        known.new = false;
        let missed = head.0.checked_sub(answered.after.0);
        if missed.is_none_or(|missed| missed > RESUME_ENTRIES) {
            // Away too long, or ahead of the feed: a cursor of a history that this store does not
            // have.
            known.restart();
            return;
        }
        known.head = known.head.max(head);
        let before = known.next;
        for (index, frame) in entries {
            if index == known.next {
                known.send(frame, effects);
            }
        }
        if known.sent() >= known.head {
            known.caught_up(effects);
        } else if known.next == before && known.sent() < head {
            // The page does not hold what comes next, so it cannot be had one by one.
            known.restart();
        } else {
            let behind = self.feeds.remove(place);
            self.feeds.push(behind);
        }
    }

    /// The answer to `Effect::Snapshot`.
    pub(super) fn snapshot<S>(
        &mut self,
        feed: Feed,
        index: Index,
        frame: Bytes,
        effects: &mut Vec<Effect<S>>,
    ) {
        if self.answered(feed).is_none() {
            return;
        }
        let Some(known) = self.feeds.iter_mut().find(|known| known.feed == feed) else { return };
        known.new = false;
        known.next = index.next();
        effects.push(Effect::SendBytes(frame));
        if known.sent() >= known.head {
            known.caught_up(effects);
        } else {
            known.stage = Stage::Behind;
        }
    }

    /// The feed may not be read, or not any more. True when it was followed and the refusal is
    /// news.
    pub(super) fn refused(&mut self, feed: Feed) -> bool {
        let answers = self.under_way.as_ref().is_some_and(|reading| reading.feed == feed);
        let stale = answers && self.answered(feed).is_none();
        !stale && self.unfollow(feed)
    }

    /// The read failed but may be tried again after a while.
    pub(super) fn postpone(&mut self, feed: Feed, until: Tick) {
        self.answered(feed);
        if let Some(known) = self.feeds.iter_mut().find(|known| known.feed == feed) {
            known.not_before = until;
        }
    }

    /// Asks for the next page or snapshot that is wanted, when none is under way.
    pub(super) fn read<S>(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        if self.under_way.is_some() {
            return;
        }
        let wants = |known: &&mut Followed| known.stage != Stage::Live && known.not_before <= now;
        let Some(known) = self.feeds.iter_mut().find(wants) else { return };
        let (feed, after, register) = (known.feed, known.sent(), known.new);
        effects.push(match known.stage {
            Stage::Blank { too_long } => Effect::Snapshot { feed, too_long, register },
            Stage::Behind | Stage::Live => Effect::Read { feed, after, register },
        });
        self.under_way = Some(UnderWay { feed, after, stale: false });
    }

    /// When `read` should be called again though nothing happens.
    pub(super) fn deadline(&self) -> Tick {
        if self.under_way.is_some() {
            return Tick::NEVER;
        }
        let waiting = self.feeds.iter().filter(|known| known.stage != Stage::Live);
        waiting.map(|known| known.not_before).min().unwrap_or(Tick::NEVER)
    }

    /// The heads of those of these feeds that the peer has a place in.
    pub(super) fn heads(&self, cursors: &[Cursor]) -> Vec<(Feed, Index)> {
        let placed = |known: &&Followed| !matches!(known.stage, Stage::Blank { .. });
        let head = |cursor: &Cursor| {
            let known = self.feeds.iter().filter(placed).find(|known| known.feed == cursor.feed)?;
            Some((known.feed, known.head.max(known.sent())))
        };
        cursors.iter().filter_map(head).collect()
    }

    /// Ends what is under way when this is its answer; `None` when the answer is of no use.
    fn answered(&mut self, feed: Feed) -> Option<UnderWay> {
        self.under_way.take_if(|reading| reading.feed == feed).filter(|reading| !reading.stale)
    }

    fn forget_answer(&mut self, feed: Feed) {
        if let Some(reading) = self.under_way.as_mut().filter(|reading| reading.feed == feed) {
            reading.stale = true;
        }
    }
}

impl Followed {
    fn sent(&self) -> Index {
        Index(self.next.0 - 1)
    }

    fn send<S>(&mut self, frame: Bytes, effects: &mut Vec<Effect<S>>) {
        effects.push(Effect::SendBytes(frame));
        self.next = self.next.next();
    }

    fn restart(&mut self) {
        self.stage = Stage::Blank { too_long: true };
        self.head = Index(0);
    }

    fn caught_up<S>(&mut self, effects: &mut Vec<Effect<S>>) {
        self.stage = Stage::Live;
        let (feed, index) = (self.feed, self.sent());
        effects.push(Effect::Send(ServerFrame::CaughtUp { feed, index }));
    }
}
