//! The messages of `keystore.proto` as bytes: the part of protobuf that they need. Unknown fields
//! are passed over, so that a newer peer is understood.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::{Ability, KeyInfo, StoreFault};

/// Longest message.
pub(super) const MESSAGE_MOST: usize = 64 * 1024;

const NO_KEY: u64 = 1;
const WRONG_KEY: u64 = 2;
const DOES_NOT_OPEN: u64 = 3;
const BAD_REQUEST: u64 = 4;

pub(super) enum Request<'a> {
    Sign { label: &'a str, digest: &'a [u8] },
    Decrypt { label: &'a str, cipher: &'a [u8] },
    Wrap { label: &'a str, key: &'a [u8] },
    Unwrap { label: &'a str, wrapped: &'a [u8] },
    Random { count: u32 },
    List,
}

pub(super) enum Reply {
    Result(Zeroizing<Vec<u8>>),
    Keys(Vec<KeyInfo>),
}

impl<'a> Request<'a> {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let named = |label: &str, bytes: &[u8]| {
            let mut inner = Zeroizing::new(Vec::with_capacity(label.len() + bytes.len() + 16));
            put_bytes(&mut inner, 1, label.as_bytes());
            put_bytes(&mut inner, 2, bytes);
            inner
        };
        let (field, inner) = match self {
            Self::Sign { label, digest } => (1, named(label, digest)),
            Self::Decrypt { label, cipher } => (2, named(label, cipher)),
            Self::Wrap { label, key } => (3, named(label, key)),
            Self::Unwrap { label, wrapped } => (4, named(label, wrapped)),
            Self::Random { count } => {
                let mut inner = Zeroizing::new(Vec::new());
                put_number(&mut inner, 1, u64::from(*count));
                (5, inner)
            }
            Self::List => (6, Zeroizing::new(Vec::new())),
        };
        let mut out = Zeroizing::new(Vec::with_capacity(inner.len() + 8));
        put_bytes(&mut out, field, &inner);
        out
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut found = None;
        for field in fields(bytes) {
            if let (number @ 1..=6, Value::Bytes(inner)) = field? {
                found = Some((number, inner));
            }
        }
        let (number, inner) = found?;
        let (mut label, mut body, mut count) = ("", &b""[..], 0);
        for field in fields(inner) {
            match field? {
                (1, Value::Bytes(text)) => label = std::str::from_utf8(text).ok()?,
                (1, Value::Number(number)) => count = u32::try_from(number).ok()?,
                (2, Value::Bytes(bytes)) => body = bytes,
                (_, Value::Bytes(_) | Value::Number(_)) => {}
            }
        }
        Some(match number {
            1 => Self::Sign { label, digest: body },
            2 => Self::Decrypt { label, cipher: body },
            3 => Self::Wrap { label, key: body },
            4 => Self::Unwrap { label, wrapped: body },
            5 => Self::Random { count },
            _ => Self::List,
        })
    }
}

pub(super) fn encode_reply(reply: &Result<Reply, StoreFault>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    match reply {
        Ok(Reply::Result(bytes)) => put_bytes(&mut out, 1, bytes),
        Ok(Reply::Keys(keys)) => {
            for key in keys {
                let mut inner = Vec::new();
                put_bytes(&mut inner, 1, key.label.as_bytes());
                let ability = match key.ability {
                    Ability::Sm2 => 1,
                    Ability::Ed25519 => 2,
                    Ability::Wrap => 3,
                };
                put_number(&mut inner, 2, ability);
                put_bytes(&mut inner, 3, &key.public);
                put_bytes(&mut out, 2, &inner);
            }
        }
        Err(fault) => {
            let reason = match fault {
                StoreFault::NoKey(_) => NO_KEY,
                StoreFault::WrongKey(_) => WRONG_KEY,
                StoreFault::DoesNotOpen => DOES_NOT_OPEN,
                StoreFault::Protocol(_) => BAD_REQUEST,
                StoreFault::Refused(_)
                | StoreFault::Unreachable { .. }
                | StoreFault::NoRandomness(_) => 0,
            };
            let mut inner = Vec::new();
            put_number(&mut inner, 1, reason);
            put_bytes(&mut inner, 2, fault.to_string().as_bytes());
            put_bytes(&mut out, 3, &inner);
        }
    }
    out
}

/// Reads a reply to a request for the key `label`.
pub(super) fn decode_reply(
    bytes: &[u8],
    label: &str,
) -> Result<(Vec<u8>, Vec<KeyInfo>), StoreFault> {
    const WRONG: StoreFault = StoreFault::Protocol("a reply that cannot be read");
    let (mut result, mut keys) = (Vec::new(), Vec::new());
    for field in fields(bytes) {
        match field.ok_or(WRONG)? {
            (1, Value::Bytes(bytes)) => result = bytes.to_vec(),
            (2, Value::Bytes(key)) => keys.extend(decode_key(key).ok_or(WRONG)?),
            (3, Value::Bytes(refusal)) => return Err(decode_refusal(refusal, label).ok_or(WRONG)?),
            (_, Value::Bytes(_) | Value::Number(_)) => {}
        }
    }
    Ok((result, keys))
}

/// `Some(None)`: a key with an ability of a later version.
fn decode_key(bytes: &[u8]) -> Option<Option<KeyInfo>> {
    let (mut label, mut ability, mut public) = (String::new(), None, Vec::new());
    for field in fields(bytes) {
        match field? {
            (1, Value::Bytes(text)) => label = std::str::from_utf8(text).ok()?.to_owned(),
            (2, Value::Number(1)) => ability = Some(Ability::Sm2),
            (2, Value::Number(2)) => ability = Some(Ability::Ed25519),
            (2, Value::Number(3)) => ability = Some(Ability::Wrap),
            (3, Value::Bytes(bytes)) => public = bytes.to_vec(),
            (_, Value::Bytes(_) | Value::Number(_)) => {}
        }
    }
    Some(ability.map(|ability| KeyInfo { label, ability, public }))
}

fn decode_refusal(bytes: &[u8], label: &str) -> Option<StoreFault> {
    let (mut reason, mut text) = (0, String::new());
    for field in fields(bytes) {
        match field? {
            (1, Value::Number(number)) => reason = number,
            (2, Value::Bytes(bytes)) => text = String::from_utf8_lossy(bytes).into_owned(),
            (_, Value::Bytes(_) | Value::Number(_)) => {}
        }
    }
    Some(match reason {
        NO_KEY => StoreFault::NoKey(label.to_owned()),
        WRONG_KEY => StoreFault::WrongKey(label.to_owned()),
        DOES_NOT_OPEN => StoreFault::DoesNotOpen,
        BAD_REQUEST => StoreFault::Protocol("the agent did not understand the request"),
        _ => StoreFault::Refused(text),
    })
}

/// Reads a message; `None` at the end of the stream.
pub(super) fn read_message(from: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut length = [0; 4];
    let mut got = 0;
    while got < length.len() {
        match from.read(&mut length[got..])? {
            0 if got == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => got += read,
        }
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MESSAGE_MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is too long"));
    }
    let mut message = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut message)?;
    Ok(Some(message))
}

pub(super) fn write_message(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = Zeroizing::new(Vec::with_capacity(message.len() + 4));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    to.write_all(&framed)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message; `None` where it cannot be read, and nothing after that.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match field(&mut rest) {
                Some((number, Some(value))) => return Some(Some((number, value))),
                // A number of fixed width: no message here has one.
                Some((_, None)) => {}
                None => {
                    rest = &[];
                    return Some(None);
                }
            }
        }
        None
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<Value<'a>>)> {
    let tag = number(rest)?;
    let value = match tag & 7 {
        0 => Some(Value::Number(number(rest)?)),
        1 => skip(rest, 8)?,
        2 => {
            let length = usize::try_from(number(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Some(Value::Bytes(bytes))
        }
        5 => skip(rest, 4)?,
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn skip<'a>(rest: &mut &'a [u8], count: usize) -> Option<Option<Value<'a>>> {
    *rest = rest.split_at_checked(count)?.1;
    Some(None)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_bytes_that_protobuf_gives_them() {
        // Worked out from the encoding's description: tag = field << 3 | wire type.
        let sign = Request::Sign { label: "k", digest: &[0xaa, 0xbb] }.encode();
        assert_eq!(*sign, [0x0a, 7, 0x0a, 1, b'k', 0x12, 2, 0xaa, 0xbb]);
        assert_eq!(*Request::Random { count: 300 }.encode(), [0x2a, 3, 0x08, 0xac, 0x02]);
        assert_eq!(*Request::List.encode(), [0x32, 0]);
        let reply = encode_reply(&Err(StoreFault::DoesNotOpen));
        assert_eq!(reply[..6], [0x1a, 49, 0x08, 3, 0x12, 45]);
    }

    #[test]
    fn unknown_fields_are_passed_over_and_broken_messages_refused() {
        let newer = [0x3d, 1, 2, 3, 4, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x48, 5, 0x2a, 2, 0x08, 7];
        assert!(matches!(Request::decode(&newer), Some(Request::Random { count: 7 })));
        for broken in
            [&[0x0a][..], &[0x0a, 5, 1], &[0x0b, 1], &[0xff; 11], &[0x0a, 3, 0x0a, 1, 0xff], &[]]
        {
            assert!(Request::decode(broken).is_none(), "{broken:?}");
        }
    }

    #[test]
    fn a_message_longer_than_the_bound_is_not_read() {
        let mut long = &[0, 1, 0, 1][..];
        assert_eq!(read_message(&mut long).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(read_message(&mut &[][..]).unwrap().is_none());
        assert!(read_message(&mut &[0, 0][..]).is_err());
    }
}
