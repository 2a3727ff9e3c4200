//! `posthouse cert import`: an international certificate, or the double certificates of TLCP.

use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{from_node, taken};
use crate::base::{Clock as _, Language};
use crate::cli::{Ending, Failure, Settings};
use crate::node::clock::SystemClock;
use crate::node::identity::{self, PairFiles};

/// Take a certificate you have, or a national pair, into the data folder.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("world").required(true).args(["certificate", "sign_certificate"])))]
pub struct Import {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// PEM file with the chain, the server's own certificate first.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// PEM file with the private key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// PEM file with the chain of the SM2 signing certificate.
    #[arg(long, value_name = "FILE", requires = "encrypt_certificate")]
    sign_certificate: Option<PathBuf>,
    /// Key of the signing certificate. Left out: the one that `csr --sign` made.
    #[arg(long, value_name = "FILE", requires = "sign_certificate")]
    sign_key: Option<PathBuf>,
    /// PEM file with the chain of the SM2 encryption certificate.
    #[arg(long, value_name = "FILE", requires = "sign_certificate")]
    encrypt_certificate: Option<PathBuf>,
    /// Key of the encryption certificate. Left out: the one that `csr --encrypt` made.
    #[arg(long, value_name = "FILE", requires = "encrypt_certificate")]
    encrypt_key: Option<PathBuf>,
    /// The encryption key as the authority delivers it, sealed for the signing key (GB/T 35276).
    #[arg(
        long,
        value_name = "FILE",
        requires = "encrypt_certificate",
        conflicts_with = "encrypt_key"
    )]
    envelope: Option<PathBuf>,
    /// File whose first line opens keys that are sealed (PBES2 with SM3 and SM4).
    #[arg(long, value_name = "FILE", requires = "sign_certificate")]
    passphrase_file: Option<PathBuf>,
}

impl Import {
    /// What the audit log is told.
    pub(super) fn about(&self) -> String {
        let file = self.certificate.as_ref().or(self.sign_certificate.as_ref());
        file.map(|path| path.display().to_string()).unwrap_or_default()
    }

    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let now = SystemClock::default().wall();
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            identity::import(&loaded.config, certificate, key, now).map_err(from_node)?;
        }
        if let (Some(sign_certificate), Some(encrypt_certificate)) =
            (self.sign_certificate, self.encrypt_certificate)
        {
            let files = PairFiles {
                sign_certificate,
                sign_key: self.sign_key,
                encrypt_certificate,
                encrypt_key: self.encrypt_key,
                envelope: self.envelope,
                passphrase: self.passphrase_file,
            };
            identity::import_pair(&loaded.config, &files, now).map_err(from_node)?;
        }
        taken(&loaded, out, language)
    }
}
