//! Which pages of other sites may read answers: those that the inbox named by `?inbox=` lists, on
//! the visitors' routes only, and never with cookies.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::answer::Refused;
use super::caller::Caller;
use super::identity;
use crate::base::code;

/// The origin that may read the answer; `None` = the answer says nothing about other origins.
#[must_use]
pub fn reader(app: &App, caller: &Caller, parts: &Parts) -> Option<HeaderValue> {
    let origin = caller.origin.as_deref()?;
    if !is_visitors(parts.uri.path()) || !identity::page_allowed(app, caller, parts) {
        return None;
    }
    HeaderValue::from_str(origin).ok()
}

/// The answer to a preflight (Fetch standard, 4.8); `None` when the request is something else.
#[must_use]
pub fn preflight(parts: &Parts, reader: Option<&HeaderValue>) -> Option<Response> {
    let asks = parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if parts.method != Method::OPTIONS || !asks || !is_visitors(parts.uri.path()) {
        return None;
    }
    if reader.is_none() {
        return Some(Refused::new(code::ORIGIN).into_response());
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed("GET, POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed("authorization, content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("600"));
    // Chromium asks before a public page reaches a private address; the inbox has listed the page.
    if parts.headers.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", fixed("true"));
    }
    Some(response)
}

/// Lets `reader` read the answer, and tells caches that it depends on who asks.
pub fn allow(headers: &mut HeaderMap, path: &str, reader: Option<HeaderValue>) {
    if path == "/widget.js" || path.starts_with("/widget/") {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    if !is_visitors(path) {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("retry-after, content-disposition"),
        );
    }
}

fn is_visitors(path: &str) -> bool {
    matches!(path, "/v1/visitor" | "/v1/frames" | "/v1/feed" | "/v1/blobs")
        || path.starts_with("/v1/blobs/")
}
