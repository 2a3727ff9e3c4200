//! What the listener itself answers: go to the secure address, and the house is full.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;

use crate::base::code;

/// Longest host name (RFC 1035 section 2.3.4) with a port.
const HOST_BYTES: usize = 253 + 6;

/// A permanent redirect to the same place over TLS; 308 keeps method and body (RFC 9110 section
/// 15.4.9). `port` is where TLS is spoken; `None` keeps the port the client came to.
pub(super) fn redirect<B>(
    request: &Request<B>,
    port: Option<u16>,
    local: SocketAddr,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| is_host(host)).map_or_else(|| local.to_string(), str::to_owned);
    let authority = match port {
        None => host,
        Some(443) => without_port(&host).to_owned(),
        Some(port) => format!("{}:{port}", without_port(&host)),
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut response = closing(StatusCode::PERMANENT_REDIRECT, Bytes::new());
    match HeaderValue::from_str(&format!("https://{authority}{path}")) {
        Ok(location) => drop(response.headers_mut().insert(header::LOCATION, location)),
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// 503 with both languages: the person may not be able to tell us theirs.
pub(super) fn full() -> Response<Full<Bytes>> {
    let page = code::CONNECTIONS_FULL.row().map_or_else(String::new, |row| {
        format!("{} {}\n{} {}\n", row.what.en, row.remedy.en, row.what.zh, row.remedy.zh)
    });
    let mut response = closing(StatusCode::SERVICE_UNAVAILABLE, page.into());
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    response
}

fn closing(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !host.is_empty() && host.len() <= HOST_BYTES && host.bytes().all(allowed)
}

fn without_port(host: &str) -> &str {
    let bracket = host.rfind(']').unwrap_or(0);
    host.rfind(':').filter(|colon| *colon > bracket).map_or(host, |colon| &host[..colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(host: Option<&str>, uri: &str, port: Option<u16>) -> String {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let local = SocketAddr::from(([10, 0, 0, 1], 8443));
        let response = redirect(&request.body(()).unwrap(), port, local);
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    #[test]
    fn plain_http_is_sent_to_the_same_place_over_tls() {
        let at = location;
        assert_eq!(at(Some("desk:8443"), "/a?b=c", None), "https://desk:8443/a?b=c");
        assert_eq!(at(Some("desk:8080"), "/", Some(8443)), "https://desk:8443/");
        assert_eq!(at(Some("desk"), "/", Some(443)), "https://desk/");
        assert_eq!(at(Some("[fd00::1]:80"), "/", Some(443)), "https://[fd00::1]/");
        assert_eq!(at(Some("[fd00::1]"), "/", Some(8443)), "https://[fd00::1]:8443/");
        assert_eq!(at(None, "/x", None), "https://10.0.0.1:8443/x");
    }

    #[test]
    fn a_host_header_cannot_smuggle_another_place_in() {
        for host in ["evil/..", "a b", "user@evil", "", &"a".repeat(300)] {
            assert_eq!(location(Some(host), "/", None), "https://10.0.0.1:8443/", "{host}");
        }
        let absolute = location(Some("desk"), "http://evil/x", None);
        assert_eq!(absolute, "https://desk/x");
    }

    #[test]
    fn a_full_house_asks_to_come_back() {
        let response = full();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "60");
    }
}
