//! Agents' pictures: files of the site's own. A picture is named by its bytes, stored once, and
//! kept as long as the site, because entries of the log name it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;

use bytes::Bytes;
use posthouse_crypto::token;
use smallvec::smallvec;

use super::account::random;
use super::attachment::{Download, blocking};
use super::desk::Desk;
use crate::base::limits::{PICTURES_A_DAY, PICTURES_BYTES};
use crate::base::{AgentId, BlobId, MessageKey, Tick, code};
use crate::desk::{AgentChange, Attachment, PictureChange, Refusal, SiteCommand};
use crate::store::{BlobRow, Fact, Item};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// When each agent got new pictures within a day. Not kept over a restart, which no agent can
/// bring about.
#[derive(Debug, Default)]
pub(super) struct Paces(BTreeMap<AgentId, VecDeque<Tick>>);

impl Paces {
    /// Counts one more, or says how many milliseconds there are until the next one may come.
    fn take(&mut self, agent: AgentId, now: Tick) -> Result<(), u32> {
        let times = self.0.entry(agent).or_default();
        while times.front().is_some_and(|first| now.since(*first) >= DAY_MS) {
            times.pop_front();
        }
        if let Some(first) = times.front().filter(|_| times.len() >= PICTURES_A_DAY) {
            return Err(u32::try_from(DAY_MS - now.since(*first)).unwrap_or(u32::MAX));
        }
        times.push_back(now);
        Ok(())
    }
}

impl Desk {
    /// Stores a picture and shows it as the agent's; `picture` says what was found in its bytes.
    ///
    /// # Errors
    /// `DENIED`, `NO_AGENT`, `PICTURES_FULL`, `TOO_FAST`, or the disk or the journal takes nothing.
    pub async fn set_picture(
        &self,
        by: AgentId,
        of: AgentId,
        picture: Attachment,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        let actor = self.site().actor(by).ok_or(Refusal::new(code::BAD_TOKEN))?;
        // Who may take a picture away may give one; asked before anything is written.
        let remove = with_picture(of, PictureChange::Remove);
        self.site().decide(self.clock().wall(), &actor, MessageKey(0), &remove)?;
        let stored = self.store_picture(of, picture, bytes).await?;
        self.administer(by, with_picture(of, PictureChange::Show(stored)), None).await.map(drop)
    }

    /// Back to initials.
    ///
    /// # Errors
    /// `DENIED`, `NO_AGENT`, or the journal takes nothing.
    pub async fn remove_picture(&self, by: AgentId, of: AgentId) -> Result<(), Refusal> {
        self.administer(by, with_picture(of, PictureChange::Remove), None).await.map(drop)
    }

    /// A picture that is or was an agent's. Its id is not to be guessed, so it is its own proof.
    ///
    /// # Errors
    /// `NO_BLOB`, also for every other file.
    pub async fn picture(&self, id: BlobId) -> Result<(Attachment, Download), Refusal> {
        let found = self.0.reads.run(move |reader| reader.blob(id)).await?;
        let own = found.filter(|row| row.conversation.is_none());
        let row = own.ok_or(Refusal::new(code::NO_BLOB))?;
        Ok((row.attachment.clone(), self.open_blob(row).await?))
    }

    fn pace_picture(&self, of: AgentId) -> Result<(), Refusal> {
        let mut paces = self.0.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = paces.take(of, self.clock().tick());
        taken.map_err(|retry_after_ms| Refusal { code: code::TOO_FAST, retry_after_ms })
    }

    /// One at a time, as all changes of the site: the same bytes may come twice.
    async fn store_picture(
        &self,
        of: AgentId,
        picture: Attachment,
        bytes: Bytes,
    ) -> Result<Attachment, Refusal> {
        let Ok(_turn) = self.0.settings.acquire().await else {
            return Err(Refusal::new(code::GOING_AWAY));
        };
        let hash = token::sha256(&bytes);
        // Zeros are no id; nobody has a file with that hash.
        let id = BlobId::from_bytes(&hash[..16]).ok_or(Refusal::new(code::PICTURE_TYPE))?;
        if let Ok((known, _)) = self.picture(id).await {
            return Ok(known);
        }
        let used = self.0.reads.run(|reader| reader.blob_bytes(None)).await?;
        if used + bytes.len() as u64 > PICTURES_BYTES {
            return Err(Refusal::new(code::PICTURES_FULL));
        }
        self.pace_picture(of)?;
        let attachment = Attachment { blob: id, size: bytes.len() as u64, ..picture };
        let (blobs, temporary) = (self.0.blobs.clone(), BlobId(random()?));
        blocking(move || {
            let mut blob = blobs.create_for_site(temporary)?;
            blob.write(&bytes)?;
            blob.finish_as(id)
        })
        .await?;
        let at = self.clock().wall();
        let attached = attachment.clone();
        let row = BlobRow { id, conversation: None, attachment: attached, hash, at, key: None };
        self.0.ledger.append(smallvec![Item::Fact(Fact::Blob(row))]).await?;
        Ok(attachment)
    }
}

fn with_picture(of: AgentId, picture: PictureChange) -> SiteCommand {
    SiteCommand::ChangeAgent(of, AgentChange { picture: Some(picture), ..AgentChange::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_gets_a_days_share_of_pictures_and_others_theirs() {
        let mut paces = Paces::default();
        let share = u64::try_from(PICTURES_A_DAY).unwrap();
        (0..share).for_each(|at| assert_eq!(paces.take(AgentId(1), Tick(at)), Ok(())));
        assert_eq!(paces.take(AgentId(1), Tick(1_000)).map_err(u64::from), Err(DAY_MS - 1_000));
        assert_eq!(paces.take(AgentId(2), Tick(1_000)), Ok(()));
        assert_eq!(paces.take(AgentId(1), Tick(DAY_MS)), Ok(()), "the first is a day old");
        assert_eq!(paces.take(AgentId(1), Tick(DAY_MS)), Err(1));
    }
}
