//! `GET /v1/feed`: entries of a feed by cursor, waiting for the next one when there is none. The
//! same words as over a WebSocket: deliveries (or one snapshot), then CaughtUp when that is all.

use axum::extract::{Request, State};
use bytes::Bytes;
use serde::Deserialize;

use super::frames::{caught_up, encode, list};
use crate::base::limits::{AGENT_POLL_MS, POLL_MS, RESUME_ENTRIES};
use crate::base::{AgentId, ConversationId, Epoch, Feed, Index, TeamId, code};
use crate::http::answer::{Answer, Refused};
use crate::http::caller::Caller;
use crate::http::{App, body, identity};
use crate::session::{Peer, ServerFrame};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    kind: u8,
    #[serde(default)]
    id: String,
    #[serde(default)]
    number: u32,
    #[serde(default)]
    epoch: String,
    #[serde(default)]
    after: u64,
    before: Option<u64>,
    #[serde(default)]
    wait_ms: u64,
    #[allow(dead_code, reason = "read by the layer that judges the page")]
    inbox: Option<String>,
}

pub async fn read(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let peer = identity::peer(&app, &caller, &parts).await?;
    seen(&app, peer);
    let asked: Asked = body::query(&parts)?;
    let feed = feed(&asked)?;
    let answer = entries(&app, &caller, (peer, feed), &asked).await;
    match (answer, feed) {
        // Who had a place in the feed is told as over a WebSocket, to drop what is kept of it.
        (Err(Refused { refusal, field: None }), Feed::Public(id) | Feed::Full(id))
            if asked.after > 0 && matches!(refusal.code, code::NO_CONVERSATION | code::ERASED) =>
        {
            let gone = ServerFrame::Refused { conversation: Some(id), key: None, refusal };
            Ok(list(&[encode(&app, &caller, &gone)]))
        }
        (answer, _) => answer,
    }
}

async fn entries(app: &App, caller: &Caller, (peer, feed): (Peer, Feed), asked: &Asked) -> Answer {
    if let Some(before) = asked.before {
        let page = app.desk().page_before(peer, feed, Index(before)).await?;
        return Ok(list(&frames(page.entries)));
    }
    let known = Epoch::from_hex(&asked.epoch);
    if known != Some(app.desk().epoch()) {
        return snapshot(app, caller, peer, feed, known.is_some()).await;
    }
    let after = Index(asked.after);
    let mut page = app.desk().page(peer, feed, after).await?;
    let mut hints = Vec::new();
    if page.head == after && asked.wait_ms > 0 {
        let permit = app.poll_permit().ok_or(Refused::later(code::TOO_FAST, 5_000))?;
        let most_ms = if matches!(peer, Peer::Agent(_)) { AGENT_POLL_MS } else { POLL_MS };
        let wait_ms = asked.wait_ms.min(most_ms);
        hints = app.desk().wait(peer, feed, after, wait_ms).await?;
        drop(permit);
        seen(app, peer);
        page = app.desk().page(peer, feed, after).await?;
    }
    if page.head < after || page.head.0 - after.0 > RESUME_ENTRIES {
        return snapshot(app, caller, peer, feed, true).await;
    }
    let last = page.entries.last().map_or(after, |(index, _)| *index);
    let mut answer = frames(page.entries);
    answer.append(&mut hints);
    if last == page.head {
        answer.push(caught_up(app, caller, feed, last));
    }
    Ok(list(&answer))
}

/// An agent who asks is there, and so is one who waited until now.
fn seen(app: &App, peer: Peer) {
    if let Peer::Agent(agent) = peer {
        app.desk().seen(agent);
    }
}

async fn snapshot(app: &App, caller: &Caller, peer: Peer, feed: Feed, too_long: bool) -> Answer {
    let (index, frame) = app.desk().snapshot(peer, feed, too_long).await?;
    Ok(list(&[frame, caught_up(app, caller, feed, index)]))
}

fn frames(entries: Vec<(Index, Bytes)>) -> Vec<Bytes> {
    entries.into_iter().map(|(_, frame)| frame).collect()
}

/// `kind` is the number of the schema's `FeedKind`.
fn feed(asked: &Asked) -> Result<Feed, Refused> {
    let id =
        || ConversationId::from_hex(&asked.id).ok_or_else(|| Refused::field(code::BAD_QUERY, "id"));
    Ok(match asked.kind {
        1 => Feed::Public(id()?),
        2 => Feed::Full(id()?),
        3 => Feed::Inbox(AgentId(asked.number)),
        4 => Feed::Team(TeamId(asked.number)),
        5 => Feed::Roster,
        6 => Feed::Site,
        _ => return Err(Refused::field(code::BAD_QUERY, "kind")),
    })
}
