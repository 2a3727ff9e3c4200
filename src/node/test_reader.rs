//! A reader of the site feed that writes to a file: stands for a webhook in the tests that kill the
//! process. Only built with `test-peer`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::actors::Desk;
use crate::base::Index;

/// Time between the effect and its confirmation, in which the process may be killed.
const BETWEEN: Duration = Duration::from_millis(15);
/// Entries confirmed at a time.
const SOME: usize = 8;

/// What to do with each entry.
#[derive(Clone, Debug)]
pub struct TestReader {
    pub file: PathBuf,
    /// Confirms before the effect: what a reader must not do.
    pub careless: bool,
}

impl TestReader {
    /// Runs until the desk ends.
    #[allow(clippy::disallowed_methods, reason = "a task of the composition root")]
    pub(super) fn start(self, desk: &Desk) -> tokio::task::JoinHandle<()> {
        let desk = desk.clone();
        tokio::spawn(async move { self.run(&desk).await })
    }

    /// Appends a line `EPOCH INDEX` for each entry; ends when the file takes nothing.
    async fn run(self, desk: &Desk) {
        let opened = OpenOptions::new().create(true).append(true).open(&self.file);
        let (Ok(mut file), Ok(mut feed)) = (opened, desk.site_feed("test").await) else { return };
        while let Ok(entries) = feed.next().await {
            for some in entries.chunks(SOME) {
                let keys: Vec<_> = some.iter().map(|(key, _)| *key).collect();
                let done = keys.last().map_or(Index(0), |(_, index)| *index);
                let effect = |file: &mut File| {
                    let line = |(epoch, index): &(_, Index)| format!("{epoch} {}\n", index.0);
                    file.write_all(keys.iter().map(line).collect::<String>().as_bytes())
                };
                if !self.careless && effect(&mut file).is_err() {
                    return;
                }
                tokio::time::sleep(BETWEEN).await;
                while feed.confirm(done).await.is_err() {
                    tokio::time::sleep(BETWEEN).await;
                }
                if self.careless {
                    tokio::time::sleep(BETWEEN).await;
                    if effect(&mut file).is_err() {
                        return;
                    }
                }
            }
        }
    }
}
