//! `/v1/ws`: the upgrade. Protocol by name, agents by cookie from our own pages; visitors prove
//! themselves in their Hello, with the page they came from.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::{Answer, Refused};
use super::caller::Caller;
use super::{App, identity};
use crate::actors::Credentials;
use crate::base::code;

pub const SUBPROTOCOL: &str = "posthouse.v1";

pub async fn upgrade(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    if !parts.headers.contains_key("sec-websocket-key") {
        return Err(code::NOT_WEBSOCKET.into());
    }
    let named = parts.headers.get_all("sec-websocket-protocol").iter();
    let offers = named.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    if !offers.into_iter().any(|offer| offer.trim() == SUBPROTOCOL) {
        return Err(Refused::new(code::NO_SUBPROTOCOL));
    }
    // A page of another site may talk as a visitor, never as the agent whose browser it is in.
    let agent = match caller.own_page(&parts.headers) {
        Ok(()) => identity::signed_in(&app, &caller, &parts.headers).await?,
        Err(_) => None,
    };
    let credentials = Credentials {
        peer: caller.peer,
        address: caller.address,
        agent,
        origin: caller.origin,
        host: caller.host,
        device: caller.device,
        language: caller.language,
    };
    let mut request = Request::from_parts(parts, body);
    let upgraded = app.desk().upgrade(&mut request, credentials);
    let response = upgraded.map_err(|_| Refused::new(code::NOT_WEBSOCKET))?;
    Ok(Response::from(response.map(|()| Body::empty())))
}
