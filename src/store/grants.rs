//! Which conversation has which key, for the writer. Invariant: a slot is given once; one that a
//! batch used which then failed is given to nobody else, because some of that batch may be on the
//! disk.

use std::collections::HashMap;
use std::sync::Arc;

use super::body_keys::BodyKeys;
use super::fault::Fault;
use super::writer::Cold;
use crate::base::{ConversationId, Position};

#[derive(Debug, Default)]
pub struct Grants {
    /// `None` in a plain store.
    keys: Option<Arc<BodyKeys>>,
    /// Last slot given, and last one that holds a fresh key.
    last: u64,
    drawn: u64,
    /// Slots given by items that the database may not have.
    given: HashMap<ConversationId, (u64, Position)>,
    /// Given by the batch that is being made, in order.
    fresh: Vec<ConversationId>,
}

impl Grants {
    /// Goes on behind the last slot that a conversation has.
    #[must_use]
    pub fn new(keys: Option<Arc<BodyKeys>>, last: u64) -> Self {
        Self { keys, last, drawn: last, ..Self::default() }
    }

    #[must_use]
    pub fn keys(&self) -> Option<&BodyKeys> {
        self.keys.as_deref()
    }

    /// Takes in what the journal held at the start.
    pub fn recover(&mut self, conversation: ConversationId, slot: u64, position: Position) {
        self.last = self.last.max(slot);
        self.drawn = self.last;
        self.given.insert(conversation, (slot, position));
    }

    /// Draws fresh keys, for a start; nothing may be written before.
    ///
    /// # Errors
    /// The disk takes no writes, or the file of keys lost its end.
    pub fn draw(&mut self) -> Result<(), Fault> {
        if let Some(keys) = self.keys.as_deref().filter(|_| self.drawn == self.last) {
            self.drawn = keys.draw(self.last)?;
        }
        Ok(())
    }

    /// The slot of a conversation, given now when it has none; `None` in a plain store.
    ///
    /// # Errors
    /// The disk fails.
    pub fn slot(
        &mut self,
        conversation: ConversationId,
        position: Position,
        cold: &dyn Cold,
    ) -> Result<Option<u64>, Fault> {
        if self.keys.is_none() {
            return Ok(None);
        }
        if let Some((slot, at)) = self.given.get_mut(&conversation) {
            *at = (*at).max(position);
            return Ok(Some(*slot));
        }
        if let Some(slot) = cold.slot(conversation)? {
            return Ok(Some(slot));
        }
        self.draw()?;
        self.last += 1;
        self.given.insert(conversation, (self.last, position));
        self.fresh.push(conversation);
        Ok(Some(self.last))
    }

    /// How many slots the batch was given so far, for `take_back`.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.fresh.len()
    }

    /// What was given since the mark was not written anywhere: it is given again.
    pub fn take_back(&mut self, mark: usize) {
        for conversation in self.fresh.drain(mark..) {
            self.given.remove(&conversation);
            self.last -= 1;
        }
    }

    /// The batch failed: the slots it was given, to be destroyed.
    pub fn revert(&mut self) -> Vec<u64> {
        let given = &mut self.given;
        self.fresh.drain(..).filter_map(|id| given.remove(&id)).map(|(slot, _)| slot).collect()
    }

    /// The batch is durable; what the database has may go.
    pub fn settle(&mut self, applied: Position) {
        self.fresh.clear();
        self.given.retain(|_, (_, position)| *position > applied);
    }
}
