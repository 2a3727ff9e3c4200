//! Certificates for tests, written byte by byte so that wrong ones can be had too.

use std::sync::LazyLock;

use crate::sm2::{DEFAULT_ID, SecretKey};
use crate::tlcp::{Identity, Roots};

/// A time in which the certificates are valid: 2026-11-25.
pub const NOW_S: u64 = 1_795_600_000;

pub const DIGITAL_SIGNATURE: u8 = 0x80;
pub const KEY_ENCIPHERMENT: u8 = 0x20;
pub const DATA_ENCIPHERMENT: u8 = 0x10;
pub const KEY_CERT_SIGN: u8 = 0x04;

const SIGNATURE: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75];
const SM2_KEY: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
    0xcf, 0x55, 0x01, 0x82, 0x2d,
];

/// A certificate to be: change what a test needs changed.
#[derive(Clone)]
pub struct Plan {
    pub subject: &'static str,
    pub hosts: Vec<&'static str>,
    pub usage: Option<u8>,
    /// Path length of an authority.
    pub authority: Option<Option<u8>>,
    pub not_before: &'static str,
    pub not_after: &'static str,
    pub serial: u8,
}

impl Plan {
    pub fn leaf(subject: &'static str, usage: u8) -> Self {
        let (not_before, not_after) = ("260101000000Z", "300101000000Z");
        let usage = Some(usage);
        Self {
            subject,
            hosts: vec![subject],
            usage,
            authority: None,
            not_before,
            not_after,
            serial: 7,
        }
    }

    pub fn authority(subject: &'static str, path: Option<u8>) -> Self {
        let plan = Self::leaf(subject, KEY_CERT_SIGN);
        Self { hosts: Vec::new(), authority: Some(path), ..plan }
    }

    /// The certificate in DER, for `key`, signed by `issuer`.
    pub fn issue(&self, key: &SecretKey, issuer: &Issuer) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut extend = |oid: u8, critical: bool, value: &[u8]| {
            let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
            extensions.extend(tlv(
                0x30,
                &[&[0x06, 0x03, 0x55, 0x1d, oid], critical, &tlv(0x04, &[value])],
            ));
        };
        if let Some(path) = self.authority {
            let path = path.map(|path| vec![0x02, 0x01, path]).unwrap_or_default();
            extend(0x13, true, &tlv(0x30, &[&[0x01, 0x01, 0xff], &path]));
        }
        if let Some(usage) = self.usage {
            extend(0x0f, true, &[0x03, 0x02, u8::try_from(usage.trailing_zeros()).unwrap(), usage]);
        }
        if !self.hosts.is_empty() {
            let names: Vec<_> =
                self.hosts.iter().flat_map(|host| tlv(0x82, &[host.as_bytes()])).collect();
            extend(0x11, false, &tlv(0x30, &[&names]));
        }
        let point = key.public().to_sec1();
        let body = tlv(
            0x30,
            &[
                &[0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, self.serial],
                SIGNATURE,
                &name(issuer.name),
                &tlv(
                    0x30,
                    &[
                        &tlv(0x17, &[self.not_before.as_bytes()]),
                        &tlv(0x17, &[self.not_after.as_bytes()]),
                    ],
                ),
                &name(self.subject),
                &tlv(0x30, &[SM2_KEY, &tlv(0x03, &[&[0], &point])]),
                &tlv(0xa3, &[&tlv(0x30, &[&extensions])]),
            ],
        );
        let signature = issuer.key.sign(DEFAULT_ID, &[&body]).unwrap().to_der();
        tlv(0x30, &[&body, SIGNATURE, &tlv(0x03, &[&[0], &signature])])
    }
}

fn name(common: &str) -> Vec<u8> {
    let value = tlv(0x0c, &[common.as_bytes()]);
    tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &value])])])
}

pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut out = vec![tag];
    match content.len() {
        0..0x80 => out.push(low),
        0x80..0x100 => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}

/// An authority that signs.
pub struct Issuer {
    pub name: &'static str,
    pub key: SecretKey,
}

/// An authority, one under it, and the double certificates of a server and a client.
pub struct Pki {
    pub root_der: Vec<u8>,
    pub middle: Issuer,
    pub middle_der: Vec<u8>,
    pub sign: SecretKey,
    pub encrypt: SecretKey,
    pub client_sign: SecretKey,
    pub client_encrypt: SecretKey,
}

pub const HOST: &str = "desk.example";
pub const AGENT: &str = "agent.example";

pub static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let key = || SecretKey::generate().unwrap();
    let root = Issuer { name: "Root", key: key() };
    let root_der = Plan::authority("Root", Some(1)).issue(&root.key, &root);
    let middle = Issuer { name: "Middle", key: key() };
    let middle_der = Plan::authority("Middle", Some(0)).issue(&middle.key, &root);
    Pki {
        root_der,
        middle,
        middle_der,
        sign: key(),
        encrypt: key(),
        client_sign: key(),
        client_encrypt: key(),
    }
});

impl Pki {
    pub fn roots(&self) -> Roots {
        Roots::new([self.root_der.as_slice()]).unwrap()
    }

    /// The server's pair, under the authority in the middle.
    pub fn server(&self) -> Identity {
        self.pair(&Plan::leaf(HOST, DIGITAL_SIGNATURE), &Plan::leaf(HOST, KEY_ENCIPHERMENT))
    }

    /// A server's pair after these plans.
    pub fn pair(&self, sign: &Plan, encrypt: &Plan) -> Identity {
        let sign = sign.issue(&self.sign, &self.middle);
        let encrypt = encrypt.issue(&self.encrypt, &self.middle);
        let chain = [self.middle_der.clone()];
        Identity::new((sign, self.sign.clone()), (encrypt, self.encrypt.clone()), chain).unwrap()
    }

    /// The client's pair.
    pub fn client(&self) -> Identity {
        let sign = Plan::leaf(AGENT, DIGITAL_SIGNATURE).issue(&self.client_sign, &self.middle);
        let encrypt =
            Plan::leaf(AGENT, DATA_ENCIPHERMENT).issue(&self.client_encrypt, &self.middle);
        let chain = [self.middle_der.clone()];
        let keys = (self.client_sign.clone(), self.client_encrypt.clone());
        Identity::new((sign, keys.0), (encrypt, keys.1), chain).unwrap()
    }
}
