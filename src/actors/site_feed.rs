//! A reader of the site feed beside the running desk (delivery contract R12): what webhooks, mail
//! and robots are made of. At least once: what took effect and was not confirmed comes again.
//! Nothing of the product reads this way yet, only the test reader: built with `test-peer` alone.

use super::desk::Desk;
use super::reading::Follower;
use crate::base::{Epoch, Feed, Index};
use crate::desk::Refusal;
use crate::store::{Item, Paged, SiteReader};

/// A reader with a durable place.
pub struct SiteFeed {
    desk: Desk,
    reader: SiteReader,
}

/// The idempotency key of an entry of the site feed.
pub type EntryKey = (Epoch, Index);

impl Desk {
    /// The reader of this name, behind the last entry that it confirmed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn site_feed(&self, name: &str) -> Result<SiteFeed, Refusal> {
        let name = name.to_owned();
        let reader = self.0.reads.run(move |reader| SiteReader::resume(reader, &name)).await?;
        Ok(SiteFeed { desk: self.clone(), reader })
    }
}

impl SiteFeed {
    /// The next entries in order, each with its key; waits until there is one.
    ///
    /// # Errors
    /// The store cannot be read; the same entries come at the next call.
    pub async fn next(&mut self) -> Result<Vec<(EntryKey, Paged)>, Refusal> {
        loop {
            let follower = Follower::new(self.desk.clone(), Feed::Site);
            let mut reader = self.reader.clone();
            let read = self.desk.0.reads.run(move |store| {
                let entries = reader.take(store)?;
                let keyed = |paged: Paged| (SiteReader::key(store, paged.index), paged);
                Ok((reader, entries.into_iter().map(keyed).collect::<Vec<_>>()))
            });
            let (reader, entries) = read.await?;
            if !entries.is_empty() {
                self.reader = reader;
                return Ok(entries);
            }
            follower.next().await;
        }
    }

    /// Everything up to `done` took effect: it does not come again once this has returned.
    ///
    /// # Errors
    /// The store takes nothing; what was not confirmed comes again after a restart.
    pub async fn confirm(&self, done: Index) -> Result<(), Refusal> {
        let items = self.reader.confirm(0, done).items;
        self.desk.append(items.into_iter().collect::<smallvec::SmallVec<[Item; 2]>>()).await
    }
}
