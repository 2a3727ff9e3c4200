//! Signing requests (PKCS#10, RFC 2986) for the signing and the encryption key of a pair.

use x509_cert::der::asn1::SetOfVec;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::certified::sm2_key_of;
use super::encode::{self, not_made};
use super::key::{pem_of, sections};
use super::oid;
use crate::certificate::{Flaw, readable_name};
use crate::sm2::{DEFAULT_ID, PublicKey, SecretKey, Signature};

/// What a certificate's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Sign,
    Encrypt,
}

impl Purpose {
    pub(super) fn usages(self) -> &'static [KeyUsages] {
        match self {
            Self::Sign => &[KeyUsages::DigitalSignature],
            Self::Encrypt => {
                &[KeyUsages::KeyEncipherment, KeyUsages::DataEncipherment, KeyUsages::KeyAgreement]
            }
        }
    }
}

/// A request that was read, and whose signature shows that the requester has the key.
#[derive(Clone, Debug)]
pub struct Request {
    pub subject: String,
    /// Host names and addresses asked for.
    pub names: Vec<String>,
    pub public: PublicKey,
    /// What it asks for, when it says so.
    pub purpose: Option<Purpose>,
}

impl Request {
    /// A request in PEM for `names`, signed by `key`.
    ///
    /// # Errors
    /// [`Flaw::NoNames`], [`Flaw::NotMade`].
    pub fn create(key: &SecretKey, names: &[String], purpose: Purpose) -> Result<String, Flaw> {
        let first = names.first().ok_or(Flaw::NoNames)?;
        let asked = ExtensionReq(vec![
            encode::key_usage(purpose.usages())?,
            encode::alternative_names(names)?,
        ]);
        let mut attributes = SetOfVec::new();
        attributes.insert(asked.try_into().map_err(not_made)?).map_err(not_made)?;
        let body = CertReqInfo {
            version: Version::V1,
            subject: encode::common_name(first)?,
            public_key: encode::public_key_info(key.public())?,
            attributes,
        };
        let signed = encode::sign(&body.to_der().map_err(not_made)?, key)?;
        Ok(pem_of("CERTIFICATE REQUEST", &signed))
    }

    /// Reads a request in PEM and checks its signature.
    ///
    /// # Errors
    /// [`Flaw::BadRequest`] with the reason, [`Flaw::NotSm2`].
    pub fn read(pem: &str) -> Result<Self, Flaw> {
        let bad = |why: &str| Flaw::BadRequest { why: why.to_owned() };
        let labels = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
        let found = sections(pem).find(|(label, _)| labels.contains(&label.as_str()));
        let (_, der) = found.ok_or_else(|| bad("no PEM request"))?;
        let request = CertReq::from_der(&der).map_err(|fault| bad(&fault.to_string()))?;
        let body = &request.info;
        let subject = body.subject.to_string();
        let public = sm2_key_of(&body.public_key, || subject.clone())?;
        let signature = request.signature.as_bytes().unwrap_or_default();
        let signature = Signature::from_der(signature).map_err(|_| bad("its signature"))?;
        let signed = body.to_der().map_err(not_made)?;
        let own = request.algorithm.oid == oid::SM2_WITH_SM3
            && public.verify(DEFAULT_ID, &[&signed], &signature);
        if !own {
            return Err(bad("it is not signed by its own key"));
        }
        let (names, purpose) = asked(body).map_err(|fault| bad(&fault.to_string()))?;
        Ok(Self { subject, names, public, purpose })
    }
}

fn asked(body: &CertReqInfo) -> Result<(Vec<String>, Option<Purpose>), x509_cert::der::Error> {
    let (mut names, mut purpose) = (Vec::new(), None);
    for attribute in body.attributes.iter().filter(|a| a.oid == ExtensionReq::OID) {
        for value in attribute.values.iter() {
            for extension in value.decode_as::<ExtensionReq>()?.0 {
                let der = extension.extn_value.as_bytes();
                if extension.extn_id == SubjectAltName::OID {
                    names.extend(SubjectAltName::from_der(der)?.0.iter().filter_map(readable_name));
                } else if extension.extn_id == KeyUsage::OID {
                    let signs = KeyUsage::from_der(der)?.digital_signature();
                    purpose = Some(if signs { Purpose::Sign } else { Purpose::Encrypt });
                }
            }
        }
    }
    Ok((names, purpose))
}
