//! Settings of the two worlds of cryptography: which identities the site has, and which families of
//! TLS its listener speaks.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::model::Config;
use crate::base::Family;

/// Which algorithms the site uses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Crypto {
    /// `international`: TLS with EC certificates, Argon2id, SHA-256. `national`: SM2, SM3 and SM4
    /// alone; browsers that do not know them cannot connect. `both`: certificates of both worlds
    /// on one port, the national algorithms for a client that knows them, and Argon2id.
    #[schemars(extend("x-zh" = "使用的密码算法。international：国际算法 TLS、EC 证书、Argon2id、SHA-256；\
        national：仅使用 SM2、SM3、SM4，不支持国密的浏览器无法连接；both：同一端口同时提供两类证书，\
        支持国密的客户端使用国密，口令使用 Argon2id。"))]
    pub profile: Profile,
    pub key: Key,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    #[default]
    International,
    National,
    Both,
}

/// Double certificates from an authority outside. All four, or none: then the site's own authority
/// issues them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct National {
    /// PEM file with the chain of the SM2 signing certificate.
    #[schemars(extend("x-zh" = "SM2 签名证书链（PEM 文件）。"))]
    pub sign_certificate: Option<PathBuf>,
    /// PEM file with the private key of the signing certificate.
    #[schemars(extend("x-zh" = "签名证书的私钥（PEM 文件）。"))]
    pub sign_key: Option<PathBuf>,
    /// PEM file with the chain of the SM2 encryption certificate.
    #[schemars(extend("x-zh" = "SM2 加密证书链（PEM 文件）。"))]
    pub encrypt_certificate: Option<PathBuf>,
    /// PEM file with the private key of the encryption certificate.
    #[schemars(extend("x-zh" = "加密证书的私钥（PEM 文件）。"))]
    pub encrypt_key: Option<PathBuf>,
}

/// A family of TLS as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsFamily {
    International,
    Rfc8998,
    Tlcp,
}

/// What to do with a TLS hello that lists suites of TLCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmHint {
    Ignore,
    Alert,
    Switch,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    #[default]
    Off,
    Optional,
    Required,
}

impl Profile {
    /// Whether the site has an EC certificate.
    #[must_use]
    pub fn is_international(self) -> bool {
        self != Self::National
    }

    /// Whether the site has SM2 certificates.
    #[must_use]
    pub fn is_national(self) -> bool {
        self != Self::International
    }

    /// The families that have a certificate, in the order in which they are chosen for a client
    /// that offers several.
    #[must_use]
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::International => &[Family::International],
            Self::National => &[Family::Rfc8998, Family::Tlcp],
            Self::Both => &[Family::Rfc8998, Family::Tlcp, Family::International],
        }
    }
}

impl Config {
    /// What the TLS listener speaks, the preferred family first.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let allowed: Vec<Family> = self.tls.families.iter().copied().map(Family::from).collect();
        let known = self.crypto.profile.families().iter().copied();
        known.filter(|family| allowed.is_empty() || allowed.contains(family)).collect()
    }

    /// What becomes of a TLS hello that lists suites of TLCP.
    #[must_use]
    pub fn sm_hint(&self) -> SmHint {
        let only_national = !self.families().contains(&Family::International);
        self.tls.sm_hint.unwrap_or(if only_national { SmHint::Alert } else { SmHint::Ignore })
    }
}

impl National {
    /// Chain and key of the signing, then of the encryption certificate, when they are set.
    #[must_use]
    pub fn files(&self) -> Option<[&PathBuf; 4]> {
        Some([
            self.sign_certificate.as_ref()?,
            self.sign_key.as_ref()?,
            self.encrypt_certificate.as_ref()?,
            self.encrypt_key.as_ref()?,
        ])
    }
}

impl From<TlsFamily> for Family {
    fn from(family: TlsFamily) -> Self {
        match family {
            TlsFamily::International => Self::International,
            TlsFamily::Rfc8998 => Self::Rfc8998,
            TlsFamily::Tlcp => Self::Tlcp,
        }
    }
}
