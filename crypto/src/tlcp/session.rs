//! Sessions that may be taken up again by their id, and the server's bounded store of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::hello::SessionId;
use super::schedule::Master;
use super::suite::Suite;

/// Certificates of a peer in DER, as they were sent: signing, encryption, the rest of the chain.
pub type Certificates = Arc<[Vec<u8>]>;

/// What two sides agreed on. The master secret zeroes itself.
pub struct Session {
    pub(super) id: SessionId,
    pub(super) suite: Suite,
    pub(super) master: Master,
    pub(super) server_name: Option<String>,
    pub(super) peer: Certificates,
    pub(super) made_s: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Memory of a session beside its certificates and name, with its places in the store.
const SESSION_BYTES: usize = 384;

impl Session {
    fn cost(&self) -> usize {
        let certificates: usize = self.peer.iter().map(|one| one.len() + 24).sum();
        SESSION_BYTES + certificates + self.server_name.as_ref().map_or(0, String::len)
    }

    /// Whether it is at most `max_s` old. One that was made in the future is not: the clock moved.
    pub(super) fn is_fresh(&self, now_s: u64, max_s: u64) -> bool {
        now_s.checked_sub(self.made_s).is_some_and(|age| age <= max_s)
    }
}

/// What a finished handshake says of the connection.
#[derive(Debug)]
pub struct Agreed {
    pub suite: Suite,
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for, in lower case.
    pub server_name: Option<String>,
    /// Empty when the peer showed none.
    pub peer: Certificates,
    pub resumed: bool,
    /// A client may take this up again.
    pub session: Option<Arc<Session>>,
}

/// The sessions that a server remembers: the oldest go when there is no more room.
pub struct SessionCache {
    kept: Mutex<Kept>,
    bytes_max: usize,
    age_max_s: u64,
}

#[derive(Default)]
struct Kept {
    by_id: HashMap<SessionId, Arc<Session>>,
    /// Oldest first. An id that is no longer in `by_id` was forgotten.
    order: VecDeque<SessionId>,
    bytes: usize,
}

impl SessionCache {
    /// Holds sessions of `age_max_s` seconds at most, `bytes_max` bytes of them at most.
    #[must_use]
    pub fn new(bytes_max: usize, age_max_s: u64) -> Self {
        Self { kept: Mutex::default(), bytes_max, age_max_s }
    }

    pub(super) fn keep(&self, session: Arc<Session>) {
        let cost = session.cost();
        if cost > self.bytes_max {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.bytes_max / SESSION_BYTES;
        while kept.bytes + cost > self.bytes_max || kept.order.len() >= places {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.forget(&oldest);
        }
        while let Some(oldest) = kept.order.front().copied() {
            let stays = |old: &Arc<Session>| old.is_fresh(session.made_s, self.age_max_s);
            if kept.by_id.get(&oldest).is_some_and(stays) {
                break;
            }
            kept.order.pop_front();
            kept.forget(&oldest);
        }
        kept.bytes += cost;
        kept.order.push_back(session.id);
        kept.by_id.insert(session.id, session);
    }

    pub(super) fn find(&self, id: &SessionId, now_s: u64) -> Option<Arc<Session>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let session = kept.by_id.get(id)?;
        session.is_fresh(now_s, self.age_max_s).then(|| Arc::clone(session))
    }

    pub(super) fn forget(&self, id: &SessionId) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).forget(id);
    }

    /// Sessions that are remembered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).by_id.len()
    }
}

impl Kept {
    fn forget(&mut self, id: &SessionId) {
        if let Some(session) = self.by_id.remove(id) {
            self.bytes -= session.cost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn session(n: u8, made_s: u64) -> Arc<Session> {
        Arc::new(Session {
            id: SessionId::new([n; 32]),
            suite: Suite::EccGcm,
            master: Zeroizing::new([n; 48]),
            server_name: None,
            peer: Arc::new([]),
            made_s,
        })
    }

    #[test]
    fn the_oldest_session_goes_when_there_is_no_more_room() {
        let cache = SessionCache::new(3 * SESSION_BYTES, 100);
        (0..5).for_each(|n| cache.keep(session(n, 10)));
        let found = |n| cache.find(&SessionId::new([n; 32]), 10).is_some();
        assert_eq!((0..5).map(found).collect::<Vec<_>>(), [false, false, true, true, true]);
        assert_eq!(cache.count(), 3);
    }

    #[test]
    fn a_session_is_found_until_it_is_too_old_and_not_before_it_was_made() {
        let cache = SessionCache::new(1 << 16, 100);
        cache.keep(session(1, 1_000));
        let found = |now_s| cache.find(&SessionId::new([1; 32]), now_s).is_some();
        assert_eq!(
            (found(1_000), found(1_100), found(1_101), found(999)),
            (true, true, false, false)
        );
        cache.keep(session(2, 2_000));
        assert_eq!(cache.count(), 1, "what is too old is not held on to");
    }

    #[test]
    fn forgotten_sessions_leave_no_memory_behind() {
        let cache = SessionCache::new(8 * SESSION_BYTES, 100);
        for n in 0..=255 {
            cache.keep(session(n, 10));
            cache.forget(&SessionId::new([n; 32]));
        }
        let kept = cache.kept.lock().unwrap();
        assert_eq!((kept.bytes, kept.by_id.len()), (0, 0));
        assert!(kept.order.len() <= 8);
    }
}
