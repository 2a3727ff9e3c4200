//! The site's own certificate authority: made at first start, installed by visitors who want it,
//! and the issuer of the box's server certificate. Its key never leaves the data folder.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use crate::certificate::{
    COMMON_NAME_MOST, DAY_S, Flaw, Identity, TIME_FLOOR_S, check_name, first_certificate,
};

/// A leaf begins this long before it is issued: visitors' clocks are off too.
pub(crate) const BACKDATE_S: u64 = 25 * DAY_S;
/// A leaf lives this long from its issue. With the backdate it stays at the 825 days that Apple
/// allows under an authority the user installed (support.apple.com/103769).
pub(crate) const LEAF_S: u64 = 800 * DAY_S;
/// 2046-01-01: a clock past it is wrong, and a leaf must end before its authority does.
const TIME_CEILING_S: u64 = 2_398_377_600;
/// The authority's life, 2024-01-01 to 2049-01-01. Users install it by hand once; its replacement
/// would be a visit to each.
const AUTHORITY_FROM_S: u64 = 1_704_067_200;
const AUTHORITY_UNTIL_S: u64 = 2_493_072_000;

/// From when until when something issued at `now_s` for `life_s` is valid, in seconds since 1970.
/// A time before the product existed counts as [`TIME_FLOOR_S`].
pub(crate) fn validity(now_s: u64, life_s: u64) -> (u64, u64) {
    let now_s = now_s.clamp(TIME_FLOOR_S, TIME_CEILING_S);
    (now_s - BACKDATE_S, now_s + life_s)
}

/// An authority: its certificate and its EC P-256 key.
pub struct Authority {
    name: String,
    certificate_pem: String,
    key: KeyPair,
}

impl Authority {
    /// Makes a new authority. `name` is what a person sees in the list of a system's authorities.
    ///
    /// # Errors
    /// [`Flaw::NotMade`]: no randomness, or a name that cannot be encoded.
    pub fn create(name: &str) -> Result<Self, Flaw> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)?;
        let certificate = authority_params(name).self_signed(&key).map_err(not_made)?;
        Ok(Self { name: name.to_owned(), certificate_pem: certificate.pem(), key })
    }

    /// Reads what [`Authority::create`] made.
    ///
    /// # Errors
    /// A flaw of the certificate or of the key.
    pub fn read(certificate_pem: &str, key_pem: &str) -> Result<Self, Flaw> {
        let der = first_certificate(certificate_pem)?;
        let bad = |why: String| Flaw::BadCertificate { place: 1, why };
        let certificate = Certificate::from_der(&der).map_err(|fault| bad(fault.to_string()))?;
        let key = KeyPair::from_pem(key_pem).map_err(|_| Flaw::NoKey)?;
        let body = certificate.tbs_certificate();
        let public = body.subject_public_key_info().subject_public_key.as_bytes();
        if public != Some(key.public_key_raw()) {
            return Err(Flaw::KeyMismatch);
        }
        let name = body.subject().common_name().map_err(|fault| bad(fault.to_string()))?;
        let name = name.ok_or_else(|| bad("it has no common name".to_owned()))?;
        let name = name.value().into_owned();
        Ok(Self { name, certificate_pem: certificate_pem.to_owned(), key })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate as PEM: what visitors download.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The certificate in DER: what others are checked against.
    ///
    /// # Errors
    /// [`Flaw::NoCertificate`]: the PEM it was read from holds none.
    pub fn certificate(&self) -> Result<CertificateDer<'static>, Flaw> {
        first_certificate(&self.certificate_pem)
    }

    /// The private key as PEM: to be written with mode 0600 and nowhere else.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    /// Issues a server certificate for `names` (host names and addresses), with a new key. `now_s`
    /// is in seconds since 1970; a time before the product existed counts as [`TIME_FLOOR_S`].
    ///
    /// # Errors
    /// [`Flaw::NoNames`] without a name, [`Flaw::NotMade`] for a name that cannot be encoded.
    pub fn issue(&self, names: &[String], now_s: u64) -> Result<Identity, Flaw> {
        let first = names.first().ok_or(Flaw::NoNames)?;
        let params = CertificateParams::new(names).map_err(not_made)?;
        let (chain, key) =
            self.certify(params, first, ExtendedKeyUsagePurpose::ServerAuth, now_s)?;
        Identity::read(&chain, &key)
    }

    /// Issues the certificate of a person, called `name`, who signs in with it: chain and key as
    /// PEM.
    ///
    /// # Errors
    /// [`Flaw::Name`] for a name that does not fit whole, [`Flaw::NotMade`].
    pub fn issue_client(
        &self,
        name: &str,
        now_s: u64,
    ) -> Result<(String, Zeroizing<String>), Flaw> {
        check_name(name)?;
        let params = CertificateParams::default();
        self.certify(params, name, ExtendedKeyUsagePurpose::ClientAuth, now_s)
    }

    fn certify(
        &self,
        mut params: CertificateParams,
        subject: &str,
        purpose: ExtendedKeyUsagePurpose,
        now_s: u64,
    ) -> Result<(String, Zeroizing<String>), Flaw> {
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, short(subject));
        let (from_s, until_s) = validity(now_s, LEAF_S);
        let moment = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        (params.not_before, params.not_after) = (moment(from_s), moment(until_s));
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)?;
        let issuer = Issuer::new(authority_params(&self.name), &self.key);
        let leaf = params.signed_by(&key, &issuer).map_err(not_made)?;
        let chain = format!("{}{}", leaf.pem(), self.certificate_pem);
        Ok((chain, Zeroizing::new(key.serialize_pem())))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("name", &self.name).finish_non_exhaustive()
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, short(name));
    let moment = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    params.not_before = moment(AUTHORITY_FROM_S);
    params.not_after = moment(AUTHORITY_UNTIL_S);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What fits of the name of a host or an authority, which the common name only describes.
fn short(name: &str) -> String {
    name.chars().take(COMMON_NAME_MOST).collect()
}

fn not_made(fault: rcgen::Error) -> Flaw {
    Flaw::NotMade { why: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Field;

    const NOW_S: u64 = TIME_FLOOR_S + 30 * DAY_S;

    fn names() -> Vec<String> {
        ["desk.local", "192.168.1.7", "fd00::7"].map(str::to_owned).to_vec()
    }

    fn issued() -> (Authority, Identity) {
        let authority = Authority::create("驿站 Posthouse desk").unwrap();
        let identity = authority.issue(&names(), NOW_S).unwrap();
        (authority, identity)
    }

    #[test]
    fn a_leaf_names_the_hosts_and_stays_within_825_days() {
        let (_, identity) = issued();
        let facts = identity.facts();
        assert_eq!(facts.names, names());
        assert!(identity.covers(&["DESK.local".to_owned()]) && !identity.covers(&["x".to_owned()]));
        assert_eq!(facts.issuer, "CN=驿站 Posthouse desk");
        assert_eq!(facts.not_after_s - facts.not_before_s, 825 * DAY_S);
        assert!(facts.not_before_s < NOW_S && NOW_S < facts.not_after_s);
    }

    #[test]
    fn a_board_without_a_clock_issues_what_visitors_accept_today() {
        let (authority, _) = issued();
        let identity = authority.issue(&names(), 0).unwrap();
        let facts = identity.facts();
        assert!(facts.not_before_s < TIME_FLOOR_S && facts.not_after_s > TIME_FLOOR_S + LEAF_S - 1);
        assert!(authority.issue(&names(), u64::MAX).is_ok(), "nor does a wild clock break it");
    }

    #[test]
    fn a_leaf_is_due_for_renewal_in_its_last_third_and_before_its_time() {
        let (_, identity) = issued();
        let end = identity.facts().not_after_s;
        assert!(!identity.renewal_due(NOW_S));
        assert!(!identity.renewal_due(end - 276 * DAY_S));
        assert!(identity.renewal_due(end - 274 * DAY_S));
        assert!(identity.renewal_due(identity.facts().not_before_s - 1));
    }

    #[test]
    fn an_authority_read_back_issues_under_the_same_name_and_key() {
        let (authority, _) = issued();
        let again = Authority::read(authority.certificate_pem(), &authority.key_pem()).unwrap();
        assert_eq!(again.name(), authority.name());
        let identity = again.issue(&names(), NOW_S).unwrap();
        assert!(identity.chain_pem().ends_with(authority.certificate_pem()));
        let (stranger, _) = issued();
        let mixed = Authority::read(authority.certificate_pem(), &stranger.key_pem());
        assert_eq!(mixed.err(), Some(Flaw::KeyMismatch));
    }

    #[test]
    fn an_import_names_the_field_that_is_wrong() {
        let (authority, identity) = issued();
        let (chain, key) = (identity.chain_pem(), identity.key_pem());
        let flaw = |chain: &str, key: &str, now| Identity::import(chain, key, now).unwrap_err();
        assert!(Identity::import(chain, key, Some(NOW_S)).is_ok());

        let other = authority.issue(&names(), NOW_S).unwrap();
        assert_eq!(flaw(chain, other.key_pem(), None), Flaw::KeyMismatch);
        assert_eq!(flaw(chain, "", None), Flaw::NoKey);
        assert_eq!(flaw(chain, chain, None).field(), Field::Key);
        assert_eq!(flaw("", key, None), Flaw::NoCertificate);
        assert_eq!(flaw(key, key, None), Flaw::NoCertificate);

        let end = identity.facts().not_after_s;
        assert_eq!(flaw(chain, key, Some(end + 3 * DAY_S)), Flaw::Expired { days: 3 });
        assert!(Identity::read(chain, key).is_ok(), "at start an expired one is still served");
        let early = Some(identity.facts().not_before_s - 1);
        assert_eq!(flaw(chain, key, early), Flaw::NotYetValid { days: 1 });

        let stranger = Authority::create("somebody else").unwrap();
        let leaf = &chain[..chain.len() - authority.certificate_pem().len()];
        let misled = format!("{leaf}{}", stranger.certificate_pem());
        assert!(matches!(flaw(&misled, key, None), Flaw::ChainOrder { place: 1, .. }));
        let reversed = format!("{}{leaf}", authority.certificate_pem());
        assert!(matches!(flaw(&reversed, key, None), Flaw::ChainOrder { place: 1, .. }));

        let nameless = flaw(authority.certificate_pem(), &authority.key_pem(), None);
        assert_eq!(nameless, Flaw::NoNames);
        let torn = chain.replacen("MII", "MIA", 1);
        assert!(matches!(flaw(&torn, key, None), Flaw::BadCertificate { place: 1, .. }));
    }

    #[test]
    fn a_person_whose_name_does_not_fit_gets_no_certificate_of_another() {
        let (authority, _) = issued();
        let national = crate::x509::Authority::create("SM2 desk", NOW_S).unwrap();
        let flaw = |name: &str| {
            let flaw = authority.issue_client(name, NOW_S).err();
            assert_eq!(national.issue_client(name, NOW_S).err(), flaw, "{name}");
            flaw
        };
        assert_eq!((flaw("li"), flaw(&"驿".repeat(64))), (None, None));
        for name in ["", "li\n", &"a".repeat(65)] {
            assert_eq!(flaw(name), Some(Flaw::Name), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_no_host_is_refused() {
        let (authority, _) = issued();
        assert_eq!(authority.issue(&[], NOW_S).unwrap_err(), Flaw::NoNames);
        let odd = authority.issue(&["驿站".to_owned()], NOW_S);
        assert!(matches!(odd, Err(Flaw::NotMade { .. })));
    }
}
