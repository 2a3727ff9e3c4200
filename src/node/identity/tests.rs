//! What stands in the data folder after each way to a certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use posthouse_crypto::certificate::TIME_FLOOR_S;
use posthouse_crypto::sm2::SecretKey;
use posthouse_crypto::x509::{
    Authority, Certified, Purpose, Request, key_pem_sealed, seal_envelope,
};

use super::*;
use crate::config::{Crypto, Profile};

const NOW: Wall = Wall { ms: TIME_FLOOR_S * 1000, trusted: true };
const YEARS_LATER: Wall = Wall { ms: NOW.ms + 600 * 86_400_000, trusted: true };

/// A site of that profile in a folder of its own, removed at the end.
struct Site {
    config: Config,
}

impl Site {
    fn new(name: &str, profile: Profile) -> Self {
        let name = format!("posthouse-identity-{name}-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        fs::create_dir_all(&data).unwrap();
        let crypto = Crypto { profile };
        Self { config: Config { data, crypto, ..Config::default() } }
    }

    fn certificates(&self, now: Wall) -> Certificates {
        certificates(&self.config, now).unwrap()
    }

    fn leaf(&self, now: Wall) -> Vec<u8> {
        self.certificates(now).national.unwrap().sign.leaf().to_vec()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.config.data.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.config.data);
    }
}

#[test]
fn the_profile_decides_which_certificates_exist() {
    for (name, profile) in
        [("i", Profile::International), ("n", Profile::National), ("b", Profile::Both)]
    {
        let site = Site::new(name, profile);
        assert!(present(&site.config).unwrap().is_empty(), "nothing before the first start");
        let made = site.certificates(NOW);
        assert_eq!(made.international.is_some(), profile.is_international());
        assert_eq!(made.national.is_some(), profile.is_national());
        assert_eq!(made.authorities.national.is_some(), profile.is_national());
        let kinds: Vec<_> = present(&site.config).unwrap().iter().map(|s| s.kind.name()).collect();
        let known: &[&str] = match profile {
            Profile::International => &["international"],
            Profile::National => &["sign", "encrypt"],
            Profile::Both => &["international", "sign", "encrypt"],
        };
        assert_eq!(kinds, known);
        for file in fs::read_dir(site.config.data.join("tls")).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let secret = name.ends_with(".key") || name == "sm-site.pem";
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if secret { 0o600 } else { 0o644 }, "{name}");
        }
    }
}

#[test]
fn a_pair_is_kept_until_it_is_due_damaged_or_named_otherwise() {
    let mut site = Site::new("kept", Profile::National);
    let first = site.leaf(NOW);
    assert_eq!(site.leaf(NOW), first);
    let untrusted = Wall { trusted: false, ..YEARS_LATER };
    assert_eq!(site.leaf(untrusted), first, "a clock that is not set renews nothing");
    let second = site.leaf(YEARS_LATER);
    assert_ne!(second, first);
    renew(&site.config, YEARS_LATER).unwrap();
    let third = site.leaf(YEARS_LATER);
    assert_ne!(third, second);
    site.config.site.names = vec!["other.local".to_owned()];
    let fourth = site.leaf(YEARS_LATER);
    assert_ne!(fourth, third);
    fs::write(site.config.data.join("tls/sm-site.pem"), "torn").unwrap();
    assert_ne!(site.leaf(YEARS_LATER), fourth);
}

/// The way of an organisation with an authority: two requests, two certificates, and the encryption
/// key from the authority in an envelope.
#[test]
fn requests_certificates_and_an_envelope_become_the_pair_that_is_presented() {
    let site = Site::new("import", Profile::National);
    let own = site.leaf(NOW);
    let authority = Authority::create("provincial authority").unwrap();
    let answer = |purpose| {
        let asked = Request::read(&request(&site.config, purpose).unwrap()).unwrap();
        assert_eq!(asked.purpose, Some(purpose));
        asked
    };
    let pem = |chain: Vec<CertificateDer<'static>>, key: &SecretKey| {
        Certified::new(chain, key.clone()).unwrap().chain_pem()
    };
    let signing = answer(Purpose::Sign);
    let key = national::requested_key(&site.config.data, Purpose::Sign).unwrap();
    let chain = authority.issue_requested(&signing, Purpose::Sign, TIME_FLOOR_S).unwrap();
    let sign_certificate = site.file("sign.pem", &pem(chain, &key));

    // The authority makes the encryption key itself.
    let given = SecretKey::generate().unwrap();
    let asked = Request { public: *given.public(), ..signing.clone() };
    let chain = authority.issue_requested(&asked, Purpose::Encrypt, TIME_FLOOR_S).unwrap();
    let encrypt_certificate = site.file("encrypt.pem", &pem(chain, &given));
    let envelope = site.config.data.join("envelope.der");
    fs::write(&envelope, seal_envelope(&given, &signing.public).unwrap()).unwrap();
    let mut files = PairFiles {
        sign_certificate,
        sign_key: None,
        encrypt_certificate,
        encrypt_key: None,
        envelope: Some(envelope),
        passphrase: None,
    };
    import_pair(&site.config, &files, NOW).unwrap();
    let presented = site.certificates(NOW);
    assert!(presented.authorities.national.is_none(), "nothing of the own authority is shown");
    let pair = presented.national.unwrap();
    assert_ne!(pair.sign.leaf(), own);
    assert_eq!(pair.encrypt.key().public(), given.public());
    assert!(present(&site.config).unwrap().iter().all(|shown| !shown.own));
    assert_eq!(renew(&site.config, NOW).unwrap_err().code, code::CLI_NOT_OWN_CERTIFICATE);

    // The same keys sealed by a passphrase.
    let seal = |key: &SecretKey| key_pem_sealed(key, "驿站".as_bytes()).unwrap();
    files.sign_key = Some(site.file("sealed-sign.key", &seal(&key)));
    files.encrypt_key = Some(site.file("sealed-encrypt.key", &seal(&given)));
    files.envelope = None;
    let sealed = import_pair(&site.config, &files, NOW).unwrap_err();
    assert_eq!(sealed.code, code::KEY_SEALED);
    files.passphrase = Some(site.file("passphrase", "驿站\n"));
    import_pair(&site.config, &files, NOW).unwrap();

    let late = Wall { ms: NOW.ms + 900 * 86_400_000, trusted: true };
    assert_eq!(
        import_pair(&site.config, &files, late).unwrap_err().code,
        code::CERTIFICATE_EXPIRED
    );
    std::mem::swap(&mut files.sign_certificate, &mut files.encrypt_certificate);
    std::mem::swap(&mut files.sign_key, &mut files.encrypt_key);
    let swapped = import_pair(&site.config, &files, NOW).unwrap_err();
    assert_eq!(swapped.code, code::BAD_PAIR);
    assert!(swapped.detail.contains("swapped"), "{}", swapped.detail);
}

#[test]
fn an_agents_certificate_is_issued_in_each_world_of_the_profile() {
    let mut site = Site::new("agent", Profile::Both);
    let folder = site.config.data.join("li");
    let written = issue_client(&site.config, "li", &folder, NOW).unwrap();
    assert_eq!(written.len(), 6);
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    for name in ["client.pem", "client-sign.pem", "client-encrypt.pem"] {
        let der = posthouse_crypto::certificate::first_certificate(&text(name)).unwrap();
        let holder = posthouse_crypto::certificate::client_certificate(&der).unwrap();
        assert_eq!(holder.holder, "li");
    }
    assert!(revoked(&site.config.data).unwrap().is_empty());
    let serial = revoke(&site.config.data, &folder.join("client-sign.pem")).unwrap();
    revoke(&site.config.data, &folder.join("client.pem")).unwrap();
    let taken_back = revoked(&site.config.data).unwrap();
    assert!(taken_back.contains(&serial) && taken_back.len() == 2);
    let asked = |site: &Site| client_authorities(&site.config).unwrap();
    assert!(matches!(asked(&site).national, ClientAuth::No));
    site.config.tls.client_certificates = ClientCertificates::Optional;
    assert!(matches!(asked(&site).national, ClientAuth::Optional(own) if own.len() == 1));
    assert!(matches!(asked(&site).international, ClientAuth::Optional(own) if own.len() == 1));
}
