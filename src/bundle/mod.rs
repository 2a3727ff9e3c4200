//! One file that updates a machine without a network: a manifest, what it names, and signatures of
//! both kinds. Architecture invariant: nothing of a bundle is used before the signatures of its
//! manifest and the hashes of its content were right, and no name in it becomes a path.
//!
//! | bytes | |
//! |---|---|
//! | 0..8 | `PHBUNDLE` |
//! | 8..12 | format, u32 1 |
//! | 12..16 | length of the manifest, u32, at most 16 KiB |
//! | … | the manifest, JSON |
//! | … | the kernel file, as long as the manifest says |
//! | … | signatures, at most four: algorithm (1 Ed25519, 2 SM2), 64 bytes each |
//!
//! Signed are `posthouse bundle 1`, a zero byte, and the manifest as it stands there. Numbers are
//! little-endian.

mod slot;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use posthouse_crypto::hash::Sha256;
use posthouse_crypto::release::{ALGORITHMS, Algorithm, PublicKey, SecretKey};
use posthouse_crypto::sm3::Sm3;
use posthouse_crypto::token::hex;
use serde::{Deserialize, Serialize};

use crate::base::code::{self, Code};
use crate::base::limits::{BUNDLE_KERNEL_BYTES, BUNDLE_KEYS, BUNDLE_MANIFEST_BYTES};

pub use slot::{Slots, install};

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `posthouse`
    pub product: String,
    /// What the image was made for: `arm64-uefi`.
    pub target: String,
    /// `0.2.0`
    pub version: String,
    /// Rises with every release; a machine takes none that is less than its own.
    pub release: u64,
    pub kernel: Content,
}

/// Length and hashes of what a bundle carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub bytes: u64,
    /// Hexadecimal digits.
    pub sha256: String,
    pub sm3: String,
}

/// Why a bundle was not made, or not taken.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub code: Code,
    /// What it is about: a file, a key, a version.
    pub detail: String,
}

impl Fault {
    fn new(code: Code, detail: impl std::fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let short = error.kind() == io::ErrorKind::UnexpectedEof;
        Self::new(if short { code::BUNDLE_UNREADABLE } else { code::BUNDLE_IO }, error)
    }
}

/// The keys that a machine trusts: at most two of each kind, the present one and the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<PublicKey>);

impl Keys {
    /// Reads a line a key; empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// `BUNDLE_NO_KEYS`: a line is no key, there are too many, or a kind is missing.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut keys = Vec::new();
        for line in lines {
            keys.push(line.parse().map_err(|_| Fault::new(code::BUNDLE_NO_KEYS, line))?);
        }
        let keys = Self(keys);
        for algorithm in ALGORITHMS {
            if !(1..=BUNDLE_KEYS).contains(&keys.of(algorithm).count()) {
                return Err(Fault::new(code::BUNDLE_NO_KEYS, algorithm.name()));
            }
        }
        Ok(keys)
    }

    fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| key.algorithm() == algorithm)
    }
}

/// An open bundle whose manifest is signed by trusted keys of both kinds.
pub struct Bundle {
    file: File,
    pub manifest: Manifest,
    /// Where the kernel begins.
    kernel: u64,
}

const MAGIC: [u8; 8] = *b"PHBUNDLE";
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 65;
const SIGNATURES: usize = 4;
const CONTEXT: &[u8] = b"posthouse bundle 1\0";
const PRODUCT: &str = "posthouse";
const COPY_BYTES: usize = 64 * 1024;

impl Bundle {
    /// Opens a bundle and checks who made it.
    ///
    /// # Errors
    /// `BUNDLE_UNREADABLE`, `BUNDLE_SIGNATURE`, or the disk's.
    pub fn open(path: &Path, keys: &Keys) -> Result<Self, Fault> {
        let (mut file, text, manifest) = read(path)?;
        let kernel = (HEAD_BYTES + text.len()) as u64;
        file.seek(SeekFrom::Start(kernel + manifest.kernel.bytes))?;
        let mut tail = Vec::new();
        let most = SIGNATURE_BYTES * SIGNATURES + 1;
        (&file).take(most as u64).read_to_end(&mut tail)?;
        let signatures = signatures(&tail)?;
        let message = [CONTEXT, &text].concat();
        for algorithm in ALGORITHMS {
            let signed = keys.of(algorithm).any(|key| {
                let mut own = signatures.iter().filter(|(kind, _)| *kind == algorithm);
                own.any(|(_, signature)| key.verify(&message, signature))
            });
            if !signed {
                return Err(Fault::new(code::BUNDLE_SIGNATURE, algorithm.name()));
            }
        }
        Ok(Self { file, manifest, kernel })
    }

    /// Copies the kernel to `to` and checks its hashes on the way.
    ///
    /// # Errors
    /// `BUNDLE_CHANGED`; what `to` has then must not be used. Or the disk's.
    pub fn copy(&mut self, to: &mut dyn Write) -> Result<(), Fault> {
        self.file.seek(SeekFrom::Start(self.kernel))?;
        let mut source = (&self.file).take(self.manifest.kernel.bytes);
        let found = hash(&mut source, to)?;
        if found != self.manifest.kernel {
            return Err(Fault::new(code::BUNDLE_CHANGED, &self.manifest.version));
        }
        Ok(())
    }
}

/// Makes a bundle without signatures.
///
/// # Errors
/// The disk's, or `BUNDLE_UNREADABLE`: the kernel or a word of the manifest is none.
pub fn make(
    target: &str,
    version: &str,
    release: u64,
    kernel: &Path,
    out: &Path,
) -> Result<Manifest, Fault> {
    let mut source = File::open(kernel)?;
    let content = hash(&mut source, &mut io::sink())?;
    let (product, target) = (PRODUCT.to_owned(), target.to_owned());
    let version = version.to_owned();
    let manifest = Manifest { product, target, version, release, kernel: content };
    check(&manifest)?;
    let text = serde_json::to_vec(&manifest).map_err(io::Error::from)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    source.seek(SeekFrom::Start(0))?;
    let mut to = File::create(out)?;
    to.write_all(&MAGIC)?;
    to.write_all(&FORMAT.to_le_bytes())?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&text)?;
    if hash(&mut source, &mut to)? != manifest.kernel {
        return Err(Fault::new(code::BUNDLE_CHANGED, kernel.display()));
    }
    to.sync_all()?;
    Ok(manifest)
}

/// Signs a bundle; signatures that it has stay.
///
/// # Errors
/// `BUNDLE_UNREADABLE`, also when there are too many signatures, or the disk's.
pub fn sign(path: &Path, key: &SecretKey) -> Result<(), Fault> {
    let (_, text, manifest) = read(path)?;
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let end = (HEAD_BYTES + text.len()) as u64 + manifest.kernel.bytes;
    let has = file.metadata()?.len().checked_sub(end);
    let room = (SIGNATURE_BYTES * (SIGNATURES - 1)) as u64;
    if has.is_none_or(|has| has > room || has % SIGNATURE_BYTES as u64 != 0) {
        return Err(Fault::new(code::BUNDLE_UNREADABLE, path.display()));
    }
    let message = [CONTEXT, &text].concat();
    let signature = key.sign(&message).map_err(io::Error::other)?;
    file.seek(SeekFrom::End(0))?;
    let number: u8 = match key.public().algorithm() {
        Algorithm::Ed25519 => 1,
        Algorithm::Sm2 => 2,
    };
    file.write_all(&[&[number], &signature[..]].concat())?;
    Ok(file.sync_all()?)
}

/// The file, the manifest as it stands there, and what it says.
fn read(path: &Path) -> Result<(File, Vec<u8>, Manifest), Fault> {
    let unreadable = || Fault::new(code::BUNDLE_UNREADABLE, path.display());
    let mut file = File::open(path)?;
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head)?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(12);
    if head[..8] != MAGIC || number(8) != FORMAT || length > BUNDLE_MANIFEST_BYTES {
        return Err(unreadable());
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text)?;
    let manifest = serde_json::from_slice(&text).map_err(|_| unreadable())?;
    check(&manifest)?;
    Ok((file, text, manifest))
}

/// Words of a manifest become parts of file names: letters, digits, dots and hyphens alone.
fn check(manifest: &Manifest) -> Result<(), Fault> {
    let word = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        (1..=32).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
    };
    let good = manifest.product == PRODUCT
        && word(&manifest.target)
        && word(&manifest.version)
        && (1..=BUNDLE_KERNEL_BYTES).contains(&manifest.kernel.bytes);
    if good { Ok(()) } else { Err(Fault::new(code::BUNDLE_UNREADABLE, "manifest")) }
}

fn signatures(tail: &[u8]) -> Result<Vec<(Algorithm, [u8; 64])>, Fault> {
    let unreadable = || Fault::new(code::BUNDLE_UNREADABLE, "signatures");
    let (whole, rest) = tail.as_chunks::<SIGNATURE_BYTES>();
    if !rest.is_empty() || whole.len() > SIGNATURES {
        return Err(unreadable());
    }
    let read = |bytes: &[u8; SIGNATURE_BYTES]| {
        let algorithm = match bytes[0] {
            1 => Algorithm::Ed25519,
            2 => Algorithm::Sm2,
            _ => return Err(unreadable()),
        };
        let mut signature = [0; 64];
        signature.copy_from_slice(&bytes[1..]);
        Ok((algorithm, signature))
    };
    whole.iter().map(read).collect()
}

/// Copies everything; length and hashes of it.
fn hash(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Content> {
    let (mut sha256, mut sm3) = (Sha256::default(), Sm3::new());
    let (mut bytes, mut buffer) = (0, vec![0; COPY_BYTES]);
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..length]);
        sm3.update(&buffer[..length]);
        to.write_all(&buffer[..length])?;
        bytes += length as u64;
    }
    Ok(Content { bytes, sha256: hex(&sha256.finish()), sm3: hex(&sm3.finish()) })
}

#[cfg(test)]
mod tests;
