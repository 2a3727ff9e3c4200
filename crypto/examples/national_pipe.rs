//! A client of the national channels between its standard input and output, for trying ours with
//! the servers of others. No part of the product. With BARE_ECDHE in the environment the ephemeral
//! key of TLCP is sent as Tongsuo 8.4 wants it.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::fs::read_to_string;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use posthouse_crypto::rfc8998;
use posthouse_crypto::tlcp::tokio::TlcpStream;
use posthouse_crypto::tlcp::{ClientConfig, Roots};
use posthouse_crypto::x509::{Certified, Pair, read_key};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional, join, stdin, stdout};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const USAGE: &str = "national_pipe tlcp ADDRESS NAME CA.pem [SIGN.pem SIGN.key ENC.pem ENC.key]
national_pipe tls13 ADDRESS NAME CA.pem [CHAIN.pem KEY.pem]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [protocol, address, name, ca, own @ ..] = &words[..] else { return Err(USAGE.into()) };
    let authorities = CertificateDer::pem_file_iter(ca)?.collect::<Result<Vec<_>, _>>()?;
    let name = ServerName::try_from((*name).to_owned())?;
    let tcp = TcpStream::connect(address).await?;
    match (*protocol, own) {
        ("tlcp", []) => tlcp(tcp, name, &authorities, None).await,
        ("tlcp", [sign, sign_key, encrypt, encrypt_key]) => {
            let pair = Pair {
                sign: certified(sign, sign_key)?,
                encrypt: certified(encrypt, encrypt_key)?,
            };
            tlcp(tcp, name, &authorities, Some(&pair)).await
        }
        ("tls13", []) => tls13(tcp, name, &authorities, None).await,
        ("tls13", [chain, key]) => {
            tls13(tcp, name, &authorities, Some(&certified(chain, key)?)).await
        }
        _ => Err(USAGE.into()),
    }
}

async fn tlcp(
    tcp: TcpStream,
    name: ServerName<'static>,
    authorities: &[CertificateDer<'_>],
    own: Option<&Pair>,
) -> Outcome {
    let mut config = ClientConfig::new(Roots::new(authorities.iter().map(AsRef::as_ref))?);
    config.identity = own.map(Pair::identity).transpose()?;
    config.bare_ecdhe = std::env::var_os("BARE_ECDHE").is_some();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    pass(TlcpStream::connect(Arc::new(config), name, None, tcp, now_s).await?).await
}

async fn tls13(
    tcp: TcpStream,
    name: ServerName<'static>,
    authorities: &[CertificateDer<'static>],
    own: Option<&Certified>,
) -> Outcome {
    let config = Arc::new(rfc8998::client_config(authorities, own)?);
    pass(TlsConnector::from(config).connect(name, tcp).await?).await
}

fn certified(chain: &str, key: &str) -> Result<Certified, Box<dyn Error + Send + Sync>> {
    let key = read_key(&read_to_string(key)?, None)?;
    Ok(Certified::read(&read_to_string(chain)?, key)?)
}

async fn pass(mut sealed: impl AsyncRead + AsyncWrite + Unpin) -> Outcome {
    copy_bidirectional(&mut sealed, &mut join(stdin(), stdout())).await?;
    Ok(())
}
