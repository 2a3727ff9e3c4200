//! Read and delivered marks of one peer, coalesced: cumulative, so only the newest counts (R13a).

use super::io::Effect;
use crate::base::limits::{MARK_INTERVAL_MS, MARKED_CONVERSATIONS};
use crate::base::{ConversationId, Index, Tick};

#[derive(Debug, Default)]
pub(super) struct Marks(Vec<Marked>);

#[derive(Debug)]
struct Marked {
    conversation: ConversationId,
    delivered: Index,
    read: Index,
    /// When it may be told next.
    due: Tick,
    told: bool,
}

impl Marks {
    /// Takes the peer's mark; the first of a second goes on at once.
    pub(super) fn mark<S>(
        &mut self,
        now: Tick,
        conversation: ConversationId,
        delivered: Index,
        read: Index,
        effects: &mut Vec<Effect<S>>,
    ) {
        let delivered = delivered.max(read);
        match self.0.iter_mut().find(|marked| marked.conversation == conversation) {
            Some(marked) if delivered <= marked.delivered && read <= marked.read => return,
            Some(marked) => {
                marked.delivered = marked.delivered.max(delivered);
                marked.read = marked.read.max(read);
                marked.told = false;
            }
            None => {
                if self.0.len() >= MARKED_CONVERSATIONS {
                    self.0.remove(0).tell(now, effects);
                }
                self.0.push(Marked { conversation, delivered, read, due: now, told: false });
            }
        }
        self.tell_due(now, effects);
    }

    pub(super) fn tell_due<S>(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        for marked in self.0.iter_mut().filter(|marked| marked.due <= now) {
            marked.tell(now, effects);
        }
    }

    pub(super) fn tell_all<S>(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        for mut marked in self.0.drain(..) {
            marked.tell(now, effects);
        }
    }

    pub(super) fn deadline(&self) -> Tick {
        let untold = self.0.iter().filter(|marked| !marked.told);
        untold.map(|marked| marked.due).min().unwrap_or(Tick::NEVER)
    }
}

impl Marked {
    fn tell<S>(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        if self.told {
            return;
        }
        let Self { conversation, delivered, read, .. } = *self;
        effects.push(Effect::Mark { conversation, delivered, read });
        self.told = true;
        self.due = now.after(MARK_INTERVAL_MS);
    }
}
