//! The site's certificates in both worlds, as `crypto.profile` wants them: configured, imported, or
//! from the site's own authorities in the data folder. Invariant: private keys are written with
//! mode 0600 and renamed into place.

mod files;
mod international;
mod names;
mod national;
mod revoked;
#[cfg(test)]
mod tests;

pub use international::{acme, import};
pub use names::{host_name, outward_address};
pub use national::{PairFiles, import_pair, renew_authority, request};
pub use revoked::{revoke, revoke_agent, revoked};

use std::path::{Path, PathBuf};

use posthouse_crypto::certificate::{Facts, Flaw, Identity, facts_of_pem};
use posthouse_crypto::tls::ClientAuth;
use posthouse_crypto::x509::{Pair, Purpose, Request, chain_pem};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::Fault;
use crate::base::Wall;
use crate::base::code;
use crate::config::{ClientCertificates, Config};
use crate::net::code_of;

/// What the listeners present, and the authorities behind it that are our own.
#[derive(Debug)]
pub struct Certificates {
    /// `None` in the national profile.
    pub international: Option<Identity>,
    /// `None` in the international profile.
    pub national: Option<Pair>,
    pub authorities: Authorities,
}

/// The site's own authorities, as PEM; `None` when another issued what is presented.
#[derive(Clone, Debug, Default)]
pub struct Authorities {
    pub international: Option<String>,
    pub national: Option<String>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    International,
    /// SM2, for TLS 1.3 and for signing in TLCP.
    Sign,
    /// SM2, for encryption in TLCP.
    Encrypt,
}

impl Kind {
    /// As JSON and checks name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::International => "international",
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }

    /// Where the certificate of the own authority lies that issues this kind.
    #[must_use]
    pub fn authority_path(self, data: &Path) -> PathBuf {
        match self {
            Self::International => international::authority_path(data),
            Self::Sign | Self::Encrypt => national::authority_path(data),
        }
    }
}

/// A certificate as it stands on disk.
#[derive(Clone, Debug)]
pub struct Shown {
    pub kind: Kind,
    pub facts: Facts,
    /// Whether the site's own authority issued it.
    pub own: bool,
}

/// Reads what is there, and makes what is missing or due.
///
/// # Errors
/// A file that cannot be read or written, or a certificate that does not fit its key.
pub fn certificates(config: &Config, now: Wall) -> Result<Certificates, Fault> {
    let profile = config.crypto.profile;
    let mut authorities = Authorities::default();
    let mut international = None;
    if profile.is_international() {
        let (identity, own) = international::identity(config, now)?;
        if own {
            let authority = international::authority(&config.data)?;
            authorities.international = Some(authority.certificate_pem().to_owned());
        }
        international = Some(identity);
    }
    let mut national = None;
    if profile.is_national() {
        let (pair, own) = national::pair(config, now)?;
        if own {
            let authority = national::authority(&config.data, now)?;
            authorities.national = Some(authority.certificate_pem());
        }
        national = Some(pair);
    }
    Ok(Certificates { international, national, authorities })
}

/// What the listeners present, or will, as it stands on disk. Nothing before the first start.
///
/// # Errors
/// A file that cannot be read, or is no certificate.
pub fn present(config: &Config) -> Result<Vec<Shown>, Fault> {
    let profile = config.crypto.profile;
    let mut found = Vec::new();
    if profile.is_international() {
        found.extend(international::present(config)?);
    }
    if profile.is_national() {
        found.extend(national::present(config)?);
    }
    Ok(found)
}

/// The site's own authorities that something in use depends on, as they stand on disk.
#[must_use]
pub fn own_authorities(config: &Config) -> Vec<Facts> {
    let (profile, data) = (config.crypto.profile, &config.data);
    let asked = config.tls.client_certificates != ClientCertificates::Off;
    let mut paths = Vec::new();
    if profile.is_international() && (asked || !international::is_foreign(config)) {
        paths.push(international::authority_path(data));
    }
    if profile.is_national() && (asked || !national::is_foreign(config)) {
        paths.push(national::authority_path(data));
    }
    let facts = |path: &PathBuf| facts_of_pem(&files::read(path).ok()?).ok();
    paths.iter().filter_map(facts).collect()
}

/// Issues other certificates from the site's own authorities, in each world where they are used; a
/// running process takes them at a reload.
///
/// # Errors
/// No certificate in use is an own authority's; a file cannot be written.
pub fn renew(config: &Config, now: Wall) -> Result<(), Fault> {
    let (profile, now_s) = (config.crypto.profile, now.ms / 1000);
    let mut renewed = false;
    if profile.is_international() && !international::is_foreign(config) {
        international::issue(config, now_s)?;
        renewed = true;
    }
    if profile.is_national() && !national::is_foreign(config) {
        national::issue(config, now)?;
        renewed = true;
    }
    if renewed {
        Ok(())
    } else {
        Err(Fault::new(code::CLI_NOT_OWN_CERTIFICATE, config.data.display()))
    }
}

/// Whose certificates clients may show, in each world.
#[derive(Debug, Default)]
pub struct Clients {
    pub international: ClientAuth,
    pub national: ClientAuth,
}

/// The site's own authorities are the only ones whose certificates sign agents in.
///
/// # Errors
/// A file that cannot be read or written.
pub fn client_authorities(config: &Config, now: Wall) -> Result<Clients, Fault> {
    let auth: fn(Vec<CertificateDer<'static>>) -> ClientAuth = match config.tls.client_certificates
    {
        ClientCertificates::Off => return Ok(Clients::default()),
        ClientCertificates::Optional => ClientAuth::Optional,
        ClientCertificates::Required => ClientAuth::Required,
    };
    let profile = config.crypto.profile;
    let mut clients = Clients::default();
    if profile.is_international() {
        let authority = international::authority(&config.data)?;
        clients.international = auth(vec![authority.certificate().map_err(flawed)?]);
    }
    if profile.is_national() {
        let authority = national::authority(&config.data, now)?;
        clients.national = auth(vec![authority.certificate().clone()]);
    }
    Ok(clients)
}

/// Which of the site's own authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    International,
    National,
}

/// The certificate of one of the site's own authorities, which is made when there is none.
///
/// # Errors
/// A file that cannot be read or written.
pub fn authority_pem(data: &Path, world: World, now: Wall) -> Result<String, Fault> {
    Ok(match world {
        World::International => international::authority(data)?.certificate_pem().to_owned(),
        World::National => national::authority(data, now)?.certificate_pem(),
    })
}

/// Issues the certificates with which `agent` signs in, in each world that the profile uses, and
/// writes them into `folder`: the EC certificate and its key, the SM2 double certificates and
/// theirs. What was issued is noted first, so that it can be taken back by the agent's name.
///
/// # Errors
/// The name does not fit in a certificate; a file that cannot be read or written.
pub fn issue_client(
    config: &Config,
    agent: &str,
    folder: &Path,
    now: Wall,
) -> Result<Vec<PathBuf>, Fault> {
    let (profile, now_s) = (config.crypto.profile, now.ms / 1000);
    let mut files: Vec<(String, Zeroizing<String>, u32)> = Vec::new();
    if profile.is_international() {
        let (chain, key) =
            international::authority(&config.data)?.issue_client(agent, now_s).map_err(flawed)?;
        files.push(("client.pem".to_owned(), Zeroizing::new(chain), 0o644));
        files.push(("client.key".to_owned(), key, 0o600));
    }
    if profile.is_national() {
        let pair = national::authority(&config.data, now)?.issue_client(agent, now_s);
        let pair = pair.map_err(flawed)?;
        for (name, half) in [("sign", &pair.sign), ("encrypt", &pair.encrypt)] {
            let chain = Zeroizing::new(half.chain_pem());
            files.push((format!("client-{name}.pem"), chain, 0o644));
            files.push((format!("client-{name}.key"), half.key_pem().map_err(flawed)?, 0o600));
        }
    }
    hand_out(&config.data, agent, folder, &files)
}

/// Issues to `agent` a certificate of the SM2 authority for the key of a signing request, which
/// stays where it was made, and writes it into `folder`.
///
/// # Errors
/// The request is not signed by its own key; the name does not fit in a certificate; a file that
/// cannot be read or written.
pub fn issue_requested(
    config: &Config,
    agent: &str,
    request: &Path,
    folder: &Path,
    now: Wall,
) -> Result<Vec<PathBuf>, Fault> {
    let request = Request::read(&files::read(request)?).map_err(flawed)?;
    let authority = national::authority(&config.data, now)?;
    let chain = authority.issue_requested(agent, &request, now.ms / 1000).map_err(flawed)?;
    let name = match request.purpose {
        Some(Purpose::Encrypt) => "client-encrypt.pem",
        Some(Purpose::Sign) | None => "client-sign.pem",
    };
    let pem = Zeroizing::new(chain_pem(&chain));
    hand_out(&config.data, agent, folder, &[(name.to_owned(), pem, 0o644)])
}

/// Writes what was issued to `agent`: name, text and mode of each file.
fn hand_out(
    data: &Path,
    agent: &str,
    folder: &Path,
    files: &[(String, Zeroizing<String>, u32)],
) -> Result<Vec<PathBuf>, Fault> {
    let chains: Vec<&str> = files
        .iter()
        .filter(|(.., mode)| *mode == 0o644)
        .map(|(_, text, _)| text.as_str())
        .collect();
    revoked::note_issued(data, agent, &chains)?;
    let mut written = Vec::new();
    for (name, text, mode) in files {
        let path = folder.join(name);
        files::write(&path, text, *mode)?;
        written.push(path);
    }
    Ok(written)
}

fn flawed(flaw: Flaw) -> Fault {
    Fault::new(code_of(&flaw), flaw)
}
