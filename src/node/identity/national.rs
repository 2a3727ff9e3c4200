//! The SM2 certificates: the configured pair, the imported one, or one from the site's own SM2
//! authority. A pair is one file, so that no crash leaves half of one.

use std::path::{Path, PathBuf};

use posthouse_crypto::certificate::Facts;
use posthouse_crypto::sm2::SecretKey;
use posthouse_crypto::x509::{
    Authority, Pair, PairFlaw, Purpose, Request, key_pem, open_envelope, read_key,
};

use super::super::Fault;
use super::files::{is_there, read, write};
use super::names::{host_name, names};
use super::{Kind, Shown, flawed};
use crate::base::Wall;
use crate::base::code;
use crate::config::Config;
use crate::net::code_of_pair;

/// What an operator brings: two certificates, and their keys in any of the forms that authorities
/// deliver.
#[derive(Clone, Debug)]
pub struct PairFiles {
    pub sign_certificate: PathBuf,
    /// `None`: the key of the request that `posthouse cert csr` made.
    pub sign_key: Option<PathBuf>,
    pub encrypt_certificate: PathBuf,
    pub encrypt_key: Option<PathBuf>,
    /// The encryption key as the authority sealed it for the signing key.
    pub envelope: Option<PathBuf>,
    /// Opens keys that are sealed.
    pub passphrase: Option<PathBuf>,
}

/// As for the international certificate: configured, imported, or the own authority's.
pub(super) fn pair(config: &Config, now: Wall) -> Result<(Pair, bool), Fault> {
    if let Some(files) = config.tls.national.files() {
        let [sign, sign_key, encrypt, encrypt_key] = files.map(|path| read(path));
        let (sign, sign_key) = (sign?, sign_key?);
        let (encrypt, encrypt_key) = (encrypt?, encrypt_key?);
        let pair = Pair::read((&sign, &sign_key), (&encrypt, &encrypt_key));
        return Ok((pair.map_err(pair_flawed)?, false));
    }
    let imported = imported(&config.data);
    if imported.exists() {
        return Ok((Pair::from_pem(&read(&imported)?).map_err(pair_flawed)?, false));
    }
    let issued = issued(&config.data);
    let kept = if issued.exists() { Pair::from_pem(&read(&issued)?).ok() } else { None };
    let names = names(config);
    let due = |pair: &Pair| now.trusted && pair.renewal_due(now.ms / 1000);
    match kept.filter(|pair| pair.covers(&names) && !due(pair)) {
        Some(pair) => Ok((pair, true)),
        None => Ok((issue(config, now)?, true)),
    }
}

/// Facts of both certificates on disk; nothing before the first start.
pub(super) fn present(config: &Config) -> Result<Vec<Shown>, Fault> {
    let (pair, own) = if config.tls.national.files().is_some() || imported(&config.data).exists() {
        (pair(config, Wall::default())?.0, false)
    } else if issued(&config.data).exists() {
        (Pair::from_pem(&read(&issued(&config.data))?).map_err(pair_flawed)?, true)
    } else {
        return Ok(Vec::new());
    };
    let shown = |kind, facts: &Facts| Shown { kind, facts: facts.clone(), own };
    Ok(vec![shown(Kind::Sign, pair.sign.facts()), shown(Kind::Encrypt, pair.encrypt.facts())])
}

/// Whether the pair in use is one that the own authority cannot renew.
pub(super) fn is_foreign(config: &Config) -> bool {
    config.tls.national.files().is_some() || imported(&config.data).exists()
}

/// Issues another pair from the site's own authority.
pub(super) fn issue(config: &Config, now: Wall) -> Result<Pair, Fault> {
    let fresh = authority(&config.data, now)?.issue(&names(config), now.ms / 1000);
    let fresh = fresh.map_err(flawed)?;
    write(&issued(&config.data), &fresh.to_pem().map_err(flawed)?, 0o600)?;
    Ok(fresh)
}

/// Takes double certificates and their keys into the data folder, after every check.
///
/// # Errors
/// They do not belong together or are not valid now; settings name others.
pub fn import_pair(config: &Config, files: &PairFiles, now: Wall) -> Result<(), Fault> {
    if config.tls.national.files().is_some() {
        return Err(Fault::new(code::CONFIG_CONFLICT, "tls.national.sign_certificate"));
    }
    let passphrase = files.passphrase.as_deref().map(read).transpose()?;
    let passphrase = passphrase.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
    let key = |path: &Path| read_key(&read(path)?, passphrase.map(str::as_bytes)).map_err(flawed);
    let requested = |purpose| requested(&config.data, purpose);
    let sign_key = key(files.sign_key.as_deref().unwrap_or(&requested(Purpose::Sign)))?;
    let encrypt_key = match (&files.encrypt_key, &files.envelope) {
        (_, Some(envelope)) => {
            let sealed = std::fs::read(envelope).map_err(|error| Fault::file(envelope, &error))?;
            open_envelope(&sealed, &sign_key).map_err(flawed)?
        }
        (Some(path), None) => key(path)?,
        (None, None) => key(&requested(Purpose::Encrypt))?,
    };
    let sign = read(&files.sign_certificate)?;
    let encrypt = read(&files.encrypt_certificate)?;
    let pair = Pair::with_keys((&sign, sign_key), (&encrypt, encrypt_key)).map_err(pair_flawed)?;
    if now.trusted {
        pair.valid_at(now.ms / 1000).map_err(pair_flawed)?;
    }
    write(&imported(&config.data), &pair.to_pem().map_err(flawed)?, 0o600)
}

/// A signing request in PEM. Its key is made at the first request and stays in the data folder
/// until the certificate is imported.
///
/// # Errors
/// A file that cannot be read or written.
pub fn request(config: &Config, purpose: Purpose) -> Result<String, Fault> {
    let key = requested_key(&config.data, purpose)?;
    Request::create(&key, &names(config), purpose).map_err(flawed)
}

/// The key of a signing request, made at its first use.
pub(super) fn requested_key(data: &Path, purpose: Purpose) -> Result<SecretKey, Fault> {
    let path = requested(data, purpose);
    if path.exists() {
        return read_key(&read(&path)?, None).map_err(flawed);
    }
    let key = SecretKey::generate();
    let key = key.map_err(|fault| Fault::new(code::TLS_UNAVAILABLE, fault))?;
    write(&path, &key_pem(&key).map_err(flawed)?, 0o600)?;
    Ok(key)
}

/// Path of the SM2 authority's certificate, for people to download.
pub(super) fn authority_path(data: &Path) -> PathBuf {
    data.join("tls/sm-ca.pem")
}

/// The site's own SM2 authority, made at its first use.
pub(super) fn authority(data: &Path, now: Wall) -> Result<Authority, Fault> {
    let (certificate, key) = (authority_path(data), data.join("tls/sm-ca.key"));
    if is_there(&certificate)? {
        if !is_there(&key)? {
            return Err(Fault::new(code::AUTHORITY_KEY_MISSING, certificate.display()));
        }
        return Authority::read(&read(&certificate)?, &read(&key)?).map_err(flawed);
    }
    // The key is written first: alone it is what a crash left, and nobody has its certificate.
    let name = format!("Posthouse SM2 CA {}", host_name());
    let made = Authority::create(&name, believed_s(now)).map_err(flawed)?;
    write(&key, &made.key_pem().map_err(flawed)?, 0o600)?;
    write(&certificate, &made.certificate_pem(), 0o644)?;
    Ok(made)
}

/// Gives the site's own SM2 authority another certificate for its key, and issues another pair
/// below it if the presented one is its own. Who believes the former certificate believes the pair
/// until that ends.
///
/// # Errors
/// A file cannot be read or written.
pub fn renew_authority(config: &Config, now: Wall) -> Result<(), Fault> {
    let renewed = authority(&config.data, now)?.renew(believed_s(now)).map_err(flawed)?;
    write(&authority_path(&config.data), &renewed.certificate_pem(), 0o644)?;
    if config.crypto.profile.is_national() && !is_foreign(config) {
        issue(config, now)?;
    }
    Ok(())
}

/// A clock that is not set says nothing of the ten years to come.
fn believed_s(now: Wall) -> u64 {
    if now.trusted { now.ms / 1000 } else { 0 }
}

fn imported(data: &Path) -> PathBuf {
    data.join("tls/sm-imported.pem")
}

fn issued(data: &Path) -> PathBuf {
    data.join("tls/sm-site.pem")
}

/// The key of a signing request.
fn requested(data: &Path, purpose: Purpose) -> PathBuf {
    data.join(match purpose {
        Purpose::Sign => "tls/sm-request-sign.key",
        Purpose::Encrypt => "tls/sm-request-encrypt.key",
    })
}

fn pair_flawed(flaw: PairFlaw) -> Fault {
    Fault::new(code_of_pair(&flaw), flaw)
}
