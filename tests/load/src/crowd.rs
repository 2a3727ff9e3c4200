//! Many visitors at once: opened with bounded concurrency, each in a task of its own afterwards.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Visitor;
use crate::socket::{Socket, Target};

/// Dials in flight at a time while a crowd gathers; the server's own limit is 128 handshakes.
const DIALS: usize = 64;

/// How a crowd stands after it has gathered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Connected and greeted; no conversation.
    Greeted,
    /// Each has a conversation with one message in it.
    Opened,
    /// Each follows its own conversation as well.
    Following,
}

/// Visitors `from..from + count`, connected.
///
/// # Errors
/// With the first error of any of them.
pub async fn gather(
    target: &Target,
    inbox_key: &str,
    from: u64,
    count: u64,
    stance: Stance,
) -> Result<Vec<(Visitor, Socket)>> {
    let permits = Rc::new(Semaphore::new(DIALS));
    let mut tasks = JoinSet::new();
    for seed in from..from + count {
        let (target, permits) = (target.clone(), permits.clone());
        let mut visitor = Visitor::new(seed, inbox_key);
        tasks.spawn_local(async move {
            let _permit = permits.acquire().await?;
            let mut socket = visitor.connect(&target, false).await?;
            if stance != Stance::Greeted {
                visitor.say(&mut socket, 0, "Hello".to_owned()).await?;
            }
            if stance == Stance::Following {
                visitor.follow(&mut socket).await?;
            }
            anyhow::Ok((visitor, socket))
        });
    }
    let mut out = Vec::with_capacity(count as usize);
    while let Some(done) = tasks.join_next().await {
        out.push(done??);
    }
    Ok(out)
}

/// Keeps a connection alive as a client does: reads what comes and pings every 20 s. Ends when the
/// server closes.
pub async fn keep(mut visitor: Visitor, mut socket: Socket) {
    let mut beat = tokio::time::interval(Duration::from_secs(20));
    beat.tick().await;
    loop {
        tokio::select! {
            said = visitor.next(&mut socket) => if !matches!(said, Ok(Ok(_))) { return },
            _ = beat.tick() => {
                let cursors = if visitor.index > 0 { vec![visitor.cursor()] } else { Vec::new() };
                if socket.send(&crate::words::ping(cursors)).await.is_err() {
                    return;
                }
            }
        }
    }
}
