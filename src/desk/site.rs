//! The site: its agents, teams, inboxes and settings as the entries of the roster feed made them.

use std::collections::BTreeMap;

use super::ask::{CommandAsk, OpeningAsk, TransferAsk};
use super::command::{Actor, Assignee, Command, Opening, Refusal, Request, TransferTo};
use super::entry::{AgentRow, Attachment, Body, Content, Entry, InboxRow, SiteRow, TeamRow, Who};
use super::rights::Right;
use crate::base::code;
use crate::base::{AgentId, InboxId, MessageKey, TeamId};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    pub agents: BTreeMap<AgentId, AgentRow>,
    pub teams: BTreeMap<TeamId, TeamRow>,
    pub inboxes: BTreeMap<InboxId, InboxRow>,
    pub row: SiteRow,
}

impl Site {
    /// Takes in an entry; those of conversations change nothing here.
    pub fn apply(&mut self, entry: &Entry) {
        match &entry.body {
            Body::Agent(row) => {
                self.agents.insert(row.id, row.clone());
            }
            Body::Team(row) => {
                self.teams.insert(row.id, row.clone());
            }
            Body::Inbox(row) => {
                self.inboxes.insert(row.id, row.clone());
            }
            Body::Site(row) => self.row = row.clone(),
            Body::Opened { .. }
            | Body::Message(_)
            | Body::Note(_)
            | Body::Queued { .. }
            | Body::Assigned { .. }
            | Body::Transferred { .. }
            | Body::Resolved
            | Body::Reopened
            | Body::Rated { .. }
            | Body::Recalled { .. }
            | Body::Profile(_)
            | Body::Tombstone(_)
            | Body::Erased { .. } => {}
        }
    }

    /// The agent when they may still work.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&AgentRow> {
        self.agents.get(&id).filter(|agent| !agent.disabled)
    }

    /// The same by sign-in name.
    #[must_use]
    pub fn agent_by_login(&self, login: &str) -> Option<&AgentRow> {
        self.agents.values().find(|a| a.login.eq_ignore_ascii_case(login) && !a.disabled)
    }

    #[must_use]
    pub fn team(&self, id: TeamId) -> Option<&TeamRow> {
        self.teams.get(&id).filter(|team| !team.disabled)
    }

    /// The inbox that a snippet names.
    #[must_use]
    pub fn inbox_by_key(&self, key: &str) -> Option<&InboxRow> {
        self.inboxes.values().find(|inbox| inbox.key == key && !inbox.disabled)
    }

    /// What `decide` must know of an agent.
    #[must_use]
    pub fn actor(&self, id: AgentId) -> Option<Actor> {
        let row = self.agent(id)?;
        Some(Actor {
            who: Who::Agent(id),
            name: row.name.clone(),
            role: Some(row.role),
            teams: row.teams.clone(),
        })
    }

    /// The agent as the entry `Assigned` shows them; nobody who takes no conversations.
    #[must_use]
    pub fn assignee(&self, id: AgentId) -> Option<Assignee> {
        let row = self.agent(id).filter(|row| row.role.may(Right::Converse))?;
        Some(Assignee { agent: id, name: row.name.clone(), avatar: row.avatar() })
    }

    /// Looks up everything that a client's ask names, but for the attachment, which the store
    /// knows.
    #[must_use]
    pub fn request(
        &self,
        key: MessageKey,
        body_hash: [u8; 16],
        opening: Option<Box<OpeningAsk>>,
        ask: CommandAsk,
    ) -> Request {
        let opening = opening.map(|ask| self.opening(*ask));
        Request { key, body_hash, opening, command: self.command(ask) }
    }

    fn command(&self, ask: CommandAsk) -> Result<Command, Refusal> {
        Ok(match ask {
            CommandAsk::Text(text) => Command::Message(Content::Text(text)),
            CommandAsk::Attachment(blob) => {
                Command::Message(Content::Attachment(Attachment::named(blob)))
            }
            CommandAsk::Note(text) => Command::Note(text),
            CommandAsk::Recall { key, author } => Command::Recall { key, author },
            CommandAsk::Assign(agent) => Command::Assign(self.target(agent)?),
            CommandAsk::Transfer(TransferAsk::Agent(agent)) => {
                Command::Transfer(TransferTo::Agent(self.target(agent)?))
            }
            CommandAsk::Transfer(TransferAsk::Team(team)) => {
                let team = self.team(team).ok_or(Refusal::new(code::NO_TEAM))?;
                Command::Transfer(TransferTo::Team(team.id))
            }
            CommandAsk::Resolve => Command::Resolve,
            CommandAsk::Reopen => Command::Reopen,
            CommandAsk::Rate { score, comment } => Command::Rate { score, comment },
            CommandAsk::Profile(profile) => Command::Profile(*profile),
        })
    }

    fn opening(&self, ask: OpeningAsk) -> Result<Opening, Refusal> {
        let inbox = self.inbox_by_key(&ask.inbox_key).ok_or(Refusal::new(code::NO_INBOX))?;
        Ok(Opening { inbox: inbox.id, team: inbox.team, profile: ask.profile })
    }

    fn target(&self, agent: AgentId) -> Result<Assignee, Refusal> {
        self.assignee(agent).ok_or(Refusal::new(code::NO_AGENT))
    }
}
