//! The audit log's owner: one thread that chains what it is told, syncs once for all that waited,
//! and answers. Invariant: what it could not write it keeps and writes first the next time, and
//! until then no administrative act is begun.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::desk::Desk;
use crate::base::code::{self, Code};
use crate::base::limits::{AUDIT_ABOUT_BYTES, AUDIT_FAILURES_A_MINUTE, AUDIT_QUEUE};
use crate::base::{AgentId, Clock, Wall};
use crate::desk::{Refusal, SiteCommand};
use crate::store::Fault;
use crate::store::audit::AuditLog;

/// Who did it.
#[derive(Clone, Debug)]
pub enum Doer {
    /// The desk itself.
    Desk,
    /// Whoever may open the control socket or the data folder.
    Operator,
    Agent(AgentId),
    /// Somebody who gave this name and proved nothing.
    Name(String),
}

/// What was done, or tried.
#[derive(Clone, Debug)]
pub struct Deed {
    pub who: Doer,
    pub from: Option<IpAddr>,
    /// A word of the manual's table, such as `sign-in`.
    pub what: &'static str,
    pub about: String,
    pub result: Result<(), Code>,
}

/// The handle.
#[derive(Clone)]
pub(super) struct Audit {
    asks: mpsc::Sender<Ask>,
    behind: Arc<AtomicBool>,
}

enum Ask {
    Write(Box<Deed>, String, Answer),
    /// Sign the log as it is.
    Sign(Answer),
    /// Sign and end.
    Stop(Answer),
}

type Answer = oneshot::Sender<Result<(), Code>>;

struct Writer {
    log: AuditLog,
    clock: Arc<dyn Clock>,
    keep_days: u32,
    /// Lines that are not on the disk yet.
    waiting: Vec<String>,
    behind: Arc<AtomicBool>,
    flood: Flood,
}

/// Failed sign-ins of the present minute.
#[derive(Default)]
struct Flood {
    minute: u64,
    lines: u32,
    unsaid: u32,
}

impl Audit {
    pub fn start(log: AuditLog, clock: Arc<dyn Clock>, keep_days: u32) -> std::io::Result<Self> {
        let (asks, asked) = mpsc::channel(AUDIT_QUEUE);
        let behind = Arc::new(AtomicBool::new(false));
        let (waiting, flood) = (Vec::new(), Flood::default());
        let writer = Writer { log, clock, keep_days, waiting, behind: Arc::clone(&behind), flood };
        std::thread::Builder::new().name("audit".into()).spawn(move || writer.run(asked))?;
        Ok(Self { asks, behind })
    }

    async fn ask(&self, ask: impl FnOnce(Answer) -> Ask) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        let gone = || Refusal::new(code::GOING_AWAY);
        self.asks.send(ask(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(Refusal::new)
    }
}

impl Desk {
    /// Writes down what was done; it is durable when this returns.
    ///
    /// # Errors
    /// `AUDIT_BEHIND`: the disk takes nothing. The line is kept and written when it does.
    pub async fn audit(&self, deed: Deed) -> Result<(), Refusal> {
        let who = match &deed.who {
            Doer::Desk => "desk".to_owned(),
            Doer::Operator => "operator".to_owned(),
            Doer::Agent(id) => match self.site().agents.get(id) {
                Some(row) => format!("agent {id} {}", row.login),
                None => format!("agent {id}"),
            },
            Doer::Name(name) => format!("? {name}"),
        };
        self.0.audit.ask(|answer| Ask::Write(Box::new(deed), who, answer)).await
    }

    /// Whether an act may begin that must be written down.
    ///
    /// # Errors
    /// `AUDIT_BEHIND`.
    pub fn audited(&self) -> Result<(), Refusal> {
        if self.audit_behind() { Err(Refusal::new(code::AUDIT_BEHIND)) } else { Ok(()) }
    }

    #[must_use]
    pub fn audit_behind(&self) -> bool {
        self.0.audit.behind.load(Ordering::Relaxed)
    }

    /// Signs the audit log as it is, and lets go what is older than it must be kept.
    ///
    /// # Errors
    /// `AUDIT_BEHIND`, or the key store does not sign.
    pub async fn sign_audit(&self) -> Result<(), Refusal> {
        self.0.audit.ask(Ask::Sign).await
    }

    pub(super) async fn end_audit(&self) -> Result<(), Refusal> {
        self.0.audit.ask(Ask::Stop).await
    }
}

impl Writer {
    fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut batch = Vec::new();
        while asks.blocking_recv_many(&mut batch, AUDIT_QUEUE) > 0 {
            let (mut answers, mut sign, mut stop) = (Vec::new(), false, false);
            let now = self.clock.wall();
            for ask in batch.drain(..) {
                stop |= matches!(ask, Ask::Stop(_));
                sign |= matches!(ask, Ask::Sign(_));
                match ask {
                    Ask::Write(deed, who, answer) => {
                        self.take(&deed, &who, now);
                        answers.push(answer);
                    }
                    Ask::Sign(answer) | Ask::Stop(answer) => answers.push(answer),
                }
            }
            let mut done = self.write(now);
            if done.is_ok() && (sign || stop) {
                done = self.sign(now);
            }
            let said = done.map_err(|fault| {
                tracing::warn!(code = fault.code().0, %fault, "the audit log takes nothing");
                code::AUDIT_BEHIND
            });
            for answer in answers {
                // Whoever asked may have gone away.
                let _ = answer.send(said);
            }
            if stop {
                return;
            }
        }
    }

    /// Puts a line in front of the disk. Past the queue's length nothing more is kept: every act
    /// that must be written down is refused by then.
    fn take(&mut self, deed: &Deed, who: &str, now: Wall) {
        let failed = deed.what == SIGN_IN && deed.result.is_err();
        if failed && !self.flood.admits(now) {
            return;
        }
        if let Some(line) = self.flood.over(now) {
            self.waiting.push(line);
        }
        if self.waiting.len() < AUDIT_QUEUE {
            self.waiting.push(record(deed, who, now));
        }
    }

    fn write(&mut self, now: Wall) -> Result<(), Fault> {
        if !self.waiting.is_empty() {
            let written = self.log.append(&self.waiting, now);
            self.behind.store(written.is_err(), Ordering::Relaxed);
            written?;
            self.waiting.clear();
        }
        Ok(())
    }

    fn sign(&mut self, now: Wall) -> Result<(), Fault> {
        if let Some(line) = self.flood.over(now) {
            self.waiting.push(line);
        }
        let gone = self.log.expired(self.keep_days, now)?;
        if !gone.is_empty() {
            let about = gone.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let deed = Deed::new(Doer::Desk, "audit.expired", about);
            self.waiting.push(record(&deed, "desk", now));
        }
        self.write(now)?;
        self.log.sign(now)?;
        gone.into_iter().try_for_each(|number| self.log.remove(number))
    }
}

/// What a change of the site is called, and what it is about: numbers, names for signing in, and
/// which settings; never what a visitor wrote or what they are called.
pub(super) fn deed(command: &SiteCommand) -> (&'static str, String) {
    match command {
        SiteCommand::Claim { owner, .. } => ("site.claim", owner.login.clone()),
        SiteCommand::AddAgent(new) => ("agent.add", format!("{} {:?}", new.login, new.role)),
        SiteCommand::ChangeAgent(id, change) => {
            let mut about = format!("agent {id}");
            let parts = [
                change.name.as_ref().map(|_| "name".to_owned()),
                change.picture.as_ref().map(|_| "picture".to_owned()),
                change.role.map(|role| format!("role {role:?}")),
                change.capacity.map(|capacity| format!("capacity {capacity}")),
                change.teams.as_ref().map(|teams| format!("teams {}", teams.len())),
                change.disabled.map(|off| if off { "disabled" } else { "enabled" }.to_owned()),
            ];
            parts.into_iter().flatten().for_each(|part| about = format!("{about}, {part}"));
            ("agent.change", about)
        }
        SiteCommand::AddTeam(name) => ("team.add", name.clone()),
        SiteCommand::ChangeTeam(id, _) => ("team.change", format!("team {}", id.0)),
        SiteCommand::AddInbox { name, .. } => ("inbox.add", name.clone()),
        SiteCommand::ChangeInbox(id, _) => ("inbox.change", format!("inbox {}", id.0)),
        SiteCommand::ChangeSite(change) => {
            let timeout = change.answer_timeout_ms.map(|ms| format!("answer_timeout_ms {ms}"));
            let name = change.name.as_ref().map(|name| format!("name {name}"));
            let language = change.language.as_ref().map(|language| format!("language {language}"));
            let parts: Vec<String> = [name, language, timeout].into_iter().flatten().collect();
            ("site.change", parts.join(", "))
        }
    }
}

/// The deed of which many may fail.
pub const SIGN_IN: &str = "sign-in";

impl Deed {
    /// Something that was done.
    #[must_use]
    pub fn new(who: Doer, what: &'static str, about: impl Into<String>) -> Self {
        Self { who, from: None, what, about: about.into(), result: Ok(()) }
    }

    #[must_use]
    pub fn from(self, from: IpAddr) -> Self {
        Self { from: Some(from), ..self }
    }

    #[must_use]
    pub fn ended<T>(self, result: &Result<T, Refusal>) -> Self {
        Self { result: result.as_ref().map(|_| ()).map_err(|refusal| refusal.code), ..self }
    }
}

impl Flood {
    fn admits(&mut self, now: Wall) -> bool {
        let minute = now.ms / 60_000;
        if minute != self.minute && self.unsaid == 0 {
            *self = Self { minute, ..Self::default() };
        }
        let admitted = self.minute == minute && self.lines < AUDIT_FAILURES_A_MINUTE;
        self.lines += u32::from(admitted);
        self.unsaid += u32::from(!admitted);
        admitted
    }

    /// The line for what was not said, when its minute is over.
    fn over(&mut self, now: Wall) -> Option<String> {
        let minute = now.ms / 60_000;
        if self.unsaid == 0 || minute == self.minute {
            return None;
        }
        let about = format!("{} more", self.unsaid);
        *self = Self { minute, ..Self::default() };
        let deed =
            Deed { result: Err(code::BAD_PASSWORD), ..Deed::new(Doer::Desk, SIGN_IN, about) };
        Some(record(&deed, "?", now))
    }
}

/// One line of JSON; what others chose is cut off at its limit.
fn record(deed: &Deed, who: &str, now: Wall) -> String {
    let cut = |text: &str| {
        let mut end = text.len().min(AUDIT_ABOUT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    };
    let result = match deed.result {
        Ok(()) => Value::from("ok"),
        Err(code) => Value::from(format!("{} {}", code.0, code.name())),
    };
    let mut row = json!({
        "at_ms": now.ms,
        "who": cut(who),
        "what": deed.what,
        "about": cut(&deed.about),
        "result": result,
    });
    if let Some(from) = deed.from {
        row["from"] = from.to_string().into();
    }
    if !now.trusted {
        row["clock"] = "unset".into();
    }
    row.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Wall {
        Wall { ms, trusted: true }
    }

    #[test]
    fn a_flood_of_failures_is_a_share_of_lines_and_one_count() {
        let mut flood = Flood::default();
        let share = usize::try_from(AUDIT_FAILURES_A_MINUTE).unwrap();
        assert_eq!((0..1_000).filter(|_| flood.admits(at(60_000))).count(), share);
        assert_eq!(flood.over(at(61_000)), None);
        let line = flood.over(at(120_000)).unwrap();
        assert!(line.contains(&format!("{} more", 1_000 - share)), "{line}");
        assert_eq!(flood.over(at(180_000)), None);
        assert!(flood.admits(at(180_000)));
    }

    #[test]
    fn a_line_says_who_when_what_and_how_it_ended_on_one_line() {
        let deed = Deed {
            result: Err(code::BAD_PASSWORD),
            ..Deed::new(Doer::Name("x".into()), SIGN_IN, "a\nb".repeat(1_000))
                .from([1, 2, 3, 4].into())
        };
        let line = record(&deed, "? x", Wall { ms: 7, trusted: false });
        assert!(!line.contains('\n') && line.len() < 2_000);
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["who"], "? x");
        assert_eq!((row["at_ms"].as_u64(), &row["clock"]), (Some(7), &"unset".into()));
        assert_eq!(row["from"], "1.2.3.4");
        assert_eq!(row["result"], format!("{} BAD_PASSWORD", code::BAD_PASSWORD.0));
    }
}
