//! Keys, requests, certificates, signatures and ciphers that Tongsuo and GmSSL wrote are read, and
//! each is refused when a byte of it is changed. `fixtures/make` makes the files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use posthouse_crypto::certificate::Flaw;
use posthouse_crypto::sm2::{Cipher, DEFAULT_ID, SecretKey, Signature};
use posthouse_crypto::x509::{Half, Pair, PairFlaw, Purpose, Request, open_envelope, read_key};

const PASSPHRASE: Option<&[u8]> = Some(b"correct-horse");
const MESSAGE: &[u8] = b"what is signed";

#[test]
fn keys_are_read_in_each_form() {
    let plain = key("tongsuo-sign.key", None);
    let in_sec1 = key("tongsuo-sign-sec1.key", None);
    assert_eq!(*plain.to_bytes(), *in_sec1.to_bytes());
    let plain = key("tongsuo-encrypt.key", None);
    let sealed = key("tongsuo-encrypt-sealed.key", PASSPHRASE);
    assert_eq!(*plain.to_bytes(), *sealed.to_bytes());
}

#[test]
fn an_envelope_is_opened_by_the_key_it_was_sealed_for() {
    let envelope = bytes("tongsuo-encrypt.envelope");
    let opened = open_envelope(&envelope, &key("tongsuo-sign.key", None)).unwrap();
    assert_eq!(*opened.to_bytes(), *key("tongsuo-encrypt.key", None).to_bytes());
    let other = open_envelope(&envelope, &opened).unwrap_err();
    assert!(matches!(other, Flaw::BadEnvelope { .. }));
}

#[test]
fn a_sealed_key_wants_its_passphrase() {
    for name in ["tongsuo-encrypt-sealed.key", "gmssl-sign.key"] {
        let file = text(name);
        assert_eq!(read_key(&file, None).unwrap_err(), Flaw::KeySealed, "{name}");
        assert_eq!(read_key(&file, Some(b"wrong")).unwrap_err(), Flaw::Passphrase, "{name}");
    }
}

#[test]
fn pairs_are_read_with_the_authority_above_them() {
    for peer in PEERS {
        let pair = pair(&peer).unwrap();
        assert!(pair.sign.facts().names.contains(&"desk.example".to_owned()), "{}", peer.name);
        assert_eq!(pair.sign.chain().len(), 2);
    }
}

#[test]
fn an_authority_that_did_not_sign_is_found_out() {
    let [tongsuo, gmssl] = PEERS;
    let mut forged = text("tongsuo-sign.pem");
    forged.push_str(&text("gmssl-ca.pem"));
    let sign = (forged.as_str(), key("tongsuo-sign.key", None));
    let encrypt = chain(&tongsuo, "encrypt");
    let encrypt = (encrypt.as_str(), key("tongsuo-encrypt.key", None));
    let refused = Pair::with_keys(sign, encrypt).unwrap_err();
    assert!(matches!(refused, PairFlaw::Half { half: Half::Sign, .. }), "{refused:?}");

    let (mine, other) = (chain(&gmssl, "sign"), chain(&gmssl, "encrypt"));
    let keys = (key("gmssl-sign.key", PASSPHRASE), key("gmssl-encrypt.key", PASSPHRASE));
    let swapped = Pair::with_keys((&other, keys.1), (&mine, keys.0)).unwrap_err();
    assert_eq!(swapped, PairFlaw::Swapped);
}

#[test]
fn requests_are_read_and_their_signatures_checked() {
    for (name, purpose) in [
        ("tongsuo-sign", Some(Purpose::Sign)),
        ("tongsuo-encrypt", Some(Purpose::Encrypt)),
        ("gmssl-sign", None),
        ("gmssl-encrypt", None),
    ] {
        let request = Request::read(&text(&format!("{name}.csr"))).expect(name);
        assert_eq!(request.purpose, purpose, "{name}");
        let passphrase = name.starts_with("gmssl").then_some(PASSPHRASE).flatten();
        let own = key(&format!("{name}.key"), passphrase);
        assert_eq!(request.public, *own.public(), "{name}");
    }
    let another = text("tongsuo-sign.csr").replacen("MI", "MJ", 1);
    assert!(Request::read(&another).is_err());
}

#[test]
fn signatures_are_verified() {
    for peer in PEERS {
        let key = key(&format!("{}-sign.key", peer.name), peer.passphrase);
        let signature = Signature::from_der(&bytes(&format!("{}.signature", peer.name))).unwrap();
        assert!(key.public().verify(DEFAULT_ID, &[MESSAGE], &signature), "{}", peer.name);
        assert!(!key.public().verify(DEFAULT_ID, &[MESSAGE, b"."], &signature), "{}", peer.name);
        assert!(!key.public().verify(b"another id", &[MESSAGE], &signature), "{}", peer.name);
    }
}

#[test]
fn ciphers_are_opened() {
    for peer in PEERS {
        let key = key(&format!("{}-encrypt.key", peer.name), peer.passphrase);
        let der = bytes(&format!("{}.cipher", peer.name));
        let cipher = Cipher::from_der(&der).unwrap();
        assert_eq!(&key.decrypt(&cipher).unwrap()[..], MESSAGE, "{}", peer.name);
        let mut changed = der;
        *changed.last_mut().unwrap() ^= 1;
        let changed = Cipher::from_der(&changed).unwrap();
        assert!(key.decrypt(&changed).is_err(), "{}", peer.name);
    }
}

struct Peer {
    name: &'static str,
    /// Of its keys.
    passphrase: Option<&'static [u8]>,
}

const PEERS: [Peer; 2] =
    [Peer { name: "tongsuo", passphrase: None }, Peer { name: "gmssl", passphrase: PASSPHRASE }];

fn pair(peer: &Peer) -> Result<Pair, PairFlaw> {
    let half =
        |half| (chain(peer, half), key(&format!("{}-{half}.key", peer.name), peer.passphrase));
    let (sign, encrypt) = (half("sign"), half("encrypt"));
    Pair::with_keys((&sign.0, sign.1), (&encrypt.0, encrypt.1))
}

fn chain(peer: &Peer, half: &str) -> String {
    let leaf = text(&format!("{}-{half}.pem", peer.name));
    leaf + &text(&format!("{}-ca.pem", peer.name))
}

fn key(name: &str, passphrase: Option<&[u8]>) -> SecretKey {
    read_key(&text(name), passphrase).unwrap_or_else(|flaw| panic!("{name}: {flaw}"))
}

fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}

fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}
