//! What a person at the machine is told at the start: name, addresses, one-time code.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::identity;
use crate::base::qr::Qr;
use crate::base::{Language, Private};
use crate::config::{Config, SetupCode};

/// The one-time code of the settings, else a new one. `None` without randomness.
#[must_use]
pub fn claim_code(config: &Config) -> Option<Private> {
    if let Some(code) = &config.appliance.setup_code {
        return Some(code.0.clone());
    }
    let mut bytes = [0; 12];
    posthouse_crypto::token::fill_random(&mut bytes).ok()?;
    Some(SetupCode::of(bytes).0)
}

/// The addresses people reach this desk by, the most useful first.
#[must_use]
pub fn urls(config: &Config, bound: SocketAddr) -> Vec<String> {
    if !config.endpoints.is_empty() {
        return config.endpoints.clone();
    }
    let mut hosts = Vec::new();
    if bound.ip().is_unspecified() {
        hosts.extend(identity::outward_address());
        hosts.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    } else {
        hosts.push(bound.ip());
    }
    let url = |host: IpAddr| match (host, bound.port()) {
        (IpAddr::V6(host), port) => format!("https://[{host}]:{port}/"),
        (IpAddr::V4(host), 443) => format!("https://{host}/"),
        (IpAddr::V4(host), port) => format!("https://{host}:{port}/"),
    };
    hosts.into_iter().map(url).collect()
}

/// Prints the banner to standard output; `qr`: with the first address as a QR code, too.
///
/// # Errors
/// Standard output is closed.
pub fn print(
    name: &str,
    urls: &[String],
    code: Option<&Private>,
    language: Language,
    qr: bool,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let name = if name.is_empty() { "Posthouse" } else { name };
    writeln!(out, "{name} {}", env!("CARGO_PKG_VERSION"))?;
    for url in urls {
        writeln!(out, "  {url}")?;
    }
    if let Some(code) = code {
        let (line, hint) = match language {
            Language::En => ("One-time code", "Open one of these to set the desk up:"),
            Language::Zh => ("一次性设置码", "打开下面任一地址完成设置："),
        };
        writeln!(out, "{line}: {}", &**code)?;
        writeln!(out, "{hint}")?;
        for url in urls {
            writeln!(out, "  {}", setup_url(url, code))?;
        }
        let first = urls.first().filter(|_| qr).and_then(|url| Qr::encode(&setup_url(url, code)));
        for line in first.iter().flat_map(Qr::lines) {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}

/// Where a new site is claimed. The code stands behind the #, so that it is never sent in a
/// request's address.
fn setup_url(url: &str, code: &Private) -> String {
    format!("{}/setup#code={}", url.trim_end_matches('/'), &**code)
}
