//! The EC certificate: the configured one, the imported one, that of an ACME authority, or one from
//! the site's own authority.

use std::path::{Path, PathBuf};

use posthouse_crypto::authority::Authority;
use posthouse_crypto::certificate::{Facts, Flaw, Identity, facts_of_pem};
use zeroize::Zeroizing;

use super::super::Fault;
use super::files::{is_there, read, write};
use super::names::{host_name, names};
use super::{Kind, Shown, flawed};
use crate::base::Wall;
use crate::base::code;
use crate::config::Config;
use crate::net::acme::Acme;

/// Reads the configured certificate, or the imported one, or that of an ACME authority; else makes
/// what is missing in the data folder: the authority once, the site's own certificate when there is
/// none, it is due, or its names changed. With it comes whether it is the own authority's.
pub(super) fn identity(config: &Config, now: Wall) -> Result<(Identity, bool), Fault> {
    let now_s = now.ms / 1000;
    if let (Some(chain), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        let identity = Identity::read(&read(chain)?, &read(key)?).map_err(flawed)?;
        return Ok((identity, false));
    }
    let (kept, older_key) = imported(&config.data);
    if is_there(&kept)? {
        let text = read(&kept)?;
        let identity = match Identity::read(&text, &text) {
            Err(Flaw::NoKey) if is_there(&older_key)? => Identity::read(&text, &read(&older_key)?),
            whole => whole,
        };
        return Ok((identity.map_err(flawed)?, false));
    }
    if let Some(identity) = acme(config).and_then(|acme| acme.kept()) {
        return Ok((identity, false));
    }
    let names = names(config);
    let (chain, key) = issued(&config.data);
    let kept = if chain.exists() && key.exists() {
        Identity::read(&read(&chain)?, &read(&key)?).ok()
    } else {
        None
    };
    let good = kept.filter(|kept| kept.covers(&names) && !(now.trusted && kept.renewal_due(now_s)));
    match good {
        Some(kept) => Ok((kept, true)),
        None => Ok((issue(config, now_s)?, true)),
    }
}

/// Facts of the certificate on disk; `None` before the first start.
pub(super) fn present(config: &Config) -> Result<Option<Shown>, Fault> {
    let shown = |facts: Facts, own| Some(Shown { kind: Kind::International, facts, own });
    let imported = imported(&config.data).0;
    let (chain, own) = match &config.tls.certificate {
        Some(chain) => (chain.clone(), false),
        None if imported.exists() => (imported, false),
        None => (issued(&config.data).0, true),
    };
    if let Some(identity) = acme(config).filter(|_| own).and_then(|acme| acme.kept()) {
        return Ok(shown(identity.facts().clone(), false));
    }
    if !chain.exists() {
        return Ok(None);
    }
    Ok(shown(facts_of_pem(&read(&chain)?).map_err(flawed)?, own))
}

/// Whether the certificate in use is one that the own authority cannot renew.
pub(super) fn is_foreign(config: &Config) -> bool {
    config.tls.certificate.is_some() || imported(&config.data).0.exists()
}

/// Issues another certificate from the site's own authority.
pub(super) fn issue(config: &Config, now_s: u64) -> Result<Identity, Fault> {
    let fresh = authority(&config.data)?.issue(&names(config), now_s).map_err(flawed)?;
    let (chain, key) = issued(&config.data);
    write(&key, fresh.key_pem(), 0o600)?;
    write(&chain, fresh.chain_pem(), 0o644)?;
    Ok(fresh)
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
    let identity = Identity::import(&read(chain)?, &read(key)?, now_s).map_err(flawed)?;
    let (kept, older_key) = imported(&config.data);
    let text = Zeroizing::new(format!("{}{}", identity.key_pem(), identity.chain_pem()));
    write(&kept, &text, 0o600)?;
    if is_there(&older_key)? {
        std::fs::remove_file(&older_key).map_err(|error| Fault::file(&older_key, &error))?;
    }
    Ok(())
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

/// Path of the authority's certificate, for people to download.
pub(super) fn authority_path(data: &Path) -> PathBuf {
    data.join("tls/ca.pem")
}

/// The site's own authority, made at its first use.
pub(super) fn authority(data: &Path) -> Result<Authority, Fault> {
    let (certificate, key) = (authority_path(data), data.join("tls/ca.key"));
    if is_there(&certificate)? {
        if !is_there(&key)? {
            return Err(Fault::new(code::AUTHORITY_KEY_MISSING, certificate.display()));
        }
        return Authority::read(&read(&certificate)?, &read(&key)?).map_err(flawed);
    }
    // The key is written first: alone it is what a crash left, and nobody has its certificate.
    let made = Authority::create(&format!("Posthouse CA {}", host_name())).map_err(flawed)?;
    write(&key, &made.key_pem(), 0o600)?;
    write(&certificate, made.certificate_pem(), 0o644)?;
    Ok(made)
}

/// An imported certificate, key and chain in one file, so that no crash leaves half of it; then
/// where its key lies in the older form, which has the chain alone in the first.
fn imported(data: &Path) -> (PathBuf, PathBuf) {
    (data.join("tls/imported.pem"), data.join("tls/imported.key"))
}

/// Chain and key that the own authority issued.
fn issued(data: &Path) -> (PathBuf, PathBuf) {
    (data.join("tls/site.pem"), data.join("tls/site.key"))
}
