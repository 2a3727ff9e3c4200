//! The machine's name on the local network, `NAME.local` (RFC 6762), without I/O: probe three
//! times, take another name when somebody has it, announce twice, answer. Only the address record
//! of IPv4; services are not announced.

use std::net::Ipv4Addr;
use std::time::Duration;

/// One interface's answerer.
#[derive(Debug)]
pub struct Responder {
    base: String,
    /// 1: the name as it is; else `NAME-2`, …
    number: u32,
    address: Ipv4Addr,
    /// Packets sent: probes, then announcements.
    sent: u32,
    due: Duration,
}

/// What the caller has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the group.
    Send(Vec<u8>),
    /// The name is ours now; its announcement goes to the group.
    Named(String, Vec<u8>),
}

pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
pub const PORT: u16 = 5353;

const PROBES: u32 = 3;
const ANNOUNCEMENTS: u32 = 2;
const PROBE_PAUSE: Duration = Duration::from_millis(250);
const ANNOUNCE_PAUSE: Duration = Duration::from_secs(1);
/// After a conflict (section 8.1: machines that take turns must not flood the network).
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::MAX;
/// Seconds that others may keep the record (section 10).
const TTL: u32 = 120;
/// Records of a packet that are looked at; more is no answer to anything of ours.
const RECORDS: u16 = 64;

const A: u16 = 1;
const ANY: u16 = 255;
const IN: u16 = 1;
/// In a record: forget others of this name. In a question: an answer may come to us alone.
const FLUSH: u16 = 0x8000;
const RESPONSE: u16 = 0x8400;

impl Responder {
    #[must_use]
    pub fn new(name: &str, address: Ipv4Addr, now: Duration) -> Self {
        Self { base: name.to_lowercase(), number: 1, address, sent: 0, due: now }
    }

    /// When `wake` has something to do.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }

    fn label(&self) -> String {
        if self.number == 1 { self.base.clone() } else { format!("{}-{}", self.base, self.number) }
    }

    /// `NAME.local`
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.local", self.label())
    }

    fn is_named(&self) -> bool {
        self.sent > PROBES
    }

    /// What is due at `now`, if anything.
    pub fn wake(&mut self, now: Duration) -> Option<Action> {
        if now < self.due {
            return None;
        }
        self.sent += 1;
        if self.sent <= PROBES {
            self.due = now + PROBE_PAUSE;
            return Some(Action::Send(self.probe()));
        }
        let last = self.sent >= PROBES + ANNOUNCEMENTS;
        self.due = if last { NEVER } else { now + ANNOUNCE_PAUSE };
        let announcement = self.answer(0);
        if self.sent == PROBES + 1 {
            return Some(Action::Named(self.label(), announcement));
        }
        Some(Action::Send(announcement))
    }

    /// A packet that came to the group.
    pub fn hear(&mut self, packet: &[u8], now: Duration) -> Option<Action> {
        let heard = Heard::read(packet, &self.name())?;
        let foreign = heard.addresses.iter().find(|other| **other != self.address);
        match foreign {
            // Somebody has the name, or defends it.
            Some(_) if heard.is_response => {
                self.number += 1;
                self.again(now);
                None
            }
            // Two probe at a time: the greater address goes first (section 8.2).
            Some(other) if !self.is_named() && *other > self.address => {
                self.again(now);
                None
            }
            Some(_) | None => {
                let asked = heard.asks && !heard.is_response && self.is_named();
                asked.then(|| Action::Send(self.answer(heard.id)))
            }
        }
    }

    fn again(&mut self, now: Duration) {
        self.sent = 0;
        self.due = now + CONFLICT_PAUSE;
    }

    fn probe(&self) -> Vec<u8> {
        let mut packet = head(0, 0, [1, 0, 1, 0]);
        self.push_name(&mut packet);
        push(&mut packet, ANY);
        push(&mut packet, IN);
        self.push_record(&mut packet, IN);
        packet
    }

    fn answer(&self, id: u16) -> Vec<u8> {
        let mut packet = head(id, RESPONSE, [0, 1, 0, 0]);
        self.push_record(&mut packet, IN | FLUSH);
        packet
    }

    fn push_name(&self, packet: &mut Vec<u8>) {
        for label in [self.label().as_str(), "local"] {
            packet.push(u8::try_from(label.len()).unwrap_or_default());
            packet.extend(label.as_bytes());
        }
        packet.push(0);
    }

    fn push_record(&self, packet: &mut Vec<u8>, class: u16) {
        self.push_name(packet);
        push(packet, A);
        push(packet, class);
        packet.extend(TTL.to_be_bytes());
        push(packet, 4);
        packet.extend(self.address.octets());
    }
}

/// What a packet says about one name.
struct Heard {
    id: u16,
    is_response: bool,
    /// An address of the name is asked for.
    asks: bool,
    /// Addresses that the packet gives the name, in answers or as what a prober wants.
    addresses: Vec<Ipv4Addr>,
}

impl Heard {
    fn read(packet: &[u8], name: &str) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
        let mut heard = Self {
            id: word(0)?,
            is_response: word(2)? & 0x8000 != 0,
            asks: false,
            addresses: Vec::new(),
        };
        let mut at = 12;
        for _ in 0..word(4)?.min(RECORDS) {
            let (asked, end) = read_name(packet, at)?;
            let kind = word(end)?;
            heard.asks |= asked == name && (kind == A || kind == ANY);
            at = end + 4;
        }
        let records = word(6)?.checked_add(word(8)?)?.checked_add(word(10)?)?;
        for _ in 0..records.min(RECORDS) {
            let (owner, end) = read_name(packet, at)?;
            let length = usize::from(word(end + 8)?);
            let value = packet.get(end + 10..end + 10 + length)?;
            if owner == name && word(end)? == A && word(end + 2)? & !FLUSH == IN {
                let four: [u8; 4] = value.try_into().ok()?;
                heard.addresses.push(four.into());
            }
            at = end + 10 + length;
        }
        Some(heard)
    }
}

/// A name in lower case, and where what follows it begins. Pointers lead backwards only, so they
/// end.
fn read_name(packet: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut at, mut end, mut name) = (start, None, String::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        if length >= 0xC0 {
            let to = (length & 0x3F) << 8 | usize::from(*packet.get(at + 1)?);
            end = end.or(Some(at + 2));
            if to >= at {
                return None;
            }
            at = to;
            continue;
        }
        if length == 0 {
            return Some((name, end.unwrap_or(at + 1)));
        }
        let label = packet.get(at + 1..at + 1 + length).filter(|_| length < 64)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_lowercase());
        // 255 bytes are the most that a name has (RFC 1035, section 3.1).
        if name.len() > 255 {
            return None;
        }
        at += 1 + length;
    }
}

fn head(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut packet = Vec::new();
    for word in [id, flags].into_iter().chain(counts) {
        push(&mut packet, word);
    }
    packet
}

fn push(packet: &mut Vec<u8>, word: u16) {
    packet.extend(word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);
    const LESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);

    fn packet(action: Option<Action>) -> Vec<u8> {
        match action {
            Some(Action::Send(packet) | Action::Named(_, packet)) => packet,
            None => panic!("nothing was sent"),
        }
    }

    fn named(address: Ipv4Addr) -> Responder {
        let mut responder = Responder::new("Posthouse", address, Duration::ZERO);
        loop {
            if let Some(Action::Named(..)) = responder.wake(responder.due()) {
                return responder;
            }
        }
    }

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut packet = head(7, 0, [1, 0, 0, 0]);
        for label in name.split('.') {
            packet.push(label.len() as u8);
            packet.extend(label.as_bytes());
        }
        packet.push(0);
        push(&mut packet, kind);
        push(&mut packet, IN | FLUSH);
        packet
    }

    #[test]
    fn a_name_is_probed_announced_and_answered() {
        let mut responder = Responder::new("Posthouse", OWN, Duration::ZERO);
        let mut times = Vec::new();
        while responder.due() != NEVER {
            times.push(responder.due().as_millis());
            packet(responder.wake(responder.due()));
        }
        assert_eq!(times, [0, 250, 500, 750, 1750]);
        let now = Duration::from_secs(60);
        let answer = packet(responder.hear(&question("POSTHOUSE.local", A), now));
        let heard = Heard::read(&answer, "posthouse.local").unwrap();
        assert_eq!((heard.id, heard.is_response, heard.addresses), (7, true, vec![OWN]));
        assert_eq!(responder.hear(&question("printer.local", A), now), None);
        assert_eq!(responder.hear(&question("posthouse.local", 28), now), None, "AAAA");
        assert_eq!(responder.hear(&answer, now), None, "our own words");
    }

    #[test]
    fn a_name_that_somebody_has_is_given_up_for_the_next() {
        let now = Duration::from_secs(9);
        let mut own = Responder::new("posthouse", OWN, Duration::ZERO);
        packet(own.wake(Duration::ZERO));
        let defence = packet(named(LESS).hear(&own.probe(), now));
        assert_eq!(own.hear(&defence, now), None);
        assert_eq!(own.name(), "posthouse-2.local");
        assert_eq!(own.due(), now + CONFLICT_PAUSE);
        // A conflict that comes later has the same end.
        let mut late = named(OWN);
        late.hear(&named(LESS).answer(0), now);
        assert_eq!((late.name().as_str(), late.is_named()), ("posthouse-2.local", false));
    }

    #[test]
    fn of_two_that_probe_the_greater_address_goes_first() {
        let now = Duration::from_millis(300);
        let mut less = Responder::new("posthouse", LESS, Duration::ZERO);
        let mut greater = Responder::new("posthouse", OWN, Duration::ZERO);
        let (a, b) = (packet(less.wake(Duration::ZERO)), packet(greater.wake(Duration::ZERO)));
        less.hear(&b, now);
        greater.hear(&a, now);
        assert_eq!((less.due(), greater.due()), (now + CONFLICT_PAUSE, PROBE_PAUSE));
        assert_eq!((less.number, greater.number), (1, 1));
    }

    #[test]
    fn broken_packets_are_passed_over() {
        let mut responder = named(OWN);
        let whole = question("posthouse.local", A);
        for length in 0..whole.len() - 2 {
            assert_eq!(responder.hear(&whole[..length], Duration::ZERO), None);
        }
        let mut loops = head(0, 0, [1, 0, 0, 0]);
        loops.extend([0xC0, 12, 0, 1, 0, 1]);
        assert_eq!(responder.hear(&loops, Duration::ZERO), None);
        let mut forward = head(0, 0, [1, 0, 0, 0]);
        forward.extend([0xC0, 14, 0xC0, 12, 0, 1, 0, 1]);
        assert_eq!(responder.hear(&forward, Duration::ZERO), None);
    }
}
