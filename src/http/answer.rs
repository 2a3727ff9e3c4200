//! Answers: JSON, and refusals with their code. A refusal leaves its handler without words; the
//! outermost layer knows the reader's language and writes them.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::base::Language;
use crate::base::code::{self, Code};
use crate::desk::Refusal;

/// What a handler gives: the answer, or why not.
pub type Answer = Result<Response, Refused>;

/// A refusal, and the field or parameter it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub refusal: Refusal,
    pub field: Option<String>,
}

impl Refused {
    #[must_use]
    pub fn new(code: Code) -> Self {
        Refusal::new(code).into()
    }

    #[must_use]
    pub fn field(code: Code, field: &str) -> Self {
        let field = field.chars().filter(|c| !c.is_control()).take(64).collect();
        Self { refusal: Refusal::new(code), field: Some(field) }
    }

    #[must_use]
    pub fn later(code: Code, retry_after_ms: u64) -> Self {
        let retry_after_ms = u32::try_from(retry_after_ms).unwrap_or(u32::MAX);
        Refusal { code, retry_after_ms }.into()
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, field: None }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = status(self.refusal).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of a refusal.
#[derive(Serialize)]
struct Words<'a> {
    code: u16,
    name: &'a str,
    what: &'a str,
    why: &'a str,
    remedy: &'a str,
    retry_after_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// Writes the words of a refusal into its response.
#[must_use]
pub fn speak(response: Response, language: Language) -> Response {
    let Some(refused) = response.extensions().get::<Refused>() else { return response };
    let code = refused.refusal.code;
    let row = code.row();
    let words = Words {
        code: code.0,
        name: code.name(),
        what: row.map_or("", |row| row.what.get(language)),
        why: row.map_or("", |row| row.why.get(language)),
        remedy: row.map_or("", |row| row.remedy.get(language)),
        retry_after_ms: refused.refusal.retry_after_ms,
        field: refused.field.as_deref(),
    };
    let body = serde_json::to_vec(&words).unwrap_or_default();
    let retry_s = refused.refusal.retry_after_ms.div_ceil(1_000);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, JSON);
    if retry_s > 0 {
        parts.headers.insert(header::RETRY_AFTER, retry_s.into());
    }
    Response::from_parts(parts, Body::from(body))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// # Errors
/// None that a value of ours can cause; a value that cannot be written is `BAD_VALUE`.
pub fn json<T: Serialize>(value: &T) -> Answer {
    let body = serde_json::to_vec(value).map_err(|_| Refused::new(code::BAD_VALUE))?;
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

/// An empty answer that says it is done.
///
/// # Errors
/// None.
pub fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The HTTP status that intermediaries and libraries understand; clients go by the code.
fn status(refusal: Refusal) -> StatusCode {
    match refusal.code {
        code::SIGN_IN_FIRST | code::BAD_PASSWORD | code::BAD_TOKEN => StatusCode::UNAUTHORIZED,
        code::DENIED
        | code::CROSS_SITE
        | code::ORIGIN
        | code::BAD_SETUP_CODE
        | code::METRICS_ONLY_LOCAL => StatusCode::FORBIDDEN,
        code::NO_PAGE
        | code::NO_CONVERSATION
        | code::NO_BLOB
        | code::NO_INBOX
        | code::NO_AUTHORITY
        | code::NO_ROW
        | code::NO_WEB => StatusCode::NOT_FOUND,
        code::ERASED => StatusCode::GONE,
        code::METHOD => StatusCode::METHOD_NOT_ALLOWED,
        code::CLAIMED
        | code::NOT_CLAIMED
        | code::KEY_CONFLICT
        | code::NAME_TAKEN
        | code::ALREADY_ASSIGNED
        | code::ROLE_NOT_HERE
        | code::DUTIES_SEPARATED
        | code::LAST_ADMINISTRATOR
        | code::LAST_OWNER => StatusCode::CONFLICT,
        code::BODY_TOO_LONG
        | code::FRAME_TOO_LONG
        | code::FILE_TOO_LARGE
        | code::PICTURE_TOO_LARGE
        | code::PICTURES_FULL
        | code::QUOTA => StatusCode::PAYLOAD_TOO_LARGE,
        code::MEDIA_TYPE | code::FILE_TYPE | code::PICTURE_TYPE => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        code::LOCKED_OUT | code::TOO_FAST | code::CLOCK_SKEW => StatusCode::TOO_MANY_REQUESTS,
        code::BUSY | code::READ_ONLY | code::GOING_AWAY => StatusCode::SERVICE_UNAVAILABLE,
        _ if refusal.retry_after_ms > 0 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_speaks_the_readers_language_and_names_the_field() {
        let refused = Refused::field(code::UNKNOWN_FIELD, "colour\r\n");
        let response = speak(refused.into_response(), Language::Zh);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let words: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(words["name"], "UNKNOWN_FIELD");
        assert_eq!(words["field"], "colour");
        assert!(words["what"].as_str().unwrap().contains("字段"));
    }

    #[tokio::test]
    async fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let refused = Refused::later(code::LOCKED_OUT, 1_200);
        let response = speak(refused.into_response(), Language::En);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
