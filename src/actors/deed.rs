//! What the audit log tells of an act, as one line of JSON. Invariant: never what a visitor wrote
//! or what they are called, and no secret.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::base::code::Code;
use crate::base::limits::AUDIT_ABOUT_BYTES;
use crate::base::{AgentId, Position, Wall};
use crate::desk::{Refusal, SiteCommand};
use crate::store::audit;

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

/// What a change of the site is called, and what it is about: numbers, names for signing in, and
/// which settings; never what a visitor wrote or what they are called.
pub(super) fn deed(command: &SiteCommand) -> (&'static str, String) {
    match command {
        SiteCommand::Claim { owner, .. } => ("site.claim", owner.login.clone()),
        SiteCommand::AddAgent(new) => ("agent.add", format!("{} {}", new.login, new.role.word())),
        SiteCommand::ChangeAgent(id, change) => {
            let mut about = format!("agent {id}");
            let parts = [
                change.name.as_ref().map(|_| "name".to_owned()),
                change.picture.as_ref().map(|_| "picture".to_owned()),
                change.role.map(|role| format!("role {}", role.word())),
                change.capacity.map(|capacity| format!("capacity {capacity}")),
                change.teams.as_ref().map(|teams| format!("teams {}", teams.len())),
                change.disabled.map(|off| if off { "disabled" } else { "enabled" }.to_owned()),
            ];
            parts.into_iter().flatten().for_each(|part| about = format!("{about}, {part}"));
            ("agent.change", about)
        }
        SiteCommand::Separate { system, security, audit } => {
            ("duties.separate", format!("system {system}, security {security}, audit {audit}"))
        }
        SiteCommand::Combine { owner } => ("duties.combine", format!("owner {owner}")),
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

/// What a line says of the act's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// The number by which an act that stands in the site's log and its line know each other.
    pub act: Option<u64>,
    /// The act's place in the site's log.
    pub position: Option<Position>,
}

/// One line of JSON; what others chose is cut off at its limit.
pub(super) fn record(deed: &Deed, who: &str, now: Wall, trace: Trace) -> String {
    let result = match deed.result {
        Ok(()) => "ok".to_owned(),
        Err(code) => format!("{} {}", code.0, code.name()),
    };
    row(deed, who, now, &result, trace).to_string()
}

/// The line of an act whose end is not known.
pub(super) fn unfinished(deed: &Deed, who: &str, now: Wall, trace: Trace) -> String {
    row(deed, who, now, "unfinished", trace).to_string()
}

/// A line that a crash had kept out of the log, as it is written now.
pub(super) fn late(text: &str, now: Wall) -> Option<String> {
    let mut row: Value = serde_json::from_str(text).ok()?;
    row.as_object_mut()?.insert("late_ms".into(), now.ms.into());
    Some(row.to_string())
}

fn row(deed: &Deed, who: &str, now: Wall, result: &str, trace: Trace) -> Value {
    let cut = |text: &str| {
        let mut end = text.len().min(AUDIT_ABOUT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
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
    if let Some(act) = trace.act {
        row["act"] = audit::act_text(act).into();
    }
    if let Some(position) = trace.position {
        row["position"] = position.0.into();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::code;

    #[test]
    fn a_line_says_who_when_what_and_how_it_ended_on_one_line() {
        let deed = Deed {
            result: Err(code::BAD_PASSWORD),
            ..Deed::new(Doer::Name("x".into()), SIGN_IN, "a\nb".repeat(1_000))
                .from([1, 2, 3, 4].into())
        };
        let line = record(&deed, "? x", Wall { ms: 7, trusted: false }, Trace::default());
        assert!(!line.contains('\n') && line.len() < 2_000);
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["who"], "? x");
        assert_eq!((row["at_ms"].as_u64(), &row["clock"]), (Some(7), &"unset".into()));
        assert_eq!(row["from"], "1.2.3.4");
        assert_eq!(row["result"], format!("{} BAD_PASSWORD", code::BAD_PASSWORD.0));
    }

    #[test]
    fn a_late_line_is_the_same_line_with_the_time_of_writing() {
        let deed = Deed::new(Doer::Operator, "team.add", "Sales");
        let trace = Trace { act: Some(0xabc), position: None };
        let line = record(&deed, "operator", Wall { ms: 7, trusted: true }, trace);
        let late = late(&line, Wall { ms: 9, trusted: true }).unwrap();
        let late: Value = serde_json::from_str(&late).unwrap();
        let mut same: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(same["act"], "0000000000000abc");
        assert!(same.get("late_ms").is_none());
        same["late_ms"] = 9.into();
        assert_eq!(late, same);
    }
}
