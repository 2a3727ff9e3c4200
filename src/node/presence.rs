//! What the listeners present in each family, and what they speak. Invariant: what is presented is
//! replaced while connections stand; a family without a certificate is not spoken.

use std::collections::BTreeSet;
use std::sync::Arc;

use posthouse_crypto::certificate::Identity;
use posthouse_crypto::tls::{ClientAuth, Presented, TlsOptions, offered_protocols, server_config};
use posthouse_crypto::x509::Pair;
use posthouse_crypto::{rfc8998, tlcp};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use super::Fault;
use super::identity::{self, Certificates};
use crate::base::{Family, Wall, code};
use crate::config::Config;
use crate::net::{Families, NetFault, Revoked};

/// The certificates behind the listeners.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) international: Option<Arc<Presented>>,
    national: Option<National>,
    revoked: Arc<Revoked>,
}

/// One pair in the two protocols that present it.
#[derive(Debug)]
struct National {
    rfc8998: Arc<rfc8998::Presented>,
    tlcp: Arc<tlcp::Presented>,
}

/// What is presented next, checked.
pub(super) struct Fresh {
    international: Option<Identity>,
    national: Option<(Arc<CertifiedKey>, Arc<tlcp::Identity>)>,
    revoked: BTreeSet<String>,
}

impl Presence {
    pub(super) fn new(config: &Config, certificates: &Certificates) -> Result<Self, Fault> {
        let national = certificates.national.as_ref().map(|pair| {
            let rfc8998 = rfc8998::Presented::new(&pair.sign).map_err(NetFault::Tls)?;
            Ok::<_, Fault>(National { rfc8998, tlcp: tlcp::Presented::new(identity_of(pair)?) })
        });
        let international = certificates.international.as_ref().map(Presented::new);
        let revoked = Arc::new(Revoked::default());
        revoked.replace(identity::revoked(&config.data)?);
        Ok(Self { international, national: national.transpose()?, revoked })
    }

    /// Reads and checks what the listeners are to present; nothing changes yet.
    pub(super) fn prepare(
        &self,
        config: &Config,
        certificates: &Certificates,
    ) -> Result<Fresh, Fault> {
        let national = certificates.national.as_ref().map(|pair| {
            let sign = rfc8998::certified_key(&pair.sign).map_err(|e| NetFault::Tls(e.into()))?;
            Ok::<_, Fault>((sign, identity_of(pair)?))
        });
        Ok(Fresh {
            international: certificates.international.clone(),
            national: national.transpose()?,
            revoked: identity::revoked(&config.data)?,
        })
    }

    /// New handshakes get these from now on. A world that was not there at the start comes with
    /// the next one.
    pub(super) fn replace(&self, fresh: Fresh) {
        self.revoked.replace(fresh.revoked);
        if let (Some(presented), Some(fresh)) = (&self.international, &fresh.international) {
            presented.replace(fresh);
        }
        if let (Some(presented), Some((sign, pair))) = (&self.national, fresh.national) {
            presented.rfc8998.replace(sign);
            presented.tlcp.replace(pair);
        }
    }

    /// A configuration for each family that is allowed and has a certificate.
    pub(super) fn families(&self, config: &Config, now: Wall) -> Result<Families, Fault> {
        let spoken = config.families();
        let clients = identity::client_authorities(config, now)?;
        let mut families = Families {
            national_first: spoken.first() != Some(&Family::International),
            hint: config.sm_hint(),
            revoked: Arc::clone(&self.revoked),
            ..Families::default()
        };
        if let Some(presented) = &self.international
            && spoken.contains(&Family::International)
        {
            let acme = identity::acme(config).is_some();
            let options = TlsOptions { acme, clients: clients.international };
            let made = server_config(Arc::clone(presented), &options).map_err(NetFault::Tls)?;
            families.international = Some(made);
        }
        if let Some(National { rfc8998: presented, tlcp: pair }) = &self.national {
            if spoken.contains(&Family::Rfc8998) {
                let made = rfc8998::server_config(Arc::clone(presented), &clients.national);
                families.rfc8998 = Some(made.map_err(NetFault::Tls)?);
            }
            if spoken.contains(&Family::Tlcp) {
                let mut made = tlcp::ServerConfig::new(Arc::clone(pair) as Arc<dyn tlcp::Resolve>);
                made.alpn = offered_protocols();
                made.client_auth = clients_of(&clients.national)?;
                families.tlcp = Some(Arc::new(made));
            }
        }
        Ok(families)
    }
}

fn identity_of(pair: &Pair) -> Result<Arc<tlcp::Identity>, Fault> {
    pair.identity().map_err(|bad| Fault::new(code::BAD_PAIR, bad))
}

fn clients_of(clients: &ClientAuth) -> Result<tlcp::ClientAuth, Fault> {
    let roots = |authorities: &[CertificateDer<'_>]| {
        tlcp::Roots::new(authorities.iter().map(|der| der.as_ref()))
            .map_err(|bad| Fault::new(code::BAD_CERTIFICATE, bad))
    };
    Ok(match clients {
        ClientAuth::No => tlcp::ClientAuth::None,
        ClientAuth::Optional(authorities) => tlcp::ClientAuth::Optional(roots(authorities)?),
        ClientAuth::Required(authorities) => tlcp::ClientAuth::Required(roots(authorities)?),
    })
}
