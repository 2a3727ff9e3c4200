//! WebSocket frames to messages (RFC 6455), without I/O. Invariant: between two frames it owns no
//! buffer; a message never grows past the limit, and wrong text fails at its first wrong byte.

use std::io::Cursor;

use bytes::Bytes;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::Violation;

/// Longest payload of a control frame (RFC 6455 section 5.5).
const CONTROL_BYTES: u64 = 125;
/// The most an unfinished header or control frame can occupy: what the caller must keep for later.
pub(super) const LEFTOVER_BYTES: usize = 14 + 125;

/// What one step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Checked UTF-8.
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// The peer's code; `None` when it gave none.
    Close(Option<u16>),
}

/// Turns bytes into events. Holds only what a split or fragmented message needs.
pub(super) struct Decoder {
    limit: usize,
    partial: Option<Box<Partial>>,
}

/// A message of which some is still to come.
struct Partial {
    text: bool,
    data: Vec<u8>,
    /// Bytes of `data` that are known to be whole UTF-8 characters.
    checked: usize,
    /// Bytes of the current frame that are still to come.
    missing: usize,
    last: bool,
    /// The mask, turned so that its first byte belongs to the next payload byte.
    mask: [u8; 4],
}

impl Decoder {
    /// `limit` is the longest message in bytes, however it is fragmented.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, partial: None }
    }

    /// Reads from the start of `bytes` until one event is whole; unmasks in place. Answers how many
    /// bytes were used up: keep the rest. No event and rest means that the rest is the beginning of
    /// a header or control frame, at most [`LEFTOVER_BYTES`].
    pub(super) fn step(&mut self, bytes: &mut [u8]) -> Result<(usize, Option<Event>), Violation> {
        let mut used = 0;
        loop {
            let rest = &mut bytes[used..];
            if self.partial.as_ref().is_some_and(|partial| partial.missing > 0) {
                let (taken, event) = self.payload(rest)?;
                used += taken;
                let stuck = event.is_none() && used == bytes.len();
                if event.is_some() || stuck {
                    return Ok((used, event));
                }
                continue;
            }
            let mut cursor = Cursor::new(&*rest);
            let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?;
            let Some((header, length)) = parsed else { return Ok((used, None)) };
            let head = 14.min(usize::try_from(cursor.position()).unwrap_or(14));
            let mask = check(&header, length)?;
            match header.opcode {
                OpCode::Control(control) => {
                    let end = head + usize::try_from(length).unwrap_or(usize::MAX);
                    let Some(payload) = rest.get_mut(head..end) else { return Ok((used, None)) };
                    unmask(payload, mask);
                    return Ok((used + end, Some(control_event(control, payload)?)));
                }
                OpCode::Data(data) => {
                    let (taken, event) =
                        self.data(data, &header, length, mask, &mut rest[head..])?;
                    used += head + taken;
                    if event.is_some() {
                        return Ok((used, event));
                    }
                }
            }
        }
    }

    fn data(
        &mut self,
        kind: Data,
        header: &FrameHeader,
        length: u64,
        mask: [u8; 4],
        rest: &mut [u8],
    ) -> Result<(usize, Option<Event>), Violation> {
        let begun = self.partial.as_ref().map_or(0, |partial| partial.data.len());
        let length = usize::try_from(length).map_err(|_| Violation::TooLong)?;
        if begun.saturating_add(length) > self.limit {
            return Err(Violation::TooLong);
        }
        let text = match (kind, self.partial.is_some()) {
            (Data::Continue, true) => false,
            (Data::Text, false) => true,
            (Data::Binary, false) => false,
            (Data::Continue, false)
            | (Data::Text | Data::Binary, true)
            | (Data::Reserved(_), _) => {
                return Err(Violation::Protocol);
            }
        };
        if header.is_final && self.partial.is_none() && rest.len() >= length {
            let payload = &mut rest[..length];
            unmask(payload, mask);
            if text && std::str::from_utf8(payload).is_err() {
                return Err(Violation::BadText);
            }
            return Ok((length, Some(message(text, Bytes::copy_from_slice(payload)))));
        }
        let fresh = || Box::new(Partial { text, ..Partial::EMPTY });
        let partial = self.partial.get_or_insert_with(fresh);
        (partial.missing, partial.last, partial.mask) = (length, header.is_final, mask);
        if length > 0 {
            return Ok((0, None));
        }
        Ok((0, self.frame_end()?))
    }

    /// Takes what is there of the current frame's payload.
    fn payload(&mut self, rest: &mut [u8]) -> Result<(usize, Option<Event>), Violation> {
        let Some(partial) = self.partial.as_mut() else { return Ok((0, None)) };
        let taken = partial.missing.min(rest.len());
        let piece = &mut rest[..taken];
        unmask(piece, partial.mask);
        partial.mask.rotate_left(taken % 4);
        partial.missing -= taken;
        partial.data.extend_from_slice(piece);
        if partial.text {
            partial.check()?;
        }
        let done = partial.missing == 0;
        Ok((taken, if done { self.frame_end()? } else { None }))
    }

    fn frame_end(&mut self) -> Result<Option<Event>, Violation> {
        let Some(partial) = self.partial.take_if(|partial| partial.last) else { return Ok(None) };
        if partial.text && partial.checked != partial.data.len() {
            return Err(Violation::BadText);
        }
        Ok(Some(message(partial.text, Bytes::from(partial.data))))
    }
}

impl Partial {
    const EMPTY: Self =
        Self { text: false, data: Vec::new(), checked: 0, missing: 0, last: false, mask: [0; 4] };

    /// A character may be cut by the end of what has arrived; anything else wrong is wrong for
    /// ever.
    fn check(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.data[self.checked..]) {
            Ok(_) => self.checked = self.data.len(),
            Err(fault) if fault.error_len().is_none() => self.checked += fault.valid_up_to(),
            Err(_) => return Err(Violation::BadText),
        }
        Ok(())
    }
}

/// The rules for every frame of a client (RFC 6455 sections 5.1, 5.2 and 5.5); answers its mask.
fn check(header: &FrameHeader, length: u64) -> Result<[u8; 4], Violation> {
    let reserved = header.rsv1 || header.rsv2 || header.rsv3;
    let control = matches!(header.opcode, OpCode::Control(_));
    let unfit = control && (!header.is_final || length > CONTROL_BYTES);
    match header.mask {
        Some(mask) if !reserved && !unfit => Ok(mask),
        Some(_) | None => Err(Violation::Protocol),
    }
}

fn control_event(control: Control, payload: &[u8]) -> Result<Event, Violation> {
    match control {
        Control::Ping => Ok(Event::Ping(Bytes::copy_from_slice(payload))),
        Control::Pong => Ok(Event::Pong),
        Control::Close => close_event(payload),
        Control::Reserved(_) => Err(Violation::Protocol),
    }
}

fn close_event(payload: &[u8]) -> Result<Event, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(Event::Close(None)) } else { Err(Violation::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::BadText);
    }
    // RFC 6455 section 7.4 and the registry it founded.
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Event::Close(Some(code))),
        _ => Err(Violation::Protocol),
    }
}

fn message(text: bool, data: Bytes) -> Event {
    if text { Event::Text(data) } else { Event::Binary(data) }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(8);
    let wide = (u64::from(u32::from_ne_bytes(mask)) << 32) | u64::from(u32::from_ne_bytes(mask));
    for word in words.by_ref() {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(eight) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[allow(clippy::cast_possible_truncation, reason = "the arms bound the length")]
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            len @ 0..=125 => out.push(0x80 | len as u8),
            len @ 126..=0xffff => {
                out.push(0x80 | 126);
                out.extend((len as u16).to_be_bytes());
            }
            len => {
                out.push(0x80 | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(MASK);
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    /// Feeds `bytes` in pieces that end at `cuts`, as a socket would.
    fn run(limit: usize, bytes: &[u8], cuts: &[usize]) -> Result<Vec<Event>, Violation> {
        let mut decoder = Decoder::new(limit);
        let (mut events, mut kept, mut from) = (Vec::new(), Vec::new(), 0);
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            kept.extend_from_slice(&bytes[from..cut]);
            from = cut;
            loop {
                let (used, event) = decoder.step(&mut kept)?;
                kept.drain(..used);
                match event {
                    Some(event) => events.push(event),
                    None => break,
                }
            }
            assert!(kept.len() <= LEFTOVER_BYTES, "{} bytes are kept", kept.len());
        }
        assert!(decoder.partial.is_some() || kept.is_empty() || from == bytes.len());
        Ok(events)
    }

    proptest! {
        #[test]
        fn messages_arrive_whole_however_the_stream_is_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..5),
            mut cuts in prop::collection::vec(0..2500usize, 0..30),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for body in &bodies {
                let (one, two) = body.split_at(body.len() / 2);
                bytes.extend(frame(0x02, one));
                bytes.extend(frame(0x89, b"between"));
                bytes.extend(frame(0x80, two));
                bytes.extend(frame(0x82, body));
                expected.push(Event::Ping(Bytes::from_static(b"between")));
                expected.push(Event::Binary(body.clone().into()));
                expected.push(Event::Binary(body.clone().into()));
            }
            cuts.retain(|cut| *cut < bytes.len());
            cuts.sort_unstable();
            prop_assert_eq!(run(1000, &bytes, &cuts).unwrap(), expected);
        }

        #[test]
        fn no_bytes_make_it_panic_or_hoard(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            cut in 0..600usize,
        ) {
            let cut = cut.min(bytes.len());
            let _ = run(256, &bytes, &[cut]);
        }

        #[test]
        fn text_is_taken_exactly_when_it_is_utf8(
            bytes in prop::collection::vec(any::<u8>(), 0..12),
            cut in 0..12usize,
        ) {
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let wire = [frame(0x01, one), frame(0x80, two)].concat();
            let wanted = match std::str::from_utf8(&bytes) {
                Ok(_) => Ok(vec![Event::Text(bytes.clone().into())]),
                Err(_) => Err(Violation::BadText),
            };
            prop_assert_eq!(run(100, &wire, &[]), wanted);
        }
    }

    #[test]
    fn wrong_text_fails_before_its_frame_is_whole() {
        let wire = frame(0x81, b"\xce\xba\xf4\x90 and a long tail that has not arrived");
        assert_eq!(run(100, &wire[..10], &[]), Err(Violation::BadText));
        assert_eq!(run(100, &wire[..9], &[]), Ok(vec![]), "it could still become a character");
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_header() {
        let wire = frame(0x82, &[0; 101]);
        assert_eq!(run(100, &wire[..6], &[]), Err(Violation::TooLong));
        assert_eq!(run(100, &frame(0x82, &[0; 100]), &[]).unwrap().len(), 1);
        let pieces = [frame(0x02, &[0; 60]), frame(0x80, &[0; 41])].concat();
        assert_eq!(run(100, &pieces, &[]), Err(Violation::TooLong));
        let vast = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(run(100, &vast, &[]), Err(Violation::TooLong));
    }

    #[test]
    fn frames_against_the_rules_are_refused() {
        let unmasked = [0x82, 0x01, 0x00].to_vec();
        let wrong = [
            ("unmasked", unmasked),
            ("reserved bit", frame(0xc2, b"")),
            ("reserved opcode", frame(0x83, b"")),
            ("reserved control", frame(0x8b, b"")),
            ("fragmented ping", frame(0x09, b"")),
            ("long ping", frame(0x89, &[0; 126])),
            ("continuation of nothing", frame(0x80, b"")),
            ("message inside a message", [frame(0x01, b"a"), frame(0x81, b"b")].concat()),
            ("close of one byte", frame(0x88, b"\x03")),
            ("close with a reserved code", frame(0x88, &1005u16.to_be_bytes())),
        ];
        for (what, wire) in wrong {
            assert_eq!(run(1000, &wire, &[]), Err(Violation::Protocol), "{what}");
        }
        let bad_reason = frame(0x88, b"\x03\xe8\xff");
        assert_eq!(run(1000, &bad_reason, &[]), Err(Violation::BadText));
        let good = frame(0x88, b"\x0f\xa1bye");
        assert_eq!(run(1000, &good, &[]), Ok(vec![Event::Close(Some(4001))]));
    }
}
