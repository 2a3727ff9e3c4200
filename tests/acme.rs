//! A certificate by ACME, from a small authority that checks what a real one checks: the proof on
//! our own port, and the signing request. It reads signed requests without verifying the signature.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use posthouse::base::{Clock, Counters, Tick, Wall};
use posthouse::net::acme::{Acme, AcmeFault};
use posthouse::net::{Ceiling, Door, Options, RequestBody, Server};
use posthouse_crypto::authority::Authority;
use posthouse_crypto::certificate::TIME_FLOOR_S;
use posthouse_crypto::tls::{Presented, TlsOptions, provider, server_config};
use posthouse_crypto::token::sha256;
use rcgen::{
    CertificateParams, DnType, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SignatureAlgorithm,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tower_service::Service;
use x509_cert::der::{Decode, Encode};
use x509_cert::request::CertReq;

const DOMAIN: &str = "desk.example";
const TOKEN: &str = "a-token-of-the-authority";

struct At(u64);

impl Clock for At {
    fn tick(&self) -> Tick {
        Tick(0)
    }

    fn wall(&self) -> Wall {
        Wall { ms: self.0 * 1000, trusted: true }
    }
}

#[derive(Default)]
struct Books {
    thumbprint: String,
    accounts: u32,
    orders: u32,
    proved: bool,
    chain: Option<String>,
}

/// The authority; `desk` is where it looks for the proof.
#[derive(Clone)]
struct Ca {
    base: String,
    desk: SocketAddr,
    proves: bool,
    books: Arc<Mutex<Books>>,
}

impl Service<Request<RequestBody>> for Ca {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let ca = self.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok(ca.answer(&path, &body).await)
        })
    }
}

impl Ca {
    async fn answer(&self, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let jws: Value = serde_json::from_slice(body).unwrap_or_default();
        let part = |name: &str| {
            let bytes = BASE64.decode(jws[name].as_str().unwrap_or_default()).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap_or_default()
        };
        let url = |path: &str| format!("{}{path}", self.base);
        let mut location = None;
        let answer = match path {
            "/directory" => json!({
                "newNonce": url("/nonce"), "newAccount": url("/account"), "newOrder": url("/order"),
            }),
            "/account" => {
                location = Some(url("/account/1"));
                let mut books = self.books.lock().unwrap();
                books.accounts += 1;
                books.thumbprint = thumbprint(&part("protected")["jwk"]);
                json!({ "status": "valid" })
            }
            "/order" => {
                location = Some(url("/order/1"));
                assert_eq!(part("payload")["identifiers"][0]["value"], DOMAIN);
                let mut books = self.books.lock().unwrap();
                books.orders += 1;
                (books.proved, books.chain) = (false, None);
                drop(books);
                self.order()
            }
            "/order/1" => self.order(),
            "/authorization" => json!({
                "status": "pending",
                "identifier": { "type": "dns", "value": DOMAIN },
                "challenges": [{
                    "type": "tls-alpn-01", "url": url("/challenge"), "token": TOKEN,
                    "status": "pending",
                }],
            }),
            "/challenge" => {
                self.look_for_proof().await;
                json!({
                    "type": "tls-alpn-01", "url": url("/challenge"), "token": TOKEN,
                    "status": "processing",
                })
            }
            "/finalize" => {
                let csr = BASE64.decode(part("payload")["csr"].as_str().unwrap()).unwrap();
                self.books.lock().unwrap().chain = Some(issue(&csr));
                self.order()
            }
            "/certificate" => {
                let chain = self.books.lock().unwrap().chain.clone().unwrap();
                return Response::builder().header("replay-nonce", "n").body(chain.into()).unwrap();
            }
            _ => Value::Null,
        };
        let mut response = Response::builder().header("replay-nonce", "a-nonce");
        if let Some(location) = location {
            response = response.header("location", location).status(201);
        }
        response.body(answer.to_string().into()).unwrap()
    }

    fn order(&self) -> Value {
        let books = self.books.lock().unwrap();
        let status = match (&books.chain, books.proved, self.proves) {
            (Some(_), _, _) => "valid",
            (None, true, _) => "ready",
            (None, false, true) => "pending",
            (None, false, false) => "invalid",
        };
        json!({
            "status": status,
            "authorizations": [format!("{}/authorization", self.base)],
            "finalize": format!("{}/finalize", self.base),
            "certificate": books.chain.as_ref().map(|_| format!("{}/certificate", self.base)),
        })
    }

    /// RFC 8737 section 3, from the authority's side.
    async fn look_for_proof(&self) {
        if !self.proves {
            return;
        }
        let seen = Arc::new(Seen(Mutex::new(Vec::new())));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let tcp = TcpStream::connect(self.desk).await.unwrap();
        let name = ServerName::try_from(DOMAIN).unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
        let mut books = self.books.lock().unwrap();
        let wanted = sha256(format!("{TOKEN}.{}", books.thumbprint).as_bytes());
        let certificate = seen.0.lock().unwrap().clone();
        books.proved = certificate.windows(32).any(|window| window == wanted);
        assert!(books.proved, "the challenge certificate carries the digest");
    }
}

/// RFC 7638, for an elliptic-curve key.
fn thumbprint(jwk: &Value) -> String {
    let field = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let canonical = format!(
        r#"{{"crv":"{}","kty":"{}","x":"{}","y":"{}"}}"#,
        field("crv"),
        field("kty"),
        field("x"),
        field("y"),
    );
    BASE64.encode(sha256(canonical.as_bytes()))
}

struct Requested(Vec<u8>);

impl PublicKeyData for Requested {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn issue(csr: &[u8]) -> String {
    let request = CertReq::from_der(csr).unwrap();
    assert!(csr.windows(DOMAIN.len()).any(|window| window == DOMAIN.as_bytes()));
    let key = request.info.public_key.subject_public_key.as_bytes().unwrap().to_vec();
    assert!(request.info.public_key.to_der().is_ok());
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "a public authority");
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let leaf = CertificateParams::new([DOMAIN.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&Requested(key), &Issuer::new(root, root_key)).unwrap();
    format!("{}{root_pem}", leaf.pem())
}

/// Takes every certificate and remembers it.
#[derive(Debug)]
struct Seen(Mutex<Vec<u8>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = certificate.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256]
    }
}

/// A desk and an authority that can reach each other.
struct Scene {
    acme: Acme,
    ca: Ca,
    presented: Arc<Presented>,
    _running: Running,
}

/// What ends with a scene: its servers and its folder.
struct Running {
    _servers: [Server; 2],
    folder: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn server(presented: &Arc<Presented>, acme: bool) -> Server {
    let tls = server_config(Arc::clone(presented), &TlsOptions { acme, ..TlsOptions::default() })
        .unwrap();
    let ceiling = Ceiling { connections: 100, spare: 2 };
    let options =
        Options { tls: Some(tls.into()), ceiling, trusted_proxies: Vec::new(), rate: None };
    Server::new(options, Arc::new(Counters::new()), Arc::new(At(0)))
}

fn scene(name: &str, proves: bool) -> Scene {
    let folder = std::env::temp_dir().join(format!("posthouse-acme-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let authority = Authority::create("of the directory").unwrap();
    let root = folder.join("root.pem");
    std::fs::write(&root, authority.certificate_pem()).unwrap();

    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let presented = Presented::new(&authority.issue(&["own".to_owned()], 0).unwrap());
    let desk = server(&presented, true);
    let door = Door::bind(any, false).unwrap();
    let address = door.address().unwrap();

    let office = Presented::new(&authority.issue(&["localhost".to_owned()], 0).unwrap());
    let office = server(&office, false);
    let counter = Door::bind(any, false).unwrap();
    let base = format!("https://localhost:{}", counter.address().unwrap().port());
    let books = Arc::new(Mutex::new(Books::default()));
    let ca = Ca { base: base.clone(), desk: address, proves, books };
    desk.serve(door, ca.clone()).unwrap();
    office.serve(counter, ca.clone()).unwrap();
    let acme = Acme {
        directory: format!("{base}/directory"),
        contact: vec!["mailto:somebody@desk.example".to_owned()],
        domains: vec![DOMAIN.to_owned()],
        root: Some(root),
        folder,
    };
    let running = Running { _servers: [desk, office], folder: acme.folder.clone() };
    Scene { acme, ca, presented, _running: running }
}

fn files(folder: &PathBuf) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_proved_issued_kept_and_presented() {
    let Scene { acme, ca, presented, _running } = scene("issued", true);
    assert!(acme.kept().is_none());
    let identity = acme.obtain(&presented).await.unwrap();
    assert_eq!(identity.facts().names, [DOMAIN]);
    assert_eq!(acme.kept().unwrap().facts(), identity.facts());
    let kept = ["acme-account.json", "acme-chain.pem", "acme-key.pem", "root.pem"];
    assert_eq!(files(&acme.folder), kept, "nothing half-written stays");

    // A second time uses the account there is.
    acme.obtain(&presented).await.unwrap();
    let books = ca.books.lock().unwrap();
    assert_eq!((books.accounts, books.orders), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_fails_leaves_the_certificate_in_use() {
    let Scene { acme, presented, _running, .. } = scene("refused", false);
    let fault = acme.obtain(&presented).await.unwrap_err();
    assert!(matches!(fault, AcmeFault::NotReady(_) | AcmeFault::Authority(_)), "{fault}");
    assert!(acme.kept().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_young_is_not_asked_for_again() {
    let Scene { acme, ca, presented, _running } = scene("young", true);
    let identity = acme.obtain(&presented).await.unwrap();
    let (folder, books) = (acme.folder.clone(), Arc::clone(&ca.books));
    assert!(!identity.renewal_due(TIME_FLOOR_S));
    let clock: Arc<dyn Clock> = Arc::new(At(TIME_FLOOR_S));
    let task = tokio::spawn(acme.clone().keep_valid(Arc::clone(&presented), clock));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(books.lock().unwrap().orders, 1);
    task.abort();

    let end = identity.facts().not_after_s;
    let task = tokio::spawn(acme.keep_valid(presented, Arc::new(At(end))));
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if books.lock().unwrap().orders == 2 && files(&folder).len() == 4 {
            break;
        }
    }
    assert_eq!(books.lock().unwrap().orders, 2, "an old one is renewed");
    task.abort();
}
