//! The one place where the actors start tasks.

use std::future::Future;

use tokio::sync::oneshot;

use crate::base::code;
use crate::desk::Refusal;

/// Runs `future` beside the others. A panic in it ends the process in release builds.
#[allow(clippy::disallowed_methods)] // Tasks are owned here: every caller is an actor.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Runs `work` to its end even when the caller goes away in the middle.
pub async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    let (answer, answered) = oneshot::channel();
    spawn(async move {
        // A caller that went away needs no answer.
        let _ = answer.send(work.await);
    });
    answered.await.unwrap_or(Err(Refusal::new(code::GOING_AWAY)))
}
