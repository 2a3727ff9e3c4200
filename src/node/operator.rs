//! What the operator of the machine may ask of a site: the same answers whether the request came by
//! the control socket or the command opened the data folder itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};

use super::control::{Line, Request};
use super::reload::Reloaded;
use super::{banner, identity, notify};
use crate::actors::{Claim, Deed, Desk, Doer, Owed};
use crate::base::code::{self, Code};
use crate::base::{ConversationId, Index, Private, TeamId};
use crate::config::Config;
use crate::desk::{NewAgent, Refusal, Role, SiteCommand};
use crate::health::{self, Listener, Probe};

/// A site as its operator sees it.
#[derive(Clone)]
pub struct Operator {
    pub desk: Desk,
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// Where the site listens.
    pub bound: SocketAddr,
    pub probe: Arc<dyn Fn() -> Probe + Send + Sync>,
    /// Taken by commands that read the whole store.
    pub walks: Arc<Semaphore>,
    /// Our own listeners, which must answer.
    pub listeners: Vec<SocketAddr>,
    /// Asks the owner of the configuration to take it again; nobody listens without a server.
    pub reload: mpsc::Sender<oneshot::Sender<Reloaded>>,
}

/// A listener on this machine answers at once, or something is wrong.
const ANSWER: Duration = Duration::from_secs(2);

/// Why a request was not answered with `Done`.
pub(super) struct No {
    code: Code,
    about: String,
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, about: String::new() }
    }
}

impl No {
    pub(super) fn of(code: Code, about: String) -> Self {
        Self { code, about }
    }

    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    pub(super) fn parts(self) -> (Code, String) {
        (self.code, self.about)
    }
}

impl Operator {
    /// Answers one request: rows on the way, the last line as the result.
    pub async fn answer(&self, request: Request, rows: &mpsc::Sender<Line>) -> Line {
        let deed = audited(&request).map(|what| Deed::new(Doer::Operator, what, ""));
        let owed = match &deed {
            // A journal that takes nothing is what some of them mend.
            Some(deed) => self.desk.begin(deed).await.ok(),
            None => None,
        };
        let answered = match request {
            Request::Setup { owner, password, site, language } => {
                self.setup(owner, password, site, language).await
            }
            Request::AgentAdd { login, name, role, teams, password } => {
                self.add_agent(login, name, &role, &teams, password).await
            }
            Request::AgentList => self.list_agents(rows).await,
            Request::DutiesSeparate { system, security, audit } => {
                self.separate([system, security, audit]).await
            }
            Request::DutiesCombine { owner } => self.combine(owner).await,
            Request::AuditHead => self.audit_head().await,
            Request::AgentResetPassword { login, password } => {
                self.reset_password(&login, password).await
            }
            Request::Dump => self.dump(rows).await,
            Request::Erase { conversation } => self.erase(conversation).await,
            Request::StoreCheck => self.check_store(rows).await,
            Request::StoreRepair => self.repair_store(rows).await,
            Request::Rotate => self.rotate_keys().await,
            Request::Rotation => self.rotation(),
            Request::DropOldKeys => self.drop_old_keys(rows).await,
            Request::BackupCreate { folder, passphrase_file } => {
                self.create_backup(folder, passphrase_file, rows).await
            }
            Request::Doctor => self.doctor(rows).await,
            Request::Audited { what, about } => self.note(&what, about).await,
            Request::Reload => self.reload(rows).await,
        };
        let answered = match deed {
            Some(deed) => self.written(deed, owed, answered).await,
            None => answered,
        };
        match answered {
            Ok(done) => Line::Done(done),
            Err(No { code, about }) => Line::Refused { code: code.0, about },
        }
    }

    /// The answer, when the audit log has the line about it.
    async fn written(
        &self,
        deed: Deed,
        owed: Option<Owed>,
        answered: Result<Value, No>,
    ) -> Result<Value, No> {
        let (result, about) = match &answered {
            Ok(done) => (Ok(()), done.to_string()),
            Err(No { code, about }) => (Err(*code), about.clone()),
        };
        let deed = Deed { result, about, ..deed };
        match owed {
            Some(owed) => self.desk.pay(owed, deed).await?,
            None => self.desk.audit(deed).await?,
        }
        answered
    }

    async fn note(&self, what: &str, about: String) -> Result<Value, No> {
        let known = NOTES.iter().find(|known| **known == what);
        let what = known.ok_or(No { code: code::BAD_VALUE, about: what.to_owned() })?;
        self.desk.audit(Deed::new(Doer::Operator, what, about)).await?;
        self.desk.sign_audit().await?;
        Ok(json!({}))
    }

    async fn setup(
        &self,
        owner: String,
        password: String,
        site: String,
        language: String,
    ) -> Result<Value, No> {
        if self.desk.claimed() {
            return Err(No { code: code::CLI_CLAIMED, about: self.desk.site().row.name.clone() });
        }
        let name = Private(owner.clone());
        let zh = language.starts_with("zh");
        let claim = Claim {
            login: owner,
            name,
            password: Private(password),
            team: if zh { "客服" } else { "Support" }.to_owned(),
            inbox: site.clone(),
            site,
            language,
        };
        let claimed = self.desk.claim_as_operator(claim).await?;
        let config = Arc::clone(&self.config.borrow());
        let urls = banner::urls(&config, self.bound);
        let present = identity::present(&config).unwrap_or_default();
        let own = present.iter().find(|shown| shown.own);
        Ok(json!({
            "url": urls.first(),
            "urls": urls,
            "inbox_key": claimed.inbox_key,
            "ca": own.map(|shown| shown.kind.authority_path(&config.data)),
            "agent": claimed.agent.0,
        }))
    }

    async fn add_agent(
        &self,
        login: String,
        name: String,
        role: &str,
        teams: &[u32],
        password: String,
    ) -> Result<Value, No> {
        let unknown = No { code: code::BAD_VALUE, about: role.to_owned() };
        let role = Role::from_word(role).ok_or(unknown)?;
        let name = if name.is_empty() { login.clone() } else { name };
        // Somebody without a team would be given nothing: all teams unless some are named.
        let teams = if teams.is_empty() {
            self.desk.site().teams.keys().copied().collect()
        } else {
            teams.iter().copied().map(TeamId).collect()
        };
        let new = NewAgent { login, name, role, capacity: 0, teams };
        let command = SiteCommand::AddAgent(new);
        let id = self.desk.administer_as_operator(command, Some(&Private(password))).await?;
        Ok(json!({ "agent": id }))
    }

    async fn list_agents(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let site = self.desk.site();
        for agent in site.agents.values() {
            let row = json!({
                "id": agent.id.0,
                "login": agent.login,
                "name": &*agent.name,
                "role": agent.role.word(),
                "teams": agent.teams.iter().map(|team| team.0).collect::<Vec<_>>(),
                "capacity": agent.capacity,
                "disabled": agent.disabled,
            });
            send(rows, row).await?;
        }
        Ok(json!({ "agents": site.agents.len() }))
    }

    async fn separate(&self, logins: [String; 3]) -> Result<Value, No> {
        let site = self.desk.site();
        let found = logins.map(|login| {
            let row = site.agent_by_login(&login).map(|row| row.id);
            row.ok_or(No { code: code::NO_AGENT, about: login })
        });
        let [system, security, audit] = found;
        let (system, security, audit) = (system?, security?, audit?);
        let command = SiteCommand::Separate { system, security, audit };
        self.desk.administer_as_operator(command, None).await?;
        Ok(json!({ "system": system.0, "security": security.0, "audit": audit.0 }))
    }

    async fn combine(&self, login: String) -> Result<Value, No> {
        let found = self.desk.site().agent_by_login(&login).map(|row| row.id);
        let owner = found.ok_or(No { code: code::NO_AGENT, about: login })?;
        self.desk.administer_as_operator(SiteCommand::Combine { owner }, None).await?;
        Ok(json!({ "owner": owner.0 }))
    }

    async fn audit_head(&self) -> Result<Value, No> {
        Ok(json!({ "head": self.desk.audit_head().await? }))
    }

    async fn reset_password(&self, login: &str, password: String) -> Result<Value, No> {
        let found = self.desk.site().agent_by_login(login).map(|row| row.id);
        let agent = found.ok_or(No { code: code::NO_AGENT, about: login.to_owned() })?;
        self.desk.replace_password(agent, &Private(password)).await?;
        Ok(json!({ "agent": agent.0 }))
    }

    /// The site's feed from its beginning to where it was when asked.
    async fn dump(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let _turn = self.alone()?;
        let mut page = self.desk.log(Index(0)).await?;
        let head = page.head;
        let mut last = Index(0);
        while last < head {
            if last.0 > 0 {
                page = self.desk.log(last).await?;
            }
            for entry in std::mem::take(&mut page.entries) {
                last = entry.index;
                let text = STANDARD.encode(&entry.bytes);
                send(rows, json!({ "index": entry.index.0, "entry": text })).await?;
            }
        }
        Ok(json!({ "entries": head.0 }))
    }

    async fn erase(&self, conversation: String) -> Result<Value, No> {
        let Some(id) = ConversationId::from_hex(&conversation) else {
            return Err(No { code: code::NO_CONVERSATION, about: conversation });
        };
        let erased = self.desk.erase_as_operator(id).await;
        let erased = erased.map_err(|refusal| No { code: refusal.code, about: conversation })?;
        Ok(json!({ "key_destroyed": erased.key_destroyed, "removed": erased.removed }))
    }

    /// The right to read the whole store; there is one.
    pub(super) fn alone(&self) -> Result<SemaphorePermit<'_>, No> {
        let busy = No { code: code::CLI_WALK_RUNS, about: String::new() };
        self.walks.try_acquire().map_err(|_| busy)
    }

    async fn doctor(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let mut probe = (self.probe)();
        for address in &self.listeners {
            let answer = tokio::time::timeout(ANSWER, notify::listener_answers(*address)).await;
            let answers = answer.is_ok_and(|answer| answer.is_ok());
            probe.listeners.push(Listener { address: address.to_string(), answers });
        }
        let issues = health::run(&probe);
        for (check, issue) in &issues {
            send(rows, issue_row(check, issue)).await?;
        }
        Ok(json!({ "issues": issues.len() }))
    }

    async fn reload(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let (answer, answered) = oneshot::channel();
        self.reload.send(answer).await.map_err(|_| gone())?;
        let reloaded = answered.await.map_err(|_| gone())?;
        let changes = reloaded
            .map_err(|reasons| No { code: code::CONFIG_KEPT, about: reasons.join("; ") })?;
        for change in &changes {
            let row = json!({
                "key": change.key,
                "old": change.old,
                "new": change.new,
                "needs_restart": change.needs_restart,
            });
            send(rows, row).await?;
        }
        let restart = changes.iter().filter(|change| change.needs_restart).count();
        Ok(json!({ "changes": changes.len(), "need_restart": restart }))
    }
}

/// What commands do by themselves, in files of the data folder.
pub const NOTES: [&str; 12] = [
    "audit.export",
    "audit.verify",
    "backup.restore",
    "backup.verify",
    "ca.renew",
    "cert.import",
    "cert.issue",
    "cert.renew",
    "cert.revoke",
    "store.restored",
    "store.seal",
    "store.unseal",
];

/// The requests that the desk does not write down itself.
fn audited(request: &Request) -> Option<&'static str> {
    match request {
        Request::Dump => Some("store.dump"),
        Request::StoreRepair => Some("store.repair"),
        Request::Reload => Some("config.reload"),
        Request::Rotate => Some("key.rotate"),
        Request::DropOldKeys => Some("key.drop-old"),
        Request::BackupCreate { .. } => Some("backup.create"),
        Request::Setup { .. }
        | Request::AgentAdd { .. }
        | Request::AgentList
        | Request::DutiesSeparate { .. }
        | Request::DutiesCombine { .. }
        | Request::AuditHead
        | Request::AgentResetPassword { .. }
        | Request::Erase { .. }
        | Request::StoreCheck
        | Request::Audited { .. }
        | Request::Rotation
        | Request::Doctor => None,
    }
}

/// An issue as commands print it.
#[must_use]
pub fn issue_row(check: &health::Check, issue: &health::Issue) -> Value {
    json!({
        "check": check.id,
        "code": issue.code.0,
        "name": issue.code.name(),
        "fault": issue.is_fault(),
        "about": issue.about,
    })
}

/// The command went away: nobody reads the code.
pub(super) fn gone() -> No {
    No { code: code::CLI_NO_ANSWER, about: String::new() }
}

pub(super) async fn send(rows: &mpsc::Sender<Line>, row: Value) -> Result<(), No> {
    rows.send(Line::Row(row)).await.map_err(|_| gone())
}
