//! What the operator does with a sealed site's masters: add one, see how far its rotation is, drop
//! what nothing needs.

use posthouse_crypto::seal::Keys;
use posthouse_crypto::seal::key_file::KeyFile;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Duration, MissedTickBehavior};

use super::control::Line;
use super::house::key_source;
use super::operator::{No, Operator, gone, send};
use crate::actors::{Part, Rotation};
use crate::base::code;
use crate::base::limits::TELL_MS;
use crate::config::Config;
use crate::store::{self, key::Source};

impl Operator {
    /// Adds a master, which seals from now on; the running desk writes everything else anew.
    pub(super) async fn rotate_keys(&self) -> Result<Value, No> {
        let _turn = self.alone()?;
        let now = self.desk.clock().wall();
        self.change_keys(move |config, source| store::key::rotate(&config.data, source, now)).await
    }

    /// How far the rotation is.
    pub(super) fn rotation(&self) -> Result<Value, No> {
        self.desk.rotation().map(rotation_row).ok_or_else(not_sealed)
    }

    /// Waits until nothing needs an older master, and forgets them.
    pub(super) async fn drop_old_keys(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let mut pulse = tokio::time::interval(Duration::from_millis(TELL_MS));
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = rows.closed() => return Err(gone()),
                _ = pulse.tick() => send(rows, self.rotation()?).await?,
                () = self.desk.rotated() => {}
            }
            let _turn = self.alone()?;
            // Somebody may have added a master meanwhile.
            let rotation = self.desk.rotation().ok_or_else(not_sealed)?;
            if rotation.part != Part::Nothing {
                continue;
            }
            let keys = self.keys(|config, source| store::key::open(&config.data, source)).await?;
            if keys.newest() == rotation.newest {
                let drop_old =
                    |config: &Config, source: &Source| store::key::drop_old(&config.data, source);
                return self.change_keys(drop_old).await;
            }
            // The disk was full when a master was added: it seals nothing yet.
            self.desk.take_keys(keys).await?;
        }
    }

    async fn change_keys(
        &self,
        change: impl FnOnce(&Config, &Source) -> Result<KeyFile, store::Fault> + Send + 'static,
    ) -> Result<Value, No> {
        let keys = self.keys(change).await?;
        self.desk.take_keys(keys).await?;
        self.rotation()
    }

    /// The masters in the key file, after what `change` does to it.
    async fn keys(
        &self,
        change: impl FnOnce(&Config, &Source) -> Result<KeyFile, store::Fault> + Send + 'static,
    ) -> Result<Keys, No> {
        let config = self.config.borrow().clone();
        let source = key_source(&config).ok_or_else(not_sealed)?;
        if self.desk.rotation().is_none() {
            return Err(not_sealed());
        }
        // A passphrase is stretched, a key store is asked: both take their time.
        let changing = tokio::task::spawn_blocking(move || change(&config, &source));
        let file = match changing.await {
            Ok(changed) => changed.map_err(|fault| No::of(fault.code(), fault.to_string()))?,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        };
        file.keys().ok_or_else(not_sealed)
    }
}

fn not_sealed() -> No {
    No::of(code::CONFIG_MISSING, "crypto.key.passphrase_file".to_owned())
}

/// A rotation as programs read it.
fn rotation_row(rotation: Rotation) -> Value {
    json!({
        "newest": rotation.newest,
        "masters": rotation.masters,
        "part": match rotation.part {
            Part::Journal => "journal",
            Part::Pages => "pages",
            Part::Conversations => "conversations",
            Part::Attachments => "attachments",
            Part::Nothing => "nothing",
        },
        "pages_done": rotation.pages_done,
        "pages": rotation.pages,
        "unreadable": rotation.unreadable,
    })
}
