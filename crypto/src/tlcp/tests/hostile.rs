//! What is wrong in a client, and the alert that it gets.

use super::pair::{Link, client_config, server_config};
use super::pki::{PKI, Plan};
use super::puppet::{End, Puppet};
use super::{Check, without};
use crate::tlcp::messages::{self, Kind};
use crate::tlcp::record::{Content, PLAIN_MAX};
use crate::tlcp::{Alert, ClientAuth, Fault, Suite};

const SECRET: [u8; 48] = {
    let mut secret = [9; 48];
    (secret[0], secret[1]) = (1, 1);
    secret
};

fn ecc() -> Puppet {
    Puppet::new(server_config(Suite::EccGcm, false))
}

fn mutual(suite: Suite) -> Puppet {
    Puppet::new(server_config(suite, true))
}

/// The server refused with this alert, and told the client so.
#[track_caller]
fn refused(end: Result<(), End>, alert: Alert) {
    let end = end.unwrap_err();
    assert_eq!(end.fault.alert(), Some(alert), "{end:?}");
    assert_eq!(end.alert, Some([2, alert.code()]), "{end:?}");
}

/// A right hello's body, to be made wrong.
fn hello_body(puppet: &Puppet) -> Vec<u8> {
    let mut body = Vec::new();
    puppet.offer().write(&mut body);
    body
}

#[test]
fn hellos_that_are_wrong_are_refused_each_in_its_way() {
    type Wrong = fn(&mut Vec<u8>);
    let wrong: &[(&str, Wrong, Alert)] = &[
        ("another version", |hello| hello[1] = 2, Alert::ProtocolVersion),
        ("TLS 1.2", |hello| (hello[0], hello[1]) = (3, 3), Alert::ProtocolVersion),
        ("cut off", |hello| hello.truncate(20), Alert::DecodeError),
        ("empty", Vec::clear, Alert::DecodeError),
        ("session of 33 bytes", |hello| hello[34] = 33, Alert::DecodeError),
        ("no suites", |hello| drop(hello.splice(35..41, [0, 0])), Alert::DecodeError),
        ("half a suite", |hello| drop(hello.splice(35..41, [0, 3, 0, 0, 0])), Alert::DecodeError),
        ("unknown suites", |hello| hello[38] = 0x54, Alert::HandshakeFailure),
        ("compression only", |hello| *hello.last_mut().unwrap() = 1, Alert::IllegalParameter),
        ("a tail", |hello| hello.push(0), Alert::DecodeError),
        (
            "an extension twice",
            |h| h.extend([0, 8, 9, 9, 0, 0, 9, 9, 0, 0]),
            Alert::IllegalParameter,
        ),
        ("an extension too long", |h| h.extend([0, 4, 9, 9, 0, 1]), Alert::DecodeError),
        ("protocols of no length", |h| h.extend([0, 7, 0, 16, 0, 3, 0, 1, 0]), Alert::DecodeError),
        ("no protocols", |h| h.extend([0, 6, 0, 16, 0, 2, 0, 0]), Alert::DecodeError),
        ("a name cut off", |h| h.extend([0, 8, 0, 0, 0, 4, 0, 9, 0, 0]), Alert::DecodeError),
        (
            "an earlier handshake",
            |h| h.extend([0, 6, 0xff, 1, 0, 2, 1, 7]),
            Alert::HandshakeFailure,
        ),
        (
            "a flood of extensions",
            |h| {
                let list: Vec<u8> = (1_000..1_065u16)
                    .flat_map(|code| [code.to_be_bytes(), [0, 0]].concat())
                    .collect();
                h.extend(messages::length_of(&list)[1..].iter());
                h.extend(list);
            },
            Alert::IllegalParameter,
        ),
    ];
    for (what, spoil, alert) in wrong {
        let mut puppet = ecc();
        let mut body = hello_body(&puppet);
        spoil(&mut body);
        let end = puppet.say(Kind::ClientHello, &body);
        assert!(end.is_err(), "{what}");
        refused(end, *alert);
    }
}

#[test]
fn hellos_that_are_strange_but_right_are_taken() {
    type Strange = fn(&mut Vec<u8>);
    let strange: &[Strange] = &[
        |h| h.extend([0, 0]),
        // GREASE (RFC 8701): suites and extensions that nobody knows.
        |h| drop(h.splice(35..37, [0, 6, 0x0a, 0x0a])),
        |h| h.extend([0, 12, 0x1a, 0x1a, 0, 0, 0x2a, 0x2a, 0, 4, 1, 2, 3, 4]),
        // More than one compression, a session that nobody knows, an empty ticket.
        |h| drop(h.splice(41..43, [2, 1, 0])),
        |h| drop(h.splice(34..35, [32].into_iter().chain([5; 32]))),
        |h| h.extend([0, 4, 0, 35, 0, 0]),
        // A name that is none, and one of an unknown kind.
        |h| h.extend([0, 10, 0, 0, 0, 6, 0, 4, 0, 0, 1, 0xff]),
        |h| h.extend([0, 10, 0, 0, 0, 6, 0, 4, 9, 0, 1, b'a']),
    ];
    for (n, change) in strange.iter().enumerate() {
        let mut puppet = ecc();
        let mut body = hello_body(&puppet);
        change(&mut body);
        assert_eq!(puppet.say(Kind::ClientHello, &body), Ok(()), "{n}");
        assert_eq!(puppet.heard.last(), Some(&Kind::ServerHelloDone), "{n}");
    }
}

#[test]
fn messages_out_of_turn_are_refused_in_every_state() {
    let kinds = [
        (Kind::HelloRequest, &[][..]),
        (Kind::ClientHello, &[]),
        (Kind::ServerHello, &[]),
        (Kind::Certificate, &[0, 0, 0]),
        (Kind::ServerKeyExchange, &[]),
        (Kind::CertificateRequest, &[]),
        (Kind::ServerHelloDone, &[]),
        (Kind::CertificateVerify, &[0, 0]),
        (Kind::ClientKeyExchange, &[0, 0]),
        (Kind::Finished, &[0; 12]),
    ];
    /// How far a puppet goes before, and what would be right then.
    type Way = (fn() -> Puppet, Option<Kind>);
    let ways: [Way; 5] = [
        (ecc, Some(Kind::ClientHello)),
        (
            || {
                let mut puppet = ecc();
                puppet.hello().unwrap();
                puppet
            },
            Some(Kind::ClientKeyExchange),
        ),
        (
            || {
                let mut puppet = mutual(Suite::EccGcm);
                puppet.hello().unwrap();
                puppet
            },
            Some(Kind::Certificate),
        ),
        (with_key_exchange, None),
        (
            || {
                let mut puppet = with_key_exchange();
                puppet.change().unwrap();
                puppet
            },
            Some(Kind::Finished),
        ),
    ];
    for (way, next) in ways {
        for (kind, body) in kinds.iter().filter(|(kind, _)| Some(*kind) != next) {
            refused(way().say(*kind, body), Alert::UnexpectedMessage);
        }
    }
}

fn with_key_exchange() -> Puppet {
    let mut puppet = ecc();
    puppet.hello().unwrap();
    let cipher = puppet.encrypted(&SECRET);
    puppet.key_exchange(&SECRET, &cipher).unwrap();
    puppet
}

#[test]
fn a_change_of_keys_out_of_turn_is_refused() {
    refused(ecc().record(Content::ChangeCipherSpec, &[1]), Alert::UnexpectedMessage);
    let mut puppet = ecc();
    puppet.hello().unwrap();
    refused(puppet.record(Content::ChangeCipherSpec, &[1]), Alert::UnexpectedMessage);
    // What the change says must be read too, and it may not fall into a message.
    refused(with_key_exchange().record(Content::ChangeCipherSpec, &[2]), Alert::IllegalParameter);
    refused(
        with_key_exchange().record(Content::ChangeCipherSpec, &[1, 1]),
        Alert::IllegalParameter,
    );
    let mut puppet = with_key_exchange();
    puppet.record(Content::Handshake, &[20, 0]).unwrap();
    refused(puppet.record(Content::ChangeCipherSpec, &[1]), Alert::UnexpectedMessage);
    let mut puppet = with_key_exchange();
    puppet.change().unwrap();
    refused(puppet.record(Content::ChangeCipherSpec, &[1]), Alert::UnexpectedMessage);
    refused(ecc().open().record(Content::ChangeCipherSpec, &[1]), Alert::UnexpectedMessage);
}

#[test]
fn content_before_the_end_of_the_handshake_is_refused() {
    refused(ecc().record(Content::Data, b"early"), Alert::UnexpectedMessage);
    let mut puppet = with_key_exchange();
    puppet.change().unwrap();
    refused(puppet.record(Content::Data, b"early"), Alert::UnexpectedMessage);
}

#[test]
fn records_that_are_wrong_are_refused_at_their_first_wrong_byte() {
    let wrong: &[(&[u8], Alert)] = &[
        (&[24], Alert::UnexpectedMessage),
        (b"GET / HTTP/1.1", Alert::UnexpectedMessage),
        (&[22, 3], Alert::ProtocolVersion),
        (&[22, 1, 0], Alert::ProtocolVersion),
        (&[22, 1, 1, 0xff, 0xff], Alert::RecordOverflow),
        (&[22, 1, 1, 0x48, 0x01], Alert::RecordOverflow),
        (&[22, 1, 1, 0, 0], Alert::UnexpectedMessage),
        (&[21, 1, 1, 0, 1, 1], Alert::DecodeError),
        (&[21, 1, 1, 0, 2, 3, 0], Alert::IllegalParameter),
        // Handshake messages: an unknown type, and one longer than any may be.
        (&[22, 1, 1, 0, 1, 99], Alert::UnexpectedMessage),
        (&[22, 1, 1, 0, 4, 1, 1, 0, 1], Alert::IllegalParameter),
    ];
    for (bytes, alert) in wrong {
        refused(ecc().raw(bytes), *alert);
    }
    let mut long = vec![22, 1, 1, 0x40, 0x01];
    long.resize(5 + PLAIN_MAX + 1, 0);
    refused(ecc().raw(&long), Alert::RecordOverflow);
}

#[test]
fn floods_of_nothing_are_refused() {
    let mut puppet = ecc().open();
    for _ in 0..32 {
        puppet.record(Content::Data, &[]).unwrap();
    }
    refused(puppet.record(Content::Data, &[]), Alert::UnexpectedMessage);
    let mut puppet = ecc().open();
    for _ in 0..100 {
        puppet.record(Content::Data, &[]).unwrap();
        puppet.record(Content::Data, b"a").unwrap();
        assert_eq!(puppet.server.read(&mut [0; 2]), Ok(1));
    }
    let mut puppet = ecc().open();
    for _ in 0..4 {
        puppet.record(Content::Alert, &[1, 90]).unwrap();
    }
    refused(puppet.record(Content::Alert, &[1, 90]), Alert::UnexpectedMessage);
}

#[test]
fn an_alert_of_the_peer_ends_the_connection_without_an_answer() {
    for (alert, code) in [([2, 40], 40), ([2, 20], 20), ([1, 0], 0), ([2, 0], 0)] {
        let mut puppet = ecc();
        puppet.hello().unwrap();
        let end = puppet.record(Content::Alert, &alert).unwrap_err();
        assert_eq!(end, End { fault: Fault::Told(code), alert: None });
    }
    let mut puppet = ecc().open();
    let end = puppet.record(Content::Alert, &[2, 80]).unwrap_err();
    assert_eq!(end, End { fault: Fault::Told(80), alert: None });
    assert_eq!(puppet.server.write(b"more"), Err(Fault::Told(80)));
    assert_eq!(puppet.server.feed(b"more"), Ok(0));
}

#[test]
fn a_handshake_that_begins_anew_is_refused() {
    let mut puppet = ecc().open();
    let body = hello_body(&puppet);
    refused(puppet.say(Kind::ClientHello, &body), Alert::NoRenegotiation);
    // One byte of it is enough: nothing is gathered.
    refused(ecc().open().record(Content::Handshake, &[1]), Alert::NoRenegotiation);
    refused(ecc().open().say(Kind::Finished, &[0; 12]), Alert::UnexpectedMessage);
}

#[test]
fn a_wrong_pre_master_secret_is_found_out_by_its_finished_alone() {
    let other_version = [&[3, 3][..], &SECRET[2..]].concat();
    let key = PKI.sign.public();
    type Make<'a> = Box<dyn Fn(&Puppet) -> Vec<u8> + 'a>;
    let ways: Vec<(&str, Make<'_>)> = vec![
        ("nothing", Box::new(|_| Vec::new())),
        ("no DER", Box::new(|_| vec![0xff; 150])),
        ("a cut cipher", Box::new(|puppet| puppet.encrypted(&SECRET)[..100].to_vec())),
        ("for another key", Box::new(|_| key.encrypt(&SECRET).unwrap().to_der())),
        ("another version", Box::new(|puppet| puppet.encrypted(&other_version))),
        ("47 bytes", Box::new(|puppet| puppet.encrypted(&SECRET[..47]))),
        ("49 bytes", Box::new(|puppet| puppet.encrypted(&[SECRET.as_slice(), &[0]].concat()))),
        ("another secret", Box::new(|puppet| puppet.encrypted(&[1; 48]))),
        (
            "a changed cipher",
            Box::new(|puppet| {
                let mut cipher = puppet.encrypted(&SECRET);
                *cipher.last_mut().unwrap() ^= 1;
                cipher
            }),
        ),
    ];
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        for (what, cipher) in &ways {
            let mut puppet = Puppet::new(server_config(suite, false));
            puppet.hello().unwrap();
            let cipher = cipher(&puppet);
            assert_eq!(puppet.key_exchange(&SECRET, &cipher), Ok(()), "{what}");
            assert_eq!(puppet.change(), Ok(()), "{what}");
            refused(puppet.finished(), Alert::BadRecordMac);
        }
        // The control: with the right one all of it is taken.
        Puppet::new(server_config(suite, false)).open();
    }
}

#[test]
fn bytes_after_the_cipher_mean_nothing_but_a_wrong_length_does() {
    let mut puppet = ecc();
    puppet.hello().unwrap();
    let padded = [puppet.encrypted(&SECRET), vec![0; 7]].concat();
    puppet.key_exchange(&SECRET, &padded).unwrap();
    puppet.change().unwrap();
    puppet.finished().unwrap();
    for body in [&[][..], &[0], &[0, 5, 1], &[0, 1, 1, 1]] {
        let mut puppet = ecc();
        puppet.hello().unwrap();
        refused(puppet.say(Kind::ClientKeyExchange, body), Alert::DecodeError);
    }
}

#[test]
fn a_finished_of_another_handshake_is_refused() {
    for wrong in [&[0; 12][..], &[0; 11], &[]] {
        let mut puppet = with_key_exchange();
        puppet.change().unwrap();
        refused(puppet.say(Kind::Finished, wrong), Alert::DecryptError);
    }
    // One byte that the client saw otherwise is another handshake.
    let other = || {
        let mut puppet = with_key_exchange();
        puppet.transcript.add(&[0]);
        puppet.change().unwrap();
        puppet.finished()
    };
    refused(other(), Alert::DecryptError);
    // The control: without the check it would pass.
    assert_eq!(without(Check::Finished, other), Ok(()));
}

#[test]
fn certificates_of_clients_are_needed_where_they_are_needed() {
    let none = [0, 0, 0];
    for suite in [Suite::EccGcm, Suite::EcdheGcm] {
        let mut puppet = mutual(suite);
        puppet.hello().unwrap();
        assert!(puppet.heard.contains(&Kind::CertificateRequest));
        refused(puppet.say(Kind::Certificate, &none), Alert::HandshakeFailure);
    }
    let mut config = server_config(Suite::EcdheGcm, false);
    config.client_auth = ClientAuth::Optional(PKI.roots());
    let mut puppet = Puppet::new(config);
    puppet.hello().unwrap();
    refused(puppet.say(Kind::Certificate, &none), Alert::HandshakeFailure);
    // Without asking there is no ECDHE at all.
    let mut puppet = Puppet::new(server_config(Suite::EcdheGcm, false));
    refused(puppet.hello(), Alert::HandshakeFailure);
}

/// A `Certificate` message.
fn list(certificates: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    messages::put_certificates(&mut body, certificates.iter().map(Vec::as_slice));
    body
}

fn client_leaf(plan: &Plan) -> Vec<u8> {
    plan.issue(&PKI.client_sign, &PKI.middle)
}

#[test]
fn certificates_that_prove_nothing_are_refused() {
    let sign = Plan::leaf("a", 0x80);
    let encrypt = Plan::leaf("a", 0x20);
    let middle = &PKI.middle_der;
    let (good, enc) = (client_leaf(&sign), encrypt.issue(&PKI.client_encrypt, &PKI.middle));
    let late = Plan { not_after: "260201000000Z", ..sign.clone() };
    let early = Plan { not_before: "290101000000Z", ..sign.clone() };
    let free = Plan { usage: None, ..sign.clone() };
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let own = super::pki::Issuer { name: "Middle", key: PKI.client_sign.clone() };
    let many = vec![good.clone(); 11];
    let ecc: Vec<(&str, Vec<Vec<u8>>, Alert)> = vec![
        ("no chain", vec![good.clone()], Alert::UnknownCa),
        ("late", vec![client_leaf(&late), middle.clone()], Alert::CertificateExpired),
        ("early", vec![client_leaf(&early), middle.clone()], Alert::CertificateExpired),
        ("for encryption", vec![enc.clone(), middle.clone()], Alert::UnsupportedCertificate),
        ("for nothing", vec![client_leaf(&free), middle.clone()], Alert::UnsupportedCertificate),
        ("forged", vec![forged, middle.clone()], Alert::BadCertificate),
        (
            "of a false authority",
            vec![sign.issue(&PKI.client_sign, &own), middle.clone()],
            Alert::BadCertificate,
        ),
        ("an authority", vec![middle.clone()], Alert::UnsupportedCertificate),
        ("no certificate", vec![b"hello".to_vec()], Alert::BadCertificate),
        ("an empty one", vec![Vec::new()], Alert::BadCertificate),
        ("cut off", vec![good[..good.len() - 1].to_vec()], Alert::BadCertificate),
        ("with a tail", vec![[&good[..], &[0]].concat()], Alert::BadCertificate),
        ("too many", many, Alert::BadCertificate),
    ];
    for (what, certificates, alert) in ecc {
        let mut puppet = mutual(Suite::EccGcm);
        puppet.hello().unwrap();
        let end = puppet.say(Kind::Certificate, &list(&certificates));
        assert!(end.is_err(), "{what}");
        refused(end, alert);
    }
    let ecdhe: Vec<(Vec<Vec<u8>>, Alert)> = vec![
        (vec![good.clone(), middle.clone()], Alert::UnsupportedCertificate),
        (vec![good.clone()], Alert::BadCertificate),
        (vec![enc.clone(), good.clone(), middle.clone()], Alert::UnsupportedCertificate),
        (vec![good.clone(), good.clone(), middle.clone()], Alert::UnsupportedCertificate),
        (vec![good, enc], Alert::UnknownCa),
    ];
    for (certificates, alert) in ecdhe {
        let mut puppet = mutual(Suite::EcdheGcm);
        puppet.hello().unwrap();
        refused(puppet.say(Kind::Certificate, &list(&certificates)), alert);
    }
    for body in [&[][..], &[0, 0], &[0, 0, 4, 0, 0, 2, 1], &[0, 0, 0, 0]] {
        let mut puppet = mutual(Suite::EccGcm);
        puppet.hello().unwrap();
        refused(puppet.say(Kind::Certificate, body), Alert::DecodeError);
    }
}

#[test]
fn every_byte_of_a_certificate_is_signed_or_read() {
    let sign = Plan::leaf("a", 0x80);
    let good = client_leaf(&sign);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let mut puppet = mutual(Suite::EccGcm);
        puppet.hello().unwrap();
        let end = puppet.say(Kind::Certificate, &list(&[bad, PKI.middle_der.clone()]));
        assert!(end.is_err(), "byte {at}");
    }
}

#[test]
fn a_client_must_prove_that_it_has_its_key() {
    let start = || {
        let mut puppet = mutual(Suite::EccGcm);
        puppet.hello().unwrap();
        let sign = client_leaf(&Plan::leaf("a", 0x80));
        puppet.say(Kind::Certificate, &list(&[sign, PKI.middle_der.clone()])).unwrap();
        let cipher = puppet.encrypted(&SECRET);
        puppet.key_exchange(&SECRET, &cipher).unwrap();
        puppet
    };
    let mut puppet = start();
    let proof = puppet.proof();
    puppet.say(Kind::CertificateVerify, &proof).unwrap();
    puppet.change().unwrap();
    puppet.finished().unwrap();
    // A proof of another handshake, none at all, and one that is no signature.
    refused(start().say(Kind::CertificateVerify, &proof), Alert::DecryptError);
    refused(start().change(), Alert::UnexpectedMessage);
    refused(start().say(Kind::CertificateVerify, &[0, 2, 0x30, 0]), Alert::DecryptError);
    refused(start().say(Kind::CertificateVerify, &[0, 9]), Alert::DecodeError);
}

#[test]
fn an_ephemeral_key_that_is_no_point_is_refused() {
    let start = || {
        let mut puppet = mutual(Suite::EcdheGcm);
        puppet.hello().unwrap();
        let pair = PKI.client();
        let certificates: Vec<_> = pair.certificates().map(<[u8]>::to_vec).collect();
        puppet.say(Kind::Certificate, &list(&certificates)).unwrap();
        puppet
    };
    let point = PKI.client_sign.public().to_sec1();
    let right = messages::curve_params(&point);
    start().say(Kind::ClientKeyExchange, &right).unwrap();
    let mut off = right.clone();
    off[40] ^= 1;
    refused(start().say(Kind::ClientKeyExchange, &off), Alert::IllegalParameter);
    let infinity = [3, 0, 41, 1, 0];
    refused(start().say(Kind::ClientKeyExchange, &infinity), Alert::IllegalParameter);
    refused(start().say(Kind::ClientKeyExchange, &[3, 0, 41, 0]), Alert::IllegalParameter);
    refused(start().say(Kind::ClientKeyExchange, &right[..60]), Alert::DecodeError);
    refused(start().say(Kind::ClientKeyExchange, &[]), Alert::DecodeError);
}

#[test]
fn a_session_of_a_connection_that_ended_badly_is_not_resumed() {
    use std::sync::Arc;
    let client = Arc::new(client_config(Suite::EccGcm, false));
    let server = Arc::new(server_config(Suite::EccGcm, false));
    let mut first = Link::resuming(&client, &server, None).shaken();
    let session = first.client.agreed().unwrap().session.clone();
    assert_eq!(server.sessions.as_ref().unwrap().count(), 1);
    first.server.feed(&[23, 1, 1, 0, 1, 0]).unwrap_err();
    assert_eq!(server.sessions.as_ref().unwrap().count(), 0);
    let again = Link::resuming(&client, &server, session).shaken();
    assert!(!again.client.agreed().unwrap().resumed);
}
