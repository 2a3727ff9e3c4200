//! Rotation of a sealed store's keys while the desk works: one paced task writes everything that an
//! older master sealed anew. Invariant: it is done only after a whole pass that began behind the
//! newest master; after a restart the pass begins again.

use std::sync::PoisonError;
use std::time::Duration;

use posthouse_crypto::seal::Keys;
use tokio::sync::oneshot;

use super::desk::Desk;
use super::task::spawn;
use crate::base::code;
use crate::base::limits::{BUSY_RETRY_MS, ROTATION_AGAIN_MS, WALK_REST, WIPE_REST_MS};
use crate::desk::Refusal;
use crate::store::{Resealed, SealedDisk};

/// What is written anew at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    Journal,
    Pages,
    /// Keys of conversations.
    Conversations,
    Attachments,
    /// Nothing needs an older master.
    #[default]
    Nothing,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The master that seals.
    pub newest: u16,
    /// Masters in the key file.
    pub masters: usize,
    pub part: Part,
    /// Pages of the database that were looked at, and all of them.
    pub pages_done: u64,
    pub pages: u64,
    /// Pages and attachments that open with no key.
    pub unreadable: u64,
}

/// Begins what a restart cut off, and goes on whenever a master is added.
pub(super) fn start(desk: &Desk) {
    // Before anybody can ask how far it is.
    desk.begin_rotation();
    spawn(rotate(desk.clone()));
}

/// Writes everything anew whenever there is more than one master, until the desk drains.
async fn rotate(desk: Desk) {
    let mut drain = desk.0.drain.subscribe();
    tokio::select! {
        () = rotate_for_ever(&desk) => {}
        _ = drain.wait_for(Option::is_some) => {}
    }
}

async fn rotate_for_ever(desk: &Desk) {
    let mut wanted = desk.0.rotation.subscribe();
    // The desk holds the sender.
    while wanted.wait_for(|rotation| rotation.part != Part::Nothing).await.is_ok() {
        match desk.pass().await {
            Ok(()) => tracing::info!("everything is sealed by the newest master"),
            Err(refusal) => {
                tracing::warn!(code = refusal.code.0, "the rotation waits");
                tokio::time::sleep(Duration::from_millis(ROTATION_AGAIN_MS)).await;
            }
        }
    }
}

impl Desk {
    /// How far the rotation is; `None` when the site is not sealed.
    #[must_use]
    pub fn rotation(&self) -> Option<Rotation> {
        self.sealed().map(|_| *self.0.rotation.borrow())
    }

    /// Returns when nothing needs an older master.
    pub async fn rotated(&self) {
        let mut rotation = self.0.rotation.subscribe();
        // The desk holds the sender.
        let _ = rotation.wait_for(|rotation| rotation.part == Part::Nothing).await;
    }

    /// Goes on with these masters; what older ones sealed is written anew in the background.
    ///
    /// # Errors
    /// The site is not sealed, or the disk takes no writes.
    pub async fn take_keys(&self, keys: Keys) -> Result<(), Refusal> {
        self.blocking(move |desk, disk| {
            disk.renew(&keys).map_err(|fault| refusal(&fault))?;
            desk.0.blobs.renew(&keys);
            Ok(())
        })
        .await?;
        self.begin_rotation();
        Ok(())
    }

    /// Waits for a step that runs and allows no more: the folder is about to be given back.
    pub(super) fn stop_rotation(&self) {
        *self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Has the task make a pass when there is more than one master.
    fn begin_rotation(&self) {
        let Some(disk) = self.sealed() else { return };
        let part = if disk.masters() > 1 { Part::Journal } else { Part::Nothing };
        let (newest, masters) = (disk.newest(), disk.masters());
        let rotation = Rotation { newest, masters, part, ..Rotation::default() };
        self.0.rotation.send_replace(rotation);
    }

    /// One pass over everything. A master that is added meanwhile begins another.
    async fn pass(&self) -> Result<(), Refusal> {
        let newest = self.0.rotation.borrow().newest;
        self.note(newest, |rotation| (rotation.part, rotation.unreadable) = (Part::Journal, 0));
        self.wipe_journal().await?;
        self.note(newest, |rotation| rotation.part = Part::Pages);
        let mut next = Some(0);
        while let Some(first) = next {
            let step = self.rested(move |_, disk| disk.reseal(first)).await?;
            let Resealed { pages, unreadable, .. } = step;
            next = step.next;
            self.note(newest, |rotation| {
                (rotation.pages, rotation.pages_done) = (pages, next.unwrap_or(pages));
                rotation.unreadable += unreadable;
            });
        }
        self.rested(|_, disk| disk.resealed()).await?;
        self.note(newest, |rotation| rotation.part = Part::Conversations);
        let mut next = Some(0);
        while let Some(first) = next {
            let step = self.rested(move |_, disk| disk.rewrap(first)).await?;
            next = step.next;
            self.note(newest, |rotation| rotation.unreadable += step.unreadable);
        }
        self.note(newest, |rotation| rotation.part = Part::Attachments);
        for digits in 0..=u8::MAX {
            let unreadable = self.rested(move |desk, _| desk.0.blobs.rewrap(digits)).await?;
            self.note(newest, |rotation| rotation.unreadable += unreadable);
        }
        self.note(newest, |rotation| rotation.part = Part::Nothing);
        Ok(())
    }

    /// Overwrites what stands in the journal now, after the database has it.
    async fn wipe_journal(&self) -> Result<(), Refusal> {
        let (mut begin, mut more) = (true, true);
        while more {
            self.flushed().await?;
            let (answer, answered) = oneshot::channel();
            // A caller that went away needs no answer.
            let answer = Box::new(move |done| drop(answer.send(done)));
            if !self.0.ledger.fabric().wipe(begin, answer) {
                return Err(Refusal::busy(BUSY_RETRY_MS));
            }
            let answered = answered.await.map_err(|_| Refusal::new(code::GOING_AWAY))?;
            more = answered.map_err(|fault| refusal(&fault))?;
            begin = false;
            tokio::time::sleep(Duration::from_millis(WIPE_REST_MS)).await;
        }
        Ok(())
    }

    fn note(&self, newest: u16, change: impl FnOnce(&mut Rotation)) {
        self.0.rotation.send_if_modified(|rotation| {
            let same = rotation.newest == newest;
            if same {
                change(rotation);
            }
            same
        });
    }

    /// A step on a blocking thread, and a rest that is longer than it.
    async fn rested<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Self, &SealedDisk) -> Result<T, crate::store::Fault> + Send + 'static,
    ) -> Result<T, Refusal> {
        let begun = self.clock().tick();
        let step =
            move |desk: &Self, disk: &SealedDisk| step(desk, disk).map_err(|fault| refusal(&fault));
        let done = self.blocking(step).await?;
        let took_ms = self.clock().tick().since(begun);
        tokio::time::sleep(Duration::from_millis(took_ms) * WALK_REST).await;
        Ok(done)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &SealedDisk) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let desk = self.clone();
        let work = move || {
            let stopped = desk.0.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            match desk.sealed() {
                _ if *stopped => Err(Refusal::new(code::GOING_AWAY)),
                Some(disk) => work(&desk, disk),
                None => Err(Refusal::new(code::STORE_NOT_SEALED)),
            }
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }

    fn sealed(&self) -> Option<&SealedDisk> {
        self.0.reads.reader().sealed()
    }
}

fn refusal(fault: &crate::store::Fault) -> Refusal {
    tracing::warn!(code = fault.code().0, %fault, "rotation");
    Refusal::new(fault.code())
}
