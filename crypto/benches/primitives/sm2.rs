//! SM2: ours, and RustCrypto's in the same run.

use std::hint::black_box;

use ::sm2::dsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use ::sm2::dsa::{Signature, SigningKey, VerifyingKey};
use posthouse_crypto::sm2::{DEFAULT_ID, SecretKey};

use crate::speed;

pub fn rows() {
    let (key, peer) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let (public, bytes, digest) = (*key.public(), key.to_bytes(), [7; 32]);
    let message: &[&[u8]] = &[b"message digest"];
    let signature = key.sign(DEFAULT_ID, message).unwrap();
    let of_digest = key.sign_digest(&digest).unwrap();
    assert!(public.verify(DEFAULT_ID, message, &signature));
    let cipher = public.encrypt(&[5; 48]).unwrap();

    let other = ::sm2::SecretKey::from_slice(&*bytes).unwrap();
    let signer = SigningKey::new("1234567812345678", &other).unwrap();
    let verifier = VerifyingKey::new("1234567812345678", other.public_key()).unwrap();
    let theirs: Signature = signer.sign_prehash(&digest).unwrap();
    let point = ::sm2::PublicKey::from_sec1_bytes(&peer.public().to_sec1()).unwrap();
    let scalar = other.to_nonzero_scalar();

    let sign = time(|| signer.sign_prehash(&digest) as Result<Signature, _>);
    let verify = time(|| verifier.verify_prehash(&digest, &theirs));
    let agree = time(|| (point.to_projective() * *scalar).to_affine());
    row("sign a digest", time(|| key.sign_digest(&digest)), Some(sign));
    row("verify a digest", time(|| public.verify_digest(&digest, &of_digest)), Some(verify));
    row("agree (ECDH)", time(|| key.agree(peer.public())), Some(agree));
    row("sign", time(|| key.sign(DEFAULT_ID, message)), None);
    row("verify", time(|| public.verify(DEFAULT_ID, message, &signature)), None);
    row("encrypt 48 bytes", time(|| public.encrypt(&[5; 48])), None);
    row("decrypt 48 bytes", time(|| key.decrypt(&cipher)), None);
    row("generate", time(SecretKey::generate), None);
    row("load a secret key", time(|| SecretKey::from_bytes(&*bytes)), None);
}

fn time<T>(mut run: impl FnMut() -> T) -> f64 {
    speed(|| {
        black_box(run());
    })
}

fn row(what: &str, ns: f64, theirs: Option<f64>) {
    let ratio = theirs.map(|theirs| format!("{:.2} x RustCrypto", theirs / ns)).unwrap_or_default();
    println!("sm2 {what:20} {:8.1} us {:8.0}/s  {ratio}", ns / 1e3, 1e9 / ns);
}
