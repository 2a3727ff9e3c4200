//! What comes in: bodies with a limit and a pace, JSON and parameters with coded errors.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::answer::Refused;
use crate::base::code;
use crate::base::limits::{BODY_MS, JSON_BYTES, REQUEST_HEAD_MS};

/// The next piece of a body; `None` at its end.
///
/// # Errors
/// `EMPTY_FILE` when the body broke off or paused too long.
pub async fn piece(body: &mut Body) -> Result<Option<Bytes>, Refused> {
    let pause = Duration::from_millis(REQUEST_HEAD_MS);
    loop {
        match tokio::time::timeout(pause, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(code::EMPTY_FILE.into()),
        }
    }
}

/// The length that the head announces.
#[must_use]
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A whole body of at most `most` bytes.
///
/// # Errors
/// `BODY_TOO_LONG`, before anything is read when the head says so.
pub async fn whole(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refused> {
    if announced(headers).is_some_and(|length| length > most as u64) {
        return Err(code::BODY_TOO_LONG.into());
    }
    within(BODY_MS, gather(body, most)).await
}

/// Ends the taking of a body that trickles for longer than `ms`.
///
/// # Errors
/// `EMPTY_FILE`, or those of `taking`.
pub async fn within<T>(
    ms: u64,
    taking: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    let taken = tokio::time::timeout(Duration::from_millis(ms), taking).await;
    taken.unwrap_or_else(|_| Err(code::EMPTY_FILE.into()))
}

async fn gather(mut body: Body, most: usize) -> Result<Bytes, Refused> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = piece(&mut body).await? {
        if bytes.len() + piece.len() > most {
            return Err(code::BODY_TOO_LONG.into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// A JSON body. Types say `deny_unknown_fields`, so that a misspelt field is named.
///
/// # Errors
/// `MEDIA_TYPE`, `BODY_TOO_LONG`, `UNKNOWN_FIELD`, `MISSING_FIELD` or `BAD_JSON`.
pub async fn json<T: DeserializeOwned>(parts: &Parts, body: Body) -> Result<T, Refused> {
    if !has_media_type(&parts.headers, "application/json") {
        return Err(code::MEDIA_TYPE.into());
    }
    let bytes = whole(&parts.headers, body, JSON_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| judged(&error.to_string(), code::BAD_JSON))
}

/// The parameters of the address.
///
/// # Errors
/// `BAD_QUERY` or `UNKNOWN_FIELD` with the parameter's name.
pub fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T, Refused> {
    Query::<T>::try_from_uri(&parts.uri)
        .map(|Query(query)| query)
        .map_err(|error| judged(&error.body_text(), code::BAD_QUERY))
}

#[must_use]
pub fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(wanted)
}

/// serde tells what is wrong only in words: "unknown field `x`, expected …", "missing field `x`",
/// and for parameters "x: invalid digit …" behind a sentence of its own.
fn judged(words: &str, otherwise: code::Code) -> Refused {
    let named = |start: &str| {
        let (_, rest) = words.split_once(start)?;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    };
    if let Some(name) = named("unknown field `") {
        return Refused::field(code::UNKNOWN_FIELD, &name);
    }
    if let Some(name) = named("missing field `") {
        let code = if otherwise == code::BAD_QUERY { otherwise } else { code::MISSING_FIELD };
        return Refused::field(code, &name);
    }
    if otherwise == code::BAD_QUERY {
        let parts: Vec<&str> = words.split(": ").collect();
        if let [_, name, _, ..] = parts.as_slice() {
            return Refused::field(otherwise, name);
        }
    }
    let place = words.rsplit_once(" at ").map(|(_, place)| place);
    match place {
        Some(place) if place.starts_with("line ") => Refused::field(otherwise, place),
        Some(_) | None => otherwise.into(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        size: u32,
    }

    fn parts(uri: &str) -> Parts {
        let request = Request::builder().uri(uri).header("content-type", "application/json");
        request.body(()).unwrap().into_parts().0
    }

    async fn refused(body: &str) -> (code::Code, Option<String>) {
        let refused = json::<Sample>(&parts("/"), Body::from(body.to_owned())).await.unwrap_err();
        (refused.refusal.code, refused.field)
    }

    #[tokio::test]
    async fn json_errors_name_the_field_or_the_place() {
        let unknown = refused(r#"{"name":"a","size":1,"siez":2}"#).await;
        assert_eq!(unknown, (code::UNKNOWN_FIELD, Some("siez".into())));
        let missing = refused(r#"{"name":"a"}"#).await;
        assert_eq!(missing, (code::MISSING_FIELD, Some("size".into())));
        let broken = refused(r#"{"name":"a","#).await;
        assert_eq!(broken.0, code::BAD_JSON);
        assert!(broken.1.unwrap().starts_with("line 1"));
        assert_eq!(refused(&"[".repeat(100_000)).await.0, code::BODY_TOO_LONG);
        assert_eq!(refused(&"[".repeat(10_000)).await.0, code::BAD_JSON);
    }

    #[tokio::test]
    async fn a_body_that_grows_past_its_limit_is_cut_off() {
        let pieces = futures_util::stream::iter((0..10).map(|_| Ok::<_, String>("1234567890")));
        let read = whole(&HeaderMap::new(), Body::from_stream(pieces), 64).await;
        assert_eq!(read.unwrap_err().refusal.code, code::BODY_TOO_LONG);
    }

    #[test]
    fn parameters_are_named() {
        assert_eq!(query::<Sample>(&parts("/?name=a&size=3")).unwrap().size, 3);
        for (uri, code, field) in [
            ("/?name=a&size=x", code::BAD_QUERY, "size"),
            ("/?name=a", code::BAD_QUERY, "size"),
            ("/?name=a&size=1&x=2", code::UNKNOWN_FIELD, "x"),
        ] {
            let refused = query::<Sample>(&parts(uri)).unwrap_err();
            assert_eq!((refused.refusal.code, refused.field.as_deref()), (code, Some(field)));
        }
    }
}
