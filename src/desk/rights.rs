//! Who may do what: the one table of roles and rights, and which of them a change of the site
//! needs. Invariant: where duties are separated, no role has the rights of two administrators, and
//! no administrator sees a conversation (GB/T 22239-2019, 8.1.5.1 to 8.1.5.3: system, audit and
//! security administrators who manage, and are audited, apart from each other).

use smallvec::{SmallVec, smallvec};

use super::command::{Actor, Refusal};
use super::entry::{AgentRow, Body, Entry, Role, Who};
use super::site::Site;
use super::site_decide::{AgentChange, SiteCommand};
use crate::base::AgentId;
use crate::base::code;

/// Something that a role may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Take conversations, and read those of the own teams.
    Converse,
    /// See every conversation, give it to others.
    Lead,
    /// The log of the whole site, with everything that was said.
    ReadAll,
    /// Erase conversations.
    Erase,
    /// Settings of the site, its inboxes and its teams.
    Settings,
    /// Accounts without their roles: add, rename, teams, capacity, disable.
    Accounts,
    /// Give and take roles, disable who administers.
    Roles,
    /// Passwords of others.
    Passwords,
    /// Read, verify and export the audit log.
    Audit,
}

impl Right {
    pub const ALL: [Self; 9] = [
        Self::Converse,
        Self::Lead,
        Self::ReadAll,
        Self::Erase,
        Self::Settings,
        Self::Accounts,
        Self::Roles,
        Self::Passwords,
        Self::Audit,
    ];
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Supervisor,
        Self::Owner,
        Self::SystemAdministrator,
        Self::SecurityAdministrator,
        Self::AuditAdministrator,
    ];

    /// The table.
    #[must_use]
    pub fn may(self, right: Right) -> bool {
        match self {
            Self::Agent => right == Right::Converse,
            Self::Supervisor => matches!(right, Right::Converse | Right::Lead),
            Self::Owner => true,
            Self::SystemAdministrator => matches!(right, Right::Settings | Right::Accounts),
            Self::SecurityAdministrator => {
                matches!(right, Right::Roles | Right::Passwords | Right::Erase)
            }
            Self::AuditAdministrator => right == Right::Audit,
        }
    }

    /// One of the three that share the duties of an owner. Nobody else knows their password: it is
    /// taken away when the role is given, and set at the machine.
    #[must_use]
    pub fn administers(self) -> bool {
        match self {
            Self::Agent | Self::Supervisor | Self::Owner => false,
            Self::SystemAdministrator | Self::SecurityAdministrator | Self::AuditAdministrator => {
                true
            }
        }
    }

    /// The word of the command line, of JSON and of the audit log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Owner => "owner",
            Self::SystemAdministrator => "system-administrator",
            Self::SecurityAdministrator => "security-administrator",
            Self::AuditAdministrator => "audit-administrator",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl AgentRow {
    /// Whether whoever is `self` now could see more when they were `before`: what they follow must
    /// be asked for again.
    #[must_use]
    pub fn sees_less_than(&self, before: &Self) -> bool {
        let left = |team| !self.teams.contains(team);
        self.role != before.role || self.disabled || before.teams.iter().any(left)
    }
}

impl Site {
    /// Whether somebody may ask for this.
    ///
    /// # Errors
    /// `DENIED`.
    pub(super) fn may_change(&self, who: &Actor, command: &SiteCommand) -> Result<(), Refusal> {
        let may = match (who.who, who.role) {
            (Who::System, _) => true,
            (Who::Agent(agent), Some(role)) => {
                let needed = needs(self, command);
                is_own(agent, command)
                    || !(role.administers() && is_about(agent, command))
                        && needed.is_some_and(|all| all.iter().all(|right| role.may(*right)))
            }
            (Who::Agent(_), None) | (Who::Visitor(_), _) => false,
        };
        if may { Ok(()) } else { Err(Refusal::new(code::DENIED)) }
    }

    /// Whether somebody may give another agent a new password without the old one. Those of
    /// administrators are given at the machine: whoever could set them could act as all three.
    ///
    /// # Errors
    /// `DENIED`.
    pub fn may_reset(&self, by: AgentId, of: AgentId) -> Result<(), Refusal> {
        let may = self.agent(by).is_some_and(|row| row.role.may(Right::Passwords));
        let theirs = self.agents.get(&of).is_some_and(|row| row.role.administers());
        if may && !theirs { Ok(()) } else { Err(Refusal::new(code::DENIED)) }
    }

    /// Whether somebody may choose the first password of an account that they add.
    ///
    /// # Errors
    /// `DENIED`.
    pub fn may_set_first(&self, by: AgentId) -> Result<(), Refusal> {
        let may = self.agent(by).is_some_and(|row| row.role.may(Right::Passwords));
        if may { Ok(()) } else { Err(Refusal::new(code::DENIED)) }
    }

    /// The agent to whom an entry gives the role of an administrator; not one who had it, or who
    /// is new.
    #[must_use]
    pub fn begins_to_administer(&self, entry: &Entry) -> Option<AgentId> {
        let Body::Agent(row) = &entry.body else { return None };
        let before = self.agents.get(&row.id)?;
        (row.role.administers() && !before.role.administers()).then_some(row.id)
    }

    /// Whether somebody reads the audit log.
    ///
    /// # Errors
    /// `DENIED`.
    pub fn may_audit(&self, by: AgentId) -> Result<(), Refusal> {
        let may = self.agent(by).is_some_and(|row| row.role.may(Right::Audit));
        if may { Ok(()) } else { Err(Refusal::new(code::DENIED)) }
    }
}

/// No administrator changes what they may do themselves.
fn is_about(agent: AgentId, command: &SiteCommand) -> bool {
    matches!(command, SiteCommand::ChangeAgent(id, _) if *id == agent)
}

/// Everybody changes their own name and picture.
fn is_own(agent: AgentId, command: &SiteCommand) -> bool {
    let SiteCommand::ChangeAgent(id, change) = command else { return false };
    let only = AgentChange {
        name: change.name.clone(),
        picture: change.picture.clone(),
        ..AgentChange::default()
    };
    *id == agent && only == *change
}

/// All of these are needed; `None`: it is done at the machine, or with its one-time code.
fn needs(site: &Site, command: &SiteCommand) -> Option<SmallVec<[Right; 2]>> {
    Some(match command {
        SiteCommand::AddAgent(new) if new.role == Role::Agent => smallvec![Right::Accounts],
        SiteCommand::AddAgent(_) => smallvec![Right::Accounts, Right::Roles],
        SiteCommand::ChangeAgent(id, change) => {
            let AgentChange { name, picture, role, capacity, teams, disabled } = change;
            let theirs = site.agents.get(id).is_some_and(|row| row.role.administers());
            let disables = disabled.is_some();
            let account = name.is_some() || picture.is_some() || capacity.is_some();
            let mut needed = SmallVec::new();
            if role.is_some() || disables && theirs {
                needed.push(Right::Roles);
            }
            if account || teams.is_some() || disables && !theirs || needed.is_empty() {
                needed.push(Right::Accounts);
            }
            needed
        }
        SiteCommand::AddTeam(_)
        | SiteCommand::ChangeTeam(..)
        | SiteCommand::AddInbox { .. }
        | SiteCommand::ChangeInbox(..)
        | SiteCommand::ChangeSite(_) => smallvec![Right::Settings],
        SiteCommand::Claim { .. } | SiteCommand::Separate { .. } | SiteCommand::Combine { .. } => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{InboxChange, NewAgent, SiteChange, TeamChange};
    use super::*;
    use crate::base::code::Code;
    use crate::base::{InboxId, MessageKey, TeamId, Wall};

    const NAMES: [&str; 7] = ["olga", "sys", "sec", "aud", "ann", "sue", "aud2"];
    const SYS: AgentId = AgentId(2);
    const SEC: AgentId = AgentId(3);
    const AUD: AgentId = AgentId(4);
    const ANN: AgentId = AgentId(5);
    const SUE: AgentId = AgentId(6);
    const AUD2: AgentId = AgentId(7);

    fn person(login: &str, role: Role) -> NewAgent {
        let (login, teams) = (login.to_owned(), vec![TeamId(1)]);
        NewAgent { login, name: String::new(), role, capacity: 0, teams }
    }

    fn system() -> Actor {
        Actor { who: Who::System, name: "".into(), role: None, teams: Vec::new() }
    }

    fn run(site: &mut Site, who: &Actor, command: &SiteCommand) -> Result<(), Code> {
        let now = Wall { ms: 1, trusted: true };
        let decided = site.decide(now, who, MessageKey::new(1, 1), command);
        for draft in decided.map_err(|refusal| refusal.code)? {
            site.apply(&draft.entry);
        }
        Ok(())
    }

    /// An owner, olga; agents; sue leads.
    fn together() -> Site {
        let mut site = Site::default();
        let claim = SiteCommand::Claim {
            owner: person("olga", Role::Agent),
            site: "Shop".into(),
            language: "en".into(),
            team: "Sales".into(),
            inbox_key: "abcdefgh12345678".into(),
        };
        run(&mut site, &system(), &claim).unwrap();
        for name in &NAMES[1..] {
            let role = if *name == "sue" { Role::Supervisor } else { Role::Agent };
            run(&mut site, &system(), &SiteCommand::AddAgent(person(name, role))).unwrap();
        }
        site
    }

    fn separate() -> SiteCommand {
        SiteCommand::Separate { system: SYS, security: SEC, audit: AUD }
    }

    fn apart() -> Site {
        let mut site = together();
        run(&mut site, &system(), &separate()).unwrap();
        site
    }

    fn role(id: AgentId, role: Role) -> SiteCommand {
        SiteCommand::ChangeAgent(id, AgentChange { role: Some(role), ..AgentChange::default() })
    }

    fn off(id: AgentId) -> SiteCommand {
        let disabled = Some(true);
        SiteCommand::ChangeAgent(id, AgentChange { disabled, ..AgentChange::default() })
    }

    fn named(id: AgentId) -> SiteCommand {
        let name = Some("New".to_owned());
        SiteCommand::ChangeAgent(id, AgentChange { name, ..AgentChange::default() })
    }

    /// Every kind of change, and who of Agent, Supervisor, System, Security, Audit may ask for it.
    fn matrix() -> Vec<(&'static str, SiteCommand, &'static [AgentId])> {
        let both = AgentChange {
            role: Some(Role::Agent),
            name: Some("New".into()),
            ..AgentChange::default()
        };
        let key = "abcdefgh87654321".to_owned();
        let inbox = SiteCommand::AddInbox { key, name: "Shop".into(), team: TeamId(1) };
        let teams = AgentChange { teams: Some(vec![]), ..AgentChange::default() };
        let capacity = AgentChange { capacity: Some(3), ..AgentChange::default() };
        vec![
            ("add an agent", SiteCommand::AddAgent(person("new", Role::Agent)), &[SYS]),
            ("add a leader", SiteCommand::AddAgent(person("new", Role::Supervisor)), &[]),
            ("add an auditor", SiteCommand::AddAgent(person("new", Role::AuditAdministrator)), &[]),
            ("rename an agent", named(ANN), &[SYS, ANN]),
            ("teams of an agent", SiteCommand::ChangeAgent(ANN, teams), &[SYS]),
            ("capacity of an agent", SiteCommand::ChangeAgent(ANN, capacity), &[SYS]),
            ("disable an agent", off(ANN), &[SYS]),
            ("promote an agent", role(ANN, Role::Supervisor), &[SEC]),
            ("make an auditor", role(ANN, Role::AuditAdministrator), &[SEC]),
            ("role and name in one", SiteCommand::ChangeAgent(ANN, both), &[]),
            ("disable the second auditor", off(AUD2), &[SEC]),
            ("rename the second auditor", named(AUD2), &[SYS]),
            ("own role", role(SEC, Role::SystemAdministrator), &[]),
            ("add a team", SiteCommand::AddTeam("x".into()), &[SYS]),
            ("change a team", SiteCommand::ChangeTeam(TeamId(1), TeamChange::default()), &[SYS]),
            ("add an inbox", inbox, &[SYS]),
            (
                "change an inbox",
                SiteCommand::ChangeInbox(InboxId(1), InboxChange::default()),
                &[SYS],
            ),
            ("change the site", SiteCommand::ChangeSite(SiteChange::default()), &[SYS]),
        ]
    }

    #[test]
    fn each_change_is_asked_for_by_whom_the_table_names_and_nobody_else() {
        let mut site = apart();
        run(&mut site, &system(), &role(AUD2, Role::AuditAdministrator)).unwrap();
        for (what, command, may) in matrix() {
            for id in [SYS, SEC, AUD, ANN, SUE] {
                let who = site.actor(id).unwrap();
                let denied = run(&mut site.clone(), &who, &command) == Err(code::DENIED);
                assert_eq!(!denied, may.contains(&id), "{what} by {:?}", who.role);
            }
            // The control: where duties are together an owner may ask for everything.
            let site = together();
            let olga = site.actor(AgentId(1)).unwrap();
            let denied = run(&mut site.clone(), &olga, &command) == Err(code::DENIED);
            assert!(!denied, "{what} by an owner");
        }
        // Both ways are the operator's, whoever asks.
        for command in [separate(), SiteCommand::Combine { owner: ANN }] {
            for (site, ids) in [(&together(), vec![1]), (&site, vec![2, 3, 4, 5, 6])] {
                for id in ids {
                    let who = site.actor(AgentId(id)).unwrap();
                    assert_eq!(run(&mut site.clone(), &who, &command), Err(code::DENIED));
                }
            }
        }
    }

    #[test]
    fn no_right_of_administrators_is_held_by_two_of_them_and_none_sees_conversations() {
        let three = Role::ALL.into_iter().filter(|role| role.administers());
        let three: Vec<Role> = three.collect();
        assert_eq!(three.len(), 3);
        for right in Right::ALL {
            let holders = three.iter().filter(|role| role.may(right)).count();
            let seeing = matches!(right, Right::Converse | Right::Lead | Right::ReadAll);
            assert_eq!(holders, usize::from(!seeing), "{right:?}");
            // The controls: owners may do everything, and so break each of these rules.
            assert!(Role::Owner.may(right));
            assert!(!(Role::Agent.may(right) || Role::Supervisor.may(right)) || seeing);
        }
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(role));
        }
    }

    #[test]
    fn separation_needs_three_people_and_leaves_no_owner() {
        let mut site = together();
        let olga = site.actor(AgentId(1)).unwrap();
        for (system, security, audit) in [(SYS, SYS, AUD), (SYS, SEC, SEC), (AUD, SEC, AUD)] {
            let same = SiteCommand::Separate { system, security, audit };
            let decided = run(&mut site, &self::system(), &same);
            assert_eq!(decided, Err(code::THREE_PEOPLE_NEEDED));
        }
        let gone = SiteCommand::Separate { system: SYS, security: SEC, audit: AgentId(99) };
        assert_eq!(run(&mut site, &system(), &gone), Err(code::NO_AGENT));
        run(&mut site, &olga, &off(AUD)).unwrap();
        assert_eq!(run(&mut site, &system(), &separate()), Err(code::NO_AGENT));
        let early = role(ANN, Role::AuditAdministrator);
        assert_eq!(run(&mut site, &olga, &early), Err(code::ROLE_NOT_HERE));
        let mut site = apart();
        assert_eq!(site.agents[&AgentId(1)].role, Role::Supervisor);
        assert!(site.row.separate_duties && site.agents[&AUD].teams.is_empty());
        assert_eq!(run(&mut site, &system(), &separate()), Err(code::DUTIES_SEPARATED));
        assert_eq!(run(&mut site, &system(), &role(ANN, Role::Owner)), Err(code::ROLE_NOT_HERE));
        let owner = SiteCommand::AddAgent(person("o2", Role::Owner));
        assert_eq!(run(&mut site, &system(), &owner), Err(code::ROLE_NOT_HERE));
        // Whoever administers is of no team and is given no conversation.
        let teams = Some(vec![TeamId(1)]);
        let change = AgentChange { teams, ..AgentChange::default() };
        run(&mut site, &system(), &SiteCommand::ChangeAgent(AUD, change)).unwrap();
        assert!(site.agents[&AUD].teams.is_empty() && site.assignee(AUD).is_none());
        assert!(site.assignee(ANN).is_some());
    }

    #[test]
    fn the_operator_combines_duties_and_names_the_owner() {
        let mut site = apart();
        let combine = |owner| SiteCommand::Combine { owner };
        assert_eq!(run(&mut together(), &system(), &combine(ANN)), Err(code::DUTIES_TOGETHER));
        assert_eq!(run(&mut site, &system(), &combine(AgentId(99))), Err(code::NO_AGENT));
        run(&mut site, &system(), &combine(AUD)).unwrap();
        assert!(!site.row.separate_duties);
        let roles: Vec<Role> = site.agents.values().map(|row| row.role).collect();
        assert!(!roles.iter().any(|role| role.administers()));
        assert_eq!(roles.iter().filter(|role| **role == Role::Owner).count(), 1);
        assert_eq!(site.agents[&AUD].role, Role::Owner);
        run(&mut site, &system(), &separate()).unwrap();
    }

    #[test]
    fn the_last_of_each_administrator_stays() {
        let mut site = apart();
        for id in [SYS, SEC, AUD] {
            let (fall, leave) = (role(id, Role::Agent), off(id));
            assert_eq!(run(&mut site, &system(), &fall), Err(code::LAST_ADMINISTRATOR));
            assert_eq!(run(&mut site, &system(), &leave), Err(code::LAST_ADMINISTRATOR));
        }
        run(&mut site, &system(), &role(AUD2, Role::AuditAdministrator)).unwrap();
        run(&mut site, &system(), &off(AUD)).unwrap();
    }

    #[test]
    fn passwords_of_administrators_are_nobodys_to_reset() {
        let site = apart();
        assert!(site.may_reset(SEC, ANN).is_ok());
        for (by, of) in [(SEC, AUD), (SEC, SYS), (SYS, ANN), (AUD, ANN), (SUE, ANN)] {
            assert!(site.may_reset(by, of).is_err(), "{by:?} {of:?}");
        }
        assert!(together().may_reset(AgentId(1), SYS).is_ok());
        let first = |site: &Site, by| site.may_set_first(by).is_ok();
        assert!(first(&site, SEC) && first(&together(), AgentId(1)));
        assert!(!first(&site, SYS) && !first(&site, AUD) && !first(&together(), ANN));
        assert!(site.may_audit(AUD).is_ok() && together().may_audit(AgentId(1)).is_ok());
        for by in [SYS, SEC, ANN, SUE, AgentId(1)] {
            assert!(site.may_audit(by).is_err());
        }
    }

    #[test]
    fn who_lost_something_is_told_from_who_gained() {
        let row = |role, teams: &[u32], disabled| {
            let teams = teams.iter().copied().map(TeamId).collect();
            AgentRow { role, teams, disabled, ..together().agents[&ANN].clone() }
        };
        let before = row(Role::Agent, &[1, 2], false);
        assert!(!row(Role::Agent, &[1, 2, 3], false).sees_less_than(&before));
        for less in [
            row(Role::Agent, &[1], false),
            row(Role::AuditAdministrator, &[1, 2], false),
            row(Role::Agent, &[1, 2], true),
        ] {
            assert!(less.sees_less_than(&before));
        }
    }
}
