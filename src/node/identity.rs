//! The site's certificate: the configured one, or one from the site's own authority in the data
//! folder. Invariant: private keys are written with mode 0600 and renamed into place.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use posthouse_crypto::authority::Authority;
use posthouse_crypto::certificate::{Facts, Identity, facts_of_pem};

use super::Fault;
use crate::base::Wall;
use crate::base::code;
use crate::config::Config;
use crate::net::acme::Acme;
use crate::net::code_of;

/// What the listeners present, and the authority behind it when it is our own.
#[derive(Debug)]
pub struct Certificates {
    pub identity: Identity,
    /// PEM of the site's own authority; `None` with a configured certificate.
    pub authority_pem: Option<String>,
}

/// Path of the authority's certificate, for people to download.
#[must_use]
pub fn authority_path(data: &Path) -> PathBuf {
    data.join("tls/ca.pem")
}

/// Reads the configured certificate, or the imported one, or that of an ACME authority; else makes
/// what is missing in the data folder: the authority once, the site's own certificate when there is
/// none, it is due, or its names changed.
///
/// # Errors
/// A file that cannot be read or written, or a certificate that does not fit its key.
pub fn certificates(config: &Config, now: Wall) -> Result<Certificates, Fault> {
    let now_s = now.ms / 1000;
    if let (Some(chain), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        let identity = Identity::read(&read(chain)?, &read(key)?)
            .map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
        return Ok(Certificates { identity, authority_pem: None });
    }
    let (chain, key) = imported(&config.data);
    if chain.exists() && key.exists() {
        let identity = Identity::read(&read(&chain)?, &read(&key)?)
            .map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
        return Ok(Certificates { identity, authority_pem: None });
    }
    if let Some(identity) = acme(config).and_then(|acme| acme.kept()) {
        return Ok(Certificates { identity, authority_pem: None });
    }
    let authority = authority(&config.data)?;
    let names = names(config);
    let (chain, key) = issued(&config.data);
    let kept = if chain.exists() && key.exists() {
        Identity::read(&read(&chain)?, &read(&key)?).ok()
    } else {
        None
    };
    let good = kept.filter(|kept| kept.covers(&names) && !(now.trusted && kept.renewal_due(now_s)));
    let identity = match good {
        Some(kept) => kept,
        None => {
            let issued =
                authority.issue(&names, now_s).map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
            write(&key, issued.key_pem(), 0o600)?;
            write(&chain, issued.chain_pem(), 0o644)?;
            issued
        }
    };
    Ok(Certificates { identity, authority_pem: Some(authority.certificate_pem().to_owned()) })
}

/// What the listeners present, or will: facts of the certificate on disk, and whether the site's
/// own authority issued it. `None` before the first start.
///
/// # Errors
/// A file that cannot be read, or is no certificate.
pub fn present(config: &Config) -> Result<Option<(Facts, bool)>, Fault> {
    let imported = imported(&config.data).0;
    let (chain, own) = match &config.tls.certificate {
        Some(chain) => (chain.clone(), false),
        None if imported.exists() => (imported, false),
        None => (issued(&config.data).0, true),
    };
    if let Some(identity) = acme(config).filter(|_| own).and_then(|acme| acme.kept()) {
        return Ok(Some((identity.facts().clone(), false)));
    }
    if !chain.exists() {
        return Ok(None);
    }
    let facts = facts_of_pem(&read(&chain)?).map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
    Ok(Some((facts, own)))
}

/// Issues another certificate from the site's own authority; a running process takes it at a
/// reload.
///
/// # Errors
/// The certificate in use is not the own authority's; a file cannot be written.
pub fn renew(config: &Config, now: Wall) -> Result<(), Fault> {
    if config.tls.certificate.is_some() || imported(&config.data).0.exists() {
        return Err(Fault::new(code::CLI_NOT_OWN_CERTIFICATE, config.data.display()));
    }
    let fresh = authority(&config.data)?
        .issue(&names(config), now.ms / 1000)
        .map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
    let (chain, key) = issued(&config.data);
    write(&key, fresh.key_pem(), 0o600)?;
    write(&chain, fresh.chain_pem(), 0o644)
}

/// Takes a certificate and its key into the data folder, after every check.
///
/// # Errors
/// They do not fit each other or are not valid now; settings name another certificate.
pub fn import(config: &Config, chain: &Path, key: &Path, now: Wall) -> Result<(), Fault> {
    if let Some(named) = &config.tls.certificate {
        return Err(Fault::new(code::CONFIG_CONFLICT, named.display()));
    }
    let now_s = now.trusted.then_some(now.ms / 1000);
    let identity = Identity::import(&read(chain)?, &read(key)?, now_s)
        .map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
    let folder = config.data.join("tls");
    fs::create_dir_all(&folder).map_err(|error| Fault::file(&folder, &error))?;
    let (chain, key) = imported(&config.data);
    write(&key, identity.key_pem(), 0o600)?;
    write(&chain, identity.chain_pem(), 0o644)
}

/// Chain and key of an imported certificate.
fn imported(data: &Path) -> (PathBuf, PathBuf) {
    (data.join("tls/imported.pem"), data.join("tls/imported.key"))
}

/// Chain and key that the own authority issued.
fn issued(data: &Path) -> (PathBuf, PathBuf) {
    (data.join("tls/site.pem"), data.join("tls/site.key"))
}

/// The authority that a configuration line names, and what it is asked for.
#[must_use]
pub fn acme(config: &Config) -> Option<Acme> {
    let asked = &config.tls.acme;
    Some(Acme {
        directory: asked.directory.clone()?,
        contact: asked.contact.clone(),
        domains: asked.domains.clone(),
        root: asked.root.clone(),
        folder: config.data.join("tls"),
    })
}

fn authority(data: &Path) -> Result<Authority, Fault> {
    let (certificate, key) = (authority_path(data), data.join("tls/ca.key"));
    if certificate.exists() && key.exists() {
        return Authority::read(&read(&certificate)?, &read(&key)?)
            .map_err(|flaw| Fault::new(code_of(&flaw), flaw));
    }
    let folder = data.join("tls");
    fs::create_dir_all(&folder).map_err(|error| Fault::file(&folder, &error))?;
    let name = format!("Posthouse CA {}", host_name());
    let made = Authority::create(&name).map_err(|flaw| Fault::new(code_of(&flaw), flaw))?;
    write(&key, &made.key_pem(), 0o600)?;
    write(&certificate, made.certificate_pem(), 0o644)?;
    Ok(made)
}

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
/// packet is sent (a documentation address, RFC 5737).
#[must_use]
pub fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn read(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|error| Fault::file(path, &error))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    let fresh = path.with_extension("new");
    let done = (|| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    })();
    done.map_err(|error| Fault::file(path, &error))
}
