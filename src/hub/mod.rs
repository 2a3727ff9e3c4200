//! Live fan-out: who follows which feed, and a bounded outbox for each connection.
//! Invariant: a follower is pushed to outside the lock of the map; no lock is taken under another.
//! Everybody has an entry before anybody of a crowd is woken; a crowd is woken in portions.

mod outbox;

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use smallvec::SmallVec;

pub use outbox::{Outbox, SessionInput, Taken};

use crate::base::limits::WAKE_PORTION;
use crate::base::{Feed, Index};
use crate::session::Input;

/// Parts of the map, so that connections that come and go do not wait for each other.
const PARTS: usize = 16;

type Followers = SmallVec<[Arc<Outbox>; 1]>;

/// The live followers of every feed.
#[derive(Debug)]
pub struct Hub {
    parts: [Mutex<HashMap<Feed, Followers>>; PARTS],
    /// Every connection, by the address of its outbox.
    members: Mutex<BTreeMap<usize, Arc<Outbox>>>,
    hasher: RandomState,
    /// Outboxes whose owners are to be woken, each in it once.
    crowd: Mutex<VecDeque<Arc<Outbox>>>,
    /// Who wakes them.
    crier: AtomicWaker,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            members: Mutex::default(),
            hasher: RandomState::new(),
            crowd: Mutex::default(),
            crier: AtomicWaker::new(),
        }
    }
}

impl Hub {
    /// A connection is there.
    pub fn join(&self, outbox: &Arc<Outbox>) {
        self.members().insert(address(outbox), Arc::clone(outbox));
    }

    /// A connection is gone; it has unfollowed its feeds before.
    pub fn leave(&self, outbox: &Arc<Outbox>) {
        self.members().remove(&address(outbox));
    }

    /// Tells every connection.
    pub fn tell_all(&self, input: &SessionInput) {
        let members: Followers = self.members().values().cloned().collect();
        self.deliver(members, input);
    }

    /// Connections that have joined and not left.
    #[must_use]
    pub fn members_count(&self) -> usize {
        self.members().len()
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<Outbox>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `outbox` gets every entry of the feed. Following twice is following once.
    pub fn follow(&self, feed: Feed, outbox: &Arc<Outbox>) {
        let mut part = self.part(&feed);
        let followers = part.entry(feed).or_default();
        if !followers.iter().any(|known| Arc::ptr_eq(known, outbox)) {
            followers.push(Arc::clone(outbox));
        }
    }

    pub fn unfollow(&self, feed: Feed, outbox: &Arc<Outbox>) {
        let mut part = self.part(&feed);
        if let Entry::Occupied(mut entry) = part.entry(feed) {
            entry.get_mut().retain(|known| !Arc::ptr_eq(known, outbox));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// Whether anybody follows the feed now.
    #[must_use]
    pub fn is_followed(&self, feed: Feed) -> bool {
        self.part(&feed).contains_key(&feed)
    }

    /// Leaves an entry with every follower. `frame` is made only when there is one.
    pub fn publish(&self, feed: Feed, index: Index, frame: impl FnOnce() -> Bytes) {
        let followers = self.followers(feed);
        if followers.is_empty() {
            return;
        }
        self.deliver(followers, &Input::Entry { feed, index, frame: frame() });
    }

    /// Leaves a lossy frame (typing, presence, marks, place in the queue) with every follower.
    pub fn hint(&self, feed: Feed, frame: impl FnOnce() -> Bytes) {
        let followers = self.followers(feed);
        if followers.is_empty() {
            return;
        }
        self.deliver(followers, &Input::Hint(frame()));
    }

    /// Wakes a portion of those whose wake-up waits, as soon as there are any. Whoever calls this
    /// again and again lets other tasks run in between: a thousand tasks woken at once would stand
    /// before everybody else for many milliseconds.
    pub fn poll_portion(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.crier.register(cx.waker());
        let portion: SmallVec<[Arc<Outbox>; WAKE_PORTION]> = {
            let mut crowd = self.crowd();
            let count = crowd.len().min(WAKE_PORTION);
            crowd.drain(..count).collect()
        };
        if portion.is_empty() {
            return Poll::Pending;
        }
        for outbox in portion {
            outbox.wake();
        }
        Poll::Ready(())
    }

    fn deliver(&self, followers: Followers, input: &SessionInput) {
        if followers.len() <= WAKE_PORTION {
            for follower in followers {
                follower.push(input.clone());
            }
            return;
        }
        let left = |follower: &Arc<Outbox>| follower.push_quietly(input.clone());
        let owed: Vec<_> = followers.into_iter().filter(left).collect();
        if !owed.is_empty() {
            self.crowd().extend(owed);
            self.crier.wake();
        }
    }

    fn crowd(&self) -> MutexGuard<'_, VecDeque<Arc<Outbox>>> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every follower of the feed.
    pub fn tell(&self, feed: Feed, input: &SessionInput) {
        for follower in self.followers(feed) {
            follower.push(input.clone());
        }
    }

    fn followers(&self, feed: Feed) -> Followers {
        self.part(&feed).get(&feed).cloned().unwrap_or_default()
    }

    fn part(&self, feed: &Feed) -> MutexGuard<'_, HashMap<Feed, Followers>> {
        // Below `PARTS`, which is a usize.
        let part = usize::try_from(self.hasher.hash_one(feed) % PARTS as u64).unwrap_or_default();
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(outbox: &Arc<Outbox>) -> usize {
    Arc::as_ptr(outbox).addr()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn followers_get_what_is_published_until_they_leave() {
        let hub = Hub::default();
        let outbox = Arc::new(Outbox::default());
        let mut got = VecDeque::new();
        hub.publish(Feed::Roster, Index(1), || panic!("made for nobody"));

        hub.follow(Feed::Roster, &outbox);
        hub.follow(Feed::Roster, &outbox);
        hub.publish(Feed::Roster, Index(2), || Bytes::from_static(b"x"));
        assert_eq!(outbox.take(&mut got), Taken::Some);
        assert_eq!(got.len(), 1);

        hub.unfollow(Feed::Roster, &outbox);
        assert!(!hub.is_followed(Feed::Roster));
        hub.publish(Feed::Roster, Index(3), Bytes::new);
        assert_eq!(outbox.take(&mut got), Taken::Nothing);
    }

    #[test]
    fn a_crowd_has_everything_at_once_and_is_woken_in_portions() {
        let (hub, count) = (Hub::default(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let cx = &mut Context::from_waker(Waker::noop());
        let outboxes: Vec<_> = (0..3 * WAKE_PORTION).map(|_| Arc::new(Outbox::default())).collect();
        for outbox in &outboxes {
            hub.follow(Feed::Roster, outbox);
            outbox.register(&waker);
        }
        let woken = || count.0.swap(0, Ordering::Relaxed);
        assert!(hub.poll_portion(cx).is_pending());
        hub.publish(Feed::Roster, Index(1), || Bytes::from_static(b"x"));
        assert_eq!(woken(), 0);
        assert!(hub.poll_portion(cx).is_ready());
        assert_eq!(woken(), WAKE_PORTION);

        // Two portions still wait for the first entry: they are woken once for both. The owners of
        // the first one have not registered again, so nobody hears their second wake-up.
        hub.publish(Feed::Roster, Index(2), || Bytes::from_static(b"y"));
        let waiting = std::iter::from_fn(|| hub.poll_portion(cx).is_ready().then(woken));
        assert_eq!(waiting.sum::<usize>(), 2 * WAKE_PORTION);
        for outbox in &outboxes {
            let mut got = VecDeque::new();
            assert_eq!(outbox.take(&mut got), Taken::Some);
            let indices = got.iter().map(|input| match input {
                Input::Entry { index, .. } => index.0,
                _ => 0,
            });
            assert_eq!(indices.collect::<Vec<_>>(), [1, 2]);
        }
    }
}
