//! The keys of the audit log: of the site's key file when it has one, else of a file of its own
//! that whoever owns the machine can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use posthouse_crypto::audit::Signer;
use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::key_file::{KeyFault, KeyFile, Kind};
use posthouse_crypto::token::{Token, hex};
use zeroize::Zeroizing;

use super::files;
use crate::store::Fault;

/// The file in the data folder, for a site without a key file.
pub const KEY_FILE: &str = "audit/key";

/// The secrets of an audit log.
pub struct AuditSecrets {
    pub family: Family,
    pub root: Secret,
    /// Seed of the signing key.
    pub signer: Secret,
}

/// The secrets in a data folder, of a site without a key file; `None` when it has none.
///
/// # Errors
/// The disk fails, or the file is damaged.
pub fn secrets(data: &Path) -> Result<Option<AuditSecrets>, Fault> {
    let read = || {
        let path = data.join(KEY_FILE);
        if !path.try_exists()? {
            return Ok(None);
        }
        let text = Zeroizing::new(fs::read_to_string(&path)?);
        parse(&text).map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, KEY_FILE))
    };
    read().map_err(Fault::disk("audit log's key"))
}

/// Writes the secrets into a data folder.
///
/// # Errors
/// The disk takes no writes.
pub fn keep_secrets(data: &Path, secrets: &AuditSecrets) -> Result<(), Fault> {
    let write = || {
        files::make_folder(&data.join(super::FOLDER))?;
        write(&data.join(KEY_FILE), secrets)
    };
    write().map_err(Fault::disk("audit log's key"))
}

/// What chains and signs.
#[derive(Clone, Debug)]
pub struct AuditKeys {
    pub(super) family: Family,
    pub(super) root: Secret,
    pub(super) signer: Arc<Signer>,
}

impl AuditKeys {
    /// The newest ones of the site's key file.
    ///
    /// # Errors
    /// [`KeyFault::NoKey`]: it has none.
    pub fn of_file(file: &KeyFile) -> Result<Self, KeyFault> {
        let secret = |kind| file.newest(kind).map(|entry| entry.secret.clone());
        let (root, seed) = secret(Kind::AuditRoot).zip(secret(Kind::AuditSigner)).ok_or(NONE)?;
        Self::of_secrets(file.family(), root, &seed).ok_or(NONE)
    }

    /// The ones of a site without a key file; made when there are none.
    ///
    /// # Errors
    /// The disk fails, or there is no randomness.
    pub fn of_folder(data: &Path, family: Family) -> Result<Self, Fault> {
        if let Some(AuditSecrets { family, root, signer }) = secrets(data)? {
            return Ok(Self::of_secrets(family, root, &signer).ok_or(NONE)?);
        }
        let random = || Token::random().map_err(KeyFault::NoRandomness);
        let secret = |token: &Token| Zeroizing::new(*token.as_bytes());
        let (root, signer) = (secret(&random()?), secret(&random()?));
        keep_secrets(data, &AuditSecrets { family, root: root.clone(), signer: signer.clone() })?;
        Ok(Self::of_secrets(family, root, &signer).ok_or(NONE)?)
    }

    fn of_secrets(family: Family, root: Secret, seed: &Secret) -> Option<Self> {
        let signer = Arc::new(Signer::of_seed(family, seed)?);
        Some(Self { family, root, signer })
    }

    /// The key that verifies heads, in hexadecimal digits.
    #[must_use]
    pub fn public(&self) -> String {
        hex(&self.signer.public())
    }
}

const NONE: KeyFault = KeyFault::NoKeyFile;

/// One line: family, root and signer's seed.
fn write(path: &Path, secrets: &AuditSecrets) -> io::Result<()> {
    let AuditSecrets { family, root, signer } = secrets;
    let (root, signer) = (Zeroizing::new(hex(&**root)), Zeroizing::new(hex(&**signer)));
    let text = Zeroizing::new(format!("{} {} {}\n", family.name(), *root, *signer));
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), files::sync_folder)
}

fn parse(text: &str) -> Option<AuditSecrets> {
    let mut words = text.split_ascii_whitespace();
    let family = Family::from_name(words.next()?)?;
    let root = Zeroizing::new(*Token::from_hex(words.next()?)?.as_bytes());
    let signer = Zeroizing::new(*Token::from_hex(words.next()?)?.as_bytes());
    Some(AuditSecrets { family, root, signer })
}
