//! Certificates, pairs, requests and keys: what holds, and what is refused by which name.

use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::envelope::EnvelopedKey;
use super::key::{pem_of, sections};
use super::*;
use crate::certificate::{DAY_S, Flaw, TIME_FLOOR_S, client_certificate};
use crate::sm2::{PublicKey, SecretKey};
use crate::sm4::Sm4;

const NOW_S: u64 = TIME_FLOOR_S + 30 * DAY_S;

fn names() -> Vec<String> {
    ["desk.local", "192.168.1.7", "fd00::7"].map(str::to_owned).to_vec()
}

fn issued() -> (Authority, Pair) {
    let authority = Authority::create("驿站 Posthouse desk", NOW_S).unwrap();
    let pair = authority.issue(&names(), NOW_S).unwrap();
    (authority, pair)
}

fn files(certified: &Certified) -> (String, String) {
    (certified.chain_pem(), certified.key_pem().unwrap().to_string())
}

fn read(sign: &(String, String), encrypt: &(String, String)) -> Result<Pair, PairFlaw> {
    Pair::read((&sign.0, &sign.1), (&encrypt.0, &encrypt.1))
}

fn sign_flaw(flaw: Flaw) -> PairFlaw {
    PairFlaw::Half { half: Half::Sign, flaw }
}

fn encrypt_flaw(flaw: Flaw) -> PairFlaw {
    PairFlaw::Half { half: Half::Encrypt, flaw }
}

#[test]
fn a_pair_has_one_subject_two_keys_and_the_usages_of_tlcp() {
    let (authority, pair) = issued();
    pair.check().unwrap();
    assert_ne!(pair.sign.key().public(), pair.encrypt.key().public());
    assert_eq!(pair.sign.facts().subject, pair.encrypt.facts().subject);
    assert_eq!(pair.sign.facts().names, names());
    assert_eq!(pair.sign.facts().issuer, "CN=驿站 Posthouse desk");
    for (half, usages) in [(&pair.sign, [true, false]), (&pair.encrypt, [false, true])] {
        assert!(signed_by(half.leaf(), &authority_key(&authority)));
        let facts = half.facts();
        assert_eq!(facts.not_after_s - facts.not_before_s, 825 * DAY_S);
        let leaf = Certificate::from_der(half.leaf()).unwrap();
        let body = leaf.tbs_certificate();
        assert!(body.get_extension::<BasicConstraints>().unwrap().is_none());
        assert!(body.get_extension::<ExtendedKeyUsage>().unwrap().is_some());
        let (critical, usage) = body.get_extension::<KeyUsage>().unwrap().unwrap();
        assert!(critical);
        assert_eq!(usage.digital_signature(), usages[0]);
        for encrypts in [usage.key_encipherment(), usage.data_encipherment(), usage.key_agreement()]
        {
            assert_eq!(encrypts, usages[1]);
        }
    }
}

fn authority_key(authority: &Authority) -> PublicKey {
    let certificate = Certificate::from_der(authority.certificate()).unwrap();
    super::certified::sm2_key(&certificate).unwrap()
}

#[test]
fn a_pair_survives_its_files_and_an_authority_too() {
    let (authority, pair) = issued();
    let again = read(&files(&pair.sign), &files(&pair.encrypt)).unwrap();
    assert_eq!(again.sign.chain(), pair.sign.chain());
    assert_eq!(again.encrypt.key().public(), pair.encrypt.key().public());
    let again = Pair::from_pem(&pair.to_pem().unwrap()).unwrap();
    assert_eq!(again.encrypt.chain(), pair.encrypt.chain());
    assert!(Pair::from_pem("").is_err() && Pair::from_pem(&sign_of(&pair)).is_err());
    let pem = authority.key_pem().unwrap();
    let heir = Authority::read(&authority.certificate_pem(), &pem).unwrap();
    assert_eq!(heir.name(), authority.name());
    assert!(signed_by(heir.issue(&names(), 0).unwrap().sign.leaf(), &authority_key(&authority)));
    let stranger = Authority::create("somebody else", NOW_S).unwrap();
    let mixed = Authority::read(&stranger.certificate_pem(), &pem);
    assert_eq!(mixed.err(), Some(Flaw::KeyMismatch));
    assert!(authority.issue(&names(), u64::MAX).is_ok(), "nor does a wild clock break it");
}

/// Ten years, as GmSSL wants it; and whoever believes the former certificate believes what the
/// authority issued before and after it was renewed.
#[test]
fn an_authority_lives_ten_years_and_is_renewed_with_its_key() {
    const DECADE_S: u64 = 3_650 * DAY_S;
    let life = |authority: &Authority| {
        let certificate = Certificate::from_der(authority.certificate()).unwrap();
        let validity = certificate.tbs_certificate().validity();
        let [from, until] =
            [validity.not_before, validity.not_after].map(|at| at.to_unix_duration().as_secs());
        (from, until)
    };
    let (authority, pair) = issued();
    let (from, until) = life(&authority);
    assert_eq!((until - from, from), (DECADE_S, NOW_S - 25 * DAY_S));

    // The last leaves are shorter, and never outlive it.
    let late = authority.issue(&names(), until - 100 * DAY_S).unwrap();
    assert_eq!(late.sign.facts().not_after_s, until);
    let read_back =
        Authority::read(&authority.certificate_pem(), &authority.key_pem().unwrap()).unwrap();
    let after = read_back.issue(&names(), until + DAY_S).unwrap();
    assert_eq!(after.sign.facts().not_after_s, until, "it is made, and told to have ended");

    let later_s = NOW_S + 9 * 365 * DAY_S;
    let renewed = authority.renew(later_s).unwrap();
    assert_eq!(
        (renewed.name(), life(&renewed)),
        (authority.name(), (later_s - 25 * DAY_S, later_s - 25 * DAY_S + DECADE_S))
    );
    for key in [authority_key(&authority), authority_key(&renewed)] {
        assert!(signed_by(pair.sign.leaf(), &key));
        assert!(signed_by(renewed.issue(&names(), later_s).unwrap().sign.leaf(), &key));
    }
}

fn sign_of(pair: &Pair) -> String {
    format!("{}{}", pair.sign.key_pem().unwrap().as_str(), pair.sign.chain_pem())
}

#[test]
fn an_import_of_a_pair_names_the_field_that_is_wrong() {
    let (authority, pair) = issued();
    let (sign, encrypt) = (files(&pair.sign), files(&pair.encrypt));
    assert_eq!(read(&encrypt, &sign).unwrap_err(), PairFlaw::Swapped);
    let cross = (sign.0.clone(), encrypt.1.clone());
    let crossed = (encrypt.0.clone(), sign.1.clone());
    assert_eq!(read(&cross, &crossed).unwrap_err(), PairFlaw::KeysSwapped);
    assert_eq!(read(&cross, &encrypt).unwrap_err(), sign_flaw(Flaw::KeyMismatch));
    assert_eq!(read(&sign, &crossed).unwrap_err(), encrypt_flaw(Flaw::KeyMismatch));

    let usage = read(&sign, &sign).unwrap_err();
    assert!(matches!(usage, PairFlaw::Half { half: Half::Encrypt, flaw: Flaw::Usage { .. } }));
    let usage = read(&encrypt, &encrypt).unwrap_err();
    assert_eq!(usage, sign_flaw(Flaw::Usage { missing: "digitalSignature" }));

    let other = authority.issue(&["other.local".to_owned()], NOW_S).unwrap();
    let differs = read(&sign, &files(&other.encrypt)).unwrap_err();
    assert!(matches!(differs, PairFlaw::Subject { encrypt, .. } if encrypt == "CN=other.local"));
    let stranger = Authority::create("somebody else", NOW_S).unwrap();
    let other = stranger.issue(&names(), NOW_S).unwrap();
    let differs = read(&sign, &files(&other.encrypt)).unwrap_err();
    assert!(matches!(differs, PairFlaw::Issuer { encrypt, .. } if encrypt == "CN=somebody else"));

    let person = authority.issue_client("li", NOW_S).unwrap();
    let nameless = read(&files(&person.sign), &files(&person.encrypt)).unwrap_err();
    assert_eq!(nameless, sign_flaw(Flaw::NoNames));

    let holder = |half: &Certified| client_certificate(half.leaf());
    let li = holder(&person.sign).unwrap();
    assert_eq!((&*li.holder, li.not_after_s), ("li", person.sign.facts().not_after_s));
    assert_eq!(holder(&person.encrypt), None, "what encrypts proves nobody");

    assert!(pair.valid_at(NOW_S).is_ok());
    let end = pair.sign.facts().not_after_s;
    let late = pair.valid_at(end + 3 * DAY_S).unwrap_err();
    assert_eq!(late, sign_flaw(Flaw::Expired { days: 3 }));
    assert_eq!(pair.days_left(end - 30 * DAY_S), 30);
}

#[test]
fn a_chain_needs_sm2_and_the_signature_of_its_authority() {
    let (authority, pair) = issued();
    let sign = files(&pair.sign);
    let twin = Authority::create(authority.name(), NOW_S).unwrap();
    let leaf = pem_of("CERTIFICATE", pair.sign.leaf());
    let forged = (format!("{leaf}{}", twin.certificate_pem()), sign.1);
    let flaw = read(&forged, &files(&pair.encrypt)).unwrap_err();
    assert_eq!(flaw, sign_flaw(Flaw::ChainSignature { place: 1 }));

    let mut broken = pair.sign.leaf().to_vec();
    let end = broken.len() - 1;
    broken[end] ^= 1;
    assert!(!signed_by(&broken, &authority_key(&authority)));

    let international = crate::authority::Authority::create("other world").unwrap();
    let identity = international.issue(&names(), NOW_S).unwrap();
    let mixed = Certified::read(identity.chain_pem(), pair.sign.key().clone());
    assert!(matches!(mixed.unwrap_err(), Flaw::NotSm2 { found, .. } if found.contains("1.2.840")));
}

#[test]
fn a_request_asks_for_names_and_proves_its_key() {
    let key = SecretKey::generate().unwrap();
    for purpose in [Purpose::Sign, Purpose::Encrypt] {
        let pem = Request::create(&key, &names(), purpose).unwrap();
        let request = Request::read(&pem).unwrap();
        assert_eq!((&request.names, request.purpose), (&names(), Some(purpose)));
        assert_eq!(request.public, *key.public());
        let authority = Authority::create("authority", NOW_S).unwrap();
        let chain = authority.issue_requested("li", &request, NOW_S).unwrap();
        let certified = Certified::new(chain, key.clone()).unwrap();
        let (facts, holder) = (certified.facts(), client_certificate(certified.leaf()));
        assert_eq!((&*facts.subject, facts.names.len()), ("CN=li", 0), "whatever it asked for");
        assert_eq!(holder.is_some(), purpose == Purpose::Sign);
        assert!(certified.usage_for(Half::Sign).is_ok() == (purpose == Purpose::Sign));
    }
    let pem = Request::create(&key, &names(), Purpose::Sign).unwrap();
    let (_, mut der) = sections(&pem).next().unwrap();
    let at = der.windows(10).position(|part| part == b"desk.local").unwrap();
    der[at] = b'D';
    let forged = Request::read(&pem_of("CERTIFICATE REQUEST", &der)).unwrap_err();
    assert_eq!(forged, Flaw::BadRequest { why: "it is not signed by its own key".to_owned() });
    assert_eq!(Request::create(&key, &[], Purpose::Sign).unwrap_err(), Flaw::NoNames);
}

#[test]
fn keys_come_from_openssl_and_gmssl_in_the_forms_they_write() {
    let plain = read_key(OPENSSL_PLAIN, None).unwrap();
    for (pem, passphrase) in [(OPENSSL_SEC1, None), (OPENSSL_SEALED, Some("驿站"))] {
        let key = read_key(pem, passphrase.map(str::as_bytes)).unwrap();
        assert_eq!(key.public(), plain.public());
    }
    let gmssl = read_key(GMSSL_SEALED, Some(b"123456")).unwrap();
    let (_, public) = sections(GMSSL_PUBLIC).next().unwrap();
    assert!(public.ends_with(&gmssl.public().to_sec1()));
    assert_eq!(read_key(GMSSL_SEALED, None).unwrap_err(), Flaw::KeySealed);
    assert_eq!(read_key(GMSSL_SEALED, Some(b"654321")).unwrap_err(), Flaw::Passphrase);
    assert_eq!(read_key(GMSSL_PUBLIC, None).unwrap_err(), Flaw::NoKey);
}

#[test]
fn a_key_survives_its_file() {
    let key = SecretKey::generate().unwrap();
    let open = read_key(&key_pem(&key).unwrap(), None).unwrap();
    assert_eq!(open.to_bytes(), key.to_bytes());
    let elsewhere = crate::authority::Authority::create("other world").unwrap();
    let flaw = read_key(&elsewhere.key_pem(), None).unwrap_err();
    assert_eq!(flaw, Flaw::BadKey { why: "it is no SM2 key".to_owned() });
}

/// Seals `key` for the holder of `signing`, as an authority does; DER.
fn seal_envelope(key: &SecretKey, signing: &PublicKey) -> Vec<u8> {
    let wrap = [7; 16];
    let wrapped = signing.encrypt(&wrap).unwrap().to_der();
    let mut blocks = key.to_bytes();
    Sm4::new(&wrap).encrypt(blocks.as_chunks_mut().0);
    let envelope = EnvelopedKey {
        algorithm: AlgorithmIdentifierOwned { oid: oid::SM4_ECB, parameters: None },
        wrapped: Any::from_der(&wrapped).unwrap(),
        public: BitString::from_bytes(&key.public().to_sec1()).unwrap(),
        private: BitString::from_bytes(&blocks[..]).unwrap(),
    };
    envelope.to_der().unwrap()
}

#[test]
fn an_envelope_opens_with_the_signing_key_it_was_sealed_for() {
    let (signing, key) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let der = seal_envelope(&key, signing.public());
    let pem = pem_of("ENVELOPED KEY", &der);
    let bare: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    for file in [&der[..], pem.as_bytes(), bare.as_bytes()] {
        assert_eq!(open_envelope(file, &signing).unwrap().to_bytes(), key.to_bytes());
    }
    let why = |file: &[u8], key: &SecretKey| open_envelope(file, key).unwrap_err().to_string();
    assert!(why(&der, &key).contains("another signing key"));
    let mut torn = der.clone();
    torn[der.len() - 5] ^= 1;
    assert!(why(&torn, &signing).contains("another's") || why(&torn, &signing).contains("key"));
    assert!(!why(b"", &signing).is_empty() && !why(&der[..40], &signing).is_empty());
}

/// Whatever the byte: an error or a value, never a panic.
#[test]
fn damage_anywhere_in_a_file_is_an_error_or_harmless() {
    let (_, pair) = issued();
    let key = pair.sign.key().clone();
    let leaf = pair.sign.leaf();
    let sealed = sections(OPENSSL_SEALED).next().unwrap().1;
    let plain = sections(OPENSSL_PLAIN).next().unwrap().1;
    let request = Request::create(&key, &names(), Purpose::Sign).unwrap();
    let request = sections(&request).next().unwrap().1;
    let envelope = seal_envelope(&key, key.public());
    let mut harmless = 0;
    for flip in [0x01, 0x80] {
        for at in 0..leaf.len() {
            let mut torn = leaf.to_vec();
            torn[at] ^= flip;
            let chain = vec![torn.into(), pair.sign.chain()[1].clone()];
            harmless += usize::from(Certified::new(chain, key.clone()).is_ok());
        }
        for at in 0..plain.len() {
            let mut torn = plain.to_vec();
            torn[at] ^= flip;
            let _ = read_key(&pem_of("PRIVATE KEY", &torn), None);
        }
        for at in (0..sealed.len()).filter(|at| !(40..50).contains(at)) {
            let mut torn = sealed.to_vec();
            torn[at] ^= flip;
            let _ = read_key(&pem_of("ENCRYPTED PRIVATE KEY", &torn), Some(b"x"));
        }
        for at in 0..request.len() {
            let mut torn = request.to_vec();
            torn[at] ^= flip;
            assert!(Request::read(&pem_of("CERTIFICATE REQUEST", &torn)).is_err());
        }
        for at in 0..envelope.len() {
            let mut torn = envelope.to_vec();
            torn[at] ^= flip;
            let _ = open_envelope(&torn, &key);
        }
    }
    assert_eq!(harmless, 0, "every bit of a certificate is signed");
    let certificate = Certificate::from_der(leaf).unwrap();
    assert_eq!(certificate.to_der().unwrap(), leaf, "what is verified is what was read");
}

/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2`, OpenSSL 3.0.19.
const OPENSSL_PLAIN: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgnN3SO1Kldk1DTIij
bhaVWSAD0h5EzcLf52EAGfp9If2hRANCAAR8XiAKOTqvQnX9MtsfOvFZXSkCUqoX
HCLWlgcN0lt13fN09yr9APwiKkBhg1vhDGGv9TzSR5GCEsJFzdgHzAER
-----END PRIVATE KEY-----
";
/// The same key after `openssl ec`.
const OPENSSL_SEC1: &str = "\
-----BEGIN SM2 PRIVATE KEY-----
MHcCAQEEIJzd0jtSpXZNQ0yIo24WlVkgA9IeRM3C3+dhABn6fSH9oAoGCCqBHM9V
AYItoUQDQgAEfF4gCjk6r0J1/TLbHzrxWV0pAlKqFxwi1pYHDdJbdd3zdPcq/QD8
IipAYYNb4Qxhr/U80keRghLCRc3YB8wBEQ==
-----END SM2 PRIVATE KEY-----
";
/// The same key after `openssl pkcs8 -topk8 -v2 sm4-cbc`; passphrase 驿站.
const OPENSSL_SEALED: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCkGCSqGSIb3DQEFDDAcBAiA7Sb1/pAq5AICCAAw
DAYIKoZIhvcNAgkFADAcBggqgRzPVQFoAgQQyyHjwGz5QYApw/ZvgP34LgSBkDIA
mq/cg37hL7lDn33sXbjglwIWntBftAKyBkZl6Q9fOU0EaWlw3uMLGzHj3veohtkL
LLXVabPboidAbZz9H3x4KtowA8KMXxV6UK1xeVt1tGAiPzuPEs3uMXNr+9Yttqhc
V2c8/V0MQoI5ilNpNTNRQ6fpNca9szdGda6cclXYIGcVhaWdaPECXvPS/h/EFQ==
-----END ENCRYPTED PRIVATE KEY-----
";
/// `gmssl sm2keygen -pass 123456`, GmSSL 3.1.1.
const GMSSL_SEALED: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIBBjBhBgkqhkiG9w0BBQ0wVDA0BgkqhkiG9w0BBQwwJwQQHC0Ea9Vrf91v1ELX
elSYDgIDAQAAAgEQMAsGCSqBHM9VAYMRAjAcBggqgRzPVQFoAgQQmiUlGOiTGSb5
p+MZNNe4igSBoNkTp0UZLua7Mip8M6xDr65IpcOC0Dd6CdmiddpnlfKJDqLRYPWN
Uday+ql3pb37/ONNJGpuoQ8gCIxSfP7peyLlqMQxe641x/tIvho6D9B2Q6wzzzBi
0Ypo/W90aJtjbfH1DGiALRoKozzAELqTRJqZkIb1V2J+hFF9jS2pc6PK//QQti3u
kaGFNSp0xtvV4cYTTlyVqxfQDrP0ThkNu2Q=
-----END ENCRYPTED PRIVATE KEY-----
";
/// The public key of it.
const GMSSL_PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEiHPGEN+0CAVWWcVPzjSQ1HKPBgL0
u9IymcNh7zU4LVOtYciRcNUaGcg1rwJtjEvNo5Zi18usIxf8SlJ89cq0kg==
-----END PUBLIC KEY-----
";
