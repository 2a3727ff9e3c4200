//! `/v1/audit`: the log of who did what, for whoever has the right to read it; the desk judges
//! that.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::acting;
use crate::actors::{AuditPage, AuditQuery, Desk, Export, Verified};
use crate::base::limits::LIST_ROWS;
use crate::http::answer::{Answer, json};
use crate::http::{App, body};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    who: String,
    what: String,
    refused: bool,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Lines {
    lines: Vec<Value>,
    next: Option<u64>,
}

pub async fn list(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (caller, by) = acting(&app, &parts).await?;
    let Asked { who, what, refused, since_ms, until_ms, before, limit } = body::query(&parts)?;
    let rows = limit.unwrap_or(LIST_ROWS);
    let query = AuditQuery { who, what, refused, since_ms, until_ms, before, rows };
    let AuditPage { rows, next } = app.desk().audit_page((by, caller.address), query).await?;
    let lines = rows.into_iter().map(|row| {
        let mut line = row.record;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("i".to_owned(), row.i.into());
        }
        line
    });
    json(&Lines { lines: lines.collect(), next })
}

#[derive(Serialize)]
struct Verdict {
    last: u64,
    before: u64,
    signed: u64,
    head_ms: Option<u64>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    kind: &'static str,
    file: Option<String>,
    line: Option<usize>,
    from: Option<u64>,
    to: Option<u64>,
}

pub async fn verify(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (caller, by) = acting(&app, &parts).await?;
    let Verified { last, before, signed, head_ms, findings } =
        app.desk().verify_audit((by, caller.address)).await?;
    let findings = findings.into_iter().map(|found| Finding {
        kind: found.kind,
        file: found.file,
        line: found.line,
        from: found.from,
        to: found.to,
    });
    json(&Verdict { last, before, signed, head_ms, findings: findings.collect() })
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Span {
    days: Option<u32>,
}

pub async fn export(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (caller, by) = acting(&app, &parts).await?;
    let Span { days } = body::query(&parts)?;
    let export = app.desk().export_audit((by, caller.address), days).await?;
    let mut response = Response::new(stream(app.desk().clone(), export)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    let name = HeaderValue::from_static("attachment; filename=\"audit.jsonl\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A failure in the middle breaks the answer off: a part must not pass for the whole.
fn stream(desk: Desk, export: Export) -> Body {
    let pieces = futures_util::stream::unfold(Some((desk, export)), |state| async move {
        let (desk, mut export) = state?;
        match desk.export_piece(&mut export).await {
            Ok(piece) => piece.map(|piece| (Ok(piece), Some((desk, export)))),
            Err(refusal) => {
                Some((Err(std::io::Error::other(format!("code {}", refusal.code.0))), None))
            }
        }
    });
    Body::from_stream(pieces)
}
