//! What waits for one connection: bounded in bytes, filled by anybody, drained by the
//! connection's task. Invariant: an overflow empties the outbox and is seen by its owner; nothing
//! is dropped silently, and what waits has a wake-up on its way unless the owner paused.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::base::limits::OUTBOX_BYTES;
use crate::session::Input;
use crate::wire::Submission;

/// What a session of this server is fed with.
pub type SessionInput = Input<Submission>;

/// The mailbox of one connection.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<SessionInput>,
    bytes: usize,
    overflowed: bool,
    closed: bool,
    /// The owner waits for something else and takes afterwards.
    paused: bool,
    /// Somebody has promised to call `wake`.
    promised: bool,
}

/// What `take` found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Some,
    Nothing,
    /// More than `OUTBOX_BYTES` came while the owner did not take: close, and let the peer resume.
    Overflow,
}

impl Outbox {
    /// Leaves `input` for the owner and wakes it. After an overflow or `close` it is let go.
    pub fn push(&self, input: SessionInput) {
        if self.lock().put(input) {
            self.waker.wake();
        }
    }

    /// As `push`, but true leaves it to the caller to `wake` the owner soon. False: nobody has to,
    /// or somebody will.
    #[must_use]
    pub(super) fn push_quietly(&self, input: SessionInput) -> bool {
        let mut queue = self.lock();
        let owed = queue.put(input) && !queue.promised;
        queue.promised |= owed;
        owed
    }

    /// Keeps the promise of `push_quietly`.
    pub(super) fn wake(&self) {
        self.lock().promised = false;
        self.waker.wake();
    }

    /// Moves what waits into `into`; gives the queue's memory back when it was large.
    pub fn take(&self, into: &mut VecDeque<SessionInput>) -> Taken {
        let mut queue = self.lock();
        queue.paused = false;
        if queue.overflowed {
            return Taken::Overflow;
        }
        if queue.items.is_empty() {
            return Taken::Nothing;
        }
        queue.bytes = 0;
        if into.is_empty() {
            std::mem::swap(&mut queue.items, into);
        } else {
            into.append(&mut queue.items);
        }
        Taken::Some
    }

    /// The owner's socket takes nothing: until the next `take` only an overflow wakes the owner,
    /// who is woken by the socket. True when the overflow has come already.
    #[must_use]
    pub fn pause(&self) -> bool {
        let mut queue = self.lock();
        queue.paused = true;
        queue.overflowed
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The owner is gone: whatever still comes is let go.
    pub fn close(&self) {
        *self.lock() = Queue { closed: true, ..Queue::default() };
    }

    /// The owner's task, which is woken when there is something to take.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// True when the owner must be told.
    fn put(&mut self, input: SessionInput) -> bool {
        let weight = weight(&input);
        if self.overflowed || self.closed {
            return false;
        }
        if self.bytes + weight > OUTBOX_BYTES {
            *self = Self { overflowed: true, promised: self.promised, ..Self::default() };
            return true;
        }
        self.bytes += weight;
        self.items.push_back(input);
        !self.paused
    }
}

/// Bytes that an input keeps in memory: its frames and a place in the queue.
fn weight(input: &SessionInput) -> usize {
    let frames = match input {
        Input::Entry { frame, .. } | Input::Snapshot { frame, .. } | Input::Hint(frame) => {
            frame.len()
        }
        Input::Page { entries, .. } => entries.iter().map(|(_, frame)| frame.len()).sum(),
        Input::Frame(_)
        | Input::Bad(_)
        | Input::Authenticated(_)
        | Input::ReadRefused { .. }
        | Input::FeedClosed { .. }
        | Input::Durable { .. }
        | Input::Refused { .. }
        | Input::GoingAway { .. }
        | Input::Rights(_)
        | Input::Time
        | Input::Gone => 0,
    };
    frames + size_of::<SessionInput>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn an_overflow_is_seen_and_nothing_is_delivered_after_it() {
        let outbox = Outbox::default();
        let mut into = VecDeque::new();
        outbox.push(Input::Hint(Bytes::from(vec![0; OUTBOX_BYTES / 2])));
        assert_eq!(outbox.take(&mut into), Taken::Some);
        into.clear();
        for _ in 0..2 {
            outbox.push(Input::Hint(Bytes::from(vec![0; OUTBOX_BYTES / 2])));
        }
        outbox.push(Input::Hint(Bytes::new()));
        assert_eq!(outbox.take(&mut into), Taken::Overflow);
        assert!(into.is_empty());
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_paused_owner_is_woken_by_an_overflow_only_until_it_takes() {
        let (outbox, count) = (Outbox::default(), Arc::new(Count::default()));
        let (waker, mut into) = (Waker::from(Arc::clone(&count)), VecDeque::new());
        let woken = || {
            outbox.register(&waker);
            count.0.swap(0, Ordering::Relaxed)
        };
        outbox.register(&waker);
        outbox.push(Input::Time);
        assert_eq!(woken(), 1);
        assert!(!outbox.pause());
        outbox.push(Input::Time);
        assert_eq!(woken(), 0);
        // Whatever came during the pause is there, and the next is announced again.
        assert_eq!(outbox.take(&mut into), Taken::Some);
        assert_eq!(into.len(), 2);
        outbox.push(Input::Time);
        assert_eq!(woken(), 1);

        assert!(!outbox.pause());
        outbox.push(Input::Hint(Bytes::from(vec![0; OUTBOX_BYTES])));
        assert_eq!(woken(), 1, "an overflow ends the pause");
        assert!(outbox.pause());
    }
}
