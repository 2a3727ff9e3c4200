//! What may happen to a site: who may change it, and which rows a change makes. Numbers are given
//! here, in the order of creation, and never again.

use std::collections::BTreeMap;

use smallvec::smallvec;

use super::clean;
use super::command::{Actor, Draft, Refusal};
use super::entry::{AgentRow, Attachment, Author, Body, Entry, InboxRow, Role, SiteRow, TeamRow};
use super::site::Site;
use crate::base::code::{self, Code};
use crate::base::{AgentId, Feed, InboxId, MessageKey, TeamId, Wall, limits};

/// A change of the site. Who may ask for which is in `rights`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteCommand {
    /// First run, by the desk itself after it checked the one-time code: a team, an inbox, an
    /// owner.
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
    /// By the operator of the machine: from now on three administrators share what owners may do;
    /// whoever else is an owner becomes a supervisor.
    Separate {
        system: AgentId,
        security: AgentId,
        audit: AgentId,
    },
    /// By the operator of the machine: one owner, and the administrators become agents.
    Combine {
        owner: AgentId,
    },
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
    pub picture: Option<PictureChange>,
    pub role: Option<Role>,
    pub capacity: Option<u32>,
    pub teams: Option<Vec<TeamId>>,
    pub disabled: Option<bool>,
}

/// The picture is stored before the agent's row names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureChange {
    Show(Attachment),
    Remove,
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
            SiteCommand::Separate { system, security, audit } => {
                self.separated([*system, *security, *audit])?
            }
            SiteCommand::Combine { owner } => self.combined(*owner)?,
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
            picture: None,
            role: self.fitting(new.role)?,
            capacity: capacity(if new.capacity == 0 {
                limits::AGENT_CAPACITY
            } else {
                new.capacity
            })?,
            teams: self.known_teams(teams_of(new.role, &new.teams))?,
            disabled: false,
        })
    }

    fn changed_agent(&self, id: AgentId, change: &AgentChange) -> Result<AgentRow, Refusal> {
        let Some(old) = self.agents.get(&id) else { return refuse(code::NO_AGENT) };
        let mut row = old.clone();
        if let Some(name) = &change.name {
            row.name = clean::some_line(name, limits::NAME_BYTES)?.into();
        }
        match &change.picture {
            Some(PictureChange::Show(picture)) => row.picture = Some(picture.clone()),
            Some(PictureChange::Remove) => row.picture = None,
            None => {}
        }
        if let Some(teams) = &change.teams {
            row.teams = self.known_teams(teams)?;
        }
        if let Some(most) = change.capacity {
            row.capacity = capacity(most)?;
        }
        if let Some(role) = change.role {
            row.role = self.fitting(role)?;
        }
        if row.role.administers() {
            row.teams.clear();
        }
        row.disabled = change.disabled.unwrap_or(row.disabled);
        self.not_the_last(old, &row)?;
        Ok(row)
    }

    /// A site always has somebody in each role that it cannot do without.
    fn not_the_last(&self, old: &AgentRow, new: &AgentRow) -> Result<(), Refusal> {
        let holds = |agent: &AgentRow| agent.role == old.role && !agent.disabled;
        let others = self.agents.values().any(|agent| agent.id != old.id && holds(agent));
        let lost = holds(old) && !holds(new) && !others;
        if lost && old.role == Role::Owner {
            return refuse(code::LAST_OWNER);
        }
        if lost && old.role.administers() { refuse(code::LAST_ADMINISTRATOR) } else { Ok(()) }
    }

    /// Owners and the three administrators are never held on the same site.
    fn fitting(&self, role: Role) -> Result<Role, Refusal> {
        let fits = match self.row.separate_duties {
            true => role != Role::Owner,
            false => !role.administers(),
        };
        if fits { Ok(role) } else { refuse(code::ROLE_NOT_HERE) }
    }

    fn separated(&self, [system, security, audit]: [AgentId; 3]) -> Result<Vec<Body>, Refusal> {
        if self.row.separate_duties {
            return refuse(code::DUTIES_SEPARATED);
        }
        if system == security || security == audit || system == audit {
            return refuse(code::THREE_PEOPLE_NEEDED);
        }
        let roles = BTreeMap::from([
            (system, Role::SystemAdministrator),
            (security, Role::SecurityAdministrator),
            (audit, Role::AuditAdministrator),
        ]);
        if roles.keys().any(|id| self.agent(*id).is_none()) {
            return refuse(code::NO_AGENT);
        }
        let mut bodies = vec![Body::Site(SiteRow { separate_duties: true, ..self.row.clone() })];
        for row in self.agents.values() {
            let role = match roles.get(&row.id) {
                Some(role) => *role,
                None if row.role == Role::Owner => Role::Supervisor,
                None => continue,
            };
            let teams = teams_of(role, &row.teams).to_vec();
            bodies.push(Body::Agent(AgentRow { role, teams, ..row.clone() }));
        }
        Ok(bodies)
    }

    fn combined(&self, owner: AgentId) -> Result<Vec<Body>, Refusal> {
        if !self.row.separate_duties {
            return refuse(code::DUTIES_TOGETHER);
        }
        if self.agent(owner).is_none() {
            return refuse(code::NO_AGENT);
        }
        let mut bodies = vec![Body::Site(SiteRow { separate_duties: false, ..self.row.clone() })];
        for row in self.agents.values() {
            let role = if row.id == owner { Role::Owner } else { Role::Agent };
            if row.id == owner || row.role.administers() {
                bodies.push(Body::Agent(AgentRow { role, ..row.clone() }));
            }
        }
        Ok(bodies)
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

/// Administrators are of no team: a team's conversations are read by its members.
fn teams_of(role: Role, teams: &[TeamId]) -> &[TeamId] {
    if role.administers() { &[] } else { teams }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Private;
    use crate::desk::Who;

    fn now() -> Wall {
        Wall { ms: 1, trusted: true }
    }

    fn system() -> Actor {
        Actor { who: Who::System, name: Private::default(), role: None, teams: Vec::new() }
    }

    fn person(login: &str, role: Role) -> NewAgent {
        NewAgent { login: login.into(), name: String::new(), role, capacity: 0, teams: Vec::new() }
    }

    fn run(site: &mut Site, who: &Actor, command: &SiteCommand) -> Result<(), Code> {
        let before = site.clone();
        let decided = site.decide(now(), who, MessageKey::new(1, 1), command);
        assert_eq!(*site, before, "decide changes nothing");
        for draft in decided.map_err(|refusal| refusal.code)? {
            assert!(draft.feeds.contains(&Feed::Roster) && draft.feeds.contains(&Feed::Site));
            site.apply(&draft.entry);
        }
        Ok(())
    }

    fn claim() -> SiteCommand {
        SiteCommand::Claim {
            owner: person("Olga", Role::Agent),
            site: "Shop".into(),
            language: "zh-CN".into(),
            team: "Sales".into(),
            inbox_key: "abcdefgh12345678".into(),
        }
    }

    fn claimed() -> Site {
        let mut site = Site::default();
        run(&mut site, &system(), &claim()).unwrap();
        site
    }

    #[test]
    fn a_site_is_claimed_once_by_the_desk_itself() {
        let mut site = claimed();
        assert_eq!(run(&mut site, &system(), &claim()), Err(code::CLAIMED));
        let owner = site.actor(AgentId(1)).unwrap();
        assert_eq!((owner.role, owner.teams.clone()), (Some(Role::Owner), vec![TeamId(1)]));
        assert_eq!(run(&mut Site::default(), &owner, &claim()), Err(code::DENIED));
        assert_eq!(site.inbox_by_key("abcdefgh12345678").map(|inbox| inbox.team), Some(TeamId(1)));
        assert!(site.agent_by_login("OLGA").is_some());
    }

    #[test]
    fn owners_administer_and_others_change_only_their_own_name() {
        let mut site = claimed();
        let owner = site.actor(AgentId(1)).unwrap();
        let add = SiteCommand::AddAgent(person("sam", Role::Supervisor));
        run(&mut site, &owner, &add).unwrap();
        assert_eq!(run(&mut site, &owner, &add), Err(code::NAME_TAKEN));
        let sam = site.actor(AgentId(2)).unwrap();
        assert_eq!(run(&mut site, &sam, &SiteCommand::AddTeam("x".into())), Err(code::DENIED));
        let change = |change| SiteCommand::ChangeAgent(AgentId(2), change);
        let name = AgentChange { name: Some("Sam".into()), ..AgentChange::default() };
        run(&mut site, &sam, &change(name.clone())).unwrap();
        let rise = AgentChange { role: Some(Role::Owner), ..name };
        assert_eq!(run(&mut site, &sam, &change(rise)), Err(code::DENIED));
    }

    #[test]
    fn a_picture_is_the_agents_own_or_given_by_an_owner() {
        let mut site = claimed();
        run(&mut site, &system(), &SiteCommand::AddAgent(person("sam", Role::Agent))).unwrap();
        let (owner, sam) = (site.actor(AgentId(1)).unwrap(), site.actor(AgentId(2)).unwrap());
        let show = |agent, blob| {
            let picture = PictureChange::Show(Attachment::named(crate::base::BlobId(blob)));
            let change = AgentChange { picture: Some(picture), ..AgentChange::default() };
            SiteCommand::ChangeAgent(AgentId(agent), change)
        };
        run(&mut site, &sam, &show(2, 0xa)).unwrap();
        assert_eq!(site.assignee(AgentId(2)).unwrap().avatar, format!("/v1/avatars/{:032x}", 0xa));
        assert_eq!(run(&mut site, &sam, &show(1, 0xb)), Err(code::DENIED));
        run(&mut site, &owner, &show(2, 0xc)).unwrap();
        let picture = Some(PictureChange::Remove);
        let remove = AgentChange { picture, ..AgentChange::default() };
        run(&mut site, &sam, &SiteCommand::ChangeAgent(AgentId(2), remove)).unwrap();
        assert_eq!(site.assignee(AgentId(2)).unwrap().avatar, "");
    }

    #[test]
    fn the_last_owner_stays() {
        let mut site = claimed();
        let change = |change| SiteCommand::ChangeAgent(AgentId(1), change);
        let leave = AgentChange { disabled: Some(true), ..AgentChange::default() };
        assert_eq!(run(&mut site, &system(), &change(leave.clone())), Err(code::LAST_OWNER));
        let fall = AgentChange { role: Some(Role::Agent), ..AgentChange::default() };
        assert_eq!(run(&mut site, &system(), &change(fall)), Err(code::LAST_OWNER));
        run(&mut site, &system(), &SiteCommand::AddAgent(person("two", Role::Owner))).unwrap();
        run(&mut site, &system(), &change(leave)).unwrap();
        assert!(site.actor(AgentId(1)).is_none(), "a disabled agent is nobody");
    }

    #[test]
    fn an_inbox_takes_only_what_a_page_can_use() {
        let mut site = claimed();
        let mut change =
            |change| run(&mut site, &system(), &SiteCommand::ChangeInbox(InboxId(1), change));
        let origins = |list: &[&str]| InboxChange {
            origins: Some(list.iter().map(|text| (*text).to_owned()).collect()),
            ..InboxChange::default()
        };
        for bad in ["javascript:alert(1)", "https://", "https://a/b", "https://a b", "ftp://x"] {
            assert_eq!(change(origins(&[bad])), Err(code::BAD_VALUE), "{bad}");
        }
        change(origins(&["HTTPS://Shop.Example/", "http://[::1]:8080"])).unwrap();
        let many = ["https://a"; limits::ORIGINS + 1];
        assert_eq!(change(origins(&many)), Err(code::TOO_MANY));
        for bad in ["red", "#12345g", "#1234567", "#fff;}"] {
            let color = InboxChange { color: Some(bad.into()), ..InboxChange::default() };
            assert_eq!(change(color), Err(code::BAD_VALUE), "{bad}");
        }
        let nowhere = InboxChange { team: Some(TeamId(7)), ..InboxChange::default() };
        assert_eq!(change(nowhere), Err(code::NO_TEAM));
        assert_eq!(
            site.inboxes[&InboxId(1)].origins,
            ["https://shop.example", "http://[::1]:8080"]
        );
    }

    #[test]
    fn a_team_that_an_inbox_fills_is_not_disabled() {
        let mut site = claimed();
        let off = TeamChange { disabled: Some(true), ..TeamChange::default() };
        let command = SiteCommand::ChangeTeam(TeamId(1), off);
        assert_eq!(run(&mut site, &system(), &command), Err(code::BAD_VALUE));
    }

    #[test]
    fn numbers_and_texts_of_settings_have_ranges() {
        let mut site = claimed();
        let mut set = |change| run(&mut site, &system(), &SiteCommand::ChangeSite(change));
        let timeout = |ms| SiteChange { answer_timeout_ms: Some(ms), ..SiteChange::default() };
        assert_eq!(set(timeout(1)), Err(code::BAD_VALUE));
        set(timeout(0)).unwrap();
        let language =
            |tag: &str| SiteChange { language: Some(tag.into()), ..SiteChange::default() };
        assert_eq!(set(language("\"><script>")), Err(code::BAD_VALUE));
        let capacity = |most| {
            let change = AgentChange { capacity: Some(most), ..AgentChange::default() };
            SiteCommand::ChangeAgent(AgentId(1), change)
        };
        assert_eq!(run(&mut site, &system(), &capacity(0)), Err(code::BAD_VALUE));
        assert_eq!(run(&mut site, &system(), &capacity(101)), Err(code::BAD_VALUE));
        let spaced = SiteCommand::AddAgent(person("a b", Role::Agent));
        assert_eq!(run(&mut site, &system(), &spaced), Err(code::BAD_VALUE));
    }
}
