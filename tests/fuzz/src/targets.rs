//! Every decoder of bytes from outside, as a function that may not panic whatever it is given.
//! Where a decoder has an encoder, what was decoded must survive the round trip.

use std::path::PathBuf;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use posthouse::net::ws::Message;
use posthouse::{config, http, net, store, wire};
use posthouse_crypto::sm2;

#[path = "hello.rs"]
pub mod hello;
#[path = "tlcp.rs"]
pub mod tlcp;
#[path = "x509.rs"]
pub mod x509;

pub type Target = fn(&[u8]);

pub const TARGETS: &[(&str, Target)] = &[
    ("websocket", websocket),
    ("client_frame", client_frame),
    ("client_list", client_list),
    ("entry", entry),
    ("record", record),
    ("conversation", conversation),
    ("journal_frame", journal_frame),
    ("file_type", file_type),
    ("settings", settings),
    ("certificate", certificate),
    ("sm2_signature", sm2_signature),
    ("sm2_cipher", sm2_cipher),
    ("sm2_key", sm2_key),
    ("tlcp_server", tlcp::server),
    ("tlcp_client", tlcp::client),
    ("tlcp_stream", tlcp::stream),
    ("first_bytes", hello::first_bytes),
    ("certificate_chain", x509::chain),
    ("pair", x509::pair),
    ("private_key", x509::private_key),
    ("key_envelope", x509::envelope),
    ("signing_request", x509::request),
];

/// A client's side of a WebSocket after the upgrade. However the bytes are cut into frames, a
/// message is never longer than the limit, and the socket comes to an end.
pub fn websocket(bytes: &[u8]) {
    const LIMIT: usize = 4096;
    let (early, rest) = bytes.split_at(bytes.len() / 3);
    let stream = tokio::io::join(rest, Vec::new());
    let mut socket = net::ws::WebSocket::new(stream, early, LIMIT);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..=bytes.len() + 2 {
        match socket.poll_next(&mut context) {
            Poll::Ready(Some(Ok(Message::Text(text)))) => {
                assert!(text.len() <= LIMIT && std::str::from_utf8(&text).is_ok());
            }
            Poll::Ready(Some(Ok(Message::Binary(message)))) => {
                assert!(message.len() <= LIMIT);
            }
            Poll::Ready(Some(Ok(Message::Alive))) => {}
            Poll::Ready(Some(Ok(Message::Close(_)) | Err(_)) | None) | Poll::Pending => return,
        }
    }
    panic!("more messages than bytes");
}

pub fn client_frame(bytes: &[u8]) {
    let _ = wire::decode_client(bytes);
}

pub fn client_list(bytes: &[u8]) {
    let _ = wire::decode_client_list(bytes);
}

pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = wire::decode_entry(bytes) {
        let again = wire::decode_entry(&wire::encode_entry(&entry));
        assert_eq!(again.as_ref(), Ok(&entry));
    }
}

pub fn record(bytes: &[u8]) {
    let _ = wire::record::read_record(Bytes::copy_from_slice(bytes));
}

pub fn conversation(bytes: &[u8]) {
    if let Ok(row) = wire::decode_conversation(bytes) {
        let again = wire::decode_conversation(&wire::encode_conversation(&row));
        assert_eq!(again.as_ref(), Ok(&row));
    }
}

pub fn journal_frame(bytes: &[u8]) {
    if let Some(header) = store::journal::frame::check(bytes) {
        assert!(header.span() >= header.length as usize);
        assert!(header.last() >= header.position);
    }
}

pub fn file_type(bytes: &[u8]) {
    for name in ["a.png", "a.svg", "a.docx", "a"] {
        if let Some(kind) = http::media::sniff(bytes, true, name) {
            let _ = http::pixels::measure(kind.media_type, bytes);
        }
    }
}

/// A configuration file; the parser takes paths, so the bytes go through one.
pub fn settings(bytes: &[u8]) {
    let file = scratch();
    std::fs::write(&file, bytes).expect("a scratch file can be written");
    let inputs = config::Inputs { file: Some(file.clone()), ..config::Inputs::default() };
    let loaded = config::load(&inputs);
    std::fs::remove_file(&file).expect("a scratch file can be removed");
    match loaded {
        Ok(loaded) => assert!(config::schema().is_object() && !loaded.files.is_empty()),
        Err(problems) => assert!(!problems.is_empty()),
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("posthouse-fuzz-{}.yaml", std::process::id()))
}

pub fn certificate(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = posthouse_crypto::certificate::facts_of_pem(&text);
    let _ = posthouse_crypto::certificate::Identity::import(&text, &text, Some(1_700_000_000));
}

/// Strict DER has one form of a signature: what is read is written as it was.
pub fn sm2_signature(bytes: &[u8]) {
    if let Ok(signature) = sm2::Signature::from_der(bytes) {
        assert_eq!(signature.to_der(), bytes);
        assert_eq!(sm2::Signature::from_raw(&signature.to_raw()), Ok(signature));
    }
    let raw = <&[u8; 64]>::try_from(bytes).ok();
    if let Some(Ok(signature)) = raw.map(sm2::Signature::from_raw) {
        assert_eq!(signature.to_raw()[..], *bytes);
    }
}

/// The same of a cipher, whatever follows it.
pub fn sm2_cipher(bytes: &[u8]) {
    if let Ok((cipher, rest)) = sm2::Cipher::from_der_prefix(bytes) {
        assert_eq!([&cipher.to_der()[..], rest].concat(), bytes);
        assert_eq!(sm2::Cipher::from_der(bytes).is_ok(), rest.is_empty());
        assert_eq!(sm2::Cipher::from_raw(&cipher.to_raw()), Ok(cipher));
    }
    if let Ok(cipher) = sm2::Cipher::from_raw(bytes) {
        assert_eq!(cipher.to_raw(), bytes);
        assert_eq!(sm2::Cipher::from_der(&cipher.to_der()), Ok(cipher));
    }
}

/// A public key in each of its forms, and a secret one.
pub fn sm2_key(bytes: &[u8]) {
    if let Ok(key) = sm2::PublicKey::from_sec1(bytes) {
        assert!(key.to_sec1().starts_with(bytes) || bytes.len() == 33);
        assert_eq!(sm2::PublicKey::from_sec1(&key.to_sec1()), Ok(key));
    }
    if let Ok(key) = sm2::SecretKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes()[..], *bytes);
    }
}
