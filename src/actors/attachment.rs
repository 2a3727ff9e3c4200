//! Attachments on their way to the disk and back. An upload belongs to a conversation before the
//! message that shows it is sent.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::smallvec;

use super::desk::Desk;
use crate::base::limits::CONVERSATION_BLOB_BYTES;
use crate::base::{BlobId, ConversationId, Feed, code};
use crate::desk::{Attachment, Refusal};
use crate::session::Peer;
use crate::store::{BlobRow, Fact, Fault, Item, KeptBlob, NewBlob};

/// A file that is being received. Dropped before `finish` it leaves nothing behind.
pub struct Upload {
    desk: Desk,
    conversation: ConversationId,
    /// `None` only while a blocking thread writes to it, or after it failed.
    blob: Option<NewBlob>,
    /// Bytes that the conversation may still take.
    room: u64,
}

impl Desk {
    /// Begins an upload. A visitor may upload to a conversation that the first message will open.
    ///
    /// # Errors
    /// The conversation is not the peer's, its quota is used up, or the disk takes nothing.
    pub async fn begin_blob(
        &self,
        peer: Peer,
        conversation: ConversationId,
    ) -> Result<Upload, Refusal> {
        let known = self.0.reads.run(move |reader| reader.conversation(conversation)).await?;
        match (known, peer) {
            (Some(known), _) => self.admit_to(peer, &known)?,
            (None, Peer::Visitor(_)) => {}
            (None, Peer::Agent(_)) => return Err(Refusal::new(code::NO_CONVERSATION)),
        }
        let used = self.0.reads.run(move |reader| reader.blob_bytes(Some(conversation))).await?;
        let room = CONVERSATION_BLOB_BYTES.saturating_sub(used);
        if room == 0 {
            return Err(Refusal::new(code::QUOTA));
        }
        let id = BlobId(super::account::random()?);
        let blobs = self.0.blobs.clone();
        let blob = blocking(move || blobs.create(id)).await?;
        Ok(Upload { desk: self.clone(), conversation, blob: Some(blob), room })
    }

    /// What is known of an attachment of this conversation, and its content.
    ///
    /// # Errors
    /// `NO_BLOB` also for one of another conversation.
    pub async fn blob(
        &self,
        peer: Peer,
        conversation: ConversationId,
        id: BlobId,
    ) -> Result<(Attachment, Download), Refusal> {
        let feed = match peer {
            Peer::Visitor(_) => Feed::Public(conversation),
            Peer::Agent(_) => Feed::Full(conversation),
        };
        self.admit(peer, feed).await?;
        let found = self.0.reads.run(move |reader| reader.blob(id)).await?;
        let own = found.filter(|row| row.conversation == Some(conversation));
        let row = own.ok_or(Refusal::new(code::NO_BLOB))?;
        Ok((row.attachment.clone(), self.open_blob(row).await?))
    }

    pub(super) async fn open_blob(&self, row: BlobRow) -> Result<Download, Refusal> {
        let blobs = self.0.blobs.clone();
        let kept = blocking(move || blobs.open(&row)).await;
        Ok(Download(Arc::new(kept.map_err(|_| Refusal::new(code::NO_BLOB))?)))
    }
}

/// An attachment on its way to a reader.
#[derive(Clone)]
pub struct Download(Arc<KeptBlob>);

impl Download {
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// Some bytes from `from` on, at most `most` and 64 KiB: what a slow reader costs in memory.
    ///
    /// # Errors
    /// The disk does not read, or the bytes were changed.
    pub async fn piece(&self, from: u64, most: u64) -> Result<Bytes, Refusal> {
        let kept = Arc::clone(&self.0);
        Ok(blocking(move || kept.read(from, most)).await?.into())
    }

    /// All of it, for something small.
    ///
    /// # Errors
    /// As `piece`.
    pub async fn whole(&self) -> Result<Bytes, Refusal> {
        let kept = Arc::clone(&self.0);
        let read = move || {
            let mut all = Vec::new();
            while (all.len() as u64) < kept.size() {
                all.extend(kept.read(all.len() as u64, u64::MAX)?);
            }
            Ok(all)
        };
        Ok(blocking(read).await?.into())
    }
}

impl Upload {
    /// Writes the next piece.
    ///
    /// # Errors
    /// The conversation's quota is used up, or the disk takes nothing; the upload is over then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let mut blob = self.blob.take().ok_or(Refusal::new(code::READ_ONLY))?;
        if blob.size() + bytes.len() as u64 > self.room {
            return Err(Refusal::new(code::QUOTA));
        }
        let written = blocking(move || blob.write(&bytes).map(|()| blob)).await?;
        self.blob = Some(written);
        Ok(())
    }

    /// Makes the file durable and known to its conversation; `blob` and `size` are filled in.
    ///
    /// # Errors
    /// The disk or the journal takes nothing; nothing is left of the upload.
    pub async fn finish(mut self, attachment: Attachment) -> Result<Attachment, Refusal> {
        let blob = self.blob.take().ok_or(Refusal::new(code::READ_ONLY))?;
        let attachment = Attachment { blob: blob.id(), size: blob.size(), ..attachment };
        let key = blob.key();
        let hash = blocking(move || blob.finish()).await?;
        let row = BlobRow {
            id: attachment.blob,
            conversation: Some(self.conversation),
            attachment: attachment.clone(),
            hash,
            at: self.desk.clock().wall(),
            key,
        };
        let kept = self.desk.0.ledger.append(smallvec![Item::Fact(Fact::Blob(row))]).await;
        if let Err(refusal) = kept {
            let (blobs, id) = (self.desk.0.blobs.clone(), attachment.blob);
            // What cannot be removed now has no row, and in a sealed store no key.
            let _ = blocking(move || blobs.remove(id)).await;
            return Err(refusal);
        }
        self.desk.0.counters.uploads.one();
        self.desk.0.counters.upload_bytes.add(attachment.size);
        Ok(attachment)
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => {
            tracing::warn!(code = fault.code().0, %fault, "attachment not written or read");
            Err(Refusal { code: fault.code(), retry_after_ms: 5_000 })
        }
        Err(_stopping) => Err(Refusal::new(code::GOING_AWAY)),
    }
}
