//! What may happen to a site: who may change it, and which rows a change makes. Numbers are given here,
//! in the order of creation, and never again.

use smallvec::smallvec;

use super::clean;
use super::command::{Actor, Draft, Refusal};
use super::entry::{AgentRow, Author, Body, Entry, InboxRow, Role, SiteRow, TeamRow, Who};
use super::site::Site;
use crate::base::code::{self, Code};
use crate::base::{AgentId, Feed, InboxId, MessageKey, TeamId, Wall, limits};

/// A change of the site; owners and the desk itself, except for an agent's own name and picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteCommand {
    /// First run, by the desk itself after it checked the one-time code: a team, an inbox, an owner.
    Claim {
        owner: NewAgent,
        site: String,
        language: String,
        team: String,
        inbox_key: String,
    },
    AddAgent(NewAgent),
    ChangeAgent(AgentId, AgentChange),
    AddTeam(String),
    ChangeTeam(TeamId, TeamChange),
    /// The key is random, by the shell.
    AddInbox {
        key: String,
        name: String,
        team: TeamId,
    },
    ChangeInbox(InboxId, InboxChange),
    ChangeSite(SiteChange),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAgent {
    pub login: String,
    pub name: String,
    pub role: Role,
    /// 0 = the default.
    pub capacity: u32,
    pub teams: Vec<TeamId>,
}

/// `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentChange {
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub role: Option<Role>,
    pub capacity: Option<u32>,
    pub teams: Option<Vec<TeamId>>,
    pub disabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamChange {
    pub name: Option<String>,
    pub disabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxChange {
    pub name: Option<String>,
    pub team: Option<TeamId>,
    pub origins: Option<Vec<String>>,
    pub greeting: Option<String>,
    pub offline_greeting: Option<String>,
    pub color: Option<String>,
    pub disabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteChange {
    pub name: Option<String>,
    pub language: Option<String>,
    pub answer_timeout_ms: Option<u32>,
}

const COLOR: &str = "#1f6feb";

fn refuse<T>(code: Code) -> Result<T, Refusal> {
    Err(Refusal::new(code))
}

impl Site {
    /// Decides on a change. One journal batch; the first entry carries `key`.
    ///
    /// # Errors
    /// The code that tells the operator what is wrong; nothing has changed.
    pub fn decide(
        &self,
        now: Wall,
        who: &Actor,
        key: MessageKey,
        command: &SiteCommand,
    ) -> Result<Vec<Draft>, Refusal> {
        self.may_change(who, command)?;
        let bodies = match command {
            SiteCommand::Claim { owner, site, language, team, inbox_key } => {
                self.claim(owner, site, language, team, inbox_key)?
            }
            SiteCommand::AddAgent(new) => vec![Body::Agent(self.new_agent(new)?)],
            SiteCommand::ChangeAgent(id, change) => {
                vec![Body::Agent(self.changed_agent(*id, change)?)]
            }
            SiteCommand::AddTeam(name) => vec![Body::Team(self.new_team(name)?)],
            SiteCommand::ChangeTeam(id, change) => {
                vec![Body::Team(self.changed_team(*id, change)?)]
            }
            SiteCommand::AddInbox { key, name, team } => {
                vec![Body::Inbox(self.new_inbox(key, name, *team)?)]
            }
            SiteCommand::ChangeInbox(id, change) => {
                vec![Body::Inbox(self.changed_inbox(*id, change)?)]
            }
            SiteCommand::ChangeSite(change) => vec![Body::Site(self.changed_site(change)?)],
        };
        let author = Author { who: who.who, name: who.name.clone() };
        let draft = |(place, body)| Draft {
            entry: Entry {
                conversation: None,
                key: if place == 0 { key } else { MessageKey(0) },
                author: author.clone(),
                at: now,
                body,
            },
            feeds: smallvec![Feed::Site, Feed::Roster],
        };
        Ok(bodies.into_iter().enumerate().map(draft).collect())
    }

    fn may_change(&self, who: &Actor, command: &SiteCommand) -> Result<(), Refusal> {
        let own = match (command, who.who) {
            (SiteCommand::ChangeAgent(id, change), Who::Agent(agent)) if *id == agent => {
                let only = AgentChange {
                    name: change.name.clone(),
                    avatar: change.avatar.clone(),
                    ..AgentChange::default()
                };
                only == *change
            }
            _ => false,
        };
        let claims = matches!(command, SiteCommand::Claim { .. });
        let may = match who.who {
            Who::System => true,
            Who::Agent(_) => !claims && (own || who.role == Some(Role::Owner)),
            Who::Visitor(_) => false,
        };
        if may { Ok(()) } else { refuse(code::DENIED) }
    }

    fn claim(
        &self,
        owner: &NewAgent,
        site: &str,
        language: &str,
        team: &str,
        inbox_key: &str,
    ) -> Result<Vec<Body>, Refusal> {
        if self.row.claimed {
            return refuse(code::CLAIMED);
        }
        let name = clean::some_line(site, limits::NAME_BYTES)?;
        let language = clean::language(language)?;
        let mut next = self.clone();
        let team = next.new_team(team)?;
        next.teams.insert(team.id, team.clone());
        let inbox = next.new_inbox(inbox_key, &name, team.id)?;
        let owner = NewAgent { role: Role::Owner, teams: vec![team.id], ..owner.clone() };
        let owner = next.new_agent(&owner)?;
        let row = SiteRow { name, language, claimed: true, ..self.row.clone() };
        Ok(vec![Body::Site(row), Body::Team(team), Body::Inbox(inbox), Body::Agent(owner)])
    }

    fn new_agent(&self, new: &NewAgent) -> Result<AgentRow, Refusal> {
        if self.agents.len() >= limits::AGENTS {
            return refuse(code::TOO_MANY);
        }
        let login = login(&new.login)?;
        if self.agents.values().any(|agent| agent.login.eq_ignore_ascii_case(&login)) {
            return refuse(code::NAME_TAKEN);
        }
        let shown = if new.name.trim().is_empty() { &login } else { &new.name };
        Ok(AgentRow {
            id: AgentId(self.agents.keys().last().map_or(1, |id| id.0 + 1)),
            name: clean::some_line(shown, limits::NAME_BYTES)?.into(),
            login,
            avatar: String::new(),
            role: new.role,
            capacity: capacity(if new.capacity == 0 {
                limits::AGENT_CAPACITY
            } else {
                new.capacity
            })?,
            teams: self.known_teams(&new.teams)?,
            disabled: false,
        })
    }

    fn changed_agent(&self, id: AgentId, change: &AgentChange) -> Result<AgentRow, Refusal> {
        let Some(old) = self.agents.get(&id) else { return refuse(code::NO_AGENT) };
        let mut row = old.clone();
        if let Some(name) = &change.name {
            row.name = clean::some_line(name, limits::NAME_BYTES)?.into();
        }
        if let Some(avatar) = &change.avatar {
            row.avatar = clean::local_path(avatar)?;
        }
        if let Some(teams) = &change.teams {
            row.teams = self.known_teams(teams)?;
        }
        if let Some(most) = change.capacity {
            row.capacity = capacity(most)?;
        }
        row.role = change.role.unwrap_or(row.role);
        row.disabled = change.disabled.unwrap_or(row.disabled);
        let owns = |agent: &AgentRow| agent.role == Role::Owner && !agent.disabled;
        let others = self.agents.values().any(|agent| agent.id != id && owns(agent));
        if owns(old) && !owns(&row) && !others {
            return refuse(code::LAST_OWNER);
        }
        Ok(row)
    }

    fn known_teams(&self, teams: &[TeamId]) -> Result<Vec<TeamId>, Refusal> {
        let mut known = teams.to_vec();
        known.sort_unstable();
        known.dedup();
        let all = known.iter().all(|id| self.teams.contains_key(id));
        if all { Ok(known) } else { refuse(code::NO_TEAM) }
    }

    fn new_team(&self, name: &str) -> Result<TeamRow, Refusal> {
        if self.teams.len() >= limits::TEAMS {
            return refuse(code::TOO_MANY);
        }
        let id = TeamId(self.teams.keys().last().map_or(1, |id| id.0 + 1));
        Ok(TeamRow { id, name: clean::some_line(name, limits::NAME_BYTES)?, disabled: false })
    }

    /// A team that an inbox names cannot be disabled: its visitors would wait where nobody looks.
    fn changed_team(&self, id: TeamId, change: &TeamChange) -> Result<TeamRow, Refusal> {
        let Some(old) = self.teams.get(&id) else { return refuse(code::NO_TEAM) };
        let mut row = old.clone();
        if let Some(name) = &change.name {
            row.name = clean::some_line(name, limits::NAME_BYTES)?;
        }
        row.disabled = change.disabled.unwrap_or(row.disabled);
        let used = self.inboxes.values().any(|inbox| inbox.team == id && !inbox.disabled);
        if row.disabled && used {
            return refuse(code::BAD_VALUE);
        }
        Ok(row)
    }

    fn new_inbox(&self, key: &str, name: &str, team: TeamId) -> Result<InboxRow, Refusal> {
        if self.inboxes.len() >= limits::INBOXES {
            return refuse(code::TOO_MANY);
        }
        let plain = (8..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain {
            return refuse(code::BAD_VALUE);
        }
        if self.inboxes.values().any(|inbox| inbox.key == key) {
            return refuse(code::NAME_TAKEN);
        }
        if self.team(team).is_none() {
            return refuse(code::NO_TEAM);
        }
        Ok(InboxRow {
            id: InboxId(self.inboxes.keys().last().map_or(1, |id| id.0 + 1)),
            key: key.to_owned(),
            name: clean::some_line(name, limits::NAME_BYTES)?,
            team,
            origins: Vec::new(),
            greeting: String::new(),
            offline_greeting: String::new(),
            color: COLOR.to_owned(),
            disabled: false,
        })
    }

    fn changed_inbox(&self, id: InboxId, change: &InboxChange) -> Result<InboxRow, Refusal> {
        let Some(old) = self.inboxes.get(&id) else { return refuse(code::NO_INBOX) };
        let mut row = old.clone();
        if let Some(name) = &change.name {
            row.name = clean::some_line(name, limits::NAME_BYTES)?;
        }
        if let Some(team) = change.team {
            row.team = team;
        }
        if let Some(origins) = &change.origins {
            if origins.len() > limits::ORIGINS {
                return refuse(code::TOO_MANY);
            }
            row.origins = origins.iter().map(|o| clean::origin(o)).collect::<Result<_, _>>()?;
        }
        if let Some(text) = &change.greeting {
            row.greeting = greeting(text)?;
        }
        if let Some(text) = &change.offline_greeting {
            row.offline_greeting = greeting(text)?;
        }
        if let Some(color) = &change.color {
            row.color = clean::color(color)?;
        }
        row.disabled = change.disabled.unwrap_or(row.disabled);
        if !row.disabled && self.team(row.team).is_none() {
            return refuse(code::NO_TEAM);
        }
        Ok(row)
    }

    fn changed_site(&self, change: &SiteChange) -> Result<SiteRow, Refusal> {
        let mut row = self.row.clone();
        if let Some(name) = &change.name {
            row.name = clean::some_line(name, limits::NAME_BYTES)?;
        }
        if let Some(language) = &change.language {
            row.language = clean::language(language)?;
        }
        if let Some(ms) = change.answer_timeout_ms {
            let known = ms == 0 || (limits::ANSWER_LEAST_MS..=limits::ANSWER_MOST_MS).contains(&ms);
            if !known {
                return refuse(code::BAD_VALUE);
            }
            row.answer_timeout_ms = ms;
        }
        Ok(row)
    }
}

/// Sign-in names are typed on strange keyboards: no spaces, no control characters, one case.
fn login(text: &str) -> Result<String, Refusal> {
    let login = clean::some_line(text, limits::NAME_BYTES)?.to_lowercase();
    let plain = !login.chars().any(char::is_whitespace);
    if plain { Ok(login) } else { refuse(code::BAD_VALUE) }
}

fn capacity(most: u32) -> Result<u32, Refusal> {
    let known = (1..=limits::AGENT_CAPACITY_MOST).contains(&most);
    if known { Ok(most) } else { refuse(code::BAD_VALUE) }
}

fn greeting(text: &str) -> Result<String, Refusal> {
    Ok(clean::lines(text, limits::COMMENT_BYTES, code::NAME_TOO_LONG)?.0)
}
