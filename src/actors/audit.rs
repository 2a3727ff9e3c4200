//! The audit log's owner: one thread that chains what it is told, syncs once for all that waited,
//! and answers. Invariant: what it could not write it keeps and writes first the next time, and
//! until then no administrative act is begun.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::audit_start::Aged;
use super::deed::{Deed, Doer, SIGN_IN, Trace, record};
use super::desk::Desk;
use crate::base::code::{self, Code};
use crate::base::limits::{AUDIT_FAILURES_A_MINUTE, AUDIT_QUEUE};
use crate::base::{Clock, Wall};
use crate::desk::Refusal;
use crate::store::Fault;
use crate::store::audit::{AuditKeys, AuditLog};

/// The handle.
#[derive(Clone)]
pub(super) struct Audit {
    asks: mpsc::Sender<Ask>,
    behind: Arc<AtomicBool>,
    settling: Arc<Mutex<Settling>>,
    pub keys: AuditKeys,
    pub folder: PathBuf,
    pub aged: Aged,
    /// One verification or export at a time.
    pub turn: Arc<Semaphore>,
}

/// What the site's log is to be told about this one.
#[derive(Default)]
pub(super) struct Settling {
    /// Acts whose line is durable.
    pub paid: Vec<u64>,
    /// A signed head that is newer than the one it knows.
    pub head: Option<String>,
}

enum Ask {
    Write(Box<Deed>, String, Trace, Answer),
    /// A line as it is.
    Line(String, Answer),
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
    settling: Arc<Mutex<Settling>>,
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
    pub fn start(
        log: AuditLog,
        clock: Arc<dyn Clock>,
        keep_days: u32,
        (keys, folder, aged): (AuditKeys, PathBuf, Aged),
    ) -> std::io::Result<Self> {
        let (asks, asked) = mpsc::channel(AUDIT_QUEUE);
        let behind = Arc::new(AtomicBool::new(false));
        let settling = Arc::new(Mutex::new(Settling::default()));
        let writer = Writer {
            log,
            clock,
            keep_days,
            waiting: Vec::new(),
            behind: Arc::clone(&behind),
            settling: Arc::clone(&settling),
            flood: Flood::default(),
        };
        std::thread::Builder::new().name("audit".into()).spawn(move || writer.run(asked))?;
        let turn = Arc::new(Semaphore::new(1));
        Ok(Self { asks, behind, settling, keys, folder, aged, turn })
    }

    pub fn settling(&self) -> MutexGuard<'_, Settling> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn line(&self, line: String) -> Result<(), Refusal> {
        self.ask(|answer| Ask::Line(line, answer)).await
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
        self.audit_traced(deed, Trace::default()).await
    }

    pub(super) async fn audit_traced(&self, deed: Deed, trace: Trace) -> Result<(), Refusal> {
        let who = self.doer(&deed);
        self.0.audit.ask(|answer| Ask::Write(Box::new(deed), who, trace, answer)).await
    }

    pub(super) fn doer(&self, deed: &Deed) -> String {
        match &deed.who {
            Doer::Desk => "desk".to_owned(),
            Doer::Operator => "operator".to_owned(),
            Doer::Agent(id) => match self.site().agents.get(id) {
                Some(row) => format!("agent {id} {}", row.login),
                None => format!("agent {id}"),
            },
            Doer::Name(name) => format!("? {name}"),
        }
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

    /// Which of audit log and site's log was an older copy when this process started.
    #[must_use]
    pub fn aged(&self) -> Aged {
        self.0.audit.aged
    }

    /// Signs the audit log as it is, and lets go what is older than it must be kept.
    ///
    /// # Errors
    /// `AUDIT_BEHIND`, or the key store does not sign.
    pub async fn sign_audit(&self) -> Result<(), Refusal> {
        self.0.audit.ask(Ask::Sign).await?;
        self.settle().await;
        Ok(())
    }

    pub(super) async fn end_audit(&self) -> Result<(), Refusal> {
        self.0.audit.ask(Ask::Stop).await?;
        self.settle().await;
        Ok(())
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
                    Ask::Write(deed, who, trace, answer) => {
                        self.take(&deed, &who, now, trace);
                        answers.push(answer);
                    }
                    Ask::Line(line, answer) => {
                        self.waiting.push(line);
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
    fn take(&mut self, deed: &Deed, who: &str, now: Wall, trace: Trace) {
        let failed = deed.what == SIGN_IN && deed.result.is_err();
        if failed && !self.flood.admits(now) {
            return;
        }
        if let Some(line) = self.flood.over(now) {
            self.waiting.push(line);
        }
        if self.waiting.len() < AUDIT_QUEUE {
            self.waiting.push(record(deed, who, now, trace));
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
            self.waiting.push(record(&deed, "desk", now, Trace::default()));
        }
        self.write(now)?;
        self.log.sign(now)?;
        if let Some(head) = self.log.take_head() {
            self.settling.lock().unwrap_or_else(PoisonError::into_inner).head = Some(head);
        }
        gone.into_iter().try_for_each(|number| self.log.remove(number))
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
        Some(record(&deed, "?", now, Trace::default()))
    }
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
}
