//! Known answers for the self-test at the start: the examples of GB/T 32918.5-2017 for the
//! recommended curve (A.2, the same as in GM/T 0003.5), and a wrong signature refused.

use super::exchange::{Exchange, Peer, Role};
use super::scalar::Scalar;
use super::{Cipher, DEFAULT_ID, PublicKey, SecretKey, Signature};
use crate::token::hex;

/// Whether signing, verifying, encrypting, decrypting and the key exchange give the standard's
/// answers, and what was changed is refused.
/// `spoil` is turned over in the message: the proof that a wrong answer is found.
#[must_use]
pub fn known_answer(spoil: u8) -> bool {
    let passed = || {
        let key = SecretKey::from_bytes(&bytes(D)?).ok()?;
        let nonce = Scalar::from_be(&bytes(NONCE)?)?;
        Some(signs(&key, &nonce, spoil)? && encrypts(&key, &nonce)? && exchanges()?)
    };
    passed() == Some(true)
}

fn signs(key: &SecretKey, nonce: &Scalar, spoil: u8) -> Option<bool> {
    let message: &[&[u8]] = &[b"message diges", &[b't' ^ spoil]];
    let e = key.public().digest(DEFAULT_ID, message);
    let signature = key.sign_with(&e, nonce)?;
    let mut changed = signature.to_raw();
    changed[63] ^= 1;
    let changed = Signature::from_raw(&changed).ok()?;
    Some(
        hex(&key.public().to_sec1()) == PUBLIC
            && hex(&signature.to_raw()) == SIGNATURE
            && key.public().verify(DEFAULT_ID, message, &signature)
            && !key.public().verify(DEFAULT_ID, message, &changed),
    )
}

fn encrypts(key: &SecretKey, nonce: &Scalar) -> Option<bool> {
    let plain = b"encryption standard";
    let cipher = key.public().encrypt_with(plain, nonce)?;
    let mut changed = cipher.to_raw();
    changed[100] ^= 1;
    let changed = Cipher::from_raw(&changed).ok()?;
    Some(
        hex(&cipher.to_raw()) == CIPHER
            && key.decrypt(&cipher).ok()?[..] == plain[..]
            && key.decrypt(&changed).is_err(),
    )
}

fn exchanges() -> Option<bool> {
    let key = |text| SecretKey::from_bytes(&bytes(text)?).ok();
    let (a, b) = (key(EXCHANGE_A)?, key(EXCHANGE_B)?);
    let one = Exchange::with_ephemeral(Role::Initiator, &a, DEFAULT_ID, key(EPHEMERAL_A)?);
    let two = Exchange::with_ephemeral(Role::Responder, &b, DEFAULT_ID, key(EPHEMERAL_B)?);
    let (one_sent, two_sent) = (*one.ephemeral(), *two.ephemeral());
    let agree = |side: Exchange, key: &PublicKey, ephemeral: &PublicKey| {
        side.finish(Peer { key, id: DEFAULT_ID, ephemeral }, 16).ok()
    };
    let one = agree(one, b.public(), &two_sent)?;
    let two = agree(two, a.public(), &one_sent)?;
    Some(
        hex(&one.key) == AGREED
            && one.key == two.key
            && hex(one.proof()) == PROOF_A
            && hex(two.proof()) == PROOF_B
            && one.confirms(two.proof())
            && two.confirms(one.proof())
            && !two.confirms(two.proof()),
    )
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    crate::token::Token::from_hex(text).map(|token| *token.as_bytes())
}

const D: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
const NONCE: &str = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21";
const PUBLIC: &str = "\
    0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f350\
    20ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad\
    13";
const SIGNATURE: &str = "\
    f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
    b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
const CIPHER: &str = "\
    0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a\
    73e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124d\
    f059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd87\
    6621886ca989ca9c7d58087307ca93092d651efa";
const EXCHANGE_A: &str = "81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029";
const EXCHANGE_B: &str = "785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5";
const EPHEMERAL_A: &str = "d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3";
const EPHEMERAL_B: &str = "7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6";
const AGREED: &str = "6c89347354de2484c60b4ab1fde4c6e5";
const PROOF_B: &str = "d3a0fe15dee185ceae907a6b595cc32a266ed7b3367e9983a896dc32fa20f8eb";
const PROOF_A: &str = "18c7894b3816df16cf07b05c5ec0bef5d655d58f779cc1b400a4f3884644db88";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_come_out() {
        let key = SecretKey::from_bytes(&bytes(D).unwrap()).unwrap();
        let nonce = Scalar::from_be(&bytes(NONCE).unwrap()).unwrap();
        assert_eq!(hex(&key.public().to_sec1()), PUBLIC);
        let e = key.public().digest(DEFAULT_ID, &[b"message digest"]);
        assert_eq!(hex(&key.sign_with(&e, &nonce).unwrap().to_raw()), SIGNATURE);
        assert_eq!(signs(&key, &nonce, 0), Some(true));
        assert_eq!(encrypts(&key, &nonce), Some(true));
        assert_eq!(exchanges(), Some(true));
        assert!(known_answer(0) && !known_answer(1));
    }

    #[test]
    fn another_key_or_nonce_fails_the_known_answers() {
        let key = SecretKey::from_bytes(&bytes(EXCHANGE_A).unwrap()).unwrap();
        let nonce = Scalar::from_be(&bytes(NONCE).unwrap()).unwrap();
        assert_eq!(signs(&key, &nonce, 0), Some(false));
        assert_eq!(encrypts(&key, &nonce), Some(false));
    }
}
