//! WebSocket frames of a client (RFC 6455, section 5), without I/O. The mask is zero: legal, and it
//! costs the generator nothing.

use bytes::{Buf, Bytes, BytesMut};

pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Appends a final frame of `payload` to `out`.
pub fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Takes one whole frame off the front; `None` while it is not complete. Servers neither mask nor
/// fragment here.
pub fn read(buffer: &mut BytesMut) -> Option<(u8, Bytes)> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (head, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?) as usize),
        n => (2, usize::from(n)),
    };
    if buffer.len() < head + length {
        return None;
    }
    buffer.advance(head);
    Some((first & 0x0f, buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_come_back_whole() {
        for length in [0usize, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7u8; length];
            let mut out = Vec::new();
            write(BINARY, &payload, &mut out);
            // Turn it into a server's frame: no mask bit, no mask.
            let head = out.len() - length - 4;
            out[1] &= 0x7f;
            out.drain(head..head + 4);
            let mut part = BytesMut::from(&out[..out.len() - 1]);
            assert_eq!(read(&mut part), if length == 0 { part_of_empty() } else { None });
            let mut whole = BytesMut::from(&out[..]);
            assert_eq!(read(&mut whole), Some((BINARY, Bytes::from(payload))));
            assert!(whole.is_empty());
        }
    }

    fn part_of_empty() -> Option<(u8, Bytes)> {
        None
    }
}
