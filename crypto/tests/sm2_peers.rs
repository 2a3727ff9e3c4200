//! SM2 against three implementations by others: each reads what the others wrote, over random keys
//! and messages, and all agree on what is right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gmcrypto_core::sm2 as core;
use gmcrypto_core::sm2::key_exchange::{Sm2KxConfirm, Sm2KxEphemeralPoint, Sm2KxInitiator};
use posthouse_crypto::sm2::exchange::{Exchange, Peer, Role};
use posthouse_crypto::sm2::{Cipher, DEFAULT_ID, PublicKey, SecretKey, Signature, TLS13_ID};
use sm2::dsa::signature::{Signer, Verifier};
use sm2::dsa::{SigningKey, VerifyingKey};
use sm2::elliptic_curve::common::getrandom::SysRng;
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pke::{DecryptingKey, EncryptingKey, Mode};

const ROUNDS: usize = 12;

/// One key in the form of each implementation.
struct Keys {
    ours: SecretKey,
    rust: sm2::SecretKey,
    core: core::Sm2PrivateKey,
    hex: String,
    public_hex: String,
}

impl Keys {
    fn generate() -> Self {
        let ours = SecretKey::generate().unwrap();
        let bytes = ours.to_bytes();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            rust: sm2::SecretKey::from_slice(&*bytes).unwrap(),
            core: core::Sm2PrivateKey::from_bytes_be(&bytes).unwrap(),
            hex: hex(&*bytes),
            public_hex: hex(&ours.public().to_sec1()[1..]),
            ours,
        }
    }
}

fn message(round: usize) -> Vec<u8> {
    (0..round * 37 + 1).map(|i| (i * 7 + round).to_le_bytes()[0]).collect()
}

#[test]
fn public_keys_are_the_same() {
    for _ in 0..ROUNDS {
        let keys = Keys::generate();
        let ours = keys.ours.public().to_sec1();
        assert_eq!(ours, keys.rust.public_key().to_sec1_point(false).as_bytes());
        assert_eq!(ours, keys.core.public_key().to_sec1_uncompressed());
        assert_eq!(keys.public_hex, sm_crypto::sm2::pk_from_sk(&keys.hex));
        let compressed = keys.rust.public_key().to_sec1_point(true);
        assert_eq!(PublicKey::from_sec1(compressed.as_bytes()), Ok(*keys.ours.public()));
    }
}

#[test]
fn signatures_are_read_by_all() {
    for round in 0..ROUNDS {
        let keys = Keys::generate();
        let message = message(round);
        for id in ["1234567812345678", "TLSv1.3+GM+Cipher+Suite", "", "甲"] {
            let rust = SigningKey::new(id, &keys.rust).unwrap();
            let rust_verifier = VerifyingKey::new(id, keys.rust.public_key()).unwrap();
            let public = keys.ours.public();
            let id = id.as_bytes();

            let mine = keys.ours.sign(id, &[&message]).unwrap();
            let raw = sm2::dsa::Signature::from_slice(&mine.to_raw()).unwrap();
            assert!(rust_verifier.verify(&message, &raw).is_ok());
            assert!(core::verify_with_id(&keys.core.public_key(), id, &message, &mine.to_der()));
            let other = sm_crypto::sm2::Verify::new_with_id(id, &keys.public_hex);
            assert!(other.verify_der(&message, &mine.to_der(), true));

            let theirs: sm2::dsa::Signature = rust.sign(&message);
            let theirs = Signature::from_raw(&theirs.to_bytes().into()).unwrap();
            assert!(public.verify(id, &[&message], &theirs));
            let theirs = core::sign_with_id(&keys.core, id, &message, &mut SysRng).unwrap();
            let theirs = Signature::from_der(&theirs).unwrap();
            assert!(public.verify(id, &[&message], &theirs));
            let theirs = sm_crypto::sm2::Sign::new_with_id(id, &keys.hex).sign_der(&message, true);
            let theirs = Signature::from_der(&theirs).unwrap();
            assert!(public.verify(id, &[&message], &theirs));
            assert!(!public.verify(b"another", &[&message], &theirs));
        }
    }
    assert_eq!((DEFAULT_ID.len(), TLS13_ID.len()), (16, 23));
}

#[test]
fn ciphers_are_opened_by_all() {
    for round in 0..ROUNDS {
        let keys = Keys::generate();
        let message = message(round);
        let rust = DecryptingKey::new_with_mode(keys.rust.to_nonzero_scalar(), Mode::C1C3C2);

        let mine = keys.ours.public().encrypt(&message).unwrap();
        assert_eq!(rust.decrypt(&mine.to_raw()).unwrap(), message);
        assert_eq!(rust.decrypt_der(&mine.to_der()).unwrap(), message);
        assert_eq!(core::decrypt(&keys.core, &mine.to_der()).unwrap(), message);
        let other = sm_crypto::sm2::Decrypt::new(&keys.hex);
        assert_eq!(other.decrypt_asna1(&mine.to_der()), message);

        let open = |cipher: &Cipher| keys.ours.decrypt(cipher).unwrap().to_vec();
        let theirs = EncryptingKey::new_with_mode(keys.rust.public_key(), Mode::C1C3C2);
        let raw = theirs.encrypt(&mut SysRng, &message).unwrap();
        assert_eq!(open(&Cipher::from_raw(&raw).unwrap()), message);
        let der = core::encrypt(&keys.core.public_key(), &message, &mut SysRng).unwrap();
        assert_eq!(open(&Cipher::from_der(&der).unwrap()), message);
        let der = sm_crypto::sm2::Encrypt::new(&keys.public_hex).encrypt_asna1(&message);
        assert_eq!(open(&Cipher::from_der(&der).unwrap()), message);
    }
}

#[test]
fn shared_points_are_the_same() {
    for _ in 0..ROUNDS {
        let (one, two) = (Keys::generate(), Keys::generate());
        let point = two.rust.public_key().to_projective() * *one.rust.to_nonzero_scalar();
        let bytes = point.to_affine().to_sec1_point(false);
        let x = one.ours.agree(two.ours.public());
        assert_eq!(x[..], bytes.as_bytes()[1..33]);
        assert_eq!(x, two.ours.agree(one.ours.public()));
    }
}

#[test]
fn keys_are_agreed_on_with_a_peer_in_both_roles() {
    let (a, b) = (Keys::generate(), Keys::generate());
    let (id_a, id_b) = (&b"alice"[..], &b"bob"[..]);
    for length in [1, 16, 48, 100] {
        let theirs = Sm2KxInitiator::new(&a.core, &b.core.public_key(), id_a, id_b, length);
        let (point_a, theirs) = theirs.unwrap().produce_ephemeral(&mut SysRng).unwrap();
        let ours = Exchange::begin(Role::Responder, &b.ours, id_b).unwrap();
        let point_b = ours.ephemeral().to_sec1();
        let ephemeral = &PublicKey::from_sec1(&point_a.to_bytes()).unwrap();
        let ours = ours.finish(Peer { key: a.ours.public(), id: id_a, ephemeral }, length).unwrap();
        let proof = Sm2KxConfirm::from_bytes(ours.proof());
        let point_b = Sm2KxEphemeralPoint::from_bytes(&point_b);
        let (key, proof) = theirs.confirm(&point_b, &proof).unwrap();
        assert_eq!(key.as_bytes(), &ours.key[..]);
        assert!(ours.confirms(&proof.to_bytes()));

        let ours = Exchange::begin(Role::Initiator, &a.ours, id_a).unwrap();
        let theirs = core::key_exchange::Sm2KxResponder::new(
            &b.core,
            &a.core.public_key(),
            id_a,
            id_b,
            length,
        );
        let point_a = Sm2KxEphemeralPoint::from_bytes(&ours.ephemeral().to_sec1());
        let (point_b, proof, theirs) = theirs.unwrap().respond(&point_a, &mut SysRng).unwrap();
        let ephemeral = &PublicKey::from_sec1(&point_b.to_bytes()).unwrap();
        let ours = ours.finish(Peer { key: b.ours.public(), id: id_b, ephemeral }, length).unwrap();
        assert!(ours.confirms(&proof.to_bytes()));
        let key = theirs.finish(&Sm2KxConfirm::from_bytes(ours.proof())).unwrap();
        assert_eq!(key.as_bytes(), &ours.key[..]);
    }
}

#[test]
fn an_exchange_fails_to_confirm_where_anything_differs() {
    let (a, b, c) = (Keys::generate(), Keys::generate(), Keys::generate());
    let run = |peer_key: &SecretKey, peer_id: &[u8], swap: bool| {
        let one = Exchange::begin(Role::Initiator, &a.ours, b"a").unwrap();
        let role = if swap { Role::Initiator } else { Role::Responder };
        let two = Exchange::begin(role, &b.ours, b"b").unwrap();
        let (sent_one, sent_two) = (*one.ephemeral(), *two.ephemeral());
        let peer = Peer { key: peer_key.public(), id: peer_id, ephemeral: &sent_two };
        let one = one.finish(peer, 16).unwrap();
        let peer = Peer { key: a.ours.public(), id: b"a", ephemeral: &sent_one };
        let two = two.finish(peer, 16).unwrap();
        let confirmed = (one.confirms(two.proof()), two.confirms(one.proof()));
        (one.key == two.key, confirmed)
    };
    assert_eq!(run(&b.ours, b"b", false), (true, (true, true)));
    assert_eq!(run(&c.ours, b"b", false), (false, (false, false)));
    assert_eq!(run(&b.ours, b"c", false), (false, (false, false)));
    assert_eq!(run(&b.ours, b"b", true), (false, (false, false)));
}

/// The peer's ephemeral point is chosen so that both of its points cancel: P + x̄ R = 0.
#[test]
fn peer_points_that_cancel_are_refused() {
    use sm2::elliptic_curve::ff::PrimeField;
    let (a, peer) = (Keys::generate(), Keys::generate());
    // R known, so P = -x̄ R.
    let x: [u8; 32] = peer.ours.public().to_sec1()[1..33].try_into().unwrap();
    let mut short = [0; 32];
    short[16..].copy_from_slice(&x[16..]);
    short[16] |= 0x80;
    let short = sm2::Scalar::from_repr(short.into()).unwrap();
    let point = -(peer.rust.public_key().to_projective() * short);
    let key = PublicKey::from_sec1(point.to_affine().to_sec1_point(false).as_bytes()).unwrap();
    let exchange = Exchange::begin(Role::Responder, &a.ours, DEFAULT_ID).unwrap();
    let peer = Peer { key: &key, id: DEFAULT_ID, ephemeral: peer.ours.public() };
    assert!(exchange.finish(peer, 16).is_err());
}
