//! Live fan-out: who follows which feed, and a bounded outbox for each connection.
//! Invariant: a follower is pushed to outside the lock of the map; no lock is taken under another.

mod outbox;

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use smallvec::SmallVec;

pub use outbox::{Outbox, SessionInput, Taken};

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
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            members: Mutex::default(),
            hasher: RandomState::new(),
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
        let members: Vec<_> = self.members().values().cloned().collect();
        for member in members {
            member.push(input.clone());
        }
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
        let frame = frame();
        for follower in followers {
            follower.push(Input::Entry { feed, index, frame: frame.clone() });
        }
    }

    /// Leaves a lossy frame (typing, presence, marks, place in the queue) with every follower.
    pub fn hint(&self, feed: Feed, frame: impl FnOnce() -> Bytes) {
        let followers = self.followers(feed);
        if followers.is_empty() {
            return;
        }
        let frame = frame();
        for follower in followers {
            follower.push(Input::Hint(frame.clone()));
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

    use super::*;

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
}
