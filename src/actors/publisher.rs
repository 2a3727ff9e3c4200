//! Where durable entries become visible: takes the journal's outcomes in log order, hands entries
//! to the followers, marks to their readers, and each outcome to its owner. Invariant: one task,
//! so everybody sees the entries of a feed in the order of the log. It also wakes large crowds.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::front::FrontInput;
use super::ledger::Ledger;
use super::shard::Durable;
use super::shards::ShardInput;
use super::ticket::{Owner, owner};
use crate::base::Feed;
use crate::base::code;
use crate::base::counters::Counters;
use crate::base::limits::WAKE_REST_MS;
use crate::desk::{Body, Entry, Refusal, Site};
use crate::hub::Hub;
use crate::session::Input;
use crate::store::{Fact, Item, Mark, Outcome, Written};
use crate::wire;

/// Everything the publisher hands on to.
pub struct Publisher {
    pub hub: Arc<Hub>,
    pub ledger: Arc<Ledger>,
    pub shards: Vec<mpsc::Sender<ShardInput>>,
    pub front: mpsc::Sender<FrontInput>,
    pub site: watch::Sender<Arc<Site>>,
    pub counters: Arc<Counters>,
}

impl Publisher {
    /// Runs until the writer is gone.
    pub async fn run(self, outcomes: mpsc::Receiver<Vec<Outcome>>) {
        tokio::select! {
            biased;
            () = self.publish_all(outcomes) => {}
            () = self.wake_crowds() => {}
        }
    }

    /// Rests between two portions. To yield would not do: on a machine with one core the thread
    /// has to sleep, or the writer's thread would not run before the whole crowd is served.
    async fn wake_crowds(&self) {
        loop {
            poll_fn(|cx| self.hub.poll_portion(cx)).await;
            tokio::time::sleep(Duration::from_millis(WAKE_REST_MS)).await;
        }
    }

    async fn publish_all(&self, mut outcomes: mpsc::Receiver<Vec<Outcome>>) {
        while let Some(batch) = outcomes.recv().await {
            self.counters.commits.one();
            let mut entries = Vec::new();
            for outcome in &batch {
                for written in outcome.result.iter().flatten() {
                    self.publish(written, &mut entries);
                }
            }
            if !entries.is_empty() {
                // The front outlives the publisher except at the very end of a shutdown.
                let _ = self.front.send(FrontInput::Applied(entries)).await;
            }
            for outcome in batch {
                self.settle(outcome).await;
            }
        }
    }

    fn publish(&self, written: &Written, entries: &mut Vec<Arc<Entry>>) {
        match &written.item {
            Item::Entry(new) => {
                self.counters.entries.one();
                if matches!(new.entry.body, Body::Message(_)) {
                    self.counters.messages.one();
                }
                if new.entry.conversation.is_none() {
                    self.take_site(&new.entry);
                }
                let (public, _) = written.conversation_indices();
                for (feed, index) in &written.places {
                    self.hub.publish(*feed, *index, || {
                        let public = matches!(feed, Feed::Full(_)).then_some(public).flatten();
                        wire::delivery(*feed, *index, public, &new.bytes)
                    });
                }
                if let Some(id) = written.erases() {
                    self.close(Feed::Public(id));
                    self.close(Feed::Full(id));
                }
                entries.push(Arc::clone(&new.entry));
            }
            Item::Fact(Fact::Mark(mark)) => self.publish_mark(mark),
            Item::Fact(
                Fact::SignIn(_)
                | Fact::Secret(_)
                | Fact::ReaderCursor(_)
                | Fact::Blob(_)
                | Fact::AuditNote(_),
            ) => {}
        }
    }

    /// The feed is not to be read any more: clients drop what they keep of it.
    fn close(&self, feed: Feed) {
        let refusal = Refusal::new(code::ERASED);
        self.hub.tell(feed, &Input::FeedClosed { feed, refusal });
    }

    /// Who may see less now than before is sent away to ask again.
    fn take_site(&self, entry: &Entry) {
        let mut lost = None;
        self.site.send_modify(|site| {
            if let Body::Agent(row) = &entry.body {
                let before = site.agents.get(&row.id);
                lost = before.filter(|before| row.sees_less_than(before)).map(|row| row.id);
            }
            Arc::make_mut(site).apply(entry);
        });
        if let Some(agent) = lost {
            self.hub.tell_all(&Input::Rights(agent));
        }
    }

    fn publish_mark(&self, mark: &Mark) {
        for feed in [Feed::Public(mark.conversation), Feed::Full(mark.conversation)] {
            self.hub.hint(feed, || wire::mark_frame(mark));
        }
    }

    async fn settle(&self, outcome: Outcome) {
        match owner(outcome.ticket) {
            (Owner::Ledger, number) => self.ledger.settle(number, outcome),
            (Owner::Shard(shard), number) => {
                let result = outcome.result.map(|written| durable(&written));
                if let Some(shard) = self.shards.get(usize::from(shard)) {
                    // A shard ends only with the process.
                    let _ = shard.send(ShardInput::Outcome { number, result }).await;
                }
            }
            (Owner::Nobody, _) => {}
        }
    }
}

fn durable(written: &[Arc<Written>]) -> Vec<Durable> {
    written
        .iter()
        .filter_map(|written| {
            let Item::Entry(new) = &written.item else { return None };
            let (public, full) = written.conversation_indices();
            let entry = Arc::clone(&new.entry);
            Some(Durable { entry, position: written.position, public, full })
        })
        .collect()
}
