//! SM2: ours, and RustCrypto's in the same run.

use std::hint::black_box;

use ::sm2::dsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use ::sm2::dsa::{Signature, SigningKey, VerifyingKey};
use posthouse_crypto::sm2::{DEFAULT_ID, SecretKey};

use crate::rows::{Question, Row, count};

const MESSAGE: &[u8] = b"twenty bytes of text";

pub fn rows() -> Vec<Row> {
    let mut rows = ours();
    rows.extend(theirs().into_iter().map(|row| Row { kernel: "rustcrypto", ..row }));
    rows
}

fn ours() -> Vec<Row> {
    let (key, peer) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let (public, point, bytes) = (*key.public(), *peer.public(), key.to_bytes());
    let signature = key.sign(DEFAULT_ID, &[MESSAGE]).unwrap();
    let of_digest = key.sign_digest(&[7; 32]).unwrap();
    let cipher = public.encrypt(&[5; 48]).unwrap();
    let keys = [(); 4].map(|()| key.clone());
    let [signer, digest_signer, agreer, reader] = keys;
    vec![
        row("sm2 sign", Question::Sm2Sign, move || signer.sign(DEFAULT_ID, &[MESSAGE])),
        row("sm2 verify", Question::Sm2Verify, move || {
            assert!(public.verify(DEFAULT_ID, &[MESSAGE], &signature));
        }),
        row("sm2 sign digest", Question::Nothing, move || digest_signer.sign_digest(&[7; 32])),
        row("sm2 verify digest", Question::Nothing, move || {
            assert!(public.verify_digest(&[7; 32], &of_digest));
        }),
        row("sm2 ecdh", Question::Nothing, move || agreer.agree(&point)),
        row("sm2 encrypt 48", Question::Nothing, move || public.encrypt(&[5; 48])),
        row("sm2 decrypt 48", Question::Nothing, move || reader.decrypt(&cipher)),
        row("sm2 generate", Question::Nothing, SecretKey::generate),
        row("sm2 load key", Question::Nothing, move || SecretKey::from_bytes(&*bytes)),
    ]
}

fn theirs() -> Vec<Row> {
    let bytes = SecretKey::generate().unwrap().to_bytes();
    let peer = SecretKey::generate().unwrap();
    let key = ::sm2::SecretKey::from_slice(&*bytes).unwrap();
    let signer = SigningKey::new("1234567812345678", &key).unwrap();
    let verifier = VerifyingKey::new("1234567812345678", key.public_key()).unwrap();
    let signature: Signature = signer.sign_prehash(&[7; 32]).unwrap();
    let point = ::sm2::PublicKey::from_sec1_bytes(&peer.public().to_sec1()).unwrap();
    let scalar = key.to_nonzero_scalar();
    vec![
        row("sm2 sign digest", Question::Nothing, move || {
            let signature: Signature = signer.sign_prehash(&[7; 32]).unwrap();
            signature
        }),
        row("sm2 verify digest", Question::Nothing, move || {
            verifier.verify_prehash(&[7; 32], &signature)
        }),
        row("sm2 ecdh", Question::Nothing, move || (point.to_projective() * *scalar).to_affine()),
    ]
}

fn row<T>(name: &'static str, question: Question, mut run: impl FnMut() -> T + 'static) -> Row {
    count(name, question, move || {
        black_box(run());
    })
}
