//! That each check of the schemes is the one that refuses: without it the input would pass.

use super::super::point::Affine;
use super::super::scalar::Scalar;
use super::super::{BadCipher, Cipher, PublicKey, SecretKey, Signature, multiply};
use super::small;
use crate::sm3::sm3;

/// With t = r + s = 0 the public key drops out of the equation, and everybody can sign.
#[test]
fn a_signature_that_needs_no_key_is_refused_by_the_check_of_t_alone() {
    let victim = SecretKey::generate().unwrap();
    let s = Scalar::reduced(&[0x21; 32]);
    let r = small(0, false).sub(s);
    let point = multiply::base(&s);
    let x = Scalar::reduced(&point.to_affine().unwrap().x.to_be());
    let e = r.sub(x);
    let equation = multiply::sum_public(&s, &r.add(s), &victim.public().0);
    assert!(equation.has_x(&r.sub(e)), "the equation itself holds");
    assert!(!victim.public().verify_digest(&e.to_be(), &Signature { r, s }));
}

#[test]
fn the_standard_s_refusals_ask_for_another_nonce() {
    let key = SecretKey::generate().unwrap();
    let nonce = Scalar::reduced(&[0x43; 32]);
    let x = Scalar::reduced(&multiply::base(&nonce).to_affine().unwrap().x.to_be());
    let r_is_zero = small(0, false).sub(x);
    let r_is_minus_k = r_is_zero.sub(nonce);
    // s = 0 where k = r d.
    let s_is_zero = nonce.mul(key.scalar().invert()).sub(x);
    for e in [r_is_zero, r_is_minus_k, s_is_zero] {
        assert!(key.sign_with(&e.to_be(), &nonce).is_none());
        let next = e.add(Scalar::ONE).to_be();
        let signature = key.sign_with(&next, &nonce).unwrap();
        assert!(key.public().verify_digest(&next, &signature));
    }
    assert!(key.sign_with(&[7; 32], &small(0, false)).is_none());
}

/// A text of one byte meets the all-zero key once in 256 nonces; for this key first at 185.
#[test]
fn a_nonce_whose_derived_key_is_all_zeros_is_not_used() {
    let (bad, good) = (small(185, false), small(186, false));
    let key = SecretKey::from_bytes(&[1; 32]).unwrap();
    assert!(key.public().encrypt_with(&[0xa5], &bad).is_none());
    let cipher = key.public().encrypt_with(&[0xa5], &good).unwrap();
    assert_ne!(cipher.to_raw()[97], 0xa5, "the text in the clear");
    assert_eq!(key.decrypt(&cipher).unwrap()[..], [0xa5]);

    // What a peer without that check would send: whole by its hash, and refused.
    let point = PublicKey(multiply::base(&bad).to_affine().unwrap());
    let shared = multiply::any(&bad, &key.public().0).to_affine().unwrap();
    let hash = sm3(&[&shared.x.to_be(), &[0xa5], &shared.y.to_be()]);
    let raw = [&point.to_sec1()[..], &hash, &[0xa5]].concat();
    assert_eq!(key.decrypt(&Cipher::from_raw(&raw).unwrap()), Err(BadCipher));
}

/// A point off the curve lies on another curve, perhaps one of small order: nothing here but the
/// check at the door keeps it out.
#[test]
fn a_point_off_the_curve_is_kept_out_at_the_door_alone() {
    let off = PublicKey(Affine { x: Affine::G.x, y: Affine::G.y.double() });
    assert_eq!(PublicKey::from_sec1(&off.to_sec1()), Err(super::super::BadKey));
    let key = SecretKey::generate().unwrap();
    assert_ne!(*key.agree(&off), [0; 32], "the arithmetic would have gone on");
    let mut raw = key.public().encrypt(b"text").unwrap().to_raw();
    raw[..65].copy_from_slice(&off.to_sec1());
    assert_eq!(Cipher::from_raw(&raw), Err(BadCipher));
}

#[test]
fn nonces_differ_even_for_the_same_purpose() {
    let key = SecretKey::generate().unwrap();
    let (one, two) = (key.sign_digest(&[1; 32]).unwrap(), key.sign_digest(&[1; 32]).unwrap());
    assert_ne!(one, two);
    assert!(key.public().verify_digest(&[1; 32], &one));
    assert!(key.public().verify_digest(&[1; 32], &two));
}
