//! SM2 certificates, their keys, the envelopes that keys come in, and signing requests. Nobody has
//! the corpus's authority's key any more, so what it signed is what was recorded and no more.

use std::sync::LazyLock;

use posthouse_crypto::certificate::client_certificate;
use posthouse_crypto::sm2::{PublicKey, SecretKey};
use posthouse_crypto::tlcp::Roots;
use posthouse_crypto::x509::{
    Certified, Pair, Request, key_pem, open_envelope, read_key, signed_by,
};

const SITE: &str = include_str!("../corpus/pair/whole.pem");
const CLIENT: &str = include_str!("../corpus/pair/client.pem");
const MANY_NAMES: &[u8] = include_bytes!("../corpus/certificate_chain/many_names");
const REQUESTS: [&str; 4] = [
    include_str!("../corpus/signing_request/sign.pem"),
    include_str!("../corpus/signing_request/encrypt.pem"),
    include_str!("../corpus/signing_request/tongsuo.pem"),
    include_str!("../corpus/signing_request/gmssl.pem"),
];
/// Opens the sealed keys of the corpus.
const PASSPHRASE: &str = "驿站";

static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::from_pem(SITE).unwrap());

static AUTHORITY: LazyLock<PublicKey> =
    LazyLock::new(|| PublicKey::from_sec1(include_bytes!("x509_authority.sec1")).unwrap());

/// All that the authority signed: a site's pair, a person's, a leaf of many names, and its own
/// certificate.
static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let of = |half: &Certified| half.chain().iter().map(|der| der.to_vec()).collect::<Vec<_>>();
    let mut signed = [of(&PAIR.sign), of(&PAIR.encrypt), list(MANY_NAMES)].concat();
    // A person's certificates name no host, and a pair of a site must.
    for part in CLIENT.split_inclusive("-----END CERTIFICATE-----\n") {
        signed
            .extend(posthouse_crypto::certificate::first_certificate(part).map(|der| der.to_vec()));
    }
    signed
});

static ASKED: LazyLock<Vec<Request>> =
    LazyLock::new(|| REQUESTS.iter().map(|pem| Request::read(pem).unwrap()).collect());

/// Certificates in DER, each behind its length in three bytes, as TLS and TLCP send them.
pub fn chain(bytes: &[u8]) {
    let chain = list(bytes);
    for der in &chain {
        let _ = client_certificate(der);
        let _ = Roots::new([der.as_slice()]);
        assert!(!signed_by(der, &AUTHORITY) || SIGNED.contains(der));
    }
    for key in [PAIR.sign.key(), PAIR.encrypt.key()] {
        let ders = chain.iter().cloned().map(Into::into).collect();
        let Ok(certified) = Certified::new(ders, key.clone()) else { continue };
        // A leaf that stands alone is checked by nobody but its peer.
        assert!(chain.len() == 1 || SIGNED.contains(&chain[0]));
        assert_eq!(certified.leaf(), chain[0]);
        let _ = (certified.between().count(), certified.facts().valid_at(1_800_000_000));
    }
}

fn list(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some(([high, middle, low], rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        let (der, rest) = rest.split_at(length.min(rest.len()));
        out.push(der.to_vec());
        bytes = rest;
    }
    out
}

/// Double certificates with their keys, in one file. What is taken can be presented, and survives
/// being written.
pub fn pair(bytes: &[u8]) {
    let Ok(pair) = Pair::from_pem(&String::from_utf8_lossy(bytes)) else { return };
    assert_eq!(pair.check(), Ok(()));
    let again = Pair::from_pem(&pair.to_pem().unwrap()).unwrap();
    assert_eq!(again.sign.chain(), pair.sign.chain());
    assert_eq!(again.encrypt.chain(), pair.encrypt.chain());
    let _ = (pair.identity(), pair.valid_at(1_800_000_000), pair.renewal_due(1_800_000_000));
}

/// PKCS#8, plain and sealed, and SEC 1.
pub fn private_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for passphrase in [None, Some(PASSPHRASE.as_bytes())] {
        if let Ok(key) = read_key(&text, passphrase) {
            let again = read_key(&key_pem(&key).unwrap(), None).unwrap();
            assert_eq!(again.public(), key.public());
        }
    }
}

/// A key that an authority sealed for the signing key of the pair.
pub fn envelope(bytes: &[u8]) {
    if let Ok(key) = open_envelope(bytes, PAIR.sign.key()) {
        let again = SecretKey::from_bytes(&*key.to_bytes()).unwrap();
        assert_eq!(again.public(), key.public());
    }
}

/// Whoever asks has the key, so that nobody asks for another's names.
pub fn request(bytes: &[u8]) {
    if let Ok(request) = Request::read(&String::from_utf8_lossy(bytes)) {
        let same = |asked: &Request| {
            (asked.public, &asked.subject, &asked.names, asked.purpose)
                == (request.public, &request.subject, &request.names, request.purpose)
        };
        assert!(ASKED.iter().any(same));
    }
}
