//! Erasing a conversation for ever. Invariant: who is told that it is done may rely on it: in a
//! sealed store the conversation's key is nowhere any more; and it was written down who did it.

use super::deed::{Deed, Doer};
use super::desk::Desk;
use super::shard::Job;
use super::shards::Reply;
use super::task::to_the_end;
use crate::base::{AgentId, ConversationId, MessageKey, Private, code};
use crate::desk::{Actor, Command, Refusal, Request, Who};

/// What became of a conversation's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The store is sealed, and the key is destroyed that alone opened it.
    pub key_destroyed: bool,
    /// Rows and files are gone; otherwise they follow when the disk takes writes.
    pub removed: bool,
}

impl Desk {
    /// Erases a conversation for whoever may erase: an owner, or the security administrator.
    ///
    /// # Errors
    /// `DENIED`, `NO_CONVERSATION`, `ERASED` before, or the journal takes nothing.
    pub async fn erase(
        &self,
        by: AgentId,
        conversation: ConversationId,
    ) -> Result<Erasure, Refusal> {
        let actor = self.site().actor(by).ok_or(Refusal::new(code::BAD_TOKEN))?;
        self.erase_as(actor, Doer::Agent(by), conversation).await
    }

    /// Erases a conversation for the operator of the machine, who owns its files anyway.
    ///
    /// # Errors
    /// As `erase`.
    pub async fn erase_as_operator(
        &self,
        conversation: ConversationId,
    ) -> Result<Erasure, Refusal> {
        let actor =
            Actor { who: Who::System, name: Private::default(), role: None, teams: Vec::new() };
        self.erase_as(actor, Doer::Operator, conversation).await
    }

    /// The erasure, and the line of the audit log that tells of it.
    async fn erase_as(
        &self,
        actor: Actor,
        who: Doer,
        conversation: ConversationId,
    ) -> Result<Erasure, Refusal> {
        self.audited()?;
        let desk = self.clone();
        let deed = Deed::new(who, "conversation.erase", conversation.to_string());
        to_the_end(async move {
            let owed = desk.begin(&deed).await?;
            let erased = desk.erase_now(actor, conversation).await;
            desk.pay(owed, deed.ended(&erased)).await?;
            erased
        })
        .await
    }

    async fn erase_now(
        &self,
        actor: Actor,
        conversation: ConversationId,
    ) -> Result<Erasure, Refusal> {
        let key = MessageKey::new(self.clock().wall().ms, super::account::random()?);
        let request = Request::plain(key, Command::Erase);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.send_request(conversation, Job { actor, request, reply: Reply::Caller(sender) })?;
        receiver.await.unwrap_or(Err(Refusal::new(code::GOING_AWAY)))?;
        let removed = self.flushed().await.is_ok();
        Ok(Erasure { key_destroyed: self.0.blobs.is_sealed(), removed })
    }
}
