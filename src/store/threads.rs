//! The two threads of a store: the writer, who turns waiting proposals into one journal batch after
//! the other, and the checkpointer, who moves the tail into the database. Both end by `close`, or
//! when the last `Writer` is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::engine::Engine;
use super::fault::Fault;
use super::shared::Shared;
use super::storage::FolderLock;
use super::words::{Item, Outcome, Proposal};
use super::writer::read_only;
use crate::base::limits::{
    BATCH_BYTES, BATCH_ENTRIES, BUSY_RETRY_MS, CHECKPOINT_LATEST_MS, CHECKPOINT_MANY,
    CHECKPOINT_MS, HEAL_MS, WRITER_QUEUE, WRITER_QUEUE_BYTES,
};
use crate::base::{Clock, Position, Tick};
use crate::desk::Refusal;

/// Called on the writer's thread with the outcomes of a batch.
pub type Sink = Box<dyn Fn(Vec<Outcome>) + Send>;

/// The way into the store; clones share it.
#[derive(Clone, Debug)]
pub struct Writer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` while the threads are being ended.
    queue: Option<SyncSender<Message>>,
    queued_bytes: Arc<AtomicUsize>,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<FolderLock>>,
}

/// Told on the writer's thread whether the journal goes on in a new segment.
pub type Answer = Box<dyn FnOnce(Result<(), Fault>) + Send>;
/// The same, with whether there is more to do.
pub type More = Box<dyn FnOnce(Result<bool, Fault>) + Send>;

enum Message {
    Append(Box<Proposal>, usize),
    Probe(Box<dyn FnOnce() + Send>),
    Renew(Answer),
    Wipe(bool, More),
    Close,
}

impl Writer {
    /// Starts the threads; the lock is held until both have ended.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        engine: Engine,
        lock: Option<FolderLock>,
        clock: Arc<dyn Clock>,
        min_commit_interval_ms: u64,
        sink: Sink,
    ) -> Result<Self, Fault> {
        let shared = Arc::clone(engine.shared());
        let (queue, proposals) = sync_channel(WRITER_QUEUE);
        let (wake, woken) = sync_channel(1);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        shared.min_commit_interval_ms.store(min_commit_interval_ms, Ordering::Relaxed);
        let pump = Pump {
            engine,
            proposals,
            queued_bytes: Arc::clone(&queued_bytes),
            clock: Arc::clone(&clock),
            last_commit: Tick(0),
            wake,
            sink,
        };
        let checkpointer =
            Checkpointer { shared: Arc::clone(&shared), clock, woken, last: Tick(0) };
        let checkpoints = spawn("store-apply", move || checkpointer.run())?;
        let writer = spawn("store-writer", move || pump.run())?;
        let threads = Mutex::new(vec![writer, checkpoints]);
        let lock = Mutex::new(lock);
        let inner = Inner { queue: Some(queue), queued_bytes, shared, threads, lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hands a proposal to the writer's thread; the outcome comes through the sink.
    ///
    /// # Errors
    /// `BUSY`: too much is waiting. `READ_ONLY`: the disk takes nothing.
    pub fn append(&self, proposal: Proposal) -> Result<(), Refusal> {
        if self.inner.shared.read_only.load(Ordering::Acquire) {
            return Err(read_only());
        }
        let bytes: usize = proposal.items.iter().map(weight).sum();
        let waiting = self.inner.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        // Counted before it is sent: the writer's thread may take it away at once.
        let queued = &self.inner.shared.counts.queued;
        queued.fetch_add(1, Ordering::Relaxed);
        let sent = match &self.inner.queue {
            Some(queue) if waiting <= WRITER_QUEUE_BYTES => {
                queue.try_send(Message::Append(Box::new(proposal), bytes)).is_ok()
            }
            Some(_) | None => false,
        };
        if !sent {
            self.inner.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            queued.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::busy(BUSY_RETRY_MS));
        }
        Ok(())
    }

    /// Calls back from the writer's thread without a sync: proof that it runs. False when too much
    /// is waiting before it.
    pub fn probe(&self, answer: Box<dyn FnOnce() + Send>) -> bool {
        let Some(queue) = &self.inner.queue else { return false };
        match queue.try_send(Message::Probe(answer)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Least time between two commits from now on.
    pub fn set_commit_interval(&self, min_ms: u64) {
        self.inner.shared.min_commit_interval_ms.store(min_ms, Ordering::Relaxed);
    }

    /// Has the journal go on in another segment, so that nothing more is written behind bytes that
    /// cannot be read. False when too much is waiting.
    pub fn renew(&self, answer: Answer) -> bool {
        let Some(queue) = &self.inner.queue else { return false };
        queue.try_send(Message::Renew(answer)).is_ok()
    }

    /// Has some of the journal's older segments overwritten; the answer is true when there is more
    /// to do. `begin`: whatever stands in the segments now. False when too much is waiting.
    pub fn wipe(&self, begin: bool, answer: More) -> bool {
        let Some(queue) = &self.inner.queue else { return false };
        queue.try_send(Message::Wipe(begin, answer)).is_ok()
    }

    /// Has what is durable by now moved into the database soon; returns the last position of it.
    pub fn flush(&self) -> Position {
        let shared = &self.inner.shared;
        let to = shared.durable();
        shared.flush_to.fetch_max(to.0, Ordering::AcqRel);
        to
    }

    /// Writes what waits, moves everything into the database, ends the threads and gives the folder
    /// back. Appends of other clones are refused from then on.
    pub fn close(&self) {
        if let Some(queue) = &self.inner.queue {
            // A thread that ended already has closed.
            drop(queue.send(Message::Close));
        }
        self.inner.join();
    }
}

impl Inner {
    fn join(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
        drop(threads);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.queue.take());
        self.join();
    }
}

fn weight(item: &Item) -> usize {
    match item {
        Item::Entry(new) => new.bytes.len() + 256,
        Item::Fact(_) => 256,
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fault> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(Fault::disk("thread"))
}

struct Pump {
    engine: Engine,
    proposals: Receiver<Message>,
    queued_bytes: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
    last_commit: Tick,
    /// Wakes the checkpointer.
    wake: SyncSender<()>,
    sink: Sink,
}

impl Pump {
    fn run(mut self) {
        let heal = Duration::from_millis(HEAL_MS);
        let mut next_heal = Tick(0);
        loop {
            let first = self.proposals.recv_timeout(heal);
            let read_only = self.engine.shared().read_only.load(Ordering::Acquire);
            if read_only && self.clock.tick() >= next_heal {
                if let Err(fault) = self.heal() {
                    tracing::debug!(%fault, "the journal does not take writes yet");
                } else {
                    tracing::info!("the journal takes writes again");
                }
                next_heal = self.clock.tick().after(HEAL_MS);
            }
            match first {
                Ok(message) => {
                    if self.batch(message) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn heal(&mut self) -> Result<(), Fault> {
        let healed = self.engine.heal();
        let outcomes = self.engine.unparked();
        if !outcomes.is_empty() {
            (self.sink)(outcomes);
        }
        healed
    }

    /// One batch: what arrived while the last one was synced. True when the store is to close.
    fn batch(&mut self, first: Message) -> bool {
        let since = self.clock.tick().since(self.last_commit);
        let least = self.engine.shared().min_commit_interval_ms.load(Ordering::Relaxed);
        if since < least {
            thread::sleep(Duration::from_millis(least - since));
        }
        let (mut batch, mut bytes, mut close) = (Vec::new(), 0, false);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Probe(answer) => answer(),
                Message::Renew(answer) => answer(self.heal()),
                Message::Wipe(begin, answer) => answer(self.engine.wipe(begin)),
                Message::Close => close = true,
                Message::Append(proposal, weight) => {
                    batch.push(*proposal);
                    bytes += weight;
                }
            }
            let full = batch.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES;
            next = if full || close { None } else { self.proposals.try_recv().ok() };
        }
        if batch.is_empty() {
            return close;
        }
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        let shared = Arc::clone(self.engine.shared());
        shared.counts.queued.fetch_sub(batch.len() as u64, Ordering::Relaxed);
        let outcomes = if shared.read_only.load(Ordering::Acquire) {
            let refused = |p: Proposal| Outcome { ticket: p.ticket, result: Err(read_only()) };
            batch.into_iter().map(refused).collect()
        } else {
            self.engine.commit(batch)
        };
        self.last_commit = self.clock.tick();
        if shared.due() || shared.free_segments.load(Ordering::Relaxed) == 0 {
            // A full channel means that it is awake already.
            let _ = self.wake.try_send(());
        }
        (self.sink)(outcomes);
        close
    }
}

struct Checkpointer {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    woken: Receiver<()>,
    last: Tick,
}

impl Checkpointer {
    fn run(mut self) {
        let mut pause = Duration::from_millis(HEAL_MS / 4);
        loop {
            let ended = self.woken.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected);
            pause = Duration::from_millis(HEAL_MS / 4);
            if let Err(fault) = self.step(ended) {
                tracing::warn!(%fault, "the database takes no entries");
                pause = Duration::from_millis(HEAL_MS);
            }
            if ended {
                return;
            }
        }
    }

    fn step(&mut self, ended: bool) -> Result<(), Fault> {
        self.shared.database.mend()?;
        self.shared.grow()?;
        let now = self.clock.tick();
        let (age, waiting) = (now.since(self.last), self.shared.tail().len() as u64);
        let due = self.shared.due()
            || self.shared.free_segments.load(Ordering::Relaxed) == 0
            || self.shared.checkpoint_failing.load(Ordering::Acquire)
            || self.shared.flush_wanted()
            || (age >= CHECKPOINT_MS && waiting >= CHECKPOINT_MANY)
            || age >= CHECKPOINT_LATEST_MS;
        if waiting == 0 || !(due || ended) {
            return Ok(());
        }
        self.last = now;
        while self.shared.checkpoint()? {
            if !ended && !self.shared.due() && !self.shared.flush_wanted() {
                break;
            }
        }
        let took = self.clock.tick().since(now);
        self.shared.counts.checkpoint_ms.store(took, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::super::Reader;
    use super::super::sim::{Faults, SimDisk};
    use super::super::tests::{LAYOUT, opened, propose, text};
    use super::*;
    use crate::base::{ConversationId, Feed, Index, Wall, code};

    struct Real(Instant);

    impl Clock for Real {
        fn tick(&self) -> Tick {
            Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap())
        }

        fn wall(&self) -> Wall {
            Wall::default()
        }
    }

    #[allow(clippy::disallowed_methods)] // the threads wait in real time
    fn now() -> Instant {
        Instant::now()
    }

    fn start(disk: &SimDisk) -> (Writer, Reader, Receiver<Outcome>) {
        let (done, outcomes) = channel();
        let sink = Box::new(move |batch: Vec<Outcome>| {
            batch.into_iter().for_each(|outcome| done.send(outcome).unwrap());
        });
        let engine = Engine::open(Arc::new(disk.clone()), LAYOUT).unwrap();
        let reader = engine.reader();
        let writer = Writer::start(engine, None, Arc::new(Real(now())), 0, sink).unwrap();
        (writer, reader, outcomes)
    }

    fn append(writer: &Writer, key: u64) {
        while writer.append(propose(key, [text(7, key.into(), "a text")])).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_arrives_during_a_sync_shares_the_next_one() {
        let (writer, reader, outcomes) = start(&SimDisk::new(1));
        let (hold, held) = channel::<()>();
        writer.probe(Box::new(move || {
            let _ = held.recv();
        }));
        for key in 1..=40 {
            append(&writer, key);
        }
        drop(hold);
        let tickets: Vec<u64> = outcomes.iter().take(40).map(|outcome| outcome.ticket).collect();
        assert_eq!(tickets, (1..=40).collect::<Vec<_>>());
        let stats = reader.stats();
        assert_eq!(stats.committed_items, 40);
        assert!(stats.commits <= 3, "{} commits", stats.commits);
        assert_eq!(stats.queued, 0);
    }

    #[test]
    fn a_close_writes_what_waits_and_empties_the_journal() {
        let disk = SimDisk::new(1);
        let (writer, reader, outcomes) = start(&disk);
        for key in 1..=100 {
            append(&writer, key);
        }
        writer.close();
        assert_eq!(outcomes.iter().take(100).filter(|outcome| outcome.result.is_ok()).count(), 100);
        let stats = reader.stats();
        assert_eq!((stats.durable, stats.tail_items), (stats.applied, 0));
        assert_eq!(writer.append(propose(1, [opened(9)])).unwrap_err().code, code::BUSY);
        assert!(!writer.probe(Box::new(|| {})));
    }

    #[test]
    fn a_failing_disk_refuses_and_heals_by_itself_within_ten_seconds() {
        let disk = SimDisk::new(1);
        let (writer, reader, outcomes) = start(&disk);
        append(&writer, 1);
        assert!(outcomes.recv().unwrap().result.is_ok());
        disk.set_faults(Faults { write: Some(ErrorKind::StorageFull), ..Faults::default() });
        append(&writer, 2);
        let refusal = outcomes.recv().unwrap().result.unwrap_err();
        assert_eq!(refusal.code, code::READ_ONLY);
        let refused = writer.append(propose(3, [text(7, 3, "refused at once")]));
        assert_eq!(refused.unwrap_err().code, code::READ_ONLY);
        assert_eq!(reader.head(Feed::Full(ConversationId(7))).unwrap(), Index(1));
        disk.set_faults(Faults::default());
        let gone = now();
        append(&writer, 4);
        assert!(outcomes.recv().unwrap().result.is_ok());
        assert!(gone.elapsed() < Duration::from_secs(10), "{:?}", gone.elapsed());
        assert_eq!(reader.head(Feed::Full(ConversationId(7))).unwrap(), Index(2));
    }

    #[test]
    fn a_ring_smaller_than_the_load_never_stops_for_long() {
        let (writer, reader, outcomes) = start(&SimDisk::new(1));
        let mut waiting: Vec<u64> = (1..=1_000).collect();
        let begun = now();
        while !waiting.is_empty() {
            let some: Vec<u64> = waiting.iter().copied().take(50).collect();
            some.iter().for_each(|key| append(&writer, *key));
            for outcome in outcomes.iter().take(some.len()) {
                match outcome.result {
                    Ok(_) => waiting.retain(|key| *key != outcome.ticket),
                    // As clients do.
                    Err(refusal) => assert_eq!(refusal.code, code::BUSY),
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{} wait", waiting.len());
        }
        writer.close();
        assert_eq!(reader.head(Feed::Site).unwrap(), Index(1_000));
        assert!(reader.stats().checkpoints > 1);
    }
}
