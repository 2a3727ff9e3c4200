//! Where keys can live that never leave a device: one interface, a software store behind it, or an
//! agent in a process of its own that speaks for a certified module (SDF, GM/T 0018; SKF,
//! GM/T 0016), whose library a static program cannot load.
//!
//! The conversation with an agent is `keystore.proto`: protobuf messages behind a length of four
//! bytes on a Unix socket. Protobuf, because every language of a device's vendor has it; the few
//! fields are coded by hand here, so that this crate needs no library for them.

mod agent;
mod software;
mod wire;

use std::fmt;
use std::io;

use zeroize::Zeroizing;

pub use agent::{Agent, serve};
pub use software::Software;

use crate::token::NoRandomness;

/// The most random bytes of one request.
pub const RANDOM_MOST: u32 = 4096;

/// A store of keys.
#[derive(Debug)]
pub enum KeyStore {
    Software(Software),
    Agent(Agent),
}

/// What a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// SM2: signs digests and decrypts.
    Sm2,
    /// Ed25519: signs digests, as messages of 32 bytes.
    Ed25519,
    /// Wraps and unwraps other keys.
    Wrap,
}

/// A key of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    pub label: String,
    pub ability: Ability,
    /// 04 ‖ x ‖ y, the 32 bytes of Ed25519, or nothing.
    pub public: Vec<u8>,
}

/// Why a key store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("the key store has no key {0:?}")]
    NoKey(String),
    #[error("the key {0:?} cannot do that")]
    WrongKey(String),
    #[error("the key store does not open what it was given")]
    DoesNotOpen,
    #[error("the key store refuses: {0}")]
    Refused(String),
    #[error("the key store does not speak the protocol: {0}")]
    Protocol(&'static str),
    #[error("the key store at {path} does not answer: {source}")]
    Unreachable { path: String, source: io::Error },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl KeyStore {
    /// Signs a digest: r ‖ s with an SM2 key, which takes the digest as e (GB/T 32918.2, 6.1), or
    /// 64 bytes of Ed25519 over the digest as the message.
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn sign(&self, label: &str, digest: &[u8; 32]) -> Result<[u8; 64], StoreFault> {
        match self {
            Self::Software(store) => store.sign(label, digest),
            Self::Agent(agent) => agent.sign(label, digest),
        }
    }

    /// Opens an SM2 cipher in DER (GB/T 35276).
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn decrypt(&self, label: &str, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        match self {
            Self::Software(store) => store.decrypt(label, cipher),
            Self::Agent(agent) => agent.decrypt(label, cipher),
        }
    }

    /// Wraps a key, in whatever form the store likes; at most 4096 bytes.
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn wrap(&self, label: &str, key: &[u8]) -> Result<Vec<u8>, StoreFault> {
        match self {
            Self::Software(store) => store.wrap(label, key),
            Self::Agent(agent) => agent.wrap(label, key),
        }
    }

    /// # Errors
    /// See [`StoreFault`].
    pub fn unwrap(&self, label: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        match self {
            Self::Software(store) => store.unwrap(label, wrapped),
            Self::Agent(agent) => agent.unwrap(label, wrapped),
        }
    }

    /// Random bytes of the store's generator, at most [`RANDOM_MOST`].
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn random(&self, count: u32) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        match self {
            Self::Software(store) => store.random(count),
            Self::Agent(agent) => agent.random(count),
        }
    }

    /// The keys there are.
    ///
    /// # Errors
    /// See [`StoreFault`].
    pub fn list(&self) -> Result<Vec<KeyInfo>, StoreFault> {
        match self {
            Self::Software(store) => store.list(),
            Self::Agent(agent) => agent.list(),
        }
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sm2 => "sm2",
            Self::Ed25519 => "ed25519",
            Self::Wrap => "wrap",
        })
    }
}
