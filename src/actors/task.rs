//! The one place where the actors start tasks.

use std::future::Future;

/// Runs `future` beside the others. A panic in it ends the process in release builds.
#[allow(clippy::disallowed_methods)] // Tasks are owned here: every caller is an actor.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}
