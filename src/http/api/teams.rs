//! `/v1/teams`: groups of agents that share a queue.

use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};

use super::acting;
use crate::base::{TeamId, code};
use crate::desk::{SiteCommand, TeamChange};
use crate::http::answer::{Answer, Refused, json};
use crate::http::rows::Team;
use crate::http::{App, body};

#[derive(Serialize)]
struct Teams<'a> {
    teams: Vec<Team<'a>>,
}

pub async fn list(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    acting(&app, &parts).await?;
    let site = app.desk().site();
    json(&Teams { teams: site.teams.values().map(Into::into).collect() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
}

pub async fn add(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let new: New = body::json(&parts, body).await?;
    let id = app.desk().administer(by, SiteCommand::AddTeam(new.name), None).await?;
    show(&app, TeamId(id))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    name: Option<String>,
    disabled: Option<bool>,
}

pub async fn change(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let id = TeamId(id.parse().map_err(|_| Refused::new(code::NO_ROW))?);
    let Change { name, disabled } = body::json(&parts, body).await?;
    app.desk()
        .administer(by, SiteCommand::ChangeTeam(id, TeamChange { name, disabled }), None)
        .await?;
    show(&app, id)
}

fn show(app: &App, id: TeamId) -> Answer {
    let site = app.desk().site();
    let row = site.teams.get(&id).ok_or(Refused::new(code::NO_ROW))?;
    json(&Team::from(row))
}
