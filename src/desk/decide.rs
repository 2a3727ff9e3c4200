//! `decide`: whether a command may happen to a conversation, and which entries record it.
//! It refuses or it drafts; it changes nothing.

use super::clean;
use super::command::{
    Actor, Assignee, Command, Decision, Draft, Opening, Prior, Recallable, Refusal, Request,
    TransferTo,
};
use super::conversation::{Conversation, State};
use super::entry::{Author, Body, Content, Profile, QueueReason, Target, Who};
use super::feeds::Drafting;
use super::rights::Right;
use crate::base::code::{self, Code};
use crate::base::{Index, MessageKey, Private, Wall, limits};

type Drafts = Result<Vec<Draft>, Refusal>;

fn refuse<T>(code: Code) -> Result<T, Refusal> {
    Err(Refusal::new(code))
}

impl Conversation {
    /// Decides on `request`. `prior` is what the store knows of (conversation, sender, key), needed
    /// when `may_know(key)`; `recallable` is the entry that a `Recall` names.
    ///
    /// # Errors
    /// The code that tells the sender what is wrong; nothing has changed.
    pub fn decide(
        &self,
        now: Wall,
        who: &Actor,
        prior: Option<Prior>,
        recallable: Option<&Recallable>,
        request: &Request,
    ) -> Result<Decision, Refusal> {
        if let Some(prior) = prior {
            if prior.body_hash.is_some_and(|hash| hash != request.body_hash) {
                return refuse(code::KEY_CONFLICT);
            }
            return Ok(Decision::Already { index: prior.index, at: prior.at });
        }
        if !request.key.is_uuid_v7() {
            return refuse(code::BAD_KEY);
        }
        let asked = Asked { conversation: self, now, who, key: request.key };
        // What a damaged key left of a conversation can be erased like any other.
        let left = self.full_index > Index(0) && request.command == Ok(Command::Erase);
        if !self.exists() && !left {
            return asked.open(request).map(Decision::Append);
        }
        asked.may_touch(&request.command)?;
        if self.state == State::Erased {
            return refuse(code::ERASED);
        }
        let command = request.command.as_ref().map_err(|refusal| *refusal)?;
        asked.act(recallable, command).map(Decision::Append)
    }

    /// Whether this actor may see the conversation and write in it. A visitor: their own. An agent:
    /// those of their teams and those they own. Supervisors and owners: all.
    #[must_use]
    pub fn is_open_to(&self, who: &Actor) -> bool {
        match who.who {
            Who::System => true,
            Who::Visitor(visitor) => self.visitor == visitor,
            Who::Agent(agent) => {
                let theirs = self.agent == Some(agent) || who.teams.contains(&self.team);
                who.leads() || theirs && who.role.is_some_and(|role| role.may(Right::Converse))
            }
        }
    }
}

impl Actor {
    /// Supervisors, owners and the desk itself.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.who == Who::System || self.role.is_some_and(|role| role.may(Right::Lead))
    }

    fn erases(&self) -> bool {
        self.who == Who::System || self.role.is_some_and(|role| role.may(Right::Erase))
    }

    fn is_visitor(&self) -> bool {
        matches!(self.who, Who::Visitor(_))
    }
}

fn system() -> Author {
    Author { who: Who::System, name: Private::default() }
}

/// One command on its way through `decide`.
struct Asked<'a> {
    conversation: &'a Conversation,
    now: Wall,
    who: &'a Actor,
    key: MessageKey,
}

impl Asked<'_> {
    fn drafting(&self) -> Drafting {
        Drafting::new(self.conversation, self.now)
    }

    /// Visitors are shown under the name they left, agents under their own.
    fn author(&self) -> Author {
        let name = match self.who.who {
            Who::Visitor(_) => &self.conversation.profile.name,
            Who::Agent(_) | Who::System => &self.who.name,
        };
        Author { who: self.who.who, name: name.clone() }
    }

    fn record(&self, body: Body) -> Drafts {
        Ok(self.drafting().records(self.key, self.author(), body).done())
    }

    /// A visitor's first message opens the conversation and puts it in the queue.
    fn open(&self, request: &Request) -> Drafts {
        let Who::Visitor(visitor) = self.who.who else {
            return refuse(code::NO_CONVERSATION);
        };
        let Some(opening) = &request.opening else {
            return refuse(code::NO_CONVERSATION);
        };
        let Opening { inbox, team, profile } = opening.as_ref().map_err(|refusal| *refusal)?;
        let Command::Message(content) = request.command.as_ref().map_err(|refusal| *refusal)?
        else {
            return refuse(code::NO_CONVERSATION);
        };
        let message = Body::Message(content_of(content)?);
        let profile = clean::profile(profile)?;
        let author = Author { who: self.who.who, name: profile.name.clone() };
        let opened = Body::Opened { inbox: *inbox, team: *team, visitor, profile };
        let queued = Body::Queued { team: *team, reason: QueueReason::New };
        Ok(self
            .drafting()
            .follows(author.clone(), opened)
            .follows(system(), queued)
            .records(self.key, author, message)
            .done())
    }

    /// Visitors do not learn that somebody else's conversation exists.
    /// Whoever may erase need not see what they erase.
    fn may_touch(&self, command: &Result<Command, Refusal>) -> Result<(), Refusal> {
        let erases = *command == Ok(Command::Erase) && self.who.erases();
        match (erases || self.conversation.is_open_to(self.who), self.who.is_visitor()) {
            (true, _) => Ok(()),
            (false, true) => refuse(code::NO_CONVERSATION),
            (false, false) => refuse(code::DENIED),
        }
    }

    fn act(&self, recallable: Option<&Recallable>, command: &Command) -> Drafts {
        match command {
            Command::Message(content) => self.message(content),
            Command::Note(text) => {
                self.only_agents()?;
                let text = clean::some_lines(text, limits::TEXT_BYTES, code::TEXT_TOO_LONG)?;
                self.record(Body::Note(text))
            }
            Command::Recall { key, author } => self.recall(*key, *author, recallable),
            Command::Assign(to) => self.assign(to),
            Command::Transfer(to) => self.transfer(to),
            Command::Requeue(reason) => self.requeue(*reason),
            Command::Resolve => self.resolve(),
            Command::Reopen => self.reopen(),
            Command::Rate { score, comment } => self.rate(*score, comment),
            Command::Profile(profile) => self.profile(profile),
            Command::Erase => self.erase(),
        }
    }

    fn only_agents(&self) -> Result<(), Refusal> {
        if matches!(self.who.who, Who::Agent(_)) { Ok(()) } else { refuse(code::DENIED) }
    }

    fn message(&self, content: &Content) -> Drafts {
        let message = Body::Message(content_of(content)?);
        if self.conversation.state != State::Resolved {
            return self.record(message);
        }
        if !self.who.is_visitor() {
            return refuse(code::CLOSED);
        }
        let queued = Body::Queued { team: self.conversation.team, reason: QueueReason::Reopened };
        Ok(self
            .drafting()
            .follows(self.author(), Body::Reopened)
            .follows(system(), queued)
            .records(self.key, self.author(), message)
            .done())
    }

    fn recall(&self, key: MessageKey, author: Option<Who>, found: Option<&Recallable>) -> Drafts {
        let author = author.unwrap_or(self.who.who);
        let Some(found) = found.filter(|f| f.entry.key == key && f.entry.author.who == author)
        else {
            return refuse(code::NO_TARGET);
        };
        if !matches!(found.entry.body, Body::Message(_) | Body::Note(_)) {
            return refuse(code::NO_TARGET);
        }
        let own = author == self.who.who;
        let led = self.who.leads() && matches!(author, Who::Agent(_));
        if !own && !led {
            return refuse(code::NO_TARGET);
        }
        if !led && self.now.ms.saturating_sub(found.entry.at.ms) > limits::RECALL_MS {
            return refuse(code::TOO_LATE);
        }
        let (public, full) = (found.public, found.full);
        self.record(Body::Recalled { key, author: found.entry.author.clone(), public, full })
    }

    /// The router, an agent who takes it, or a supervisor who gives it to somebody.
    fn assign(&self, to: &Assignee) -> Drafts {
        let conversation = self.conversation;
        let takes = self.who.who == Who::Agent(to.agent);
        if !takes && !self.who.leads() {
            return refuse(code::DENIED);
        }
        let free = match conversation.state {
            State::Queued => true,
            State::Assigned => {
                conversation.agent != Some(to.agent)
                    && self.who.leads()
                    && self.who.who != Who::System
            }
            State::Resolved => self.who.who != Who::System,
            State::Absent | State::Erased => false,
        };
        if !free {
            return refuse(code::ALREADY_ASSIGNED);
        }
        let mut drafting = self.drafting();
        if conversation.state == State::Resolved {
            drafting = drafting.follows(self.author(), Body::Reopened);
        }
        let assigned = self.assigned(to);
        Ok(drafting.records(self.key, self.author(), assigned).done())
    }

    fn assigned(&self, to: &Assignee) -> Body {
        Body::Assigned {
            agent: to.agent,
            name: to.name.clone(),
            avatar: to.avatar.clone(),
            team: self.conversation.team,
        }
    }

    fn transfer(&self, to: &TransferTo) -> Drafts {
        self.only_agents()?;
        let from = self.conversation.agent;
        if self.conversation.state == State::Resolved {
            return refuse(code::CLOSED);
        }
        let owns = from.is_none_or(|agent| self.who.who == Who::Agent(agent));
        if !owns && !self.who.leads() {
            return refuse(code::ALREADY_ASSIGNED);
        }
        let (target, next) = match to {
            TransferTo::Agent(to) if from == Some(to.agent) => {
                return refuse(code::ALREADY_ASSIGNED);
            }
            TransferTo::Agent(to) => (Target::Agent(to.agent), self.assigned(to)),
            TransferTo::Team(team) => {
                let queued = Body::Queued { team: *team, reason: QueueReason::Transfer };
                (Target::Team(*team), queued)
            }
        };
        Ok(self
            .drafting()
            .records(self.key, self.author(), Body::Transferred { from, to: target })
            .follows(system(), next)
            .done())
    }

    fn requeue(&self, reason: QueueReason) -> Drafts {
        if self.who.who != Who::System {
            return refuse(code::DENIED);
        }
        let waits = reason != QueueReason::Timeout || self.conversation.waiting_since_ms != 0;
        if self.conversation.state != State::Assigned || !waits {
            return refuse(code::CLOSED);
        }
        self.record(Body::Queued { team: self.conversation.team, reason })
    }

    fn resolve(&self) -> Drafts {
        if self.conversation.state == State::Resolved {
            return refuse(code::CLOSED);
        }
        self.record(Body::Resolved)
    }

    fn reopen(&self) -> Drafts {
        self.only_agents()?;
        if self.conversation.state != State::Resolved {
            return refuse(code::BAD_VALUE);
        }
        let queued = Body::Queued { team: self.conversation.team, reason: QueueReason::Reopened };
        Ok(self
            .drafting()
            .records(self.key, self.author(), Body::Reopened)
            .follows(system(), queued)
            .done())
    }

    fn rate(&self, score: u8, comment: &Private) -> Drafts {
        if !self.who.is_visitor() {
            return refuse(code::DENIED);
        }
        if !(1..=5).contains(&score) {
            return refuse(code::BAD_RATING);
        }
        let comment = clean::lines(comment, limits::COMMENT_BYTES, code::NAME_TOO_LONG)?;
        self.record(Body::Rated { score, comment })
    }

    fn profile(&self, profile: &Profile) -> Drafts {
        let merged = clean::merged(&self.conversation.profile, clean::profile(profile)?);
        self.record(Body::Profile(merged))
    }

    fn erase(&self) -> Drafts {
        if !self.who.erases() {
            return refuse(code::DENIED);
        }
        let Conversation { inbox, team, visitor, .. } = *self.conversation;
        self.record(Body::Erased { inbox, team, visitor })
    }
}

/// The content as it will be stored.
fn content_of(content: &Content) -> Result<Content, Refusal> {
    match content {
        Content::Text(text) => {
            let text = clean::some_lines(text, limits::TEXT_BYTES, code::TEXT_TOO_LONG)?;
            Ok(Content::Text(text))
        }
        Content::Attachment(file) if file.is_only_named() => refuse(code::NO_BLOB),
        Content::Attachment(file) => {
            let mut file = file.clone();
            file.name = clean::cut(&file.name, limits::FILE_NAME_BYTES).into();
            Ok(Content::Attachment(file))
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
