//! Puts the actors together: store, hub, shards, front, publisher; and takes them down again.

use std::hash::RandomState;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Semaphore, mpsc, watch};

use super::audit_start;
use super::desk::{Desk, Inner};
use super::front::{Front, Staff};
use super::ledger::Ledger;
use super::publisher::Publisher;
use super::reads::Reads;
use super::rotation;
use super::shards::ShardTask;
use super::sweep::sweep;
use super::task::spawn;
use super::ticket::SHARDS_MOST;
use crate::base::counters::Counters;
use crate::base::limits::{
    FRONT_MAILBOX, OUTCOME_BATCHES, PASSWORD_CHECKS, SHARD_MAILBOX, WRITER_QUEUE,
};
use crate::base::{Clock, Private};
use crate::fabric::Fabric;
use crate::hub::Hub;
use crate::session::Input;
use crate::store::audit::AuditKeys;
use crate::store::{self, Fault, Outcome, Reader, Writer};

/// What the actors are built from.
pub struct Setting {
    pub clock: Arc<dyn Clock>,
    pub counters: Arc<Counters>,
    pub store: store::Options,
    /// Shards of conversations; one per core does.
    pub shards: u8,
    /// The one-time code of a box that nobody claimed.
    pub claim_code: Option<Private>,
    /// Base URLs that clients try, best first.
    pub endpoints: Vec<String>,
    /// Whether passwords and sign-ins are kept by the national algorithms.
    pub national: bool,
    /// What chains and signs the audit log.
    pub audit: AuditKeys,
    /// Days that audit lines are kept.
    pub audit_days: u32,
}

/// The running actors.
pub struct Running {
    pub desk: Desk,
    writer: Writer,
}

/// Opens the store and starts the actors on the current runtime.
///
/// # Errors
/// The store cannot be opened.
pub async fn start(setting: Setting) -> Result<Running, Fault> {
    let Setting { clock, counters, store: options, shards, claim_code, .. } = setting;
    let (endpoints, national) = (setting.endpoints, setting.national);
    let (blobs, data) = (options.blobs()?, options.dir.clone());
    let (writer, reader, outcomes_of) = open(options, Arc::clone(&clock)).await?;
    let keys = (setting.audit, setting.audit_days);
    let (audit, told) = audit_start::open(&data, keys, &clock, &reader)?;
    let fabric = Fabric::Local(writer.clone());
    let hub = Arc::new(Hub::default());
    let ledger = Arc::new(Ledger::new(fabric.clone()));
    let (site, site_of) = watch::channel(Arc::new(reader.site()?));
    let (staff, staff_of) = watch::channel(Arc::new(Staff::default()));
    let (front, front_of) = mpsc::channel(FRONT_MAILBOX);
    let (queue, epoch) = (reader.unresolved()?, reader.epoch());
    let reads = Reads::new(reader);

    let mut submits = Vec::new();
    let mut results = Vec::new();
    for number in 0..shards.clamp(1, SHARDS_MOST) {
        let (submit, submit_of) = mpsc::channel(SHARD_MAILBOX);
        let (result, result_of) = mpsc::channel(WRITER_QUEUE);
        let task = ShardTask {
            number,
            clock: Arc::clone(&clock),
            fabric: fabric.clone(),
            reads: reads.clone(),
            results: result.clone(),
        };
        spawn(task.run(submit_of, result_of));
        submits.push(submit);
        results.push(result);
    }
    let publisher = Publisher {
        hub: Arc::clone(&hub),
        ledger: Arc::clone(&ledger),
        shards: results,
        front: front.clone(),
        site,
        counters: Arc::clone(&counters),
    };
    spawn(publisher.run(outcomes_of));
    let desk = Desk(Arc::new(Inner {
        clock,
        epoch,
        counters,
        hub,
        reads,
        ledger,
        shards: submits,
        hasher: RandomState::new(),
        front,
        site: site_of,
        staff: staff_of,
        settings: Semaphore::new(1),
        pictures: Mutex::default(),
        passwords: Arc::new(Semaphore::new(PASSWORD_CHECKS)),
        claim_code,
        endpoints: RwLock::new(endpoints.into()),
        national,
        blobs,
        rotation: watch::Sender::default(),
        stopped: Mutex::default(),
        audit,
        draining: AtomicBool::new(false),
        drain: watch::Sender::new(None),
    }));
    spawn(Front::new(desk.clone(), staff, queue).run(front_of));
    spawn(sweep(desk.clone()));
    rotation::start(&desk);
    told.tell(&desk).await?;
    Ok(Running { desk, writer })
}

/// Opens the store on a blocking thread; its outcomes come through the channel.
async fn open(
    options: store::Options,
    clock: Arc<dyn Clock>,
) -> Result<(Writer, Reader, mpsc::Receiver<Vec<Outcome>>), Fault> {
    let (outcomes, outcomes_of) = mpsc::channel(OUTCOME_BATCHES);
    let opening = tokio::task::spawn_blocking(move || {
        // The writer thread waits here when the publisher is behind; one that is gone ends it.
        let sink = Box::new(move |batch| drop(outcomes.blocking_send(batch)));
        store::open(&options, clock, sink)
    });
    let (writer, reader) = match opening.await {
        Ok(opened) => opened?,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    };
    Ok((writer, reader, outcomes_of))
}

impl Running {
    /// Tells every connection to come back after `retry_after_ms`, waits for them to leave for at
    /// most `patience_ms`, then makes everything durable and closes the store.
    pub async fn drain(self, retry_after_ms: u32, patience_ms: u64) {
        let inner = &self.desk.0;
        inner.draining.store(true, Ordering::Relaxed);
        inner.drain.send_replace(Some(retry_after_ms));
        inner.hub.tell_all(&Input::GoingAway { retry_after_ms });
        let deadline = inner.clock.tick().after(patience_ms);
        while inner.hub.members_count() > 0 && inner.clock.tick() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        if let Err(refusal) = self.desk.end_audit().await {
            tracing::warn!(code = refusal.code.0, "the audit log ends without a head");
        }
        let (desk, writer) = (self.desk.clone(), self.writer);
        // The writer's thread is joined; a failed flush was logged there and is what a crash is.
        let _ = tokio::task::spawn_blocking(move || {
            desk.stop_rotation();
            writer.close();
        })
        .await;
    }
}
