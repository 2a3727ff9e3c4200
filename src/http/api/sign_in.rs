//! `/v1/sign-in`, `/v1/sign-in/certificate`, `/v1/sign-out`.

use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;

use super::me;
use crate::actors::{Deed, Doer, Proven, SIGN_IN};
use crate::base::code::Code;
use crate::base::{AgentId, ClientCertificate, Private, code};
use crate::http::answer::{Answer, Refused, done, json};
use crate::http::caller::Caller;
use crate::http::lockout::Against;
use crate::http::{App, body, identity};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    login: String,
    password: String,
}

pub async fn enter(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    caller.own_page(&parts.headers)?;
    let Credentials { login, password } = body::json(&parts, body).await?;
    if !app.desk().claimed() {
        return Err(code::NOT_CLAIMED.into());
    }
    let proven = guess(&app, &caller, &login, password.into()).await?;
    let signed_in = app.desk().sign_in_proven(&proven, caller.address).await?;
    let mut response = me::describe(&app, proven.agent)?;
    let cookie = identity::set_cookie(&caller, &signed_in);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Whom the connection's certificate would sign in.
pub async fn ways(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let holder = holder(&app, &caller, &parts).map(|(holder, _)| holder);
    json(&serde_json::json!({ "certificate": holder }))
}

/// Signs in whose certificate the connection showed. TLS proved the key and the issuer; the name
/// in it must be an agent's.
pub async fn by_certificate(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    caller.own_page(&parts.headers)?;
    if !app.desk().claimed() {
        return Err(code::NOT_CLAIMED.into());
    }
    let (_, agent) =
        holder(&app, &caller, &parts).ok_or(Refused::new(code::NO_AGENT_CERTIFICATE))?;
    let signed_in = app.desk().sign_in_certified(agent, caller.address).await?;
    let mut response = me::describe(&app, agent)?;
    let cookie = identity::set_cookie(&caller, &signed_in);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The agent that the certificate of the connection names. Behind a proxy it is the proxy's, which
/// is nobody.
fn holder(app: &App, caller: &Caller, parts: &Parts) -> Option<(String, AgentId)> {
    let shown = parts.extensions.get::<ClientCertificate>()?;
    let peer = caller.peer.addr.ip();
    if app.settings().trusted_proxies.iter().any(|proxies| proxies.contains(peer)) {
        return None;
    }
    let agent = app.desk().site().agent_by_login(&shown.holder)?.id;
    Some((shown.holder.to_string(), agent))
}

/// Writes down who did not. The answer is the same when that fails.
async fn failed(app: &App, caller: &Caller, login: &str, code: Code) {
    let deed = Deed::new(Doer::Name(login.to_owned()), SIGN_IN, "password").from(caller.address);
    let _ = app.desk().audit(Deed { result: Err(code), ..deed }).await;
}

/// Checks a password under the lockout of its name and address.
///
/// # Errors
/// `LOCKED_OUT`, `BAD_PASSWORD`, or the desk is busy.
pub async fn guess(
    app: &App,
    caller: &Caller,
    login: &str,
    password: Private,
) -> Result<Proven, Refused> {
    let against = [Against::login(login), Against::address(caller.address)];
    let wait_ms = app.attempt(&against);
    if wait_ms > 0 {
        failed(app, caller, login, code::LOCKED_OUT).await;
        return Err(Refused::later(code::LOCKED_OUT, wait_ms));
    }
    match app.desk().check_password(login, &password).await {
        Ok(Some(proven)) => {
            app.with_lockout(|lockout, now| lockout.succeeded(now, &against));
            Ok(proven)
        }
        Ok(None) => {
            app.counters().bad_passwords.one();
            failed(app, caller, login, code::BAD_PASSWORD).await;
            Err(code::BAD_PASSWORD.into())
        }
        Err(refusal) => {
            app.with_lockout(|lockout, now| lockout.withdraw(now, &against));
            Err(refusal.into())
        }
    }
}

pub async fn leave(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    caller.own_page(&parts.headers)?;
    if let Some(token) = identity::cookie(&caller, &parts.headers) {
        app.desk().sign_out(&token, caller.address).await?;
    }
    let mut response = done()?;
    response.headers_mut().insert(header::SET_COOKIE, identity::clear_cookie(&caller));
    Ok(response)
}
