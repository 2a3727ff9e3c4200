//! SM4-CCM (RFC 8998, 3; RFC 3610): 96-bit nonces, tags of 16 bytes.

use ccm::{
    AeadInOut,
    consts::{U12, U16},
};

use super::{BadTag, NONCE_BYTES, TAG_BYTES};
use crate::sm4::{BLOCK_BYTES, Sm4};

/// Longest text in bytes: a nonce of 12 bytes leaves a length field of three (RFC 3610, 2).
const TEXT_MAX: usize = (1 << 24) - 1;

/// A key, expanded for sealing and opening.
#[derive(Clone)]
pub struct Ccm(ccm::Ccm<Sm4, U16, U12>);

impl Ccm {
    #[must_use]
    pub fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        Self::over(Sm4::new(key))
    }

    /// As [`Ccm::new`], with a key that is expanded already.
    #[must_use]
    pub fn over(key: Sm4) -> Self {
        Self(key.into())
    }

    /// Encrypts `data` in place and gives the tag over `aad` and the plain text. A pair of key and
    /// nonce must never be used twice.
    ///
    /// # Panics
    /// `data` is longer than 2^24 - 1 bytes.
    #[must_use]
    pub fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        assert!(data.len() <= TEXT_MAX, "longer than CCM allows");
        let sealed = self.0.encrypt_inout_detached(nonce.into(), aad, data.into());
        // The length was the one thing that could be wrong; a tag of zeros would open nothing.
        sealed.map(Into::into).unwrap_or_default()
    }

    /// Decrypts `data` in place and checks the tag.
    ///
    /// # Errors
    /// [`BadTag`]; `data` is zeroed then, or untouched where its length alone is wrong.
    pub fn open_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag> {
        if data.len() > TEXT_MAX {
            return Err(BadTag);
        }
        let opened = self.0.decrypt_inout_detached(nonce.into(), aad, data.into(), tag.into());
        opened.map_err(|_| BadTag)
    }
}

impl std::fmt::Debug for Ccm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
