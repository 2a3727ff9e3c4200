//! Proof of who asks: an agent's cookie or a visitor's bearer token.

use axum::http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;

use super::App;
use super::answer::Refused;
use super::caller::{Caller, text};
use crate::actors::{Desk, SignedIn};
use crate::base::limits::SIGN_IN_MS;
use crate::base::{AgentId, code, origin};
use crate::session::Peer;

/// The parameter that every request of a visitor from another site's page carries.
#[derive(Debug, Deserialize)]
struct Inbox {
    inbox: Option<String>,
}

/// The agent that the cookie names.
///
/// # Errors
/// `SIGN_IN_FIRST`, or the store cannot be read.
pub async fn agent(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<AgentId, Refused> {
    signed_in(app, caller, headers).await?.ok_or(code::SIGN_IN_FIRST.into())
}

/// The same for requests that change something: the page must be ours.
///
/// # Errors
/// As `agent`, and `CROSS_SITE`.
pub async fn acting_agent(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<AgentId, Refused> {
    caller.own_page(headers)?;
    agent(app, caller, headers).await
}

/// The agent that the cookie names, when there is a cookie that is alive.
///
/// # Errors
/// The store cannot be read.
pub async fn signed_in(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<AgentId>, Refused> {
    match cookie(caller, headers) {
        Some(token) => Ok(app.desk().signed_in(&token).await?),
        None => Ok(None),
    }
}

/// Visitor by bearer token, else agent by cookie. A visitor's page must be allowed by the inbox
/// that it names, an agent's page must be ours.
///
/// # Errors
/// `BAD_TOKEN`, `SIGN_IN_FIRST`, `ORIGIN`, `CROSS_SITE`.
pub async fn peer(app: &App, caller: &Caller, parts: &super::api::Parts) -> Result<Peer, Refused> {
    let Some(value) = text(&parts.headers, "authorization") else {
        return acting_agent(app, caller, &parts.headers).await.map(Peer::Agent);
    };
    let token = value.strip_prefix("Bearer ").and_then(|hex| token(hex.trim()));
    let token = token.ok_or(Refused::new(code::BAD_TOKEN))?;
    if !page_allowed(app, caller, parts) {
        return Err(code::ORIGIN.into());
    }
    Ok(Peer::Visitor(Desk::visitor_of(&token)))
}

/// Whether the page that asks may use the inbox that the address names. Own pages and programs may.
#[must_use]
pub fn page_allowed(app: &App, caller: &Caller, parts: &super::api::Parts) -> bool {
    let Some(from) = caller.origin.as_deref() else { return true };
    if origin::same_host(from, &caller.host) {
        return true;
    }
    let site = app.desk().site();
    let key = axum::extract::Query::<Inbox>::try_from_uri(&parts.uri);
    let key = key.ok().and_then(|query| query.0.inbox).unwrap_or_default();
    site.inbox_by_key(&key)
        .is_some_and(|inbox| origin::allowed(&inbox.origins, Some(from), &caller.host))
}

/// 64 hexadecimal digits.
#[must_use]
pub fn token(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut token = [0; 32];
    for (byte, digits) in token.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(token)
}

#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `__Host-` binds the cookie to this host over TLS (RFC 6265bis, 4.1.3.2); browsers do not take it
/// over plain HTTP, which is only served to this machine or behind a proxy.
fn cookie_name(caller: &Caller) -> &'static str {
    if caller.secure { "__Host-posthouse" } else { "posthouse" }
}

/// The secret in the sign-in cookie.
#[must_use]
pub fn cookie(caller: &Caller, headers: &HeaderMap) -> Option<[u8; 32]> {
    let name = cookie_name(caller);
    let values = headers.get_all(header::COOKIE).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| token(value))
}

/// `Set-Cookie` for a new sign-in.
#[must_use]
pub fn set_cookie(caller: &Caller, signed_in: &SignedIn) -> HeaderValue {
    bake(caller, &hex(&signed_in.token), SIGN_IN_MS / 1_000)
}

/// `Set-Cookie` that removes it.
#[must_use]
pub fn clear_cookie(caller: &Caller) -> HeaderValue {
    bake(caller, "", 0)
}

fn bake(caller: &Caller, value: &str, age_s: u64) -> HeaderValue {
    let name = cookie_name(caller);
    let secure = if caller.secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_hexadecimal_digits_and_nothing_else() {
        let good = "0f".repeat(32);
        assert_eq!(token(&good), Some([15; 32]));
        assert_eq!(hex(&[15; 32]), good);
        for bad in ["", "0f", &"0g".repeat(32), &"+f".repeat(32), &"驿".repeat(22)] {
            assert_eq!(token(bad), None, "{bad}");
        }
    }
}
