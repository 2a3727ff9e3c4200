//! Which feeds an entry belongs to. `decide` names them here and nowhere else; the journal writer
//! gives the indices. What a visitor must not see is never in a public feed (R4).

use smallvec::smallvec;

use super::command::{Draft, Feeds};
use super::conversation::Conversation;
use super::entry::{Author, Body, Entry, Target, Who};
use crate::base::{AgentId, ConversationId, Feed, Index, MessageKey, TeamId, Wall};

/// The drafts of one decision, with the owner and team as the drafts before change them.
pub(super) struct Drafting {
    conversation: ConversationId,
    owner: Option<AgentId>,
    team: TeamId,
    at: Wall,
    drafts: Vec<Draft>,
}

impl Drafting {
    pub(super) fn new(conversation: &Conversation, at: Wall) -> Self {
        Self {
            conversation: conversation.id,
            owner: conversation.agent,
            team: conversation.team,
            at,
            drafts: Vec::with_capacity(1),
        }
    }

    /// Adds what only follows from the command.
    pub(super) fn follows(self, author: Author, body: Body) -> Self {
        self.push(MessageKey(0), author, body)
    }

    /// Adds the entry that records the command itself.
    pub(super) fn records(self, key: MessageKey, author: Author, body: Body) -> Self {
        self.push(key, author, body)
    }

    pub(super) fn done(self) -> Vec<Draft> {
        self.drafts
    }

    fn push(mut self, key: MessageKey, author: Author, body: Body) -> Self {
        let (owner, team) = (self.owner, self.team);
        self.follow_standing(&body);
        let mut feeds: Feeds = smallvec![Feed::Site, Feed::Full(self.conversation)];
        if !is_internal(author.who, &body) {
            feeds.push(Feed::Public(self.conversation));
        }
        let mut add = |feed| {
            if !feeds.contains(&feed) {
                feeds.push(feed);
            }
        };
        for agent in [owner, self.owner].into_iter().flatten() {
            add(Feed::Inbox(agent));
        }
        let unowned = owner.is_none() && self.owner.is_none();
        // A team may have seen the message while it was in the queue.
        let recall = matches!(body, Body::Recalled { .. });
        if matches!(body, Body::Erased { .. }) {
            // Every console drops what its browser keeps, whose the conversation was once or is.
            add(Feed::Roster);
        }
        if is_life_event(&body) || unowned || recall {
            for team in [self.team, team] {
                if team != TeamId(0) {
                    add(Feed::Team(team));
                }
            }
        }
        let conversation = Some(self.conversation);
        let entry = Entry { conversation, key, author, at: self.at, body };
        self.drafts.push(Draft { entry, feeds });
        self
    }

    /// Owner and team after an entry with this body.
    fn follow_standing(&mut self, body: &Body) {
        match body {
            Body::Opened { team, .. } => self.team = *team,
            Body::Queued { team, .. } => (self.owner, self.team) = (None, *team),
            Body::Assigned { agent, team, .. } => (self.owner, self.team) = (Some(*agent), *team),
            Body::Transferred { to: Target::Team(team), .. } => self.team = *team,
            Body::Resolved | Body::Erased { .. } => self.owner = None,
            Body::Transferred { to: Target::Agent(_), .. }
            | Body::Message(_)
            | Body::Note(_)
            | Body::Reopened
            | Body::Rated { .. }
            | Body::Recalled { .. }
            | Body::Profile(_)
            | Body::Tombstone(_)
            | Body::Agent(_)
            | Body::Team(_)
            | Body::Inbox(_)
            | Body::Site(_) => {}
        }
    }
}

/// What agents keep among themselves: notes, their recall, details an agent wrote down, and who
/// erased a conversation, which its visitor does not see any more.
fn is_internal(who: Who, body: &Body) -> bool {
    match body {
        Body::Note(_) => true,
        Body::Recalled { public, .. } => *public == Index(0),
        Body::Profile(_) => !matches!(who, Who::Visitor(_)),
        Body::Erased { .. } => true,
        Body::Opened { .. }
        | Body::Message(_)
        | Body::Queued { .. }
        | Body::Assigned { .. }
        | Body::Transferred { .. }
        | Body::Resolved
        | Body::Reopened
        | Body::Rated { .. }
        | Body::Tombstone(_)
        | Body::Agent(_)
        | Body::Team(_)
        | Body::Inbox(_)
        | Body::Site(_) => false,
    }
}

fn is_life_event(body: &Body) -> bool {
    match body {
        Body::Opened { .. }
        | Body::Queued { .. }
        | Body::Assigned { .. }
        | Body::Transferred { .. }
        | Body::Resolved
        | Body::Reopened
        | Body::Rated { .. }
        | Body::Erased { .. } => true,
        Body::Message(_)
        | Body::Note(_)
        | Body::Recalled { .. }
        | Body::Profile(_)
        | Body::Tombstone(_)
        | Body::Agent(_)
        | Body::Team(_)
        | Body::Inbox(_)
        | Body::Site(_) => false,
    }
}
