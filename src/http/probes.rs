//! `/healthz`: the process answers. `/readyz`: it can also take something new.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::App;
use super::answer::{Answer, json};
use crate::base::code::{self, Code};

#[derive(Serialize)]
struct Standing {
    ready: bool,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Reason {
    code: u16,
    name: &'static str,
}

pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn readyz(State(app): State<App>) -> Answer {
    let standing = app.desk().standing();
    let draining = standing.draining.then_some(code::GOING_AWAY);
    let codes = [standing.read_only, draining];
    let reason = |code: Code| Reason { code: code.0, name: code.name() };
    let reasons: Vec<Reason> = codes.into_iter().flatten().map(reason).collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, json(&Standing { ready, reasons })?).into_response())
}
