//! `posthouse store check|repair|dump`. Check and repair want a store that no process uses.

use std::collections::HashMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operate::{Absent, has_site, operate};
use super::{Ending, Failure, Settings, report};
use crate::base::code;
use crate::base::{ConversationId, Language};
use crate::desk::{Body, Content, Entry, Gone, Who};
use crate::node;
use crate::node::control::Request;
use crate::store;
use crate::store::{Checkup, Finding};
use crate::wire;

#[derive(Args, Debug)]
pub struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Read everything, change nothing, and say what is wrong.
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Repair what can be repaired; copy the folder before.
    Repair {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print every entry of the site in order.
    Dump {
        #[command(flatten)]
        settings: Settings,
        /// One JSON object a line: conversation, seq, key, sender, at_ms, kind, body.
        #[arg(long, required = true)]
        jsonl: bool,
    },
}

impl StoreCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Check { settings, json } => check(&settings, json, out, language),
            Action::Repair { settings, json } => repair(&settings, json, out, language),
            Action::Dump { settings, jsonl: _ } => dump(&settings, out),
        }
    }
}

fn check(
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let options = options(settings)?;
    let checkup = store::check(&options).map_err(|fault| failed(&options, &fault))?;
    if json {
        let row = json!({
            "findings": checkup.findings.iter().map(finding_row).collect::<Vec<_>>(),
            "entries": checkup.entries,
            "conversations": checkup.conversations,
            "waiting": checkup.waiting,
            "torn": checkup.torn,
        });
        writeln!(out, "{row}")?;
    } else {
        let Checkup { entries, conversations, waiting, .. } = checkup;
        match language {
            Language::En => writeln!(
                out,
                "{entries} entries of {conversations} conversations; {waiting} in the journal only"
            )?,
            Language::Zh => writeln!(
                out,
                "{conversations} 个会话共 {entries} 条记录；仅在日志中的有 {waiting} 条"
            )?,
        }
    }
    told(&checkup.findings, json, out, language)
}

fn repair(
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let options = options(settings)?;
    let repair = store::repair(&options).map_err(|fault| failed(&options, &fault))?;
    if json {
        let row = json!({
            "kept": repair.kept.map(|position| position.0),
            "moved": repair.moved,
            "rebuilt": repair.rebuilt,
            "left": repair.left.iter().map(finding_row).collect::<Vec<_>>(),
        });
        writeln!(out, "{row}")?;
    } else {
        let (moved, rebuilt, nothing) = match language {
            Language::En => {
                ("moved aside", "the database's structure was rebuilt", "nothing to do")
            }
            Language::Zh => ("已移开", "已重建数据库结构", "无需修复"),
        };
        for file in &repair.moved {
            writeln!(out, "{file}: {moved}")?;
        }
        if repair.rebuilt {
            writeln!(out, "{rebuilt}")?;
        }
        if repair.moved.is_empty() && !repair.rebuilt {
            writeln!(out, "{nothing}")?;
        }
    }
    told(&repair.left, json, out, language)
}

fn options(settings: &Settings) -> Result<store::Options, Failure> {
    let options = node::store_options(&settings.load()?.config);
    if has_site(&options.dir) {
        return Ok(options);
    }
    Err(Failure::coded(code::CLI_NO_SITE, options.dir.display().to_string()))
}

fn failed(options: &store::Options, fault: &store::Fault) -> Failure {
    if fault.code() == code::STORE_IN_USE {
        return Failure::coded(code::CLI_STOP_FIRST, options.dir.display().to_string());
    }
    Failure::coded(fault.code(), fault.to_string())
}

fn finding_row(finding: &Finding) -> Value {
    json!({ "code": finding.code.0, "name": finding.code.name(), "place": finding.place })
}

fn told(
    findings: &[Finding],
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    if !json {
        for finding in findings {
            report::print_lines(out, &report::lines(finding.code, &finding.place, language))?;
        }
    }
    Ok(if findings.is_empty() { Ending::Done } else { Ending::Finding })
}

/// The place of an entry in its conversation is counted here: the site's feed has all entries of a
/// conversation in their order, and the full feed of a conversation has no hole.
fn dump(settings: &Settings, out: &mut dyn Write) -> Result<Ending, Failure> {
    let mut counts: HashMap<ConversationId, u64> = HashMap::new();
    let mut row = |row: Value| {
        let text = row.get("entry").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(text).map_err(io::Error::other)?;
        let entry = wire::decode_entry(&bytes).map_err(|code| io::Error::other(code.name()))?;
        let seq = entry.conversation.map(|conversation| {
            let count = counts.entry(conversation).or_default();
            *count += 1;
            *count
        });
        writeln!(out, "{}", entry_row(&entry, row.get("index"), seq))
    };
    operate(settings.load()?, Request::Dump, Absent::Refuse, &mut row)?;
    Ok(Ending::Done)
}

/// An entry as a program reads it; ids in hexadecimal, `null` where there is none.
fn entry_row(entry: &Entry, index: Option<&Value>, seq: Option<u64>) -> Value {
    let sender = match entry.author.who {
        Who::Visitor(visitor) => format!("visitor:{visitor}"),
        Who::Agent(agent) => format!("agent:{agent}"),
        Who::System => "system".to_owned(),
    };
    let (kind, body) = kind_and_body(&entry.body);
    json!({
        "index": index,
        "conversation": entry.conversation.map(|id| id.to_string()),
        "seq": seq,
        "key": (entry.key.0 != 0).then(|| entry.key.to_string()),
        "sender": sender,
        "at_ms": entry.at.ms,
        "kind": kind,
        "body": body,
    })
}

fn kind_and_body(body: &Body) -> (&'static str, Value) {
    match body {
        Body::Opened { inbox, team, .. } => ("opened", json!({ "inbox": inbox.0, "team": team.0 })),
        Body::Message(Content::Text(text)) => ("message", json!(&**text)),
        Body::Message(Content::Attachment(file)) => (
            "attachment",
            json!({
                "blob": file.blob.to_string(),
                "name": &*file.name,
                "media_type": file.media_type,
                "size": file.size,
            }),
        ),
        Body::Note(text) => ("note", json!(&**text)),
        Body::Queued { team, .. } => ("queued", json!({ "team": team.0 })),
        Body::Assigned { agent, .. } => ("assigned", json!({ "agent": agent.0 })),
        Body::Transferred { from, .. } => {
            ("transferred", json!({ "from": from.map(|agent| agent.0) }))
        }
        Body::Resolved => ("resolved", Value::Null),
        Body::Reopened => ("reopened", Value::Null),
        Body::Rated { score, comment } => {
            ("rated", json!({ "score": score, "comment": &**comment }))
        }
        Body::Recalled { key, .. } => ("recalled", json!({ "key": key.to_string() })),
        Body::Profile(profile) => ("profile", json!({ "name": &*profile.name })),
        Body::Tombstone(Gone::Recalled) => ("tombstone", json!("recalled")),
        Body::Tombstone(Gone::Deleted) => ("tombstone", json!("deleted")),
        Body::Agent(row) => ("agent", json!({ "agent": row.id.0, "login": row.login })),
        Body::Team(row) => ("team", json!({ "team": row.id.0, "name": row.name })),
        Body::Inbox(row) => ("inbox", json!({ "inbox": row.id.0, "key": row.key })),
        Body::Site(row) => ("site", json!({ "name": row.name, "claimed": row.claimed })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AgentId, MessageKey, Wall};
    use crate::desk::Author;

    #[test]
    fn a_message_is_dumped_with_conversation_seq_key_sender_and_body() {
        let entry = Entry {
            conversation: Some(ConversationId(0xc)),
            key: MessageKey(0xa),
            author: Author { who: Who::Agent(AgentId(3)), name: "Ben".into() },
            at: Wall { ms: 5, trusted: true },
            body: Body::Message(Content::Text("hello".into())),
        };
        let row = entry_row(&entry, Some(&json!(9)), Some(2));
        assert_eq!(row["conversation"], "0000000000000000000000000000000c");
        assert_eq!((&row["seq"], &row["index"]), (&json!(2), &json!(9)));
        assert_eq!(row["key"], "0000000000000000000000000000000a");
        assert_eq!((&row["sender"], &row["body"]), (&json!("agent:3"), &json!("hello")));
    }
}
