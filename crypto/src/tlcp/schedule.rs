//! From the pre-master secret to keys (GB/T 38636-2020, 6.5): the PRF of TLS 1.2 (RFC 5246,
//! section 5) over HMAC-SM3, with the labels of that protocol.

use zeroize::Zeroizing;

use super::suite::Mode;
use crate::sm3;

pub(super) const MASTER_BYTES: usize = 48;
pub(super) const FINISHED_BYTES: usize = 12;
/// Bytes of an SM3 value, and of the keys of HMAC-SM3.
pub(super) const HASH_BYTES: usize = 32;

pub(super) type Random = [u8; 32];
pub(super) type Master = Zeroizing<[u8; MASTER_BYTES]>;

/// Hash of all handshake messages so far.
#[derive(Clone)]
pub(super) struct Transcript(sm3::Sm3);

impl Transcript {
    pub(super) fn new() -> Self {
        Self(sm3::Sm3::new())
    }

    pub(super) fn add(&mut self, message: &[u8]) {
        self.0.update(message);
    }

    pub(super) fn hash(&self) -> [u8; HASH_BYTES] {
        self.0.clone().finish()
    }
}

pub(super) fn master(pre_master: &[u8], client: &Random, server: &Random) -> Master {
    let mut master = Zeroizing::new([0; MASTER_BYTES]);
    prf(pre_master, b"master secret", &[client, server], master.as_mut());
    master
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// `verify_data` of the Finished message that `side` sends after `transcript`.
pub(super) fn finished(
    master: &Master,
    side: Side,
    transcript: &Transcript,
) -> [u8; FINISHED_BYTES] {
    let label: &[u8] = match side {
        Side::Client => b"client finished",
        Side::Server => b"server finished",
    };
    let mut data = [0; FINISHED_BYTES];
    prf(master.as_ref(), label, &[&transcript.hash()], &mut data);
    data
}

/// What one side's records are protected with. The MAC key is unused by GCM.
pub(super) struct Keys {
    pub(super) mac: Zeroizing<[u8; HASH_BYTES]>,
    pub(super) key: Zeroizing<[u8; 16]>,
    /// Fixed part of the GCM nonce.
    pub(super) salt: [u8; 4],
}

/// The client's keys and the server's. The block is cut in the order: MAC keys, keys, initial
/// values, the client's first (6.5.2); CBC takes fresh initial values from each record and leaves
/// those of the block unused.
pub(super) fn keys(master: &Master, mode: Mode, client: &Random, server: &Random) -> (Keys, Keys) {
    let (mac, salt, length) = match mode {
        Mode::Gcm => (0, 4, 40),
        Mode::Cbc => (HASH_BYTES, 0, 2 * (HASH_BYTES + 16)),
    };
    let mut block = Zeroizing::new([0; 2 * (HASH_BYTES + 16)]);
    prf(master.as_ref(), b"key expansion", &[server, client], &mut block[..length]);
    let cut = |turn: usize| {
        let mut keys = Keys { mac: Zeroizing::default(), key: Zeroizing::default(), salt: [0; 4] };
        let (key_at, salt_at) = (2 * mac + turn * 16, 2 * mac + 32 + turn * salt);
        keys.mac[..mac].copy_from_slice(&block[turn * mac..(turn + 1) * mac]);
        keys.key.copy_from_slice(&block[key_at..key_at + 16]);
        keys.salt[..salt].copy_from_slice(&block[salt_at..salt_at + salt]);
        keys
    };
    (cut(0), cut(1))
}

/// `P_hash(secret, label || seeds)`.
fn prf(secret: &[u8], label: &[u8], seeds: &[&[u8]], out: &mut [u8]) {
    let keyed = sm3::Hmac::new(secret);
    let mac = |first: Option<&[u8; HASH_BYTES]>, seeded: bool| {
        let mut mac = keyed.clone();
        if let Some(first) = first {
            mac.update(first);
        }
        if seeded {
            mac.update(label);
            seeds.iter().for_each(|seed| mac.update(seed));
        }
        Zeroizing::new(mac.finish())
    };
    let mut link = mac(None, true);
    for chunk in out.chunks_mut(HASH_BYTES) {
        let bytes = mac(Some(&link), true);
        chunk.copy_from_slice(&bytes[..chunk.len()]);
        link = mac(Some(&link), false);
    }
}
