//! `/v1/site`: name, language and rules of the site.

use axum::extract::{Request, State};
use serde::Deserialize;

use super::acting;
use crate::desk::{SiteChange, SiteCommand};
use crate::http::answer::{Answer, json};
use crate::http::rows::Site;
use crate::http::{App, body};

pub async fn show(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    acting(&app, &parts).await?;
    json(&Site::from(&app.desk().site().row))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    name: Option<String>,
    language: Option<String>,
    answer_timeout_ms: Option<u32>,
}

pub async fn change(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let Change { name, language, answer_timeout_ms } = body::json(&parts, body).await?;
    let change = SiteChange { name, language, answer_timeout_ms };
    app.desk().administer(by, SiteCommand::ChangeSite(change), None).await?;
    json(&Site::from(&app.desk().site().row))
}
