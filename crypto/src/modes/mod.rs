//! Modes of operation over SM4: GCM and CCM (RFC 8998), CTR and CBC (GB/T 17964-2021), XTS. All of
//! them work in place. What fails its tag is never shown.

mod cbc;
mod ccm;
mod ctr;
mod gcm;
mod xts;

pub use cbc::Cbc;
pub use ccm::Ccm;
pub use ctr::Ctr;
pub use gcm::Gcm;
pub use xts::{Tweak, Xts};

/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;

/// Bytes of the nonce of GCM and CCM.
pub const NONCE_BYTES: usize = 12;

/// The tag does not belong to key, nonce, associated data and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authentication tag does not match")]
pub struct BadTag;
