//! Who calls, as far as the network tells: address, name of the host, origin, language. Headers of
//! a proxy are believed only from the addresses that the configuration lists.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Settings;
use super::answer::Refused;
use crate::base::{Language, PeerInfo, code, origin};

#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: PeerInfo,
    /// The client's address, seen through trusted proxies.
    pub address: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub secure: bool,
    /// Host and port as the client calls this server.
    pub host: String,
    /// The page that asks; `None` for programs and plain navigation.
    pub origin: Option<String>,
    pub language: Language,
    /// The User-Agent header, cut off.
    pub device: String,
}

impl Caller {
    #[must_use]
    pub fn of(settings: &Settings, parts: &Parts) -> Self {
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let unknown = PeerInfo { addr: nobody, local: nobody, family: None };
        let peer = parts.extensions.get::<PeerInfo>().copied().unwrap_or(unknown);
        let trusted = |address: IpAddr| {
            settings.trusted_proxies.iter().any(|network| network.contains(address))
        };
        let near = peer.addr.ip().to_canonical();
        let behind = trusted(near);
        let forwarded = |name: &str| text(&parts.headers, name).filter(|_| behind);
        let authority = parts.uri.authority().map(|name| name.as_str());
        let host = authority.or_else(|| text(&parts.headers, "host")).unwrap_or_default();
        Self {
            peer,
            address: forwarded("x-forwarded-for")
                .map_or(near, |chain| client(chain, near, trusted)),
            secure: peer.tls() || forwarded("x-forwarded-proto") == Some("https"),
            host: forwarded("x-forwarded-host").unwrap_or(host).to_owned(),
            origin: text(&parts.headers, "origin").map(ToOwned::to_owned),
            language: language(&parts.headers),
            device: text(&parts.headers, "user-agent")
                .unwrap_or_default()
                .chars()
                .take(256)
                .collect(),
        }
    }

    /// Whether the page that asks is our own; a plain page may not act for an encrypted one.
    #[must_use]
    pub fn is_own(&self, origin: &str) -> bool {
        origin::same_host(origin, &self.host) && (!self.secure || origin.starts_with("https://"))
    }

    /// Refuses a page of another site, which a signed-in browser could be tricked by. Browsers send
    /// Origin with every request that changes something; without both headers a program asks.
    ///
    /// # Errors
    /// `CROSS_SITE`.
    pub fn own_page(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let site = text(headers, "sec-fetch-site");
        let fetched = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let own = self.origin.as_deref().is_none_or(|origin| self.is_own(origin));
        if fetched && own { Ok(()) } else { Err(code::CROSS_SITE.into()) }
    }
}

/// The last address of the chain that is not a trusted proxy: what stands before it, the client may
/// have written itself.
fn client(chain: &str, near: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = near;
    for hop in chain.rsplit(',') {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !trusted(client) {
            break;
        }
    }
    client
}

/// The first language of Accept-Language that is ours, by weight (RFC 9110, 12.5.4).
fn language(headers: &HeaderMap) -> Language {
    let list = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let mut best = (Language::En, 0.0);
    for item in list.unwrap_or_default().split(',').take(16) {
        let mut words = item.split(';');
        let tag = words.next().unwrap_or_default().trim();
        let weight = words.find_map(|word| word.trim().strip_prefix("q=")?.parse::<f32>().ok());
        let weight = weight.unwrap_or(1.0);
        let known = tag
            .get(..2)
            .is_some_and(|two| two.eq_ignore_ascii_case("zh") || two.eq_ignore_ascii_case("en"));
        if known && weight > best.1 {
            best = (Language::from_tag(tag), weight);
        }
    }
    best.0
}

/// A header's value when it is plain text.
#[must_use]
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::base::Family;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let addr = SocketAddr::new(peer.parse().unwrap(), 9);
        let request = request.extension(PeerInfo { addr, local: addr, family: None });
        request.body(()).unwrap().into_parts().0
    }

    fn settings() -> Settings {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Settings { trusted_proxies, ..Settings::default() }
    }

    #[test]
    fn only_a_trusted_proxy_may_speak_for_its_clients() {
        let headers = [
            ("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "desk.example"),
            ("host", "inner:8080"),
        ];
        let caller = Caller::of(&settings(), &parts("10.0.0.1", &headers));
        assert_eq!(caller.address, "192.0.2.7".parse::<IpAddr>().unwrap());
        assert!(caller.secure);
        assert_eq!(caller.host, "desk.example");
        let caller = Caller::of(&settings(), &parts("192.0.2.9", &headers));
        assert_eq!(caller.address, "192.0.2.9".parse::<IpAddr>().unwrap());
        assert!(!caller.secure);
        assert_eq!(caller.host, "inner:8080");
    }

    #[test]
    fn the_language_is_the_readers_first_choice_of_ours() {
        for (list, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-GB,zh;q=0.9", Language::En),
            ("fr,zh;q=0.5,en;q=0.4", Language::Zh),
            ("fr", Language::En),
            ("zh;q=abc;;,", Language::Zh),
        ] {
            let caller = Caller::of(&settings(), &parts("::1", &[("accept-language", list)]));
            assert_eq!(caller.language, expected, "{list}");
        }
    }

    #[test]
    fn pages_of_other_sites_may_not_act() {
        let host = ("host", "desk.local");
        for (name, value, allowed) in [
            ("origin", "http://desk.local", true),
            ("origin", "http://evil.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "same-site", false),
            ("accept", "*/*", true),
        ] {
            let parts = parts("127.0.0.1", &[host, (name, value)]);
            let caller = Caller::of(&settings(), &parts);
            assert_eq!(caller.own_page(&parts.headers).is_ok(), allowed, "{name}: {value}");
        }
    }

    #[test]
    fn a_plain_page_may_not_act_for_an_encrypted_one() {
        let mut parts = parts("192.0.2.1", &[("host", "d"), ("origin", "http://d")]);
        let addr = "192.0.2.1:9".parse().unwrap();
        parts.extensions.insert(PeerInfo {
            addr,
            local: addr,
            family: Some(Family::International),
        });
        let caller = Caller::of(&settings(), &parts);
        assert!(caller.own_page(&parts.headers).is_err());
    }
}
