//! Files of the built pages: packed siblings by Accept-Encoding, ETag, and what is cached how long.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, Refused};
use super::caller::text;
use super::{App, dress, identity};
use crate::base::code;
use crate::web;

/// How long a file may be kept without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Its name changes with its content.
    Forever,
    /// A moment; then ask with the ETag. What shops embed: an update must reach them.
    Minutes,
    /// Ask every time.
    Ask,
}

pub async fn widget_script(request: Request) -> Answer {
    let answer = serve("widget/widget.js", request.headers(), Keep::Minutes);
    answer.map_err(|_| Refused::new(code::NO_WEB))
}

pub async fn widget(Path(path): Path<String>, request: Request) -> Answer {
    serve(&format!("widget/{path}"), request.headers(), keep(&path))
}

pub async fn console(State(_): State<App>, Path(path): Path<String>, request: Request) -> Answer {
    serve(&format!("console/{path}"), request.headers(), keep(&path))
}

/// A built file under its own headers.
///
/// # Errors
/// `NO_PAGE`.
pub fn serve(path: &str, headers: &HeaderMap, keep: Keep) -> Answer {
    let packed = [".br", ".gz"].iter().any(|tail| path.ends_with(tail));
    if packed || path.split('/').any(|part| part.starts_with('.')) {
        return Err(code::NO_PAGE.into());
    }
    let (file, encoding) = choose(path, headers).ok_or(Refused::new(code::NO_PAGE))?;
    // A packed sibling is another representation and has its own tag (RFC 9110, 8.8.3.3).
    let tag = format!("\"{}\"", identity::hex(&file.hash[..16]));
    let fresh = text(headers, "if-none-match").is_some_and(|list| {
        list.split(',').any(|item| item.trim().trim_start_matches("W/") == tag)
    });
    let mut response: Response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        axum::body::Body::from(file.bytes.into_owned()).into_response()
    };
    let out = response.headers_mut();
    let kept = match keep {
        Keep::Forever => "public, max-age=31536000, immutable",
        Keep::Minutes => "public, max-age=300",
        Keep::Ask => "no-cache",
    };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if path.ends_with(".html") {
        let policy = HeaderValue::from_static(dress::PAGE_POLICY);
        out.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

fn choose(path: &str, headers: &HeaderMap) -> Option<(web::File, Option<&'static str>)> {
    let accepted = text(headers, "accept-encoding").unwrap_or_default();
    for (word, tail) in [("br", "br"), ("gzip", "gz")] {
        if takes(accepted, word)
            && let Some(file) = web::file(&format!("{path}.{tail}"))
        {
            return Some((file, Some(word)));
        }
    }
    Some((web::file(path)?, None))
}

/// Whether Accept-Encoding names the coding without forbidding it (`q=0`).
fn takes(accepted: &str, word: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut words = item.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(word));
        let refused = words.any(|word| {
            word.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q == 0.0)
        });
        named && !refused
    })
}

/// Vite and the widget's build put a hash before the ending: `index-B4x_9Qa1.js`.
fn keep(path: &str) -> Keep {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let hashed = stem.len() > 9 && stem.as_bytes()[stem.len() - 9] == b'-';
    if hashed { Keep::Forever } else { Keep::Ask }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, tail)| tail) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        assert_eq!(keep("assets/index-B4x_9Qa1.js"), Keep::Forever);
        assert_eq!(keep("extra-CdEf1234.js"), Keep::Forever);
        assert_eq!(keep("widget.js"), Keep::Ask);
        assert_eq!(keep("notifications.js"), Keep::Ask);
    }

    #[test]
    fn a_coding_is_taken_only_when_it_is_named() {
        assert!(takes("gzip, deflate, br", "br"));
        assert!(takes("br;q=0.5", "br"));
        assert!(!takes("br;q=0, gzip", "br"));
        assert!(!takes("brotli", "br"));
    }
}
