//! Key exchange on curveSM2 (RFC 8998 section 3.2.2): ephemeral ECDH, uncompressed points.

use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

use super::names;
use crate::sm2::{PublicKey, SecretKey};

/// Bytes of an uncompressed point; a key share has no other form (RFC 8446 section 4.2.8.2).
const POINT_BYTES: usize = 65;

#[derive(Debug)]
pub(super) struct CurveSm2;

impl SupportedKxGroup for CurveSm2 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let key = SecretKey::random().map_err(|_| Error::FailedToGetRandomBytes)?;
        let public = key.public().to_sec1();
        Ok(Box::new(Started { key, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        names::CURVE_SM2
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct Started {
    key: SecretKey,
    public: [u8; POINT_BYTES],
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let invalid = || Error::from(PeerMisbehaved::InvalidKeyShare);
        if peer.len() != POINT_BYTES {
            return Err(invalid());
        }
        let peer = PublicKey::from_sec1(peer).map_err(|_| invalid())?;
        Ok(SharedSecret::from(&self.key.agree(&peer)[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        names::CURVE_SM2
    }
}
