//! `/v1/blobs`: attachments. An upload goes to disk as it comes; its kind and size are judged by
//! its first bytes before anything is written. A download needs the same proof as the
//! conversation: the visitor's bearer token or an agent's cookie; no secret ever stands in an
//! address.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::actors::Download;
use crate::base::limits::{SNIFF_BYTES, UPLOAD_MS};
use crate::base::{BlobId, ConversationId, code};
use crate::desk::Attachment;
use crate::http::answer::{Answer, Refused, json};
use crate::http::caller::{Caller, text};
use crate::http::{App, body, file_name, identity, media, pixels, rows};
use crate::session::Peer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    conversation: String,
    #[serde(default)]
    name: String,
    #[allow(dead_code, reason = "read by the layer that judges the page")]
    inbox: Option<String>,
}

impl Asked {
    fn conversation(&self) -> Result<ConversationId, Refused> {
        ConversationId::from_hex(&self.conversation)
            .ok_or_else(|| Refused::field(code::BAD_QUERY, "conversation"))
    }
}

pub async fn upload(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let peer = identity::peer(&app, &caller, &parts).await?;
    let asked: Asked = body::query(&parts)?;
    let conversation = asked.conversation()?;
    let most = app.settings().attachment_bytes;
    if body::announced(&parts.headers).is_some_and(|length| length > most) {
        return Err(code::FILE_TOO_LARGE.into());
    }
    let place = app.upload_place(caller.address);
    let _place = place.ok_or(Refused::later(code::TOO_FAST, 2_000))?;
    let name = file_name::clean(&asked.name);
    let kept = body::within(UPLOAD_MS, take(&app, peer, conversation, name, body)).await?;
    json(&rows::AttachmentWords::from(&kept))
}

async fn take(
    app: &App,
    peer: Peer,
    conversation: ConversationId,
    name: String,
    mut body: Body,
) -> Result<Attachment, Refused> {
    let most = app.settings().attachment_bytes;
    let (head, whole) = head(&mut body).await?;
    let attachment = judge(&head, whole, name)?;
    let mut upload = app.desk().begin_blob(peer, conversation).await?;
    let mut size = head.len() as u64;
    if size > most {
        return Err(code::FILE_TOO_LARGE.into());
    }
    upload.write(head).await?;
    while let Some(piece) = body::piece(&mut body).await? {
        size += piece.len() as u64;
        if size > most {
            return Err(code::FILE_TOO_LARGE.into());
        }
        upload.write(piece).await?;
    }
    Ok(upload.finish(attachment).await?)
}

/// The first bytes, and whether they are all.
async fn head(body: &mut Body) -> Result<(Bytes, bool), Refused> {
    let mut head = BytesMut::new();
    while head.len() < SNIFF_BYTES {
        match body::piece(body).await? {
            Some(piece) => head.extend_from_slice(&piece),
            None => return Ok((head.freeze(), true)),
        }
    }
    Ok((head.freeze(), false))
}

fn judge(head: &[u8], whole: bool, name: String) -> Result<Attachment, Refused> {
    if head.is_empty() {
        return Err(code::EMPTY_FILE.into());
    }
    let kind = media::sniff(head, whole, &name).ok_or(Refused::new(code::FILE_TYPE))?;
    let (width, height) = if kind.image {
        pixels::measure(kind.media_type, head).ok_or(Refused::new(code::IMAGE_TOO_LARGE))?
    } else {
        (0, 0)
    };
    Ok(Attachment {
        blob: BlobId::default(),
        name: name.into(),
        media_type: kind.media_type.to_owned(),
        size: 0,
        width,
        height,
    })
}

pub async fn download(State(app): State<App>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let peer = identity::peer(&app, &caller, &parts).await?;
    let asked: Asked = body::query(&parts)?;
    let id = BlobId::from_hex(&id).ok_or(Refused::new(code::NO_BLOB))?;
    let (attachment, file) = app.desk().blob(peer, asked.conversation()?, id).await?;
    let size = file.size();
    let part = text(&parts.headers, "range").map(|range| range_of(range, size));
    let mut response = match part {
        Some(Some((first, last))) => {
            let mut response = Response::new(stream(file, first, last - first + 1));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {first}-{last}/{size}");
            insert(response.headers_mut(), header::CONTENT_RANGE, &range);
            insert(response.headers_mut(), header::CONTENT_LENGTH, &(last - first + 1).to_string());
            response
        }
        Some(None) => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
        None => {
            let mut response = Response::new(stream(file, 0, size));
            insert(response.headers_mut(), header::CONTENT_LENGTH, &size.to_string());
            response
        }
    };
    label(response.headers_mut(), &attachment);
    Ok(response)
}

/// The file's own headers. Nothing in it may run, whatever a reader takes it for.
fn label(headers: &mut HeaderMap, attachment: &Attachment) {
    let inline = media::safe_inline(&attachment.media_type);
    let disposition = file_name::disposition(inline, &attachment.name);
    insert(headers, header::CONTENT_DISPOSITION, &disposition);
    insert(
        headers,
        header::CONTENT_TYPE,
        match attachment.media_type.as_str() {
            "text/plain" => "text/plain; charset=utf-8",
            other => other,
        },
    );
    insert(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    insert(headers, header::CACHE_CONTROL, "private, max-age=31536000, immutable");
    insert(headers, header::ACCEPT_RANGES, "bytes");
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `length` bytes of the file from `first` on, in pieces.
fn stream(file: Download, first: u64, length: u64) -> Body {
    let pieces =
        futures_util::stream::unfold((file, first, length), |(file, at, left)| async move {
            if left == 0 {
                return None;
            }
            match file.piece(at, left).await {
                Ok(piece) if piece.is_empty() => {
                    Some((Err(std::io::ErrorKind::UnexpectedEof.into()), (file, at, 0)))
                }
                Ok(piece) => {
                    let read = piece.len() as u64;
                    Some((Ok(piece), (file, at + read, left - read)))
                }
                Err(refusal) => {
                    let error = std::io::Error::other(format!("code {}", refusal.code.0));
                    Some((Err(error), (file, at, 0)))
                }
            }
        });
    Body::from_stream(pieces)
}

/// First and last byte of a single range (RFC 9110, 14.1.2), what players of sound and film
/// ask for; `None` when nothing of it is in the file.
fn range_of(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    match (first.trim(), last.trim()) {
        ("", last) => {
            let count = last.parse::<u64>().ok().filter(|count| *count > 0)?;
            Some((size.saturating_sub(count), end))
        }
        (first, "") => first.parse().ok().filter(|first| *first <= end).map(|first| (first, end)),
        (first, last) => {
            let (first, last) = (first.parse().ok()?, last.parse::<u64>().ok()?);
            (first <= end && first <= last).then_some((first, last.min(end)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_lies_within_the_file() {
        assert_eq!(range_of("bytes=0-", 10), Some((0, 9)));
        assert_eq!(range_of("bytes=2-4", 10), Some((2, 4)));
        assert_eq!(range_of("bytes=2-400", 10), Some((2, 9)));
        assert_eq!(range_of("bytes=-3", 10), Some((7, 9)));
        assert_eq!(range_of("bytes=-30", 10), Some((0, 9)));
        for bad in ["bytes=10-", "bytes=4-2", "bytes=-0", "bytes=0-1,3-4", "items=0-1", "bytes=a-"]
        {
            assert_eq!(range_of(bad, 10), None, "{bad}");
        }
        assert_eq!(range_of("bytes=0-", 0), None);
    }
}
