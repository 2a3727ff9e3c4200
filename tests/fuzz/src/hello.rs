//! What a connection begins with: the protocol that three bytes tell, and the family that a hello
//! of TLS gets under each policy for hints of TLCP.

use std::sync::{Arc, LazyLock};

use posthouse::base::Family;
use posthouse::config::SmHint;
use posthouse::net::{Choice, Families, First};
use posthouse_crypto::tls::{ClientAuth, Presented, TlsOptions, server_config};
use posthouse_crypto::{authority, rfc8998, tlcp, x509};
use rustls::server::Acceptor;

const NOW_S: u64 = 1_795_600_000;

/// A site of both worlds, once for each policy.
static SITE: LazyLock<[Families; 3]> = LazyLock::new(|| {
    let names = ["desk.example".to_owned()];
    let identity = authority::Authority::create("Site").unwrap().issue(&names, NOW_S).unwrap();
    let pair = x509::Authority::create("Site", NOW_S).unwrap().issue(&names, NOW_S).unwrap();
    let international = server_config(Presented::new(&identity), &TlsOptions::default());
    let presented = rfc8998::Presented::new(&pair.sign).unwrap();
    let rfc8998 = rfc8998::server_config(presented, &ClientAuth::No).unwrap();
    let tlcp = tlcp::ServerConfig::new(tlcp::Presented::new(pair.identity().unwrap()));
    let all = Families {
        international: Some(international.unwrap()),
        rfc8998: Some(rfc8998),
        tlcp: Some(Arc::new(tlcp)),
        national_first: true,
        ..Families::default()
    };
    [SmHint::Ignore, SmHint::Alert, SmHint::Switch].map(|hint| Families { hint, ..all.clone() })
});

/// However the bytes are cut, they mean the same; and what the first three say, no later one
/// changes.
pub fn first_bytes(bytes: &[u8]) {
    let first = First::of(bytes);
    for end in 0..bytes.len().min(8) {
        let early = First::of(&bytes[..end]);
        assert!(early.is_none() || early == first);
    }
    match first {
        Some(First::Tls) => tls(bytes),
        Some(First::Tlcp) => super::tlcp::server(bytes),
        Some(First::Plain) => {}
        None => assert!(bytes.len() < 3),
    }
}

fn tls(bytes: &[u8]) {
    let whole = choices(bytes, bytes.len());
    let cut = choices(bytes, 3);
    assert_eq!(whole.clone().map(|choice| name(&choice)), cut.map(|choice| name(&choice)));
    for choice in whole {
        if let Choice::Switch(config) = choice {
            let mut connection = tlcp::Connection::switched(config, NOW_S, bytes);
            let _ = connection.proceed();
            assert_ne!(connection.state(), tlcp::State::Open);
            assert!(connection.held_bytes() < 200_000);
        }
    }
}

fn choices(bytes: &[u8], piece: usize) -> [Choice; 3] {
    let mut acceptor = Acceptor::default();
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            if acceptor.read_tls(&mut piece).is_err() {
                break;
            }
            match acceptor.accept() {
                Ok(Some(hello)) => {
                    return SITE.each_ref().map(|site| site.choose(&hello.client_hello()));
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
    }
    [Choice::Refuse, Choice::Refuse, Choice::Refuse]
}

fn name(choice: &Choice) -> &'static str {
    match choice {
        Choice::Speak(Family::International, _) => "international",
        Choice::Speak(Family::Rfc8998, _) => "rfc8998",
        Choice::Speak(Family::Tlcp, _) => panic!("TLCP is never spoken as TLS"),
        Choice::Refuse => "refuse",
        Choice::Return => "return",
        Choice::Switch(_) => "switch",
    }
}
