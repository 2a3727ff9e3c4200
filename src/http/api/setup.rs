//! `/v1/setup`: the first run. Whoever has the one-time code becomes the owner, once.

use axum::extract::{Request, State};
use axum::http::header;
use serde::{Deserialize, Serialize};

use super::acceptable;
use crate::actors::Claim;
use crate::base::{Language, Private, code};
use crate::http::answer::{Answer, Refused, json};
use crate::http::caller::Caller;
use crate::http::lockout::Against;
use crate::http::rows::{Agent, Inbox};
use crate::http::{App, body, identity};

#[derive(Serialize)]
struct Standing<'a> {
    claimed: bool,
    name: &'a str,
    language: &'a str,
    version: &'static str,
}

pub async fn show(State(app): State<App>) -> Answer {
    let site = app.desk().site();
    json(&Standing {
        claimed: site.row.claimed,
        name: &site.row.name,
        language: &site.row.language,
        version: env!("CARGO_PKG_VERSION"),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    code: String,
    owner: String,
    password: String,
    site: String,
    #[serde(default)]
    language: String,
}

#[derive(Serialize)]
struct Claimed<'a> {
    agent: Agent<'a>,
    inbox: Inbox<'a>,
}

pub async fn claim(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    caller.own_page(&parts.headers)?;
    let form: Form = body::json(&parts, body).await?;
    if app.desk().claimed() {
        return Err(code::CLAIMED.into());
    }
    let password = Private(form.password);
    acceptable(&password, &form.owner)?;
    let against = [Against::address(caller.address)];
    let wait_ms = app.attempt(&against);
    if wait_ms > 0 {
        return Err(Refused::later(code::LOCKED_OUT, wait_ms));
    }
    let claim = first_rows(form.owner, password, form.site, &form.language, caller.language);
    let claimed = match app.desk().claim(&form.code, claim).await {
        Err(refusal) if refusal.code == code::BAD_SETUP_CODE => return Err(refusal.into()),
        judged => {
            app.with_lockout(|lockout, now| lockout.succeeded(now, &against));
            judged?
        }
    };
    let signed_in = app.desk().sign_in_claimed(claimed.agent, caller.address).await?;
    let site = app.desk().site();
    let agent = site.agent(claimed.agent).ok_or(Refused::new(code::NO_ROW))?;
    let inbox = site.inbox_by_key(&claimed.inbox_key).ok_or(Refused::new(code::NO_ROW))?;
    let mut response = json(&Claimed { agent: agent.into(), inbox: inbox.into() })?;
    let cookie = identity::set_cookie(&caller, &signed_in);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The first team and inbox, named in the language of the site.
fn first_rows(
    owner: String,
    password: Private,
    site: String,
    tag: &str,
    reader: Language,
) -> Claim {
    let language = if tag.is_empty() { reader } else { Language::from_tag(tag) };
    let (team, tag) = match language {
        Language::En => ("Support", if tag.is_empty() { "en" } else { tag }),
        Language::Zh => ("客服", if tag.is_empty() { "zh-CN" } else { tag }),
    };
    Claim {
        login: owner.clone(),
        name: owner.into(),
        password,
        inbox: site.clone(),
        site,
        language: tag.to_owned(),
        team: team.to_owned(),
    }
}
