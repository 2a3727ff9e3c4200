//! `posthouse store check|repair|dump`.

use std::collections::HashMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operate::{Absent, operate};
use super::{Ending, Failure, Settings};
use crate::base::ConversationId;
use crate::desk::{Body, Content, Entry, Gone, Who};
use crate::node::control::Request;
use crate::wire;

#[derive(Args, Debug)]
pub struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
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
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        match self.action {
            Action::Dump { settings, jsonl: _ } => dump(&settings, out),
        }
    }
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
