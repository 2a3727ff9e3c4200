//! What lies between a client and the server: nothing, or one of the three families of TLS.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::ValueEnum;
use posthouse_crypto::tlcp::tokio::TlcpStream;
use posthouse_crypto::tlcp::{self, Roots};
use posthouse_crypto::{rfc8998, x509};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub trait Wire: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Wire for T {}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// No TLS.
    Plain,
    /// TLS 1.3 of the usual algorithms.
    International,
    /// TLS 1.3 with SM2, SM3 and SM4.
    Rfc8998,
    Tlcp,
}

impl Family {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::International => "international",
            Self::Rfc8998 => "rfc8998",
            Self::Tlcp => "tlcp",
        }
    }

    /// Whether its certificates are of the SM2 authority.
    #[must_use]
    pub fn is_national(self) -> bool {
        matches!(self, Self::Rfc8998 | Self::Tlcp)
    }
}

/// A family with what its client needs.
#[derive(Clone)]
pub enum Channel {
    Plain,
    Tls(Arc<rustls::ClientConfig>),
    Tlcp {
        config: Arc<tlcp::ClientConfig>,
        /// To be taken up again.
        session: Option<Arc<tlcp::Session>>,
    },
}

/// How a handshake went.
pub struct Shaken {
    pub wire: Pin<Box<dyn Wire>>,
    pub resumed: bool,
    /// What TLCP may take up again; rustls keeps its tickets in its configuration.
    pub session: Option<Arc<tlcp::Session>>,
}

impl Channel {
    /// A channel that trusts the authorities in the PEM file `ca` only. A channel of TLS takes up
    /// earlier sessions by itself, with up to eight tickets of its own.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn of(family: Family, ca: &Path) -> Result<Self> {
        if family == Family::Plain {
            return Ok(Self::Plain);
        }
        let pem = crate::socket::read_pem(ca)?;
        let authorities = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
        Ok(match family {
            Family::Plain => Self::Plain,
            Family::International => Self::Tls(Arc::new(international(authorities)?)),
            Family::Rfc8998 => {
                let none = None::<&x509::Certified>;
                Self::Tls(Arc::new(rfc8998::client_config(&authorities, none)?))
            }
            Family::Tlcp => {
                let roots = Roots::new(authorities.iter().map(AsRef::as_ref))?;
                let config = Arc::new(tlcp::ClientConfig::new(roots));
                Self::Tlcp { config, session: None }
            }
        })
    }

    /// The same channel without any memory of sessions, and with one that is nobody else's.
    #[must_use]
    pub fn remembering(&self, resume: bool) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Tls(config) => {
                let mut own = rustls::ClientConfig::clone(config);
                own.resumption =
                    if resume { Resumption::in_memory_sessions(8) } else { Resumption::disabled() };
                Self::Tls(Arc::new(own))
            }
            Self::Tlcp { config, .. } => Self::Tlcp { config: config.clone(), session: None },
        }
    }

    /// Shakes hands over `stream`.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn shake(&self, stream: TcpStream) -> Result<Shaken> {
        let name = ServerName::from(stream.peer_addr()?.ip());
        Ok(match self {
            Self::Plain => Shaken { wire: Box::pin(stream), resumed: false, session: None },
            Self::Tls(config) => {
                let connector = tokio_rustls::TlsConnector::from(config.clone());
                let stream = connector.connect(name, stream).await?;
                let kind = stream.get_ref().1.handshake_kind();
                let resumed = kind == Some(rustls::HandshakeKind::Resumed);
                Shaken { wire: Box::pin(stream), resumed, session: None }
            }
            Self::Tlcp { config, session } => {
                let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                let session = session.clone();
                let stream =
                    TlcpStream::connect(config.clone(), name, session, stream, now_s).await?;
                let session = stream.agreed().and_then(|agreed| agreed.session.clone());
                Shaken { resumed: stream.resumed(), wire: Box::pin(stream), session }
            }
        })
    }
}

fn international(authorities: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate)?;
    }
    if roots.is_empty() {
        bail!("no certificate of an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
