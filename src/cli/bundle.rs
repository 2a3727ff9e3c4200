//! `posthouse bundle`: files that update machines without a network.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use posthouse_crypto::release::{Algorithm, SecretKey};

use super::{Ending, Failure};
use crate::base::code;
use crate::bundle::{self, Bundle, Fault, Keys, Slots};

#[derive(Args, Debug)]
pub struct BundleCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a key for signing; prints the line that machines trust.
    Key {
        /// `ed25519` or `sm2`.
        #[arg(long, value_name = "KIND")]
        algorithm: Algorithm,
        /// File for the secret key, mode 0600; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a bundle of the kernel file of an image.
    #[command(disable_version_flag = true)]
    Make {
        /// What the image is for: `arm64-uefi`.
        #[arg(long, value_name = "TARGET")]
        target: String,
        /// The version in the kernel file.
        #[arg(long, value_name = "VERSION")]
        version: String,
        /// Number that rises with every release; the image's BUILD_EPOCH.
        #[arg(long, value_name = "NUMBER")]
        release: u64,
        /// The file that `scripts/image --kernel-only` made.
        #[arg(long, value_name = "FILE")]
        kernel: PathBuf,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a bundle; machines ask for a signature of each kind.
    Sign {
        /// File of a secret key; may be given twice.
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
        bundle: PathBuf,
    },
    /// Check signatures and content.
    Verify {
        /// File of trusted keys, a line each.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        bundle: PathBuf,
    },
    /// Put a bundle into a slot of a boot partition. Machines do it by themselves.
    #[command(disable_version_flag = true)]
    Install {
        /// File of trusted keys, a line each.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// Where the boot partition is mounted.
        #[arg(long, value_name = "DIR")]
        boot: PathBuf,
        /// Target, version and release of what runs there.
        #[arg(long, value_name = "TARGET")]
        target: String,
        #[arg(long, value_name = "VERSION")]
        version: String,
        #[arg(long, value_name = "NUMBER")]
        release: u64,
        bundle: PathBuf,
    },
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::coded(fault.code, fault.detail)
    }
}

impl BundleCommand {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        match self.command {
            Command::Key { algorithm, out: file } => {
                let pem = SecretKey::generate(algorithm).map_err(anyhow::Error::from)?;
                let public = SecretKey::from_pem(&pem).map_err(anyhow::Error::from)?.public();
                write_secret(&file, &pem)?;
                writeln!(out, "{public}")?;
            }
            Command::Make { target, version, release, kernel, out: file } => {
                let manifest = bundle::make(&target, &version, release, &kernel, &file)?;
                writeln!(out, "{}", serde_json::to_string(&manifest)?)?;
            }
            Command::Sign { key, bundle } => {
                for file in key {
                    let pem = zeroize::Zeroizing::new(fs::read_to_string(&file)?);
                    let about = file.display().to_string();
                    let key = SecretKey::from_pem(&pem)
                        .map_err(|_| Failure::coded(code::BUNDLE_NO_KEYS, about))?;
                    bundle::sign(&bundle, &key)?;
                }
            }
            Command::Verify { keys, bundle } => {
                let keys = Keys::read(&fs::read_to_string(keys)?)?;
                let mut bundle = Bundle::open(&bundle, &keys)?;
                bundle.copy(&mut std::io::sink())?;
                writeln!(out, "{}", serde_json::to_string(&bundle.manifest)?)?;
            }
            Command::Install { keys, boot, target, version, release, bundle } => {
                let keys = Keys::read(&fs::read_to_string(keys)?)?;
                let slots = Slots { boot: &boot, target: &target, version: &version, release };
                let mut bundle = Bundle::open(&bundle, &keys)?;
                let slot = bundle::install(&mut bundle, &slots)?;
                writeln!(out, "{}", slot.display())?;
            }
        }
        Ok(Ending::Done)
    }
}

fn write_secret(file: &std::path::Path, pem: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut secret = options.write(true).create_new(true).mode(0o600).open(file)?;
    secret.write_all(pem.as_bytes())?;
    secret.sync_all()
}
