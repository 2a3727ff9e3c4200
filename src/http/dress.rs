//! The outermost layer: words for refusals, security headers for everything, counts.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::answer::{self, Refused};
use super::caller::Caller;
use super::cors;
use crate::base::code;

/// Of answers that are no page: nothing in them may run, be framed or load anything.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// Of our pages: everything from this server, nothing inline. Pictures are attachments that the
/// page fetched (blob:) or its own.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; \
    manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

pub async fn dress(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let reader = cors::reader(&app, &caller, &parts);
    let path = parts.uri.path().to_owned();
    let response = if path.len() > 2048 {
        Refused::new(code::NO_PAGE).into_response()
    } else if let Some(response) = cors::preflight(&parts, reader.as_ref()) {
        response
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    app.counters().requests.one();
    if let Some(refused) = response.extensions().get::<Refused>() {
        let code = refused.refusal.code;
        app.counters().refused(code);
        tracing::debug!(code = code.0, name = code.name(), "request refused");
    }
    let mut response = answer::speak(response, caller.language);
    let headers = response.headers_mut();
    cors::allow(headers, &path, reader);
    secure(headers, &path);
    if app.settings().hsts && caller.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

fn secure(headers: &mut HeaderMap, path: &str) {
    let widget = path == "/widget.js" || path.starts_with("/widget/");
    let shown = widget || path.starts_with("/v1/avatars/");
    let sharing = if shown { "cross-origin" } else { "same-origin" };
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), sharing),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let unless_set =
        [(header::CONTENT_SECURITY_POLICY, DATA_POLICY), (header::CACHE_CONTROL, "no-store")];
    for (name, value) in unless_set {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
