//! Servers that deceive, and bytes that change on their way.

use std::sync::Arc;

use super::pair::{Link, client_config, name, server_config};
use super::pki::{
    DIGITAL_SIGNATURE, HOST, Issuer, KEY_CERT_SIGN, KEY_ENCIPHERMENT, NOW_S, PKI, Plan,
};
use super::{Check, without};
use crate::sm2::SecretKey;
use crate::tlcp::{
    Alert, BadIdentity, ClientConfig, Connection, Fault, Identity, Presented, Roots, ServerConfig,
    State, Suite,
};

fn keys() -> (SecretKey, SecretKey) {
    (PKI.sign.clone(), PKI.encrypt.clone())
}

fn sign() -> Plan {
    Plan::leaf(HOST, DIGITAL_SIGNATURE)
}

fn encrypt() -> Plan {
    Plan::leaf(HOST, KEY_ENCIPHERMENT)
}

fn sign_der(plan: &Plan) -> Vec<u8> {
    plan.issue(&PKI.sign, &PKI.middle)
}

fn encrypt_der(plan: &Plan) -> Vec<u8> {
    plan.issue(&PKI.encrypt, &PKI.middle)
}

/// What a client says to a server with these certificates and keys.
fn meet(
    client: ClientConfig,
    certificates: Vec<Vec<u8>>,
    keys: (SecretKey, SecretKey),
) -> Result<(), Fault> {
    let identity = Identity::unchecked(certificates, keys);
    let server = ServerConfig::new(Presented::new(Arc::new(identity)));
    Link::new(client, server).run()
}

#[track_caller]
fn refused(met: Result<(), Fault>, alert: Alert) {
    assert_eq!(met.unwrap_err().alert(), Some(alert), "{met:?}");
}

fn client() -> ClientConfig {
    ClientConfig::new(PKI.roots())
}

#[test]
fn a_pair_that_is_not_the_servers_own_is_refused() {
    let (good, enc) = (sign_der(&sign()), encrypt_der(&encrypt()));
    let middle = || PKI.middle_der.clone();
    // The control.
    meet(client(), vec![good.clone(), enc.clone(), middle()], keys()).unwrap();
    let swapped = vec![enc.clone(), good.clone(), middle()];
    refused(meet(client(), swapped, keys()), Alert::UnsupportedCertificate);
    let twice = vec![good.clone(), good.clone(), middle()];
    refused(meet(client(), twice, keys()), Alert::UnsupportedCertificate);
    refused(meet(client(), vec![good.clone(), middle()], keys()), Alert::UnsupportedCertificate);
    refused(meet(client(), vec![good.clone()], keys()), Alert::BadCertificate);
    refused(meet(client(), Vec::new(), keys()), Alert::BadCertificate);
    refused(meet(client(), vec![good.clone(), enc.clone()], keys()), Alert::UnknownCa);
    let strangers = ClientConfig::new(Roots::default());
    let list = || vec![good.clone(), enc.clone(), middle()];
    refused(meet(strangers, list(), keys()), Alert::UnknownCa);
    // It has the certificates but not the signing key.
    let stolen = (PKI.client_sign.clone(), PKI.encrypt.clone());
    refused(meet(client(), list(), stolen), Alert::DecryptError);
    // It has not the encryption key: it reads another secret and finds that Finished is sealed
    // with keys it does not know.
    let stolen = (PKI.sign.clone(), PKI.client_sign.clone());
    refused(meet(client(), list(), stolen), Alert::BadRecordMac);
}

#[test]
fn certificates_are_checked_for_name_time_and_usage() {
    let wrong = |sign: Plan, encrypt: Plan, alert| {
        let list = vec![sign_der(&sign), encrypt_der(&encrypt), PKI.middle_der.clone()];
        refused(meet(client(), list, keys()), alert);
    };
    let other = Plan { hosts: vec!["other.example"], ..sign() };
    wrong(other, encrypt(), Alert::CertificateUnknown);
    wrong(Plan { hosts: Vec::new(), ..sign() }, encrypt(), Alert::CertificateUnknown);
    let elsewhere = Plan { subject: "x", hosts: vec!["other.example"], ..encrypt() };
    wrong(sign(), elsewhere, Alert::CertificateUnknown);
    let late = Plan { not_after: "260201000000Z", ..sign() };
    wrong(late, encrypt(), Alert::CertificateExpired);
    let early = Plan { not_before: "290101000000Z", ..encrypt() };
    wrong(sign(), early, Alert::CertificateExpired);
    for usage in [None, Some(KEY_CERT_SIGN)] {
        wrong(Plan { usage, ..sign() }, encrypt(), Alert::UnsupportedCertificate);
        wrong(sign(), Plan { usage, ..encrypt() }, Alert::UnsupportedCertificate);
    }
    // An encryption certificate without names of its own goes with the subject of the other.
    let nameless = Plan { hosts: Vec::new(), ..encrypt() };
    let list = vec![sign_der(&sign()), encrypt_der(&nameless), PKI.middle_der.clone()];
    meet(client(), list, keys()).unwrap();
}

#[test]
fn authorities_are_checked_for_what_they_may_sign() {
    let under = |issuer: &Issuer, chain: Vec<Vec<u8>>| {
        let mut list = vec![sign().issue(&PKI.sign, issuer), encrypt().issue(&PKI.encrypt, issuer)];
        list.extend(chain);
        meet(client(), list, keys())
    };
    let key = PKI.client_sign.clone();
    let middle = || PKI.middle_der.clone();
    // A leaf is no authority, and the one in the middle may have none below it.
    let leaf = Issuer { name: "leaf", key };
    let plan = Plan { subject: "leaf", ..sign() };
    let below = plan.issue(&leaf.key, &PKI.middle);
    refused(under(&leaf, vec![below, middle()]), Alert::BadCertificate);
    let plan = Plan { subject: "leaf", ..Plan::authority("leaf", None) };
    let below = plan.issue(&leaf.key, &PKI.middle);
    refused(under(&leaf, vec![below, middle()]), Alert::BadCertificate);
    // It calls itself by the name of one that is trusted.
    let own = Issuer { name: "Middle", key: leaf.key };
    refused(under(&own, vec![middle()]), Alert::BadCertificate);
}

#[test]
fn an_identity_is_checked_when_it_is_made() {
    let (good, enc) = (sign_der(&sign()), encrypt_der(&encrypt()));
    let (sign, encrypt) = keys();
    let made = |sign_half: (&Vec<u8>, &SecretKey), encrypt_half: (&Vec<u8>, &SecretKey)| {
        let half = |(der, key): (&Vec<u8>, &SecretKey)| (der.clone(), key.clone());
        Identity::new(half(sign_half), half(encrypt_half), []).map(drop)
    };
    assert_eq!(made((&good, &sign), (&enc, &encrypt)), Ok(()));
    assert_eq!(made((&enc, &encrypt), (&good, &sign)), Err(BadIdentity::Sign));
    assert_eq!(made((&good, &sign), (&good, &sign)), Err(BadIdentity::Encrypt));
    assert_eq!(made((&good, &encrypt), (&enc, &encrypt)), Err(BadIdentity::SignKey));
    assert_eq!(made((&good, &sign), (&enc, &sign)), Err(BadIdentity::EncryptKey));
    let long = Identity::new((good, sign), (enc, encrypt), vec![Vec::new(); 9]);
    assert_eq!(long.map(drop), Err(BadIdentity::Chain));
}

/// A full handshake whose bytes `change` may touch: the first flight of the client or the server.
fn changed(
    to_server: bool,
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    change: &mut dyn FnMut(&mut Vec<u8>),
) -> (Link, Result<(), Fault>) {
    let mut link = Link::resuming(client, server, None);
    let mut wire = Vec::new();
    link.client.drain(&mut wire);
    if to_server {
        change(&mut wire);
    }
    let mut ended = link.server.feed(&wire).map(drop);
    if ended.is_ok() && !to_server {
        wire.clear();
        link.server.drain(&mut wire);
        change(&mut wire);
        ended = link.client.feed(&wire).map(drop);
    }
    let ended = ended.and_then(|()| link.run());
    (link, ended)
}

#[test]
fn a_server_that_chooses_what_was_not_offered_is_refused() {
    // Of the first record: header 5, message header 4, version 2, random 32, session 1 + 32.
    const SUITE: usize = 5 + 4 + 2 + 32 + 33;
    let client = Arc::new(client_config(Suite::EccGcm, false));
    let server = Arc::new(server_config(Suite::EccGcm, false));
    let cases: [(usize, u8, Alert); 6] = [
        (SUITE + 1, 0x13, Alert::IllegalParameter),
        (SUITE, 0x13, Alert::IllegalParameter),
        (SUITE + 2, 1, Alert::IllegalParameter),
        (9, 3, Alert::ProtocolVersion),
        // A flipped random is found by the signature over it.
        (20, 0, Alert::DecryptError),
        (5, 99, Alert::UnexpectedMessage),
    ];
    for (at, value, alert) in cases {
        let mut change = |wire: &mut Vec<u8>| wire[at] = if wire[at] == value { 1 } else { value };
        let (_, ended) = changed(false, &client, &server, &mut change);
        refused(ended, alert);
    }
    let mut config = server_config(Suite::EccGcm, false);
    config.alpn = vec![b"h2".to_vec()];
    let server = Arc::new(config);
    let mut config = client_config(Suite::EccGcm, false);
    config.alpn = vec![b"h2".to_vec()];
    let client = Arc::new(config);
    let mut change = |wire: &mut Vec<u8>| {
        let at = wire.windows(2).position(|pair| pair == b"h2").unwrap();
        wire[at] = b'H';
    };
    let (_, ended) = changed(false, &client, &server, &mut change);
    refused(ended, Alert::IllegalParameter);
}

#[test]
fn no_change_of_any_byte_on_the_way_goes_unnoticed() {
    let client = Arc::new(client_config(Suite::EccGcm, true));
    let server = Arc::new(server_config(Suite::EccGcm, true));
    let mut seed = 7u64;
    let mut chance = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for turn in 0..160 {
        let mut change = |wire: &mut Vec<u8>| {
            let at = chance(wire.len());
            match chance(5) {
                0 => drop(wire.remove(at)),
                1 => wire.insert(at, wire[at]),
                2 => wire.truncate(at),
                3 => wire[at] = wire[at].wrapping_add(1),
                _ => wire[at] ^= 1 << chance(8),
            }
        };
        let (link, ended) = changed(turn % 2 == 0, &client, &server, &mut change);
        let open = |side: &Connection| side.state() == State::Open;
        assert!(!(open(&link.client) && open(&link.server)), "turn {turn}: {ended:?}");
    }
}

#[test]
fn a_client_that_resumes_checks_that_the_server_saw_the_same() {
    let client = Arc::new(client_config(Suite::EccGcm, false));
    let server = Arc::new(server_config(Suite::EccGcm, false));
    let first = Link::resuming(&client, &server, None).shaken();
    let session = first.client.agreed().unwrap().session.clone();
    let meet = |changed: bool| {
        let mut link = Link::resuming(&client, &server, session.clone());
        let mut wire = Vec::new();
        link.client.drain(&mut wire);
        // The last suite, which means nothing to the server either way.
        let scsv = wire.windows(2).position(|pair| pair == [0, 0xff]).unwrap();
        wire[scsv] = u8::from(changed);
        link.server.feed(&wire).unwrap();
        link.run()
    };
    meet(false).unwrap();
    refused(meet(true), Alert::DecryptError);
    // The control: without the check it would pass.
    without(Check::Finished, || meet(true)).unwrap();
}

#[test]
fn a_session_is_taken_up_only_with_the_server_it_was_made_with() {
    let client = Arc::new(client_config(Suite::EccGcm, false));
    let server = Arc::new(server_config(Suite::EccGcm, false));
    let first = Link::resuming(&client, &server, None).shaken();
    let session = first.client.agreed().unwrap().session.clone();
    let offers = |name, now_s| {
        let mut client =
            Connection::client(Arc::clone(&client), name, session.clone(), now_s).unwrap();
        let mut wire = Vec::new();
        client.drain(&mut wire);
        // The length of the session id, behind headers, version and random.
        wire[5 + 4 + 2 + 32] == 32
    };
    assert!(offers(name(), NOW_S));
    assert!(!offers("other.example".try_into().unwrap(), NOW_S));
    assert!(!offers("127.0.0.1".try_into().unwrap(), NOW_S));
    assert!(!offers(name(), NOW_S + 3_601));
}

#[test]
fn nothing_is_agreed_without_randomness() {
    let none = |_: &mut [u8]| Err(crate::token::NoRandomness);
    let mut config = client_config(Suite::EccGcm, false);
    config.random = none;
    let made = Connection::client(Arc::new(config), name(), None, NOW_S);
    assert_eq!(made.unwrap_err(), Fault::NoRandomness);
    let mut config = server_config(Suite::EccGcm, false);
    config.random = none;
    let met = Link::new(client_config(Suite::EccGcm, false), config).run();
    assert_eq!(met, Err(Fault::NoRandomness));
}
