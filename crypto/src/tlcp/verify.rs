//! Whom to believe: chains of SM2 certificates up to given roots, and the two leaves of a pair.
//! Signatures, validity, basic constraints, path lengths and name constraints are webpki's work;
//! the key usage that tells a signing certificate from an encrypting one is checked here.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage as ExtendedKeyUsage};
use x509_cert::Certificate;
use x509_cert::der::referenced::OwnedToRef;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::KeyUsage;

use super::alert::{Alert, Fault};
use crate::rfc8998::VERIFICATION;
use crate::sm2::PublicKey;
use crate::x509::oid;

/// Authorities that are believed.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
}

/// Bytes that are no certificate of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a certificate that others can be checked against")]
pub struct BadRoot;

impl Roots {
    /// Takes certificates in DER.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn new<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, BadRoot> {
        let anchor = |der: &[u8]| {
            let der = CertificateDer::from(der);
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| BadRoot)?;
            Ok(anchor.to_owned())
        };
        Ok(Self { anchors: certificates.into_iter().map(anchor).collect::<Result<_, _>>()? })
    }

    /// Names of the authorities, each as a DER sequence.
    pub(super) fn names(&self) -> Vec<Vec<u8>> {
        let wrap = |anchor: &TrustAnchor<'_>| {
            x509_cert::der::asn1::AnyRef::new(x509_cert::der::Tag::Sequence, &anchor.subject)
                .and_then(|name| name.to_der())
        };
        self.anchors.iter().filter_map(|anchor| wrap(anchor).ok()).collect()
    }

    /// Whether `leaf` leads to one of the roots, by way of any of `others`, now, and may serve as
    /// `side`. National authorities do not all write extended key usages; one that is written
    /// counts.
    fn lead_to(
        &self,
        leaf: &[u8],
        others: &[&[u8]],
        side: ExtendedKeyUsage,
        now_s: u64,
    ) -> Result<(), Fault> {
        let der = CertificateDer::from(leaf);
        let others: Vec<_> = others.iter().map(|other| CertificateDer::from(*other)).collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s));
        let leaf = EndEntityCert::try_from(&der).map_err(refused)?;
        leaf.verify_for_usage(VERIFICATION.all, &self.anchors, &others, now, side, None, None)
            .map_err(refused)?;
        Ok(())
    }
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Sign,
    Encrypt,
}

/// A leaf's key and name.
pub(super) struct Leaf {
    pub(super) key: PublicKey,
    subject: Vec<u8>,
}

impl Leaf {
    /// Reads a certificate that its key usage allows for `purpose` (GB/T 20518-2018: one of the
    /// bits is enough, but there must be one).
    pub(super) fn read(der: &[u8], purpose: Purpose) -> Result<Self, Fault> {
        let bad = |_| Fault::new(Alert::BadCertificate, "a certificate that cannot be read");
        let certificate = Certificate::from_der(der).map_err(bad)?;
        let body = certificate.tbs_certificate();
        let usage = body.get_extension::<KeyUsage>().map_err(bad)?;
        let allowed = usage.is_some_and(|(_, usage)| match purpose {
            Purpose::Sign => usage.digital_signature() || usage.non_repudiation(),
            Purpose::Encrypt => {
                usage.key_encipherment() || usage.data_encipherment() || usage.key_agreement()
            }
        });
        let unsupported = |why| Fault::new(Alert::UnsupportedCertificate, why);
        if !allowed {
            return Err(unsupported("a certificate whose key is for another use"));
        }
        let spki = body.subject_public_key_info();
        let curve = spki.algorithm.owned_to_ref().parameters_oid();
        if spki.algorithm.oid != oid::EC_PUBLIC_KEY || curve != Ok(oid::SM2_CURVE) {
            return Err(unsupported("a certificate whose key is none of SM2"));
        }
        let point = spki.subject_public_key.as_bytes().unwrap_or_default();
        let key = PublicKey::from_sec1(point)
            .map_err(|_| Fault::new(Alert::BadCertificate, "a key that is no point"))?;
        Ok(Self { key, subject: body.subject().to_der().map_err(bad)? })
    }
}

/// A server's two leaves, checked.
pub(super) struct Pair {
    pub(super) sign: PublicKey,
    pub(super) encrypt: PublicKey,
}

/// Checks what a server presented for `name`.
pub(super) fn server(
    roots: &Roots,
    certificates: &[&[u8]],
    name: &ServerName<'_>,
    now_s: u64,
) -> Result<Pair, Fault> {
    let side = ExtendedKeyUsage::server_auth();
    let (pair, sign, encrypt) = pair(roots, certificates, side, now_s)?;
    let named = |der: &[u8]| {
        let der = CertificateDer::from(der);
        let leaf = EndEntityCert::try_from(&der).map_err(refused)?;
        leaf.verify_is_valid_for_subject_name(name).map_err(refused)
    };
    named(certificates[0])?;
    // Authorities give both leaves one subject; the alternative names may stand in one alone.
    if sign.subject != encrypt.subject {
        named(certificates[1])?;
    }
    Ok(pair)
}

/// Checks a client's signing certificate, and its encryption certificate where the suite needs it.
pub(super) fn client(
    roots: &Roots,
    certificates: &[&[u8]],
    both: bool,
    now_s: u64,
) -> Result<(PublicKey, Option<PublicKey>), Fault> {
    let side = ExtendedKeyUsage::client_auth();
    if both {
        let (pair, ..) = pair(roots, certificates, side, now_s)?;
        return Ok((pair.sign, Some(pair.encrypt)));
    }
    let [sign, others @ ..] = certificates else { return Err(too_few()) };
    let leaf = Leaf::read(sign, Purpose::Sign)?;
    roots.lead_to(sign, others, side, now_s)?;
    Ok((leaf.key, None))
}

fn pair(
    roots: &Roots,
    certificates: &[&[u8]],
    side: ExtendedKeyUsage,
    now_s: u64,
) -> Result<(Pair, Leaf, Leaf), Fault> {
    let [sign_der, encrypt_der, others @ ..] = certificates else { return Err(too_few()) };
    let sign = Leaf::read(sign_der, Purpose::Sign)?;
    let encrypt = Leaf::read(encrypt_der, Purpose::Encrypt)?;
    roots.lead_to(sign_der, others, side, now_s)?;
    roots.lead_to(encrypt_der, others, side, now_s)?;
    let pair = Pair { sign: sign.key, encrypt: encrypt.key };
    Ok((pair, sign, encrypt))
}

fn too_few() -> Fault {
    Fault::new(Alert::BadCertificate, "fewer certificates than the suite needs")
}

fn refused(error: webpki::Error) -> Fault {
    use webpki::Error;
    #[allow(clippy::wildcard_enum_match_arm, reason = "webpki may name more errors later")]
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            Fault::new(Alert::CertificateExpired, "a certificate that is not valid now")
        }
        Error::UnknownIssuer => Fault::new(Alert::UnknownCa, "a certificate of a stranger"),
        Error::InvalidSignatureForPublicKey => {
            Fault::new(Alert::BadCertificate, "a certificate that its authority did not sign")
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::UnsupportedCriticalExtension
        | Error::UnsupportedCertVersion => {
            Fault::new(Alert::UnsupportedCertificate, "a certificate of an unknown kind")
        }
        Error::RequiredEkuNotFoundContext(_) => {
            Fault::new(Alert::UnsupportedCertificate, "a certificate for the other side")
        }
        Error::CertNotValidForName(_) => {
            Fault::new(Alert::CertificateUnknown, "a certificate for other names")
        }
        _ => Fault::new(Alert::BadCertificate, "a certificate that proves nothing"),
    }
}
