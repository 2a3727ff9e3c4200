//! Secret numbers of one use. A nonce is HMAC-SM3 over fresh randomness *and* what it is used for
//! (secret key, digest): a broken generator alone, or a repeated one, does not give a key away.

use zeroize::Zeroizing;

use super::scalar::Scalar;
use crate::sm3::hmac;
use crate::token::{NoRandomness, fill_random};

/// Nonces for one signature or one encryption, each a fresh one.
pub struct Nonces {
    key: Zeroizing<[u8; 32]>,
    drawn: u32,
}

impl Nonces {
    /// # Errors
    /// The system has no randomness.
    pub fn fresh(purpose: &[&[u8]]) -> Result<Self, NoRandomness> {
        let mut random = Zeroizing::new([0; 32]);
        fill_random(&mut *random)?;
        Ok(Self { key: Zeroizing::new(hmac(&*random, purpose)), drawn: 0 })
    }

    /// The next number in 1..n, evenly distributed: what is outside is drawn again.
    pub fn draw(&mut self) -> Zeroizing<Scalar> {
        loop {
            self.drawn += 1;
            let bytes = Zeroizing::new(hmac(&*self.key, &[&self.drawn.to_be_bytes()]));
            if let Some(k) = Scalar::from_be(&bytes).filter(|k| !k.is_zero()) {
                return Zeroizing::new(k);
            }
        }
    }
}
