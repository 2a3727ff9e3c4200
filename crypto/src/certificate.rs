//! Server certificates: a chain and its key, read, checked field by field, and turned into what TLS
//! presents. A file that would make browsers fail is refused with the field that is wrong.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{KeyUsage, SubjectAltName};
use zeroize::Zeroizing;

use crate::token::{hex, sha256};
use crate::x509::key::{certificate_pem, pem_of};

/// Certificates a chain may hold; public chains have two to four.
const CHAIN_MOST: usize = 10;
/// A common name holds so many characters (RFC 5280 appendix A, ub-common-name).
pub(crate) const COMMON_NAME_MOST: usize = 64;
/// A day in seconds.
pub(crate) const DAY_S: u64 = 24 * 60 * 60;
/// Seconds since 1970 that no running Posthouse can be before (2026-11-01): a board without a clock
/// chip starts in 1970 and must still issue certificates that its visitors accept.
pub const TIME_FLOOR_S: u64 = 1_793_491_200;

/// A certificate chain, leaf first, and the key of the leaf, both as PEM.
#[derive(Clone)]
pub struct Identity {
    chain_pem: String,
    key_pem: Zeroizing<String>,
    certified: Arc<CertifiedKey>,
    facts: Facts,
}

/// What a person wants to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub subject: String,
    pub issuer: String,
    /// Host names and addresses it is valid for.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before_s: u64,
    pub not_after_s: u64,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
}

/// Which of the two files is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Certificate,
    Key,
}

/// What is wrong with a certificate or key. `field` says in which of the two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("the certificate file holds no PEM certificate")]
    NoCertificate,
    #[error("certificate {place} of the file cannot be read: {why}")]
    BadCertificate { place: usize, why: String },
    #[error("the chain holds more than {CHAIN_MOST} certificates")]
    ChainTooLong,
    #[error("certificate {place} was issued by «{issuer}», but «{next}» follows it")]
    ChainOrder { place: usize, issuer: String, next: String },
    #[error("the certificate has no subject alternative name: browsers accept no other name")]
    NoNames,
    #[error("the certificate expired {days} days ago")]
    Expired { days: u64 },
    #[error("the certificate is valid only in {days} days")]
    NotYetValid { days: u64 },
    #[error("the key file holds no PEM private key, or the key is encrypted")]
    NoKey,
    #[error("the key is of a kind that cannot be used: {why}")]
    BadKey { why: String },
    #[error("the key does not belong to the first certificate")]
    KeyMismatch,
    #[error("a certificate holds a name of 1 to {COMMON_NAME_MOST} characters, without controls")]
    Name,
    #[error("making a certificate failed: {why}")]
    NotMade { why: String },
    #[error("the certificate of «{subject}» holds no SM2 key, but {found}")]
    NotSm2 { subject: String, found: String },
    #[error("certificate {place} is not signed by the one that follows it")]
    ChainSignature { place: usize },
    #[error("the key usage of the certificate lacks {missing}")]
    Usage { missing: &'static str },
    #[error("the key is sealed: its passphrase is needed")]
    KeySealed,
    #[error("the passphrase does not open the key")]
    Passphrase,
    #[error("the signing request cannot be taken: {why}")]
    BadRequest { why: String },
    #[error("the envelope of the encryption key cannot be opened: {why}")]
    BadEnvelope { why: String },
}

impl Flaw {
    /// The file to look at.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::NoKey
            | Self::BadKey { .. }
            | Self::KeyMismatch
            | Self::KeySealed
            | Self::Passphrase
            | Self::BadEnvelope { .. } => Field::Key,
            Self::NoCertificate
            | Self::BadCertificate { .. }
            | Self::ChainTooLong
            | Self::ChainOrder { .. }
            | Self::NoNames
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Name
            | Self::NotMade { .. }
            | Self::NotSm2 { .. }
            | Self::ChainSignature { .. }
            | Self::Usage { .. }
            | Self::BadRequest { .. } => Field::Certificate,
        }
    }
}

impl Identity {
    /// Reads a chain (leaf first) and its key and checks everything a browser would: order, names,
    /// that the key fits, and, when `now_s` is known (seconds since 1970), that it is valid now.
    ///
    /// # Errors
    /// The first flaw found; see [`Flaw::field`].
    pub fn import(chain_pem: &str, key_pem: &str, now_s: Option<u64>) -> Result<Self, Flaw> {
        let identity = Self::read(chain_pem, key_pem)?;
        if let Some(now) = now_s {
            identity.facts.valid_at(now)?;
        }
        Ok(identity)
    }

    /// As [`Identity::import`], whatever the date: a site whose certificate expired overnight still
    /// starts.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn read(chain_pem: &str, key_pem: &str) -> Result<Self, Flaw> {
        let chain = read_chain(chain_pem)?;
        let (leaf, facts) = read_leaf(&chain)?;
        check_order(leaf, &chain)?;
        if facts.names.is_empty() {
            return Err(Flaw::NoNames);
        }
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| Flaw::NoKey)?;
        // Only what was understood is kept: a file may hold chain and key together.
        let chain_pem = chain.iter().map(certificate_pem).collect();
        let key_pem = Zeroizing::new(match &key {
            PrivateKeyDer::Pkcs1(der) => pem_of("RSA PRIVATE KEY", der.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(der) => pem_of("EC PRIVATE KEY", der.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(der) => pem_of("PRIVATE KEY", der.secret_pkcs8_der()),
            _ => return Err(Flaw::NoKey),
        });
        let provider = crate::tls::provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|fault| {
            let mismatch = matches!(fault, rustls::Error::InconsistentKeys(_));
            if mismatch { Flaw::KeyMismatch } else { Flaw::BadKey { why: fault.to_string() } }
        })?;
        Ok(Self { chain_pem, key_pem, certified: Arc::new(certified), facts })
    }

    /// The chain as PEM, leaf first.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The private key as PEM: to be written with mode 0600 and nowhere else.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What TLS presents.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// Whether less than a third of its life is left at `now_s`, or it is not valid yet.
    #[must_use]
    pub fn renewal_due(&self, now_s: u64) -> bool {
        self.facts.renewal_due(now_s)
    }

    /// Whether every one of `names` stands in it.
    #[must_use]
    pub fn covers(&self, names: &[String]) -> bool {
        self.facts.covers(names)
    }
}

impl Facts {
    /// Whether less than a third of its life is left at `now_s`, or it is not valid yet.
    #[must_use]
    pub fn renewal_due(&self, now_s: u64) -> bool {
        let life = self.not_after_s.saturating_sub(self.not_before_s);
        now_s < self.not_before_s || now_s.saturating_add(life / 3) > self.not_after_s
    }

    /// Whether every one of `names` stands in it.
    #[must_use]
    pub fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.iter().any(|has| has.eq_ignore_ascii_case(name)))
    }

    /// # Errors
    /// [`Flaw::Expired`], [`Flaw::NotYetValid`].
    pub fn valid_at(&self, now_s: u64) -> Result<(), Flaw> {
        if now_s > self.not_after_s {
            return Err(Flaw::Expired { days: (now_s - self.not_after_s) / DAY_S });
        }
        if now_s < self.not_before_s {
            return Err(Flaw::NotYetValid { days: (self.not_before_s - now_s) / DAY_S + 1 });
        }
        Ok(())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Reads what a person wants to know of the first certificate of a PEM file.
///
/// # Errors
/// The file holds no certificate that can be read.
pub fn facts_of_pem(chain_pem: &str) -> Result<Facts, Flaw> {
    Ok(read_leaf(&read_chain(chain_pem)?)?.1)
}

/// Whose certificate it is, and which of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The common name.
    pub holder: String,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// Seconds since 1970.
    pub not_after_s: u64,
}

/// The first certificate of a PEM file, in DER.
///
/// # Errors
/// [`Flaw::NoCertificate`].
pub fn first_certificate(pem: &str) -> Result<CertificateDer<'static>, Flaw> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Flaw::NoCertificate)
}

/// Reads a client's certificate (DER) that was verified already; `None` when it proves nobody: it
/// has no common name, or its key is not one for signatures. Of double certificates the encryption
/// one has an extended key usage that TLS 1.3 would take; the key usage tells it apart
/// (RFC 8446 section 4.4.2.2), and its key lies in escrow with some authorities.
#[must_use]
pub fn client_certificate(der: &[u8]) -> Option<Holder> {
    let leaf = Certificate::from_der(der).ok()?;
    let body = leaf.tbs_certificate();
    let (_, usage) = body.get_extension::<KeyUsage>().ok()??;
    let holder = body.subject().common_name().ok()??.value().into_owned();
    let serial = hex(body.serial_number().as_bytes());
    let not_after_s = body.validity().not_after.to_unix_duration().as_secs();
    usage.digital_signature().then_some(Holder { holder, serial, not_after_s })
}

/// Whether a person's name fits in a certificate whole: cut off, it would be another's.
pub(crate) fn check_name(name: &str) -> Result<(), Flaw> {
    let length = name.chars().count();
    let fits = (1..=COMMON_NAME_MOST).contains(&length) && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Flaw::Name) }
}

pub(crate) fn read_chain(chain_pem: &str) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let mut chain = Vec::new();
    for (place, certificate) in CertificateDer::pem_slice_iter(chain_pem.as_bytes()).enumerate() {
        if place == CHAIN_MOST {
            return Err(Flaw::ChainTooLong);
        }
        let why = |fault: rustls::pki_types::pem::Error| fault.to_string();
        let read =
            certificate.map_err(|fault| Flaw::BadCertificate { place: place + 1, why: why(fault) });
        chain.push(read?);
    }
    if chain.is_empty() { Err(Flaw::NoCertificate) } else { Ok(chain) }
}

pub(crate) fn read_leaf(chain: &[CertificateDer<'static>]) -> Result<(Certificate, Facts), Flaw> {
    let der = chain.first().ok_or(Flaw::NoCertificate)?;
    let leaf = parse(1, der)?;
    let body = leaf.tbs_certificate();
    let facts = Facts {
        subject: body.subject().to_string(),
        issuer: body.issuer().to_string(),
        names: alternative_names(&leaf)?,
        not_before_s: body.validity().not_before.to_unix_duration().as_secs(),
        not_after_s: body.validity().not_after.to_unix_duration().as_secs(),
        serial: hex(body.serial_number().as_bytes()),
        fingerprint: hex(&sha256(der)),
    };
    Ok((leaf, facts))
}

pub(crate) fn parse(place: usize, der: &CertificateDer<'_>) -> Result<Certificate, Flaw> {
    Certificate::from_der(der)
        .map_err(|fault| Flaw::BadCertificate { place, why: fault.to_string() })
}

pub(crate) fn check_order(
    leaf: Certificate,
    chain: &[CertificateDer<'static>],
) -> Result<(), Flaw> {
    let mut below = leaf;
    for (place, der) in chain.iter().enumerate().skip(1) {
        let above = parse(place + 1, der)?;
        let (issuer, next) = (below.tbs_certificate().issuer(), above.tbs_certificate().subject());
        if issuer != next {
            let (issuer, next) = (issuer.to_string(), next.to_string());
            return Err(Flaw::ChainOrder { place, issuer, next });
        }
        below = above;
    }
    Ok(())
}

fn alternative_names(leaf: &Certificate) -> Result<Vec<String>, Flaw> {
    let bad =
        |fault: x509_cert::der::Error| Flaw::BadCertificate { place: 1, why: fault.to_string() };
    let found = leaf.tbs_certificate().get_extension::<SubjectAltName>().map_err(bad)?;
    let Some((_, SubjectAltName(general))) = found else { return Ok(Vec::new()) };
    Ok(general.iter().filter_map(readable_name).collect())
}

pub(crate) fn readable_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let four = <[u8; 4]>::try_from(octets).map(std::net::IpAddr::from);
            let sixteen = <[u8; 16]>::try_from(octets).map(std::net::IpAddr::from);
            four.or(sixteen).ok().map(|address| address.to_string())
        }
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    }
}
