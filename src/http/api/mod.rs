//! The API, one file per resource. Each handler is given the request whole and takes it apart
//! itself, so that every error has a code.

pub mod agents;
pub mod audit;
pub mod blobs;
pub mod conversations;
pub mod feed;
pub mod frames;
pub mod inboxes;
pub mod me;
pub mod pictures;
pub mod setup;
pub mod sign_in;
pub mod site;
pub mod teams;
pub mod visitor;

pub use axum::http::request::Parts;

use super::App;
use super::answer::Refused;
use super::caller::Caller;
use super::identity;
use crate::base::{AgentId, Private, code, limits};

/// Who calls, and the agent that the cookie proves; the page must be ours.
///
/// # Errors
/// `SIGN_IN_FIRST`, `CROSS_SITE`.
async fn acting(app: &App, parts: &Parts) -> Result<(Caller, AgentId), Refused> {
    let caller = Caller::of(&app.settings(), parts);
    let agent = identity::acting_agent(app, &caller, &parts.headers).await?;
    Ok((caller, agent))
}

/// Whether a new password is one; the desk checks it again.
///
/// # Errors
/// `WEAK_PASSWORD`.
fn acceptable(password: &Private, login: &str) -> Result<(), Refused> {
    let length = password.chars().count();
    let fits = (limits::PASSWORD_LEAST..=limits::PASSWORD_MOST).contains(&length);
    if fits && !password.eq_ignore_ascii_case(login) {
        Ok(())
    } else {
        Err(Refused::field(code::WEAK_PASSWORD, "password"))
    }
}
