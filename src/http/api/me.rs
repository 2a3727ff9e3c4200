//! `/v1/me`: who is signed in.

use axum::extract::{Request, State};
use serde::Serialize;

use crate::base::{AgentId, code};
use crate::http::answer::{Answer, Refused, json};
use crate::http::caller::Caller;
use crate::http::{App, identity, rows};

#[derive(Serialize)]
struct Me<'a> {
    agent: rows::Agent<'a>,
    site: rows::Site<'a>,
    version: &'static str,
}

pub async fn show(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let agent = identity::agent(&app, &caller, &parts.headers).await?;
    describe(&app, agent)
}

/// # Errors
/// `SIGN_IN_FIRST` when the agent is gone.
pub fn describe(app: &App, agent: AgentId) -> Answer {
    let site = app.desk().site();
    let row = site.agent(agent).ok_or(Refused::new(code::SIGN_IN_FIRST))?;
    json(&Me { agent: row.into(), site: (&site.row).into(), version: env!("CARGO_PKG_VERSION") })
}
