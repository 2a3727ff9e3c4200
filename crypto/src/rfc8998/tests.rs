//! A rustls client and server over memory: what comes about, and what must not.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, HandshakeKind, NamedGroup,
    PeerIncompatible, PeerMisbehaved, ServerConfig, ServerConnection, SignatureAlgorithm,
    SignatureScheme, SupportedCipherSuite,
};

use super::*;
use crate::certificate::TIME_FLOOR_S;
use crate::sm2::{DEFAULT_ID, SecretKey};
use crate::tls::ClientAuth;
use crate::x509::{Authority, Certified, Pair};

struct Site {
    authority: Authority,
    pair: Pair,
}

impl Site {
    fn new() -> Self {
        let authority = Authority::create("site", TIME_FLOOR_S).unwrap();
        let pair = authority.issue(&["desk.local".to_owned()], TIME_FLOOR_S).unwrap();
        Self { authority, pair }
    }

    fn trusted(&self) -> Vec<CertificateDer<'static>> {
        vec![self.authority.certificate().clone()]
    }

    fn server(&self, clients: &ClientAuth) -> Arc<ServerConfig> {
        server_config(Presented::new(&self.pair.sign).unwrap(), clients).unwrap()
    }

    fn client(&self, own: Option<&Certified>) -> ClientConfig {
        client_config(&self.trusted(), own).unwrap()
    }
}

type Ends = (ClientConnection, ServerConnection);

/// Carries bytes to and fro until neither end has any. `spoil` may change what the client sends.
fn carry(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
    mut spoil: impl FnMut(&mut Vec<u8>),
) -> Result<(), (&'static str, Error)> {
    loop {
        let mut up = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut up).unwrap();
        }
        spoil(&mut up);
        let mut bytes = &up[..];
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            if let Err(fault) = server.process_new_packets() {
                let mut down = Vec::new();
                while server.wants_write() {
                    server.write_tls(&mut down).unwrap();
                }
                let _ = client.read_tls(&mut &down[..]);
                let told = client.process_new_packets().err();
                assert!(matches!(told, Some(Error::AlertReceived(_)) | None), "{told:?}");
                return Err(("server", fault));
            }
        }
        let mut down = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut down).unwrap();
        }
        let mut bytes = &down[..];
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).unwrap();
            client.process_new_packets().map_err(|fault| ("client", fault))?;
        }
        if up.is_empty() && down.is_empty() {
            return Ok(());
        }
    }
}

fn ends(client: ClientConfig, server: Arc<ServerConfig>) -> Ends {
    connect(&Arc::new(client), server)
}

fn connect(client: &Arc<ClientConfig>, server: Arc<ServerConfig>) -> Ends {
    let name = ServerName::try_from("desk.local").unwrap();
    let client = ClientConnection::new(Arc::clone(client), name).unwrap();
    (client, ServerConnection::new(server).unwrap())
}

fn shaken((mut client, mut server): Ends) -> Result<Ends, (&'static str, Error)> {
    carry(&mut client, &mut server, |_| ())?;
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

fn only(suite: SupportedCipherSuite) -> Arc<CryptoProvider> {
    let mut provider = (*provider()).clone();
    provider.cipher_suites = vec![suite];
    Arc::new(provider)
}

fn with_provider(site: &Site, provider: Arc<CryptoProvider>) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(crate::tls::roots(&site.trusted()).unwrap())
        .with_no_client_auth()
}

#[test]
fn both_suites_carry_data_both_ways_on_the_curve_of_sm2() {
    let site = Site::new();
    for suite in [SM4_GCM_SM3, SM4_CCM_SM3] {
        let client = with_provider(&site, only(suite));
        let (mut client, mut server) = shaken(ends(client, site.server(&ClientAuth::No))).unwrap();
        assert_eq!(server.negotiated_cipher_suite().unwrap().suite(), suite.suite());
        let group = server.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, names::CURVE_SM2);
        let text: Vec<u8> = (0..12_000u32).map(|n| n.to_le_bytes()[0]).collect();
        client.writer().write_all(&text).unwrap();
        server.writer().write_all(&text).unwrap();
        carry(&mut client, &mut server, |_| ()).unwrap();
        for mut reader in [client.reader(), server.reader()] {
            let mut got = vec![0; text.len()];
            reader.read_exact(&mut got).unwrap();
            assert_eq!(got, text);
        }
    }
}

#[test]
fn gcm_comes_before_ccm_and_http2_before_http1() {
    let site = Site::new();
    let mut client = site.client(None);
    client.alpn_protocols = crate::tls::offered_protocols();
    let (client, server) = shaken(ends(client, site.server(&ClientAuth::No))).unwrap();
    assert_eq!(client.negotiated_cipher_suite().unwrap().suite(), names::SM4_GCM_SM3);
    assert_eq!(server.alpn_protocol(), Some(&b"h2"[..]));
}

#[test]
fn a_ticket_resumes_and_one_of_another_server_does_not() {
    let site = Site::new();
    let server = site.server(&ClientAuth::No);
    let mut client = site.client(None);
    client.resumption = Resumption::in_memory_sessions(4);
    let client = Arc::new(client);
    let (first, _) = shaken(connect(&client, Arc::clone(&server))).unwrap();
    assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
    let (second, _) = shaken(connect(&client, Arc::clone(&server))).unwrap();
    assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed));
    let restarted = site.server(&ClientAuth::No);
    let (third, _) = shaken(connect(&client, restarted)).unwrap();
    assert_eq!(third.handshake_kind(), Some(HandshakeKind::Full));
}

#[test]
fn a_ticket_is_opened_only_whole_and_by_the_key_that_sealed_it() {
    use rustls::server::ProducesTickets;
    let (key, other) = (ticket::Ticketer::new().unwrap(), ticket::Ticketer::new().unwrap());
    let sealed = key.encrypt(b"state").unwrap();
    assert_eq!(key.decrypt(&sealed).unwrap(), b"state");
    assert_eq!(other.decrypt(&sealed), None);
    for at in 0..sealed.len() {
        let mut torn = sealed.clone();
        torn[at] ^= 1;
        assert_eq!(key.decrypt(&torn), None);
        assert_eq!(key.decrypt(&sealed[..at]), None);
    }
    assert_eq!(key.decrypt(&vec![0; 20_000]), None);
    assert_eq!(key.encrypt(&vec![0; 20_000]), None);
}

#[test]
fn a_client_certificate_is_taken_from_the_site_and_from_nobody_else() {
    let site = Site::new();
    let person = site.authority.issue_client("li", TIME_FLOOR_S).unwrap();
    let optional = site.server(&ClientAuth::Optional(site.trusted()));
    let required = site.server(&ClientAuth::Required(site.trusted()));
    for server in [&optional, &required] {
        let client = site.client(Some(&person.sign));
        let (_, server) = shaken(ends(client, Arc::clone(server))).unwrap();
        assert_eq!(&*server.peer_certificates().unwrap()[0], person.sign.leaf());
    }
    let (_, anonymous) = shaken(ends(site.client(None), Arc::clone(&optional))).unwrap();
    assert!(anonymous.peer_certificates().is_none());
    let nobody = shaken(ends(site.client(None), Arc::clone(&required))).unwrap_err();
    assert_eq!(nobody, ("server", Error::NoCertificatesPresented));

    let stranger = Site::new().authority.issue_client("li", TIME_FLOOR_S).unwrap();
    for server in [optional, required] {
        let client = site.client(Some(&stranger.sign));
        let refused = shaken(ends(client, server)).unwrap_err();
        assert!(matches!(refused, ("server", Error::InvalidCertificate(_))), "{refused:?}");
    }
}

#[test]
fn a_server_certificate_is_no_client_certificate_nor_the_other_way_round() {
    let site = Site::new();
    let server = site.server(&ClientAuth::Required(site.trusted()));
    let refused = shaken(ends(site.client(Some(&site.pair.sign)), server)).unwrap_err();
    assert!(matches!(refused, ("server", Error::InvalidCertificate(_))), "{refused:?}");
    let person = site.authority.issue_client("li", TIME_FLOOR_S).unwrap();
    let server = server_config(Presented::new(&person.sign).unwrap(), &ClientAuth::No).unwrap();
    let refused = shaken(ends(site.client(None), server)).unwrap_err();
    assert!(matches!(refused, ("client", Error::InvalidCertificate(_))), "{refused:?}");
}

#[test]
fn families_do_not_mix() {
    let site = Site::new();
    let national = site.server(&ClientAuth::No);
    let modern = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(crate::tls::roots(&site.trusted()).unwrap())
        .with_no_client_auth();
    let refused = shaken(ends(modern, Arc::clone(&national))).unwrap_err();
    let nothing = PeerIncompatible::NoKxGroupsInCommon;
    assert_eq!(refused, ("server", Error::PeerIncompatible(nothing)));

    let ec = crate::authority::Authority::create("ec").unwrap();
    let identity = ec.issue(&["desk.local".to_owned()], TIME_FLOOR_S).unwrap();
    let presented = crate::tls::Presented::new(&identity);
    let international = crate::tls::server_config(presented, &Default::default()).unwrap();
    assert!(shaken(ends(site.client(None), international)).is_err());

    let known = provider();
    assert!(known.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    assert_eq!((known.cipher_suites.len(), known.kx_groups.len()), (2, 1));
    let schemes = known.signature_verification_algorithms.supported_schemes();
    assert_eq!(schemes, [names::SM2SIG_SM3]);
}

#[test]
fn an_unknown_authority_and_another_name_are_refused() {
    let (site, stranger) = (Site::new(), Site::new());
    let refused = shaken(ends(stranger.client(None), site.server(&ClientAuth::No))).unwrap_err();
    assert!(matches!(refused, ("client", Error::InvalidCertificate(_))), "{refused:?}");
    let pair = site.authority.issue(&["other.local".to_owned()], TIME_FLOOR_S).unwrap();
    let server = server_config(Presented::new(&pair.sign).unwrap(), &ClientAuth::No).unwrap();
    let refused = shaken(ends(site.client(None), server)).unwrap_err();
    let ("client", Error::InvalidCertificate(why)) = refused else { panic!("{refused:?}") };
    assert!(matches!(why, CertificateError::NotValidForNameContext { .. }), "{why:?}");
}

/// Signs handshakes under the identifier of certificates.
#[derive(Debug, Clone)]
struct WrongId(SecretKey);

impl SigningKey for WrongId {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        names::SM2
    }
}

impl Signer for WrongId {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(DEFAULT_ID, &[message]).unwrap().to_der())
    }

    fn scheme(&self) -> SignatureScheme {
        names::SM2SIG_SM3
    }
}

#[test]
fn a_handshake_signed_under_the_identifier_of_certificates_is_refused() {
    let site = Site::new();
    let key = WrongId(site.pair.sign.key().clone());
    let certified = CertifiedKey::new(site.pair.sign.chain().to_vec(), Arc::new(key));
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    let refused = shaken(ends(site.client(None), Arc::new(server))).unwrap_err();
    let bad = Error::InvalidCertificate(CertificateError::BadSignature);
    assert_eq!(refused, ("client", bad));
}

#[derive(Debug)]
struct OddShare(&'static [u8]);

impl SupportedKxGroup for OddShare {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(OddShare(self.0)))
    }

    fn name(&self) -> NamedGroup {
        names::CURVE_SM2
    }
}

impl ActiveKeyExchange for OddShare {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Ok(SharedSecret::from(&[0; 32][..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.0
    }

    fn group(&self) -> NamedGroup {
        names::CURVE_SM2
    }
}

#[test]
fn a_key_share_off_the_curve_or_of_another_form_is_refused() {
    static OFF: OddShare = OddShare(&[4; 65]);
    static COMPRESSED: OddShare = OddShare(&[2; 33]);
    static INFINITY: OddShare = OddShare(&[0]);
    let site = Site::new();
    for odd in [&OFF, &COMPRESSED, &INFINITY] {
        let mut provider = (*provider()).clone();
        provider.kx_groups = vec![odd];
        let client = with_provider(&site, Arc::new(provider));
        let refused = shaken(ends(client, site.server(&ClientAuth::No))).unwrap_err();
        let invalid = PeerMisbehaved::InvalidKeyShare;
        assert_eq!(refused, ("server", Error::PeerMisbehaved(invalid)));
    }
}

#[test]
fn a_record_changed_on_its_way_ends_the_connection() {
    let site = Site::new();
    let (mut client, mut server) =
        shaken(ends(site.client(None), site.server(&ClientAuth::No))).unwrap();
    client.writer().write_all(b"hello").unwrap();
    let spoil = |sent: &mut Vec<u8>| {
        if let Some(last) = sent.last_mut() {
            *last ^= 1;
        }
    };
    let ended = carry(&mut client, &mut server, spoil).unwrap_err();
    assert_eq!(ended, ("server", Error::DecryptError));
    assert_eq!(server.reader().read(&mut [0; 8]).ok(), None, "nothing of it is shown");
}

#[test]
fn a_hello_cut_or_changed_anywhere_is_an_error_and_no_panic() {
    let site = Site::new();
    let server = site.server(&ClientAuth::No);
    let hello = |client: &mut ClientConnection| {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    };
    let client = Arc::new(site.client(None));
    let length = hello(&mut connect(&client, Arc::clone(&server)).0).len();
    // The version in the record's header is to be ignored (RFC 8446 section 5.1).
    for at in (0..length).filter(|at| ![1, 2].contains(at)) {
        let (mut sender, mut receiver) = connect(&client, Arc::clone(&server));
        let mut bytes = hello(&mut sender);
        bytes[at] ^= 0x55;
        let _ = receiver.read_tls(&mut &bytes[..]);
        let _ = receiver.process_new_packets();
        let mut answer = Vec::new();
        while receiver.wants_write() {
            receiver.write_tls(&mut answer).unwrap();
        }
        let _ = sender.read_tls(&mut &answer[..]);
        assert!(sender.process_new_packets().is_err() || sender.is_handshaking(), "{at}");
    }
}

#[test]
fn a_new_certificate_is_shown_to_new_connections() {
    let site = Site::new();
    let presented = Presented::new(&site.pair.sign).unwrap();
    let server = server_config(Arc::clone(&presented), &ClientAuth::No).unwrap();
    let renewed = site.authority.issue(&["desk.local".to_owned()], TIME_FLOOR_S).unwrap();
    presented.replace(certified_key(&renewed.sign).unwrap());
    let (client, _) = shaken(ends(site.client(None), server)).unwrap();
    assert_eq!(&*client.peer_certificates().unwrap()[0], renewed.sign.leaf());
}
