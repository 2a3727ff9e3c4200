//! `/v1/inboxes`: places that visitors write to, one widget each.

use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};

use super::acting;
use crate::base::{InboxId, TeamId, code, origin};
use crate::desk::{InboxChange, SiteCommand};
use crate::http::answer::{Answer, Refused, json};
use crate::http::rows::Inbox;
use crate::http::{App, body};

#[derive(Serialize)]
struct Inboxes<'a> {
    inboxes: Vec<Inbox<'a>>,
}

pub async fn list(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    acting(&app, &parts).await?;
    let site = app.desk().site();
    json(&Inboxes { inboxes: site.inboxes.values().map(Into::into).collect() })
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    name: Option<String>,
    team: Option<u32>,
    origins: Option<Vec<String>>,
    greeting: Option<String>,
    offline_greeting: Option<String>,
    color: Option<String>,
    disabled: Option<bool>,
}

impl Change {
    /// # Errors
    /// `BAD_VALUE` for an origin that can match no page.
    fn wanted(self) -> Result<InboxChange, Refused> {
        let normal = |item: &String| {
            origin::normal(item).ok_or_else(|| Refused::field(code::BAD_VALUE, "origins"))
        };
        let origins = self.origins.map(|items| items.iter().map(normal).collect()).transpose()?;
        Ok(InboxChange {
            name: self.name,
            team: self.team.map(TeamId),
            origins,
            greeting: self.greeting,
            offline_greeting: self.offline_greeting,
            color: self.color,
            disabled: self.disabled,
        })
    }
}

pub async fn add(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let mut new: Change = body::json(&parts, body).await?;
    let name = new.name.take().ok_or_else(|| Refused::field(code::MISSING_FIELD, "name"))?;
    let team = new.team.take().ok_or_else(|| Refused::field(code::MISSING_FIELD, "team"))?;
    let rest = new.wanted()?;
    let key = crate::actors::inbox_key()?;
    let command = SiteCommand::AddInbox { key, name, team: TeamId(team) };
    let id = InboxId(app.desk().administer(by, command, None).await?);
    if rest != InboxChange::default() {
        app.desk().administer(by, SiteCommand::ChangeInbox(id, rest), None).await?;
    }
    show(&app, id)
}

pub async fn change(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let id = InboxId(id.parse().map_err(|_| Refused::new(code::NO_ROW))?);
    let change: Change = body::json(&parts, body).await?;
    app.desk().administer(by, SiteCommand::ChangeInbox(id, change.wanted()?), None).await?;
    show(&app, id)
}

fn show(app: &App, id: InboxId) -> Answer {
    let site = app.desk().site();
    let row = site.inboxes.get(&id).ok_or(Refused::new(code::NO_ROW))?;
    json(&Inbox::from(row))
}
