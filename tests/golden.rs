//! Compatibility outlives speed: bytes that were committed once keep decoding to the same words,
//! the schema only grows, and hostile bytes are refused with a code.
//! `POSTHOUSE_UPDATE=1 cargo test --test golden` adds what is new; it never changes what is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use posthouse::base::code;
use posthouse::base::{Feed, Index, Position, limits};
use posthouse::desk::Entry;
use posthouse::session::ClientFrame;
use posthouse::wire::{self, proto, record};
use proptest::prelude::*;
use prost::Message as _;

#[path = "golden/words.rs"]
mod words;

use words::{CONVERSATION, clients, conversation, entries, facts, servers};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn updating() -> bool {
    std::env::var_os("POSTHOUSE_UPDATE").is_some()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(40) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The committed bytes of this name; `fresh` when there are none yet and this is an update.
fn committed(name: &str, fresh: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = folder().join(format!("{name}.hex"));
    if !path.exists() && updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, hex(&fresh())).unwrap();
    }
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{name} is new: POSTHOUSE_UPDATE=1 cargo test --test golden"));
    unhex(&text)
}

/// Every committed file of a kind, so that a forgotten name is found as well.
fn corpus(kind: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder().join(kind)).unwrap();
    files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn assert_all_read(kind: &str, names: Vec<&'static str>) {
    let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    assert_eq!(corpus(kind), names, "every committed {kind} has its words here");
}

#[test]
fn client_frames_keep_their_words() {
    let cases = clients();
    for (name, frame, words) in &cases {
        let bytes = committed(&format!("client/{name}"), || frame.encode_to_vec());
        let mut read = wire::decode_client(&bytes).unwrap();
        if let ClientFrame::Submit { submit, .. } = &mut read {
            // A retry across an upgrade must not look like another command.
            let hash = std::mem::take(&mut submit.body_hash);
            assert_eq!(committed(&format!("hash/{name}"), || hash.to_vec()), hash, "{name}");
        }
        assert_eq!(read, *words, "{name}");
    }
    assert_all_read("client", cases.iter().map(|case| case.0).collect());
}

#[test]
fn entries_keep_their_words() {
    let cases = entries();
    for (name, entry) in &cases {
        let bytes = committed(&format!("entry/{name}"), || wire::encode_entry(entry).to_vec());
        assert_eq!(wire::decode_entry(&bytes).as_ref(), Ok(entry), "{name}");
        assert_eq!(wire::decode_entry(&wire::encode_entry(entry)).as_ref(), Ok(entry), "{name}");
    }
    assert_all_read("entry", cases.iter().map(|case| case.0).collect());
}

/// The frame without its sentence, which is for people and may be said better.
fn meaning(bytes: &[u8]) -> proto::ServerFrame {
    let mut frame = proto::ServerFrame::decode(bytes).unwrap();
    if let Some(proto::server_frame::Frame::Refused(refused)) = &mut frame.frame {
        assert!(!refused.sentence.is_empty());
        refused.sentence.clear();
    }
    frame
}

#[test]
fn server_frames_keep_their_meaning() {
    let cases = servers();
    for (name, bytes, frame) in &cases {
        let kept = committed(&format!("server/{name}"), || bytes.to_vec());
        assert_eq!(meaning(&kept), *frame, "{name}");
        assert_eq!(meaning(bytes), *frame, "{name}");
    }
    assert_all_read("server", cases.iter().map(|case| case.0).collect());
}

#[test]
fn conversation_rows_keep_their_words() {
    let row = conversation();
    let bytes = committed("row/conversation", || wire::encode_conversation(&row));
    assert_eq!(wire::decode_conversation(&bytes), Ok(row));
}

#[test]
fn records_keep_their_words() {
    let mut names = vec!["entry"];
    let entry: &Entry = &entries()[0].1;
    let bytes = wire::encode_entry(entry);
    let places = [(Feed::Public(CONVERSATION), Index(1)), (Feed::Site, Index(300))];
    let kept = committed("record/entry", || {
        let mut out = Vec::new();
        let whose = (entry.conversation, None);
        let hash = Some(&[6; 16]);
        record::write_entry_record(&mut out, Position(9), &places, &bytes, hash, whose);
        out
    });
    let read = record::read_record(kept.into()).unwrap();
    assert_eq!(read.position, Position(9));
    let content = record::RecordContent::Entry {
        bytes,
        places: places.into_iter().collect(),
        body_hash: Some([6; 16]),
        slot: None,
    };
    assert_eq!(read.content, content);
    names.extend(sealed_records_keep_their_words(&places));
    for (name, fact) in facts() {
        names.push(name);
        let kept = committed(&format!("record/{name}"), || {
            let mut out = Vec::new();
            record::write_fact_record(&mut out, Position(10), &fact);
            out
        });
        let read = record::read_record(kept.into()).unwrap();
        assert_eq!(read.content, record::RecordContent::Fact(fact), "{name}");
    }
    assert_all_read("record", names);
}

/// What a sealed store writes: the head of an entry, ids of an attachment, and sealed text.
fn sealed_records_keep_their_words(places: &[(Feed, Index)]) -> [&'static str; 3] {
    let entry: &Entry = &entries()[0].1;
    let whole = wire::encode_entry(entry);
    let head = whole.slice(..wire::head_length(&whole));
    let text = Bytes::from_static(&[7; 40]);
    let sealed = record::Sealed { slot: 300, at: entry.at, text };
    let whose = (entry.conversation, Some(300));
    let facts = facts();
    let keyed = facts.iter().find(|(name, _)| *name == "blob_keyed");
    let Some((_, record::Fact::Blob(row))) = keyed else { panic!("no attachment") };
    let read = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let kept = committed(&format!("record/{name}"), || {
            let mut out = Vec::new();
            write(&mut out);
            out
        });
        record::read_record(kept.into()).unwrap().content
    };
    let content = read("sealed_entry", &|out| {
        let whose = entry.conversation;
        record::write_sealed_record(out, Position(9), places, &head, &sealed, whose);
    });
    let (places_kept, sealed_kept) = (places.iter().copied().collect(), sealed.clone());
    let expected = record::RecordContent::SealedEntry {
        head: head.clone(),
        places: places_kept,
        sealed: sealed_kept,
    };
    assert_eq!(content, expected);
    let left = wire::skeleton(&head, entry.at).unwrap();
    assert_eq!((left.conversation, left.key), (entry.conversation, entry.key));

    let content = read("erasing_entry", &|out| {
        record::write_entry_record(out, Position(9), places, &whole, None, whose);
    });
    let expected = record::RecordContent::Entry {
        bytes: whole,
        places: places.iter().copied().collect(),
        body_hash: None,
        slot: Some(300),
    };
    assert_eq!(content, expected);

    let content = read("sealed_blob", &|out| {
        record::write_sealed_blob(out, Position(9), row, &sealed);
    });
    let record::RecordContent::SealedBlob { row: left, sealed: kept } = content else {
        panic!("no attachment")
    };
    assert_eq!((left.id, left.attachment.size, kept), (row.id, row.attachment.size, sealed));
    assert_eq!(record::decode_blob(&record::encode_blob(row)).as_ref(), Ok(row));
    ["sealed_entry", "erasing_entry", "sealed_blob"]
}

/// One line for every field and value: what may be added to and never changed.
fn schema() -> BTreeSet<String> {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    let set = protox::compile(["posthouse.proto"], [&wire]).expect("the schema compiles");
    let mut lines = BTreeSet::new();
    for file in &set.file {
        for message in &file.message_type {
            for field in &message.field {
                let oneof = field
                    .oneof_index
                    .map(|at| format!(" oneof {}", message.oneof_decl[at as usize].name()));
                lines.insert(format!(
                    "{}.{} = {} {:?} {:?} {}{}",
                    message.name(),
                    field.name(),
                    field.number(),
                    field.label(),
                    field.r#type(),
                    field.type_name(),
                    oneof.unwrap_or_default(),
                ));
            }
        }
        for list in &file.enum_type {
            for value in &list.value {
                lines.insert(format!("{}.{} = {}", list.name(), value.name(), value.number()));
            }
        }
    }
    lines
}

#[test]
fn the_schema_only_grows() {
    let path = folder().join("schema.txt");
    let now = schema();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: BTreeSet<String> = kept.lines().map(str::to_owned).collect();
    let lost: Vec<_> = kept.difference(&now).collect();
    assert!(lost.is_empty(), "changed or removed, which no client survives: {lost:#?}");
    if updating() {
        let text: String = now.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
    } else {
        let new: Vec<_> = now.difference(&kept).collect();
        assert!(new.is_empty(), "POSTHOUSE_UPDATE=1 cargo test --test golden\n{new:#?}");
    }
}

/// Field 1000, length-delimited, as a newer version might write it.
const FROM_THE_FUTURE: [u8; 8] = [0xc2, 0x3e, 5, b'n', b'e', b'w', b'e', b'r'];

#[test]
fn fields_of_a_newer_version_survive_storage_and_delivery() {
    for (name, entry) in entries() {
        let mut bytes = wire::encode_entry(&entry).to_vec();
        bytes.extend(FROM_THE_FUTURE);
        let bytes = Bytes::from(bytes);
        assert_eq!(wire::decode_entry(&bytes), Ok(entry.clone()), "{name} is still understood");

        let mut out = Vec::new();
        let places = [(Feed::Site, Index(1))];
        let of = entry.conversation;
        record::write_entry_record(&mut out, Position(1), &places, &bytes, None, (of, None));
        let record::RecordContent::Entry { bytes: stored, .. } =
            record::read_record(out.into()).unwrap().content
        else {
            panic!("an entry was written");
        };
        let frame = wire::delivery(Feed::Site, Index(1), None, &stored);
        let frame = proto::ServerFrame::decode(frame).unwrap();
        let Some(proto::server_frame::Frame::Delivery(delivered)) = frame.frame else {
            panic!("a delivery was written");
        };
        assert_eq!(delivered.entry, bytes, "{name} arrives byte for byte");
        assert_ne!(wire::encode_entry(&entry), bytes, "encoding it again would have lost them");
    }
}

#[test]
fn a_clients_unknown_fields_do_not_hurt() {
    for (name, frame, _) in clients() {
        let mut bytes = frame.encode_to_vec();
        let plain = wire::decode_client(&bytes);
        bytes.extend(FROM_THE_FUTURE);
        assert_eq!(wire::decode_client(&bytes), plain, "{name}");
    }
}

#[test]
fn lists_are_counted_before_they_are_allocated() {
    // 64 KiB of empty cursors would be 32 768 messages in memory.
    for (number, count) in [(1_u8, 200), (3, 200), (4, 200), (7, 200), (7, 30_000)] {
        let inner: Vec<u8> = std::iter::repeat_n([0x0a, 0], count).flatten().collect();
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        assert_eq!(wire::decode_client(&bytes), Err(code::BAD_FRAME), "{number}");
    }
    let frames = vec![proto::ClientFrame::default(); limits::SUBMITS_IN_FLIGHT + 1];
    let list = proto::FrameList { client: frames, server: Vec::new() };
    assert_eq!(wire::decode_client_list(&list.encode_to_vec()), Err(code::BAD_FRAME));
}

#[test]
fn long_frames_are_refused_unread() {
    let bytes = vec![0xff; limits::FRAME_BYTES + 1];
    assert_eq!(wire::decode_client(&bytes), Err(code::FRAME_TOO_LONG));
    assert_eq!(wire::decode_client_list(&bytes), Err(code::FRAME_TOO_LONG));
    let bytes = vec![0xff; limits::RECORD_BYTES + 1];
    assert_eq!(wire::decode_entry(&bytes), Err(code::FRAME_TOO_LONG));
}

#[test]
fn a_text_of_the_longest_length_is_not_taken_for_a_list() {
    let (_, frame, _) = clients().into_iter().find(|case| case.0 == "submit_text").unwrap();
    let mut frame = frame;
    if let Some(proto::client_frame::Frame::Submit(submit)) = &mut frame.frame {
        let text = "\n\u{0}".repeat(limits::TEXT_BYTES / 2);
        let content = Some(proto::message::Content::Text(text));
        let body = proto::command::Body::Message(proto::Message { content });
        submit.command = Some(proto::Command { body: Some(body) });
    }
    assert!(wire::decode_client(&frame.encode_to_vec()).is_ok());
}

#[test]
fn ids_of_the_wrong_length_and_values_that_do_not_exist_are_refused() {
    use proto::client_frame::Frame;
    let encoded = |frame| proto::ClientFrame { frame: Some(frame) }.encode_to_vec();
    let bad = [
        encoded(Frame::Status(proto::SetStatus { status: 99 })),
        encoded(Frame::Status(proto::SetStatus { status: 0 })),
        encoded(Frame::Mark(proto::Mark { conversation: vec![1; 15], ..Default::default() })),
        encoded(Frame::Mark(proto::Mark { conversation: vec![0; 16], ..Default::default() })),
        encoded(Frame::Hello(proto::Hello { visitor_token: vec![1; 31], ..Default::default() })),
        encoded(Frame::Submit(proto::Submit::default())),
        encoded(Frame::Follow(proto::Follow { cursors: vec![proto::Cursor::default()] })),
        Vec::new(),
    ];
    for bytes in bad {
        assert_eq!(wire::decode_client(&bytes), Err(code::BAD_FRAME), "{bytes:?}");
    }
}

/// Bytes of a real frame with some of them changed, cut or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let mut real: Vec<Vec<u8>> = clients().iter().map(|case| case.1.encode_to_vec()).collect();
    real.extend(entries().iter().map(|case| wire::encode_entry(&case.1).to_vec()));
    real.extend(servers().iter().map(|case| case.1.to_vec()));
    real.push(wire::encode_conversation(&conversation()));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = any::<prop::sample::Index>();
    (prop::sample::select(real), changes, cut, any::<bool>()).prop_map(
        |(mut bytes, changes, cut, cuts)| {
            for (at, value) in changes {
                let at = at.index(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            bytes
        },
    )
}

fn decode_everything(bytes: &[u8]) {
    let _ = wire::decode_client(bytes);
    let _ = wire::decode_client_list(bytes);
    let _ = wire::decode_conversation(bytes);
    let _ = record::read_record(Bytes::copy_from_slice(bytes));
    if let Ok(entry) = wire::decode_entry(bytes) {
        assert_eq!(wire::decode_entry(&wire::encode_entry(&entry)), Ok(entry));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn hostile_bytes_are_refused_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400)
    ) {
        decode_everything(&bytes);
    }

    #[test]
    fn damaged_frames_are_refused_and_never_a_panic(bytes in damaged()) {
        decode_everything(&bytes);
    }
}
