//! What the machine is called: by its own name, and by the address others reach it by.

use std::net::{IpAddr, UdpSocket};

use crate::config::Config;

/// Names in the site's own certificate: the configured ones, else what the machine is called.
#[must_use]
pub fn names(config: &Config) -> Vec<String> {
    if !config.site.names.is_empty() {
        return config.site.names.clone();
    }
    let host = host_name();
    let mut names = vec![host.clone(), format!("{host}.local"), "posthouse.local".to_owned()];
    names.push("localhost".to_owned());
    names.extend(outward_address().map(|address| address.to_string()));
    if !config.listen.ip().is_unspecified() {
        names.push(config.listen.ip().to_string());
    }
    names.push("127.0.0.1".to_owned());
    names.push("::1".to_owned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The machine's name, in the letters that a certificate takes.
#[must_use]
pub fn host_name() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy().to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name: String = name.chars().filter(|c| plain(*c)).take(63).collect();
    if name.is_empty() { "posthouse".to_owned() } else { name }
}

/// The address other machines reach this one by: what a datagram to the outside would carry. No
/// packet is sent (a documentation address, RFC 5737). On a network without a way out, the first of
/// this machine's own.
#[must_use]
pub fn outward_address() -> Option<IpAddr> {
    let first = || first_address(&std::fs::read_to_string("/proc/net/fib_trie").ok()?);
    routed_address().or_else(first)
}

/// The kernel's table of routes as a tree of text: a leaf `|-- ADDRESS`, below it its kinds.
fn first_address(trie: &str) -> Option<IpAddr> {
    let mut leaf = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok().filter(|address: &IpAddr| !address.is_loopback());
        } else if line == "/32 host LOCAL" && leaf.is_some() {
            return leaf;
        }
    }
    None
}

fn routed_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_way_out_the_first_address_counts() {
        let trie = "Main:\n |-- 10.0.2.0\n /24 link UNICAST\nLocal:\n |-- 127.0.0.1\n \
                    /32 host LOCAL\n |-- 10.0.2.15\n /32 host LOCAL\n |-- 10.0.3.1\n \
                    /32 host LOCAL\n";
        assert_eq!(first_address(trie), "10.0.2.15".parse().ok());
        assert_eq!(first_address("|-- 10.0.2.255\n /32 link BROADCAST\n"), None);
    }
}
