//! Sealed records: changed, repeated, left out, and with every length of padding.

use super::pair::{Link, client_config, server_config};
use super::{Check, without};
use crate::modes::Cbc;
use crate::sm3::hmac;
use crate::tlcp::cbc::CbcMac;
use crate::tlcp::record::{Content, associated};
use crate::tlcp::{Alert, Suite};

#[test]
fn every_byte_of_a_sealed_record_is_authenticated() {
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        let link = Link::new(client_config(suite, false), server_config(suite, false));
        let mut link = link.shaken();
        link.client.write(b"sixteen and more bytes").unwrap();
        let record = link.client.pending().to_vec();
        drop(link);
        for at in 0..record.len() {
            // A fresh pair, for a connection stands no second record after a wrong one.
            let link = Link::new(client_config(suite, false), server_config(suite, false));
            let mut link = link.shaken();
            link.client.write(b"sixteen and more bytes").unwrap();
            let mut bad = link.client.pending().to_vec();
            bad[at] ^= 1 << (at % 8);
            // A record that is longer now is not wrong yet; what follows makes it whole.
            bad.resize(bad.len() + 16_000, 0);
            let mut read = [0; 100];
            let fault = link.server.feed(&bad).and_then(|_| link.server.read(&mut read));
            let told = fault.unwrap_err().alert();
            // Of the header, type, version and length have alerts of their own.
            let header = at < 4 && told.is_some();
            assert!(header || told == Some(Alert::BadRecordMac), "{suite:?} {at} {told:?}");
        }
        // The control: unchanged, it is read.
        let link = Link::new(client_config(suite, false), server_config(suite, false));
        let mut link = link.shaken();
        link.client.write(b"sixteen and more bytes").unwrap();
        link.run().unwrap();
        assert_eq!(link.server.read(&mut [0; 100]), Ok(22));
    }
}

#[test]
fn records_are_taken_once_and_in_order() {
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        for order in [&[1][..], &[0, 0], &[0, 2]] {
            let link = Link::new(client_config(suite, false), server_config(suite, false));
            let mut link = link.shaken();
            let records: Vec<Vec<u8>> = (0..3)
                .map(|n| {
                    link.client.write(&[n; 20]).unwrap();
                    let mut record = Vec::new();
                    link.client.drain(&mut record);
                    record
                })
                .collect();
            let mut read = [0; 20];
            let ended = order.iter().try_for_each(|n| {
                link.server.feed(&records[*n])?;
                link.server.read(&mut read).map(drop)
            });
            assert_eq!(ended.unwrap_err().alert(), Some(Alert::BadRecordMac), "{order:?}");
        }
    }
}

#[test]
fn a_direction_ends_before_its_sequence_number_wraps() {
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        let link = Link::new(client_config(suite, false), server_config(suite, false));
        let mut link = link.shaken();
        link.client.wire().set_sequences(u64::MAX - 1);
        link.server.wire().set_sequences(u64::MAX - 1);
        assert_eq!(link.client.write(b"last"), Ok(4));
        link.run().unwrap();
        let mut read = [0; 4];
        assert_eq!(link.server.read(&mut read), Ok(4));
        let fault = link.client.write(b"one too many").unwrap_err();
        assert_eq!(fault.alert(), Some(Alert::InternalError));
        assert!(link.client.pending().is_empty(), "not even the alert may take the number");
    }
}

const KEY: [u8; 16] = [3; 16];
const MAC: [u8; 32] = [4; 32];

/// A CBC record made by the rules, with this padding, and with `spoil` done before encryption.
fn cbc_record(content: &[u8], padding: &[u8], spoil: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let head = associated(5, Content::Data, content.len());
    let mac = hmac(&MAC, &[&head, content]);
    let mut body = [content, &mac, padding].concat();
    spoil(&mut body);
    let initial = [6; 16];
    Cbc::new(&KEY).encrypt(&initial, &mut body);
    [&initial[..], &body].concat()
}

fn opened(mut record: Vec<u8>) -> Option<Vec<u8>> {
    let head = |length| associated(5, Content::Data, length);
    let range = CbcMac::new(&KEY, &MAC).open(head, &mut record)?;
    Some(record[range].to_vec())
}

/// All paddings that make a record of this content whole.
fn paddings(content: usize) -> impl Iterator<Item = Vec<u8>> {
    let whole = move |length: &usize| (content + 32 + length).is_multiple_of(16);
    (1..=256).filter(whole).map(|length| vec![u8::try_from(length - 1).unwrap(); length])
}

#[test]
fn content_of_every_length_with_every_padding_is_opened() {
    let content: Vec<u8> = (0..=255).cycle().take(700).collect();
    for length in (0..200).chain([255, 256, 257, 511, 512, 513, 700]) {
        for padding in paddings(length) {
            let record = cbc_record(&content[..length], &padding, |_| {});
            assert_eq!(opened(record).as_deref(), Some(&content[..length]), "{length}");
        }
    }
}

#[test]
fn a_wrong_padding_or_mac_is_refused_at_every_byte() {
    for content in [&b""[..], b"short", &[7; 100]] {
        for padding in paddings(content.len()) {
            let whole = content.len() + 32 + padding.len();
            let step = if padding.len() > 32 { 7 } else { 1 };
            for at in (0..whole).step_by(step) {
                let record = || cbc_record(content, &padding, |body| body[at] ^= 0x40);
                assert_eq!(opened(record()), None, "{at} of {whole}");
            }
        }
    }
    // Padding longer than there is room for, and shorter than it says.
    assert_eq!(opened(cbc_record(&[], &[31; 16], |_| {})), None);
    assert_eq!(opened(cbc_record(&[], &[15; 32], |_| {})), None);
    assert_eq!(opened(cbc_record(&[], &[255; 16], |_| {})), None);
}

#[test]
fn records_of_no_possible_length_are_refused() {
    for length in (0..64).chain([65, 79, 81]) {
        assert_eq!(opened(vec![0; length]), None, "{length}");
    }
}

#[test]
fn the_mac_is_what_refuses_a_changed_content() {
    let record = || cbc_record(b"content of a record", &[12; 13], |body| body[0] ^= 1);
    assert_eq!(opened(record()), None);
    let passed = without(Check::Mac, || opened(record()));
    assert_eq!(passed.as_deref(), Some(&b"bontent of a record"[..]));
}
