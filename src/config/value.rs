//! Values with a grammar of their own.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network: `10.0.0.0/8`, `fd00::/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` is in it. An IPv4 address that came over an IPv6 socket
    /// (`::ffff:10.0.0.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Network {
    /// The IPv4 address before the slash, with the bits behind it, if it can be a machine's.
    #[must_use]
    pub fn host(&self) -> Option<(Ipv4Addr, u8)> {
        let IpAddr::V4(address) = self.address else { return None };
        let part = u32::MAX.checked_shr(self.bits.into()).unwrap_or(0);
        let own = address.to_bits() & part;
        let real = !(address.is_loopback() || address.is_multicast() || address.is_unspecified());
        (real && (1..=30).contains(&self.bits) && own != 0 && own != part)
            .then_some((address, self.bits))
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(drop)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().map_err(drop)?,
            Some(_) => return Err(()),
            None => most,
        };
        if bits > most {
            return Err(());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse;
        impl Visitor<'_> for Parse {
            type Value = Network;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network like 10.0.0.0/8")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Network, E> {
                text.parse().map_err(|()| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Parse)
    }
}

impl JsonSchema for Network {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Whether `name` can stand in a certificate: an address, or a DNS name whose labels are letters,
/// digits and inner hyphens (RFC 1123), the first of which may be `*`.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let rest = name.strip_prefix("*.").unwrap_or(name);
    !rest.is_empty() && rest.len() <= 253 && rest.split('.').all(is_label)
}

/// Whether `name` can be a machine's own: one label (RFC 1123).
#[must_use]
pub fn is_machine_name(name: &str) -> bool {
    is_label(name)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether `url` is an origin: scheme, host, perhaps a port, and nothing else.
#[must_use]
pub fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let host_and_port = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match host_and_port.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, port)) => (v6, port.strip_prefix(':').or((port.is_empty()).then_some("443"))),
        None => match host_and_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_and_port, Some("443")),
        },
    };
    is_host_name(host) && port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether `levels` is a level, or a list of levels by room: `info,posthouse::net=debug`.
#[must_use]
pub fn is_log_level(levels: &str) -> bool {
    let is_level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    levels.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((room, level)) => !room.is_empty() && is_level(level),
        None => is_level(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        let net: Network = "10.1.0.0/16".parse().unwrap();
        assert!(net.contains("10.1.255.3".parse().unwrap()));
        assert!(net.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!net.contains("10.2.0.1".parse().unwrap()));
        assert!(!net.contains("fd00::1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        let one: Network = "fd00::1".parse().unwrap();
        assert!(one.contains("fd00::1".parse().unwrap()));
        assert!(!one.contains("fd00::2".parse().unwrap()));
        for bad in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "proxy", "", "/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn host_names_and_base_urls_are_told_from_other_text() {
        for good in ["shop.example", "*.shop.example", "192.0.2.1", "fd00::1", "box"] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", "-a.example", "a..b", "a b", "shop.example:443", "https://shop.example"] {
            assert!(!is_host_name(bad), "{bad}");
        }
        for good in ["https://shop.example", "https://192.0.2.1:8443/", "http://[fd00::1]:80"] {
            assert!(is_base_url(good), "{good}");
        }
        for bad in ["shop.example", "ftp://a", "https://", "https://a/b", "https://a:0"] {
            assert!(!is_base_url(bad), "{bad}");
        }
    }
}
