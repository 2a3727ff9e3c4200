//! The key exchange of GB/T 32918.3: two parties, each with a lasting key, an identity and a fresh
//! ephemeral key, agree on a key; with the optional confirmation each proves that it has it.

use zeroize::{Zeroize, Zeroizing};

use super::hash::{derive, of_signer};
use super::point::Jacobian;
use super::scalar::Scalar;
use super::{BadKey, PublicKey, SecretKey, multiply};
use crate::sm3::sm3;
use crate::token::{NoRandomness, same};

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// User A of the standard.
    Initiator,
    /// User B of the standard.
    Responder,
}

/// One side of an exchange before the other's part has come.
pub struct Exchange {
    role: Role,
    key: SecretKey,
    ephemeral: SecretKey,
    z: [u8; 32],
}

/// What the other side is known by and what it sent.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    pub key: &'a PublicKey,
    pub id: &'a [u8],
    pub ephemeral: &'a PublicKey,
}

/// The agreed key and the proofs of it.
pub struct Agreed {
    /// As many bytes as were asked for.
    pub key: Zeroizing<Vec<u8>>,
    mine: [u8; 32],
    theirs: [u8; 32],
}

impl Exchange {
    /// Draws the ephemeral key.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// When the identity is longer than [`super::MAX_ID`].
    pub fn begin(role: Role, key: &SecretKey, id: &[u8]) -> Result<Self, NoRandomness> {
        Ok(Self::with_ephemeral(role, key, id, SecretKey::random()?))
    }

    pub(super) fn with_ephemeral(
        role: Role,
        key: &SecretKey,
        id: &[u8],
        ephemeral: SecretKey,
    ) -> Self {
        Self { role, key: key.clone(), ephemeral, z: of_signer(id, key.public()) }
    }

    /// R, the point to send.
    #[must_use]
    pub fn ephemeral(&self) -> &PublicKey {
        self.ephemeral.public()
    }

    /// Agrees on a key of `length` bytes.
    ///
    /// # Errors
    /// The peer's points cancel each other, so the shared point would be infinity.
    ///
    /// # Panics
    /// When the peer's identity is longer than [`super::MAX_ID`].
    pub fn finish(self, peer: Peer<'_>, length: usize) -> Result<Agreed, BadKey> {
        let mine = self.ephemeral.public();
        let mut t = self.key.scalar().add(short(mine).mul(*self.ephemeral.scalar()));
        let theirs = multiply::any(&short(peer.ephemeral), &peer.ephemeral.0);
        let theirs = theirs.add(&Jacobian::from(peer.key.0)).to_affine().ok_or(BadKey)?;
        let shared = multiply::any(&t, &theirs).to_affine();
        t.zeroize();
        let mut shared = shared.ok_or(BadKey)?;
        let (x, y) = (Zeroizing::new(shared.x.to_be()), Zeroizing::new(shared.y.to_be()));
        shared.zeroize();

        let peer_z = of_signer(peer.id, peer.key);
        let (mine, theirs) = (mine.to_sec1(), peer.ephemeral.to_sec1());
        let ([za, zb], [ra, rb]) = match self.role {
            Role::Initiator => ([self.z, peer_z], [mine, theirs]),
            Role::Responder => ([peer_z, self.z], [theirs, mine]),
        };
        let key = derive(&[&x[..], &y[..], &za, &zb], length);
        let inner = sm3(&[&x[..], &za, &zb, &ra[1..], &rb[1..]]);
        let responder = sm3(&[&[2], &y[..], &inner]);
        let initiator = sm3(&[&[3], &y[..], &inner]);
        let (mine, theirs) = match self.role {
            Role::Initiator => (initiator, responder),
            Role::Responder => (responder, initiator),
        };
        Ok(Agreed { key, mine, theirs })
    }
}

impl Agreed {
    /// The proof to send: S_A of the initiator, S_B of the responder.
    #[must_use]
    pub fn proof(&self) -> &[u8; 32] {
        &self.mine
    }

    /// Whether the other side's proof is right.
    #[must_use]
    pub fn confirms(&self, proof: &[u8; 32]) -> bool {
        same(&self.theirs, proof)
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exchange({:?})", self.role)
    }
}

impl std::fmt::Debug for Agreed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// 2^127 + (x mod 2^127) of the point (6.1, A4: w = 127).
fn short(point: &PublicKey) -> Scalar {
    let mut bytes = point.0.x.to_be();
    bytes[..16].fill(0);
    bytes[16] |= 0x80;
    Scalar::reduced(&bytes)
}
