//! What stands in the data folder after each way to a certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use posthouse_crypto::certificate::TIME_FLOOR_S;
use posthouse_crypto::x509::{Purpose, Request};

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
        let crypto = Crypto { profile, ..Crypto::default() };
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

/// What Tongsuo's authority answered to two requests, and the encryption key in an envelope.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crypto/tests/fixtures").join(name)
}

/// The way of an organisation with an authority: two requests, two certificates, and the encryption
/// key from the authority in an envelope.
#[test]
fn requests_certificates_and_an_envelope_become_the_pair_that_is_presented() {
    // When the fixtures are valid.
    const THEN: Wall = Wall { ms: NOW.ms + 60 * 86_400_000, trusted: true };
    let site = Site::new("import", Profile::National);
    let own = site.leaf(THEN);
    for (purpose, half) in [(Purpose::Sign, "sign"), (Purpose::Encrypt, "encrypt")] {
        let asked = || Request::read(&request(&site.config, purpose).unwrap()).unwrap();
        assert_eq!((asked().purpose, asked().public), (Some(purpose), asked().public));
        // The authority answered to another key than this folder made.
        let kept = site.config.data.join(format!("tls/sm-request-{half}.key"));
        fs::copy(fixture(&format!("tongsuo-{half}.key")), kept).unwrap();
    }
    let authority = fs::read_to_string(fixture("tongsuo-ca.pem")).unwrap();
    let chain = |half: &str| {
        let leaf = fs::read_to_string(fixture(&format!("tongsuo-{half}.pem"))).unwrap();
        site.file(&format!("{half}.pem"), &(leaf + &authority))
    };
    let mut files = PairFiles {
        sign_certificate: chain("sign"),
        sign_key: None,
        encrypt_certificate: chain("encrypt"),
        encrypt_key: None,
        envelope: Some(fixture("tongsuo-encrypt.envelope")),
        passphrase: None,
    };
    import_pair(&site.config, &files, THEN).unwrap();
    let presented = site.certificates(THEN);
    assert!(presented.authorities.national.is_none(), "nothing of the own authority is shown");
    let pair = presented.national.unwrap();
    assert_ne!(pair.sign.leaf(), own);
    let given = national::requested_key(&site.config.data, Purpose::Encrypt).unwrap();
    assert_eq!(pair.encrypt.key().public(), given.public());
    assert!(present(&site.config).unwrap().iter().all(|shown| !shown.own));
    assert_eq!(renew(&site.config, THEN).unwrap_err().code, code::CLI_NOT_OWN_CERTIFICATE);

    // The same key sealed by a passphrase.
    files.encrypt_key = Some(fixture("tongsuo-encrypt-sealed.key"));
    files.envelope = None;
    let sealed = import_pair(&site.config, &files, THEN).unwrap_err();
    assert_eq!(sealed.code, code::KEY_SEALED);
    files.passphrase = Some(site.file("passphrase", "correct-horse\n"));
    import_pair(&site.config, &files, THEN).unwrap();

    let late = Wall { ms: NOW.ms + 4000 * 86_400_000, trusted: true };
    assert_eq!(
        import_pair(&site.config, &files, late).unwrap_err().code,
        code::CERTIFICATE_EXPIRED
    );
    files.sign_key = Some(fixture("tongsuo-sign.key"));
    std::mem::swap(&mut files.sign_certificate, &mut files.encrypt_certificate);
    std::mem::swap(&mut files.sign_key, &mut files.encrypt_key);
    let swapped = import_pair(&site.config, &files, THEN).unwrap_err();
    assert_eq!(swapped.code, code::BAD_PAIR);
    assert!(swapped.detail.contains("swapped"), "{}", swapped.detail);
}

/// The key never leaves its holder, and whoever has none of it gets nothing.
#[test]
fn a_certificate_is_issued_for_the_key_of_a_request() {
    let site = Site::new("requested", Profile::National);
    let folder = site.config.data.join("li");
    let issue = |request: &Path| issue_requested(&site.config, "li", request, &folder, NOW);
    let written = issue(&fixture("tongsuo-sign.csr")).unwrap();
    assert_eq!(written, [folder.join("client-sign.pem")]);
    let key = fs::read_to_string(fixture("tongsuo-sign.key")).unwrap();
    let key = posthouse_crypto::x509::read_key(&key, None).unwrap();
    let chain = fs::read_to_string(&written[0]).unwrap();
    let certified = posthouse_crypto::x509::Certified::read(&chain, key).unwrap();
    let holder = posthouse_crypto::certificate::client_certificate(certified.leaf()).unwrap();
    assert_eq!(holder.holder, "li");
    let other_half = issue(&fixture("tongsuo-encrypt.csr")).unwrap();
    assert_eq!(other_half, [folder.join("client-encrypt.pem")]);
    let both = revoke_agent(&site.config.data, "li").unwrap();
    assert!(both.len() == 2 && both.contains(&holder.serial), "they are noted as any other");
    let forged = fs::read_to_string(fixture("tongsuo-sign.csr")).unwrap().replacen("MI", "MJ", 1);
    let refused = issue(&site.file("forged.csr", &forged)).unwrap_err();
    assert_eq!(refused.code, code::BAD_CERTIFICATE);
}

/// Its certificate is another, its key the same, and so is the pair's issuer.
#[test]
fn a_renewed_authority_keeps_its_key_and_issues_another_pair() {
    let site = Site::new("renewed-authority", Profile::Both);
    let before = site.leaf(NOW);
    let pem = || authority_pem(&site.config.data, World::National, NOW).unwrap();
    let facts = || own_authorities(&site.config);
    let (old, [_, first]) = (pem(), <[Facts; 2]>::try_from(facts()).unwrap());
    renew_authority(&site.config, YEARS_LATER).unwrap();
    let [_, second] = <[Facts; 2]>::try_from(facts()).unwrap();
    assert_eq!(second.not_after_s - first.not_after_s, 600 * 86_400);
    assert_ne!(pem(), old);
    assert_ne!(site.leaf(YEARS_LATER), before);
    let untrusted = Wall { trusted: false, ..YEARS_LATER };
    renew_authority(&site.config, untrusted).unwrap();
    assert_eq!(facts()[1].not_after_s, first.not_after_s, "a clock that is not set is not asked");
}

#[test]
fn an_agents_certificate_is_issued_in_each_world_of_the_profile() {
    let mut site = Site::new("agent", Profile::Both);
    let folder = site.config.data.join("li");
    let written = issue_client(&site.config, "li", &folder, NOW).unwrap();
    assert_eq!(written.len(), 6);
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let holder = |name: &str| {
        let der = posthouse_crypto::certificate::first_certificate(&text(name)).unwrap();
        posthouse_crypto::certificate::client_certificate(&der)
    };
    for name in ["client.pem", "client-sign.pem"] {
        assert_eq!(holder(name).unwrap().holder, "li");
    }
    assert_eq!(holder("client-encrypt.pem"), None, "what encrypts proves nobody");
    let long = issue_client(&site.config, &"l".repeat(65), &folder, NOW).unwrap_err();
    assert_eq!(long.code, code::BAD_CERTIFICATE, "cut off, it would be another's name");
    let asked = |site: &Site| client_authorities(&site.config, NOW).unwrap();
    assert!(matches!(asked(&site).national, ClientAuth::No));
    site.config.tls.client_certificates = ClientCertificates::Optional;
    assert!(matches!(asked(&site).national, ClientAuth::Optional(own) if own.len() == 1));
    assert!(matches!(asked(&site).international, ClientAuth::Optional(own) if own.len() == 1));
}

#[test]
fn certificates_are_taken_back_one_by_one_or_all_of_an_agents() {
    let site = Site::new("revoked", Profile::Both);
    let data = &site.config.data;
    let serial = |folder: &Path, name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        posthouse_crypto::certificate::facts_of_pem(&text).unwrap().serial
    };
    let issue = |agent: &str| {
        let folder = data.join(agent);
        issue_client(&site.config, agent, &folder, NOW).unwrap();
        folder
    };
    let (li, wang) = (issue("li"), issue("wang"));
    assert!(revoked(data).unwrap().is_empty());
    let one = revoke(data, &wang.join("client-sign.pem")).unwrap();
    assert_eq!(revoked(data).unwrap(), [one.clone()].into());
    let half = revoke(data, &wang.join("client-encrypt.pem")).unwrap_err();
    assert_eq!(half.code, code::BAD_CERTIFICATE, "it signs nobody in");

    let names = ["client.pem", "client-sign.pem", "client-encrypt.pem"];
    let all: Vec<_> = names.iter().map(|name| serial(&li, name)).collect();
    assert_eq!(revoke_agent(data, "LI").unwrap(), all, "as signing in compares names");
    let taken_back = revoked(data).unwrap();
    assert!(taken_back.len() == 4 && all.iter().all(|serial| taken_back.contains(serial)));
    issue("li");
    assert!(!revoked(data).unwrap().contains(&serial(&li, "client.pem")), "a later one counts");
    assert_eq!(revoke_agent(data, "l").unwrap_err().code, code::NOTHING_ISSUED);
}

#[test]
fn an_authority_without_its_key_is_not_replaced() {
    let site = Site::new("lost", Profile::Both);
    site.certificates(NOW);
    let tls = site.config.data.join("tls");
    for world in [World::International, World::National] {
        let name = if world == World::National { "sm-ca" } else { "ca" };
        let (pem, key) = (tls.join(format!("{name}.pem")), tls.join(format!("{name}.key")));
        let (was, away) = (fs::read(&pem).unwrap(), tls.join("away"));
        fs::rename(&key, &away).unwrap();
        let lost = authority_pem(&site.config.data, world, NOW).unwrap_err();
        assert_eq!(lost.code, code::AUTHORITY_KEY_MISSING);
        assert_eq!(fs::read(&pem).unwrap(), was);
        fs::rename(&away, &key).unwrap();
        assert!(authority_pem(&site.config.data, world, NOW).is_ok());
        // A crash left the key alone: nobody has the certificate.
        fs::remove_file(&pem).unwrap();
        assert!(authority_pem(&site.config.data, world, NOW).is_ok());
        assert_ne!(fs::read(&pem).unwrap(), was);
    }
}

#[test]
fn an_imported_certificate_is_one_secret_file_and_the_older_two_are_still_read() {
    let site = Site::new("one-file", Profile::International);
    let tls = site.config.data.join("tls");
    let authority = posthouse_crypto::authority::Authority::create("provincial").unwrap();
    let issue = || authority.issue(&["desk.local".to_owned()], TIME_FLOOR_S).unwrap();
    let presented = || site.certificates(NOW).international.unwrap().facts().fingerprint.clone();
    let own = presented();
    let older = issue();
    fs::write(tls.join("imported.pem"), older.chain_pem()).unwrap();
    let torn = certificates(&site.config, NOW).unwrap_err();
    assert_eq!(torn.code, code::BAD_CERTIFICATE_KEY, "half of one is not passed over");
    fs::write(tls.join("imported.key"), older.key_pem()).unwrap();
    assert_eq!(presented(), older.facts().fingerprint);

    // One file with both, as many authorities deliver it.
    let fresh = issue();
    let both = format!("{}{}", fresh.key_pem(), fresh.chain_pem());
    let both = site.file("both.pem", &both);
    import(&site.config, &both, &both, NOW).unwrap();
    assert_eq!(presented(), fresh.facts().fingerprint);
    let mode = fs::metadata(tls.join("imported.pem")).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, tls.join("imported.key").exists()), (0o600, false));
    // A crash before the older key went.
    fs::write(tls.join("imported.key"), older.key_pem()).unwrap();
    assert_eq!(presented(), fresh.facts().fingerprint);
    assert_ne!(presented(), own);
    let identity = site.certificates(NOW).international.unwrap();
    let is_secret = |pem: &str| pem.contains("PRIVATE KEY");
    assert!(!is_secret(identity.chain_pem()) && is_secret(identity.key_pem()));
}
