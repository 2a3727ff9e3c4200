//! Reads of the store: on blocking threads, a few at a time, never on the writer's path.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::base::code;
use crate::base::limits::READ_PERMITS;
use crate::desk::Refusal;
use crate::store::{Fault, Reader};

/// A handle to the store's reader with its permits.
#[derive(Clone, Debug)]
pub struct Reads {
    reader: Reader,
    permits: Arc<Semaphore>,
}

impl Reads {
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self { reader, permits: Arc::new(Semaphore::new(READ_PERMITS)) }
    }

    /// The reader itself, for what is in memory.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Runs a read on a blocking thread.
    ///
    /// # Errors
    /// The fault's code, after it was logged; or the desk is stopping.
    pub async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permits = Arc::clone(&self.permits);
        let Ok(permit) = permits.acquire_owned().await else {
            return Err(Refusal::new(code::GOING_AWAY));
        };
        let reader = self.reader.clone();
        let result = tokio::task::spawn_blocking(move || {
            let result = read(&reader);
            drop(permit);
            result
        });
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => {
                tracing::warn!(code = fault.code().0, %fault, "read failed");
                Err(Refusal { code: fault.code(), retry_after_ms: 1_000 })
            }
            Err(_stopping) => Err(Refusal::new(code::GOING_AWAY)),
        }
    }
}
