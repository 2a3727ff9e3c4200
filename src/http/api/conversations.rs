//! `/v1/conversations`: the console's lists.

use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};

use super::acting;
use crate::actors::{Erasure, View};
use crate::base::limits::LIST_ROWS;
use crate::base::{ConversationId, Feed, code};
use crate::http::answer::{Answer, Refused, json};
use crate::http::rows::ConversationWords;
use crate::http::{App, body};
use crate::session::Peer;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ViewWord {
    Mine,
    Queue,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    view: ViewWord,
    before_ms: Option<u64>,
    limit: Option<usize>,
}

/// What became of a conversation's content.
#[derive(Serialize)]
struct ErasureWords {
    key_destroyed: bool,
    removed: bool,
}

#[derive(Serialize)]
struct Conversations<'a> {
    conversations: Vec<ConversationWords<'a>>,
}

pub async fn list(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (_, agent) = acting(&app, &parts).await?;
    let asked: Asked = body::query(&parts)?;
    let view = match asked.view {
        ViewWord::Mine => View::Mine,
        ViewWord::Queue => View::Queue,
        ViewWord::All => View::All,
    };
    let rows = app.desk().conversations(agent, view, asked.before_ms).await?;
    let limit = asked.limit.unwrap_or(LIST_ROWS);
    json(&Conversations { conversations: rows.iter().take(limit).map(Into::into).collect() })
}

pub async fn show(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (_, agent) = acting(&app, &parts).await?;
    let none = || Refused::new(code::NO_CONVERSATION);
    let id = ConversationId::from_hex(&id).ok_or_else(none)?;
    let row = app.desk().admit(Peer::Agent(agent), Feed::Full(id)).await?.ok_or_else(none)?;
    json(&ConversationWords::from(&row))
}

pub async fn erase(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (_, agent) = acting(&app, &parts).await?;
    let id = ConversationId::from_hex(&id).ok_or_else(|| Refused::new(code::NO_CONVERSATION))?;
    let Erasure { key_destroyed, removed } = app.desk().erase(agent, id).await?;
    json(&ErasureWords { key_destroyed, removed })
}
