//! What works: every suite, with and without client certificates, full and resumed, however the
//! bytes are cut.

use std::sync::Arc;

use super::pair::{Cut, Link, client_config, send, server_config};
use super::pki::{AGENT, HOST, NOW_S, PKI, Plan};
use crate::tlcp::{Alert, ClientAuth, ClientConfig, Connection, ServerConfig, State, Suite};

const CUTS: [Cut; 4] = [Cut::Whole, Cut::Bytes, Cut::Random(1), Cut::Random(2)];

fn is_ecdhe(suite: Suite) -> bool {
    matches!(suite, Suite::EcdheGcm | Suite::EcdheCbc)
}

#[test]
fn every_suite_carries_content_both_ways_however_it_is_cut() {
    let content: Vec<u8> = (0..5_000u32).flat_map(u32::to_le_bytes).collect();
    for suite in Suite::ALL {
        for mutual in [false, true].into_iter().filter(|mutual| *mutual || !is_ecdhe(suite)) {
            for cut in CUTS {
                let link = Link {
                    cut,
                    ..Link::new(client_config(suite, mutual), server_config(suite, mutual))
                };
                let Link { mut client, mut server, mut cut } = link.shaken();
                for side in [&client, &server] {
                    let agreed = side.agreed().unwrap();
                    assert_eq!((agreed.suite, agreed.resumed), (suite, false));
                    assert_eq!(agreed.server_name.as_deref(), Some(HOST));
                }
                assert_eq!(client.agreed().unwrap().peer.len(), 3);
                assert_eq!(server.agreed().unwrap().peer.len(), if mutual { 3 } else { 0 });
                let most = if let Cut::Bytes = cut { 100 } else { content.len() };
                for length in [1, 15, 16, 17, 1_400, 16_385] {
                    let content = &content[..most.min(length)];
                    assert_eq!(send(&mut client, &mut server, &mut cut, content), content);
                    assert_eq!(send(&mut server, &mut client, &mut cut, content), content);
                }
            }
        }
    }
}

#[test]
fn a_session_is_resumed_with_the_certificates_of_its_first_handshake() {
    for suite in Suite::ALL {
        for mutual in [false, true].into_iter().filter(|mutual| *mutual || !is_ecdhe(suite)) {
            let client = Arc::new(client_config(suite, mutual));
            let server = Arc::new(server_config(suite, mutual));
            let first = Link::resuming(&client, &server, None).shaken();
            let session = first.client.agreed().unwrap().session.clone();
            for cut in CUTS {
                let link = Link { cut, ..Link::resuming(&client, &server, session.clone()) };
                let mut link = link.shaken();
                for (side, before) in [(&link.client, &first.client), (&link.server, &first.server)]
                {
                    let (now, then) = (side.agreed().unwrap(), before.agreed().unwrap());
                    assert!(now.resumed);
                    assert_eq!((now.suite, &now.peer), (suite, &then.peer));
                }
                assert_eq!(send(&mut link.client, &mut link.server, &mut link.cut, b"a"), b"a");
                assert_eq!(send(&mut link.server, &mut link.client, &mut link.cut, b"b"), b"b");
            }
        }
    }
}

#[test]
fn a_session_that_the_server_forgot_gives_a_full_handshake() {
    let client = Arc::new(client_config(Suite::EccGcm, false));
    let server = Arc::new(server_config(Suite::EccGcm, false));
    let first = Link::resuming(&client, &server, None).shaken();
    let session = first.client.agreed().unwrap().session.clone();
    let other = Arc::new(server_config(Suite::EccGcm, false));
    let link = Link::resuming(&client, &other, session.clone()).shaken();
    assert!(!link.client.agreed().unwrap().resumed);
    assert!(!link.server.agreed().unwrap().resumed);
    // A session that is an hour old is as good as none.
    let late = NOW_S + 3_601;
    let name = super::pair::name();
    let mut link = Link::resuming(&client, &server, None);
    link.client = Connection::client(client, name, session, late).unwrap();
    link.server = Connection::server(server, late);
    assert!(!link.shaken().server.agreed().unwrap().resumed);
}

#[test]
fn a_server_that_needs_certificates_does_not_resume_a_session_without() {
    let client = Arc::new(client_config(Suite::EccGcm, true));
    let mut config = server_config(Suite::EccGcm, false);
    let plain = Arc::new(client_config(Suite::EccGcm, false));
    config.client_auth = ClientAuth::Optional(PKI.roots());
    let optional = Arc::new(config);
    let first = Link::resuming(&plain, &optional, None).shaken();
    let session = first.client.agreed().unwrap().session.clone();
    drop(first);
    let mut config = Arc::into_inner(optional).unwrap();
    config.client_auth = ClientAuth::Required(PKI.roots());
    let link = Link::resuming(&client, &Arc::new(config), session).shaken();
    assert!(!link.server.agreed().unwrap().resumed);
    assert_eq!(link.server.agreed().unwrap().peer.len(), 3);
}

#[test]
fn a_client_that_may_show_certificates_need_not() {
    let mut server = server_config(Suite::EccGcm, false);
    server.client_auth = ClientAuth::Optional(PKI.roots());
    let link = Link::new(client_config(Suite::EccGcm, false), server).shaken();
    assert!(link.server.agreed().unwrap().peer.is_empty());
    let mut server = server_config(Suite::EccGcm, false);
    server.client_auth = ClientAuth::Optional(PKI.roots());
    let link = Link::new(client_config(Suite::EccGcm, true), server).shaken();
    let shown = Plan::leaf(AGENT, 0x80).subject.as_bytes();
    let leaf = &link.server.agreed().unwrap().peer[0];
    assert!(leaf.windows(shown.len()).any(|part| part == shown));
}

#[test]
fn the_server_chooses_suite_and_protocol_by_its_own_order() {
    let mut server = server_config(Suite::EccGcm, false);
    server.suites = Suite::ALL.to_vec();
    server.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut client = client_config(Suite::EccGcm, false);
    client.suites = vec![Suite::EcdheGcm, Suite::EccCbc, Suite::EccGcm];
    client.alpn = vec![b"x".to_vec(), b"http/1.1".to_vec(), b"h2".to_vec()];
    let link = Link::new(client, server).shaken();
    for side in [&link.client, &link.server] {
        assert_eq!(side.agreed().unwrap().suite, Suite::EccGcm);
        assert_eq!(side.agreed().unwrap().alpn.as_deref(), Some(&b"h2"[..]));
    }
}

#[test]
fn an_ephemeral_key_is_read_with_its_length_and_without() {
    for bare in [false, true] {
        let mut client = client_config(Suite::EcdheGcm, true);
        client.bare_ecdhe = bare;
        Link::new(client, server_config(Suite::EcdheGcm, true)).shaken();
    }
}

#[test]
fn a_hello_waits_to_be_let_in() {
    let mut link =
        Link::new(client_config(Suite::EccGcm, false), server_config(Suite::EccGcm, false));
    link.server.hold();
    link.cut = Cut::Bytes;
    link.run().unwrap();
    assert_eq!((link.server.state(), link.server.pending().len()), (State::Held, 0));
    link.server.proceed().unwrap();
    link.shaken();
}

#[test]
fn what_a_peer_says_before_it_closes_is_read_to_the_end() {
    let link = Link::new(client_config(Suite::EccCbc, false), server_config(Suite::EccCbc, false));
    let Link { mut client, mut server, .. } = link.shaken();
    assert_eq!(client.write(b"one").unwrap(), 3);
    assert_eq!(client.write(b"two").unwrap(), 3);
    client.close().unwrap();
    assert_eq!(client.write(b"three").unwrap(), 0);
    let mut wire = Vec::new();
    client.drain(&mut wire);
    server.feed(&wire).unwrap();
    let mut read = [0; 10];
    assert_eq!(server.read(&mut read).unwrap(), 6);
    assert_eq!(&read[..6], b"onetwo");
    assert_eq!((server.state(), server.read(&mut read)), (State::Over, Ok(0)));
    // The other direction still works until it is closed too.
    assert_eq!(server.write(b"bye").unwrap(), 3);
}

#[test]
fn a_replaced_identity_is_for_new_connections() {
    use crate::tlcp::Presented;
    let presented = Presented::new(Arc::new(PKI.server()));
    let server: Arc<ServerConfig> = Arc::new(ServerConfig::new(presented.clone()));
    let client: Arc<ClientConfig> = Arc::new(ClientConfig::new(PKI.roots()));
    let first = Link::resuming(&client, &server, None).shaken();
    let mut plan = Plan::leaf(HOST, super::pki::DIGITAL_SIGNATURE);
    plan.serial = 99;
    let encrypt = Plan::leaf(HOST, super::pki::KEY_ENCIPHERMENT);
    presented.replace(Arc::new(PKI.pair(&plan, &encrypt)));
    let second = Link::resuming(&client, &server, None).shaken();
    let peer = |link: &Link| link.client.agreed().unwrap().peer.clone();
    assert_ne!(peer(&first)[0], peer(&second)[0]);
    let Link { mut client, mut server, mut cut } = first;
    assert_eq!(send(&mut client, &mut server, &mut cut, b"on"), b"on");
}

#[test]
fn a_pair_that_the_site_authority_issued_is_an_identity() {
    use crate::tlcp::{Presented, Roots};
    use crate::x509::Authority;
    let authority = Authority::create("Site", NOW_S).unwrap();
    let pair = authority.issue(&[HOST.to_owned()], NOW_S).unwrap();
    let agent = authority.issue_client("Agent", NOW_S).unwrap();
    let roots = Roots::new([authority.certificate().as_ref()]).unwrap();
    let identity = pair.identity().unwrap();
    let mut server = ServerConfig::new(Presented::new(identity));
    server.client_auth = ClientAuth::Required(roots.clone());
    let mut client = ClientConfig::new(roots);
    client.identity = Some(agent.identity().unwrap());
    let link = Link::new(client, server).shaken();
    assert_eq!(link.client.agreed().unwrap().peer.len(), 2, "the root is not sent");
    assert_eq!(link.server.agreed().unwrap().peer[0], agent.sign.leaf());
}

#[test]
fn the_sites_own_pair_is_no_clients_nor_an_agents_pair_a_servers() {
    use crate::tlcp::{Presented, Roots};
    use crate::x509::Authority;
    let authority = Authority::create("Site", NOW_S).unwrap();
    let site = authority.issue(&[HOST.to_owned()], NOW_S).unwrap();
    let agent = authority.issue_client(HOST, NOW_S).unwrap();
    let roots = Roots::new([authority.certificate().as_ref()]).unwrap();
    let identity = |pair: &crate::x509::Pair| pair.identity().unwrap();
    let shaken = |server_pair, client_pair, suite| {
        let mut server = ServerConfig::new(Presented::new(identity(server_pair)));
        server.client_auth = ClientAuth::Required(roots.clone());
        let mut client = ClientConfig::new(roots.clone());
        client.identity = Some(identity(client_pair));
        client.suites = vec![suite];
        Link::new(client, server).run().map_err(|fault| fault.alert())
    };
    for suite in Suite::ALL {
        assert_eq!(shaken(&site, &agent, suite), Ok(()));
        let refused = Err(Some(Alert::UnsupportedCertificate));
        assert_eq!(shaken(&site, &site, suite), refused, "as a client, {suite:?}");
        assert_eq!(shaken(&agent, &agent, suite), refused, "as a server, {suite:?}");
    }
}

#[test]
fn a_connection_at_rest_holds_no_buffers() {
    for suite in Suite::ALL {
        let link = Link::new(client_config(suite, true), server_config(suite, true));
        let Link { mut client, mut server, mut cut } = link.shaken();
        let content = vec![7; 20_000];
        assert_eq!(send(&mut client, &mut server, &mut cut, &content), content);
        assert_eq!(send(&mut server, &mut client, &mut cut, &content), content);
        server.rest();
        assert_eq!(server.held_bytes(), 0);
        // Half a record is kept in as many bytes as it has.
        client.write(&content).unwrap();
        let mut wire = Vec::new();
        client.drain(&mut wire);
        server.feed(&wire[..1_000]).unwrap();
        server.rest();
        assert_eq!(server.held_bytes(), 1_000);
        server.feed(&wire[1_000..]).unwrap();
        let mut read = vec![0; 20_000];
        assert_eq!(server.read(&mut read).unwrap(), 16_384);
        assert_eq!(read[..16_384], content[..16_384]);
    }
}
