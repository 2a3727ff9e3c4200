//! `/v1/visitor`: what a widget needs before its first frame, and a token for a new visitor.

use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};

use crate::actors::Desk;
use crate::base::{code, origin};
use crate::http::answer::{Answer, Refused, json};
use crate::http::caller::Caller;
use crate::http::{App, body, identity};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    inbox: String,
    token: Option<String>,
}

#[derive(Serialize)]
struct Welcome<'a> {
    token: String,
    visitor: String,
    inbox: InboxWords<'a>,
    site: SiteWords<'a>,
    staffed: bool,
    endpoints: &'a [String],
}

#[derive(Serialize)]
struct InboxWords<'a> {
    name: &'a str,
    greeting: &'a str,
    offline_greeting: &'a str,
    color: &'a str,
}

#[derive(Serialize)]
struct SiteWords<'a> {
    name: &'a str,
    language: &'a str,
}

pub async fn welcome(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let asked: Asked = body::json(&parts, body).await?;
    let site = app.desk().site();
    let inbox = site.inbox_by_key(&asked.inbox).ok_or(Refused::new(code::NO_INBOX))?;
    if !origin::allowed(&inbox.origins, caller.origin.as_deref(), &caller.host) {
        return Err(code::ORIGIN.into());
    }
    let token = match asked.token.as_deref().filter(|kept| !kept.is_empty()) {
        Some(kept) => {
            identity::token(kept).ok_or_else(|| Refused::field(code::BAD_TOKEN, "token"))?
        }
        None => fresh()?,
    };
    json(&Welcome {
        token: identity::hex(&token),
        visitor: Desk::visitor_of(&token).to_string(),
        inbox: InboxWords {
            name: &inbox.name,
            greeting: &inbox.greeting,
            offline_greeting: &inbox.offline_greeting,
            color: &inbox.color,
        },
        site: SiteWords { name: &site.row.name, language: &site.row.language },
        staffed: app.desk().staffed(inbox.team),
        endpoints: &app.desk().endpoints(),
    })
}

fn fresh() -> Result<[u8; 32], Refused> {
    let mut token = [0; 32];
    getrandom::fill(&mut token).map_err(|_| Refused::later(code::BUSY, 1_000))?;
    Ok(token)
}
