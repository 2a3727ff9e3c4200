//! From an HTTP/1.1 request to a WebSocket (RFC 6455 section 4.2). The HTTP machinery and its
//! buffers are gone once the upgrade is done: what is left is the raw stream.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tungstenite::handshake::derive_accept_key;

use super::WebSocket;
use crate::net::serve::HttpStream;

/// Why a request is no WebSocket upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnUpgrade {
    #[error("the request does not ask for a WebSocket")]
    Missing,
    /// To be answered with 426 and `Sec-WebSocket-Version: 13`.
    #[error("the WebSocket version is not 13")]
    Version,
    #[error("the WebSocket key is not sixteen bytes in base64")]
    Key,
}

/// A WebSocket that is one as soon as the answer is on its way.
pub struct Upgrading {
    on: OnUpgrade,
}

/// Checks the request and makes the answer (101, without a body). `protocol` is the subprotocol
/// that the caller chose among those the client offers.
///
/// # Errors
/// What is missing.
pub fn upgrade<B>(
    request: &mut Request<B>,
    protocol: Option<&'static str>,
) -> Result<(Response<()>, Upgrading), NotAnUpgrade> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket");
    if !asks {
        return Err(NotAnUpgrade::Missing);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(NotAnUpgrade::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(NotAnUpgrade::Key)?.as_bytes();
    if key.len() != 24 || !key.ends_with(b"==") {
        return Err(NotAnUpgrade::Key);
    }
    let accept = derive_accept_key(key);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let out = response.headers_mut();
    out.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    out.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&accept).map_err(|_| NotAnUpgrade::Key)?,
    );
    if let Some(protocol) = protocol {
        out.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok((response, Upgrading { on: hyper::upgrade::on(request) }))
}

impl Upgrading {
    /// Waits until the answer is sent and hands over the socket; `None` when the client went away.
    pub async fn ready(self, message_bytes: usize) -> Option<WebSocket> {
        let upgraded = self.on.await.ok()?;
        let parts = upgraded.downcast::<TokioIo<HttpStream>>().ok()?;
        let stream = parts.io.into_inner().into_inner();
        Some(WebSocket::new(stream, &parts.read_buf, message_bytes))
    }
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}
