//! `posthouse store check|repair|restored|rotate|seal|unseal|erase|dump`: through the running
//! process, or on the folder itself when there is none.

use std::collections::HashMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operate::{Absent, has_site, operate};
use super::{Ending, Failure, Settings, audit, report, seal};
use crate::base::code::{self, Code};
use crate::base::{Clock as _, ConversationId, Language};
use crate::desk::{Body, Content, Entry, Gone, Who};
use crate::node;
use crate::node::clock::SystemClock;
use crate::node::control::{self, Called, Request};
use crate::node::upkeep;
use crate::store;
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
    /// Say that the folder was put back from a copy: every client is given a fresh state.
    Restored {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a sealed site another master key; the running service seals everything with it anew.
    Rotate {
        #[command(flatten)]
        settings: Settings,
        /// Add no key, but wait until nothing needs an older one, and forget those.
        #[arg(long)]
        drop_old: bool,
        /// Add no key, but say how far it is.
        #[arg(long, conflicts_with = "drop_old")]
        status: bool,
    },
    /// Seal a plain site with the keys of `crypto.key`; the service is stopped.
    Seal {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a sealed site in the clear; the service is stopped.
    Unseal {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Erase a conversation for ever: texts, files, the visitor's details.
    Erase {
        #[command(flatten)]
        settings: Settings,
        /// Id of the conversation, 32 hexadecimal digits.
        #[arg(long, value_name = "ID")]
        conversation: String,
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
            Action::Restored { settings, json } => restored(&settings, json, out),
            Action::Rotate { settings, drop_old, status } => {
                let request = match (drop_old, status) {
                    (true, _) => Request::DropOldKeys,
                    (false, true) => Request::Rotation,
                    (false, false) => Request::Rotate,
                };
                rotate(&settings, request, out)
            }
            Action::Seal { settings, json } => seal::run(&settings, true, json, out, language),
            Action::Unseal { settings, json } => seal::run(&settings, false, json, out, language),
            Action::Erase { settings, conversation, json } => {
                erase(&settings, conversation, json, out, language)
            }
            Action::Dump { settings, jsonl: _ } => dump(&settings, out),
        }
    }
}

/// What the running process sees, or, without one, what stands in the folder.
fn check(
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let options = options(settings)?;
    let seen = match ask(&options, &Request::StoreCheck)? {
        Some(seen) => seen,
        None => {
            let checkup = store::check(&options).map_err(|fault| failed(&options, &fault))?;
            upkeep::checkup_row(&checkup, false)
        }
    };
    if json {
        writeln!(out, "{seen}")?;
        return Ok(ending(&seen["findings"]));
    }
    let count = |key: &str| seen[key].as_u64().unwrap_or_default();
    let (entries, conversations) = (count("entries"), count("conversations"));
    let (attachments, waiting) = (count("attachments"), count("waiting"));
    let unseen = seen["pages"] == false;
    match language {
        Language::En => {
            writeln!(
                out,
                "{entries} entries of {conversations} conversations, {attachments} attachments; \
                 {waiting} items in the journal only"
            )?;
            if unseen {
                writeln!(out, "The checksums of the database's pages need the service stopped.")?;
            }
        }
        Language::Zh => {
            writeln!(
                out,
                "{conversations} 个会话共 {entries} 条记录，{attachments} 个附件；\
                 仅在日志中的有 {waiting} 条"
            )?;
            if unseen {
                writeln!(out, "数据库页的校验和需停止服务后检查。")?;
            }
        }
    }
    tell(&seen["findings"], out, language)
}

fn repair(
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let options = options(settings)?;
    let done = match ask(&options, &Request::StoreRepair)? {
        Some(done) => done,
        None => {
            let repair = store::repair(&options).map_err(|fault| failed(&options, &fault))?;
            upkeep::repair_row(&repair, &options.dir, false)
        }
    };
    if json {
        writeln!(out, "{done}")?;
        return Ok(ending(&done["left"]));
    }
    let [moved, rebuilt, renewed, nothing] = match language {
        Language::En => [
            "moved aside",
            "the database's structure was rebuilt",
            "the journal's entries were moved into the database from memory",
            "nothing was repaired",
        ],
        Language::Zh => {
            ["已移开", "已重建数据库结构", "日志中的条目已从内存写入数据库", "未做任何修复"]
        }
    };
    let files: Vec<&str> =
        done["moved"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for file in &files {
        writeln!(out, "{file}: {moved}")?;
    }
    let did = [(done["rebuilt"] == true, rebuilt), (done["renewed"] == true, renewed)];
    for (_, words) in did.iter().filter(|(done, _)| *done) {
        writeln!(out, "{words}")?;
    }
    if files.is_empty() && did.iter().all(|(done, _)| !done) {
        writeln!(out, "{nothing}")?;
    }
    let ending = tell(&done["left"], out, language)?;
    if let Some(command) = done["command"].as_str() {
        let about = options.dir.display().to_string();
        report::print_lines(out, &report::lines(code::CLI_STOP_FIRST, &about, language))?;
        writeln!(out, "  {command}")?;
    }
    Ok(ending)
}

/// Changes the epoch of a store that was put back from a copy.
fn restored(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<Ending, Failure> {
    let options = options(settings)?;
    let epoch = store::restored(&options).map_err(|fault| {
        if fault.code() == code::STORE_IN_USE {
            return Failure::coded(code::CLI_STOP_FIRST, options.dir.display().to_string());
        }
        failed(&options, &fault)
    })?;
    audit::note(settings.load()?, "store.restored", epoch.to_string())?;
    if json {
        writeln!(out, "{}", json!({ "epoch": epoch.to_string() }))?;
    } else {
        writeln!(out, "{epoch}")?;
    }
    Ok(Ending::Done)
}

/// Prints how far the rotation is, as JSON.
fn rotate(settings: &Settings, request: Request, out: &mut dyn Write) -> Result<Ending, Failure> {
    let mut row = |row: Value| writeln!(out, "{row}");
    let done = operate(settings.load()?, request, Absent::Refuse, &mut row)?;
    writeln!(out, "{done}")?;
    Ok(Ending::Done)
}

/// Says what was done, and in a plain store what may be left.
fn erase(
    settings: &Settings,
    conversation: String,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let request = Request::Erase { conversation };
    let done = operate(settings.load()?, request, Absent::Refuse, &mut |_| Ok(()))?;
    if json {
        writeln!(out, "{done}")?;
        return Ok(Ending::Done);
    }
    let words = match (done["key_destroyed"] == true, language) {
        (true, Language::En) => "Erased. Its key is destroyed: nothing of it can be read any more.",
        (true, Language::Zh) => "已彻底删除。密钥已销毁，其内容再也无法读取。",
        (false, Language::En) => {
            "Erased. The store is not sealed: free space of the disk may hold parts of it until it \
             is used again."
        }
        (false, Language::Zh) => "已彻底删除。存储未密封：磁盘空闲空间在被覆盖之前可能仍有残留。",
    };
    writeln!(out, "{words}")?;
    Ok(Ending::Done)
}

fn options(settings: &Settings) -> Result<store::Options, Failure> {
    let config = settings.load()?.config;
    if !has_site(&config.data) {
        return Err(Failure::coded(code::CLI_NO_SITE, config.data.display().to_string()));
    }
    let now = SystemClock::default().wall();
    node::sealed_options(&config, now).map_err(|fault| Failure::coded(fault.code, fault.detail))
}

/// What the running process answers; `None` when there is none.
fn ask(options: &store::Options, request: &Request) -> Result<Option<Value>, Failure> {
    match control::call(&options.dir, request, &mut |_| Ok(())) {
        Ok(Called::Done(value)) => Ok(Some(value)),
        Ok(Called::Refused { code, about }) => Err(Failure::coded(code, about)),
        Ok(Called::Nobody) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Failure::coded(code::CLI_NO_ANSWER, options.dir.display().to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn failed(options: &store::Options, fault: &store::Fault) -> Failure {
    if fault.code() == code::STORE_IN_USE {
        return Failure::coded(code::CLI_DATA_IN_USE, options.dir.display().to_string());
    }
    Failure::coded(fault.code(), fault.to_string())
}

fn ending(findings: &Value) -> Ending {
    let none = findings.as_array().is_none_or(Vec::is_empty);
    if none { Ending::Done } else { Ending::Finding }
}

fn tell(findings: &Value, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    for finding in findings.as_array().into_iter().flatten() {
        let number = finding["code"].as_u64().and_then(|number| u16::try_from(number).ok());
        let place = finding["place"].as_str().unwrap_or_default();
        let lines = report::lines(Code(number.unwrap_or_default()), place, language);
        report::print_lines(out, &lines)?;
    }
    Ok(ending(findings))
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
        Body::Erased { .. } => ("erased", Value::Null),
        Body::Agent(row) => {
            ("agent", json!({ "agent": row.id.0, "login": row.login, "avatar": row.avatar() }))
        }
        Body::Team(row) => ("team", json!({ "team": row.id.0, "name": row.name })),
        Body::Inbox(row) => ("inbox", json!({ "inbox": row.id.0, "key": row.key })),
        Body::Site(row) => ("site", json!({ "name": row.name, "claimed": row.claimed })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AgentId, BlobId, MessageKey, Wall};
    use crate::desk::{AgentRow, Attachment, Author, Role};

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

    #[test]
    fn an_agent_is_dumped_with_the_path_of_the_picture() {
        let agent = AgentRow {
            id: AgentId(3),
            login: "ben".into(),
            name: "Ben".into(),
            picture: Some(Attachment::named(BlobId(0xb))),
            role: Role::Agent,
            capacity: 5,
            teams: Vec::new(),
            disabled: false,
        };
        let (kind, body) = kind_and_body(&Body::Agent(agent));
        assert_eq!((kind, &body["login"]), ("agent", &json!("ben")));
        assert_eq!(body["avatar"], "/v1/avatars/0000000000000000000000000000000b");
    }
}
