//! What waits for one connection: bounded in bytes, filled by anybody, drained by the
//! connection's task. Invariant: an overflow empties the outbox and is seen by its owner; nothing
//! is dropped silently.

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
        let weight = weight(&input);
        {
            let mut queue = self.lock();
            if queue.overflowed || queue.closed {
                return;
            }
            if queue.bytes + weight > OUTBOX_BYTES {
                *queue = Queue { overflowed: true, ..Queue::default() };
            } else {
                queue.bytes += weight;
                queue.items.push_back(input);
            }
        }
        self.waker.wake();
    }

    /// Moves what waits into `into`; gives the queue's memory back when it was large.
    pub fn take(&self, into: &mut VecDeque<SessionInput>) -> Taken {
        let mut queue = self.lock();
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

    #[must_use]
    pub fn is_overflowed(&self) -> bool {
        self.lock().overflowed
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The owner is gone: whatever still comes is let go.
    pub fn close(&self) {
        *self.lock() = Queue { closed: true, ..Queue::default() };
    }

    /// The owner's task, to be woken by the next `push`.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
        | Input::Durable { .. }
        | Input::Refused { .. }
        | Input::GoingAway { .. }
        | Input::Time
        | Input::Gone => 0,
    };
    frames + size_of::<SessionInput>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

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
}
