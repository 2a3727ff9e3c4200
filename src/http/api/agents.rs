//! `/v1/agents`: who answers. Everybody who is signed in reads the list, those who may change it,
//! and agents change their own name and password.

use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{acceptable, acting, sign_in};
use crate::actors::Proven;
use crate::base::{AgentId, Private, TeamId, code};
use crate::desk::{AgentChange, NewAgent, SiteCommand};
use crate::http::answer::{Answer, Refused, json};
use crate::http::caller::Caller;
use crate::http::rows::{Agent, RoleWord};
use crate::http::{App, body, identity};

#[derive(Serialize)]
struct Agents<'a> {
    agents: Vec<Agent<'a>>,
}

pub async fn list(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    acting(&app, &parts).await?;
    let site = app.desk().site();
    json(&Agents { agents: site.agents.values().map(Into::into).collect() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    login: String,
    #[serde(default)]
    name: String,
    role: RoleWord,
    #[serde(default)]
    capacity: u32,
    #[serde(default)]
    teams: Vec<u32>,
    /// Left out by who may not set it: the account cannot sign in until somebody does.
    password: Option<String>,
}

pub async fn add(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let new: New = body::json(&parts, body).await?;
    let password = new.password.map(Private);
    if let Some(password) = &password {
        acceptable(password, &new.login)?;
    }
    let command = SiteCommand::AddAgent(NewAgent {
        login: new.login,
        name: new.name,
        role: new.role.into(),
        capacity: new.capacity,
        teams: new.teams.into_iter().map(TeamId).collect(),
    });
    let id = AgentId(app.desk().administer(by, command, password.as_ref()).await?);
    show(&app, id)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    name: Option<String>,
    role: Option<RoleWord>,
    capacity: Option<u32>,
    teams: Option<Vec<u32>>,
    disabled: Option<bool>,
    password: Option<String>,
    current_password: Option<String>,
}

pub async fn change(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, by) = acting(&app, &parts).await?;
    let id = AgentId(id.parse().map_err(|_| Refused::new(code::NO_ROW))?);
    let mut change: Change = body::json(&parts, body).await?;
    let password = change.password.take().map(Private);
    let current = change.current_password.take().map(Private);
    let site = app.desk().site();
    let row = site.agents.get(&id).ok_or(Refused::new(code::NO_ROW))?;
    let mut proven = None;
    if let Some(password) = &password {
        acceptable(password, &row.login)?;
        if id == by {
            let current =
                current.ok_or_else(|| Refused::field(code::MISSING_FIELD, "current_password"))?;
            proven = Some(sign_in::guess(&app, &caller, &row.login, current).await?);
        }
    }
    let wanted = AgentChange {
        name: change.name,
        picture: None,
        role: change.role.map(Into::into),
        capacity: change.capacity,
        teams: change.teams.map(|teams| teams.into_iter().map(TeamId).collect()),
        disabled: change.disabled,
    };
    if wanted != AgentChange::default() {
        app.desk().administer(by, SiteCommand::ChangeAgent(id, wanted), None).await?;
    }
    match password {
        Some(password) => renew(&app, &caller, (by, id), &password, proven).await,
        None => show(&app, id),
    }
}

/// A new password ends every sign-in of the agent; who changed their own stays signed in here.
async fn renew(
    app: &App,
    caller: &Caller,
    (by, of): (AgentId, AgentId),
    password: &Private,
    proven: Option<Proven>,
) -> Answer {
    let proven = app.desk().set_password(by, of, password, proven).await?;
    let mut response: Response = show(app, of)?;
    if by == of {
        let signed_in = app.desk().sign_in_proven(&proven, caller.address).await?;
        let cookie = identity::set_cookie(caller, &signed_in);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) fn show(app: &App, id: AgentId) -> Answer {
    let site = app.desk().site();
    let row = site.agents.get(&id).ok_or(Refused::new(code::NO_ROW))?;
    json(&Agent::from(row))
}
