//! `/v1/agents/{id}/picture` and `/v1/avatars/{id}`: agents' pictures. Their kind and size are
//! judged by their first bytes; whoever has a picture's address may see it, because visitors do.

use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::IntoResponse;

use super::{acting, agents};
use crate::base::limits::{PICTURE_BYTES, PICTURE_SIDE};
use crate::base::{AgentId, BlobId, Private, code};
use crate::desk::Attachment;
use crate::http::answer::{Answer, Refused};
use crate::http::{App, body, media, pixels};

pub async fn upload(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, by) = acting(&app, &parts).await?;
    let of = AgentId(id.parse().map_err(|_| Refused::new(code::NO_ROW))?);
    let place = app.upload_place(caller.address);
    let _place = place.ok_or(Refused::later(code::TOO_FAST, 2_000))?;
    let bytes = body::whole(&parts.headers, body, PICTURE_BYTES).await.map_err(|refused| {
        let long = refused.refusal.code == code::BODY_TOO_LONG;
        if long { code::PICTURE_TOO_LARGE.into() } else { refused }
    })?;
    let picture = judge(&bytes)?;
    app.desk().set_picture(by, of, picture, bytes).await?;
    agents::show(&app, of)
}

pub async fn remove(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let (_, by) = acting(&app, &parts).await?;
    let of = AgentId(id.parse().map_err(|_| Refused::new(code::NO_ROW))?);
    app.desk().remove_picture(by, of).await?;
    agents::show(&app, of)
}

fn judge(bytes: &[u8]) -> Result<Attachment, Refused> {
    if bytes.is_empty() {
        return Err(code::EMPTY_FILE.into());
    }
    let kind = media::sniff(bytes, true, "").map_or("", |kind| kind.media_type);
    if !matches!(kind, "image/png" | "image/jpeg" | "image/webp") {
        return Err(code::PICTURE_TYPE.into());
    }
    let (width, height) = pixels::measure(kind, bytes)
        .filter(|(width, height)| *width.max(height) <= PICTURE_SIDE)
        .ok_or(Refused::new(code::PICTURE_TOO_LARGE))?;
    Ok(Attachment {
        blob: BlobId::default(),
        name: Private::default(),
        media_type: kind.to_owned(),
        size: 0,
        width,
        height,
    })
}

/// The bytes never change, so everybody may keep them for ever.
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = BlobId::from_hex(&id).ok_or(Refused::new(code::NO_BLOB))?;
    let (picture, file) = app.desk().picture(id).await?;
    let bytes = file.whole().await?;
    let headers = [
        (header::CONTENT_TYPE, picture.media_type.as_str()),
        (header::CONTENT_DISPOSITION, "inline"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}
