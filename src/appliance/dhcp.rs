//! The client's side of DHCP (RFC 2131, options of RFC 2132), without I/O: packets and times in,
//! packets and leases out. It asks for broadcast answers, because an interface without an address
//! gets no others through a plain socket, and renews by broadcast, too.

use std::net::Ipv4Addr;
use std::time::Duration;

/// What a server lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub address: Ipv4Addr,
    /// Bits of the network's part.
    pub prefix: u8,
    pub router: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    server: Ipv4Addr,
    lasts: Duration,
}

impl Lease {
    /// Whether an interface that has the one needs no change for the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.address, self.prefix, self.router, &self.dns)
            == (other.address, other.prefix, other.router, &other.dns)
    }
}

/// What the caller has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Broadcast it to port 67.
    Send(Vec<u8>),
    /// Use the lease, new or as it was.
    Bound(Lease),
    /// The lease ended: take the address away.
    Lost,
}

/// One interface's client.
#[derive(Debug)]
pub struct Client {
    mac: [u8; 6],
    host: String,
    /// Changes with every new exchange, so that a late answer to an old one is not taken.
    exchange: u32,
    phase: Phase,
    /// Packets sent in this phase.
    sent: u32,
    due: Duration,
}

#[derive(Clone, Debug)]
enum Phase {
    Discovering,
    Requesting(Lease),
    Bound { lease: Lease, until: Duration },
}

/// First pause between two packets; it doubles up to `PAUSE_MOST` (RFC 2131, section 4.1, asks for
/// 4 and 64 seconds; a person waits for the page).
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MOST: Duration = Duration::from_secs(32);
/// A server that offered and then is silent this often is not asked again.
const REQUESTS: u32 = 4;
/// Least time between two renewals.
const RENEWAL: Duration = Duration::from_secs(30);
/// The longest lease that is believed, and the shortest.
const LASTS: (u64, u64) = (60, 7 * 24 * 60 * 60);

const MAGIC: [u8; 4] = [99, 130, 83, 99];
const HEAD: usize = 236;
/// Relays drop shorter packets (RFC 1542, section 2.1).
const LEAST_BYTES: usize = 300;
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

impl Client {
    /// `seed` begins the numbers of its exchanges: another one for each start.
    #[must_use]
    pub fn new(mac: [u8; 6], host: &str, seed: u32, now: Duration) -> Self {
        let host = host.to_owned();
        Self { mac, host, exchange: seed, phase: Phase::Discovering, sent: 0, due: now }
    }

    /// When `wake` has something to do.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }

    /// The cable was pulled and put back: the network may be another one.
    pub fn restart(&mut self, now: Duration) {
        self.enter(Phase::Discovering, now);
    }

    /// What is due at `now`, if anything.
    pub fn wake(&mut self, now: Duration) -> Option<Action> {
        if now < self.due {
            return None;
        }
        match self.phase.clone() {
            Phase::Discovering => {
                self.pause(now);
                Some(Action::Send(self.packet(DISCOVER, None)))
            }
            Phase::Requesting(_) if self.sent >= REQUESTS => {
                self.enter(Phase::Discovering, now);
                self.wake(now)
            }
            Phase::Requesting(offer) => {
                self.pause(now);
                Some(Action::Send(self.packet(REQUEST, Some(&offer))))
            }
            Phase::Bound { until, .. } if now >= until => {
                self.enter(Phase::Discovering, now);
                Some(Action::Lost)
            }
            Phase::Bound { lease, until } => {
                let pause = ((until - now) / 2).max(RENEWAL).min(until - now);
                self.due = now + pause;
                Some(Action::Send(self.packet(REQUEST, Some(&lease))))
            }
        }
    }

    /// A packet that came to port 68.
    pub fn hear(&mut self, packet: &[u8], now: Duration) -> Option<Action> {
        let (kind, heard) = self.read(packet)?;
        match (kind, self.phase.clone()) {
            (OFFER, Phase::Discovering) => {
                self.enter_same(Phase::Requesting(heard?), now);
                self.wake(now)
            }
            (ACK, Phase::Requesting(asked) | Phase::Bound { lease: asked, .. }) => {
                let lease = heard.filter(|lease| lease.address == asked.address)?;
                let until = now + lease.lasts;
                self.phase = Phase::Bound { lease: lease.clone(), until };
                self.due = now + lease.lasts / 2;
                self.sent = 0;
                Some(Action::Bound(lease))
            }
            (NAK, Phase::Requesting(_)) => {
                self.enter(Phase::Discovering, now + PAUSE);
                None
            }
            (NAK, Phase::Bound { .. }) => {
                self.enter(Phase::Discovering, now);
                Some(Action::Lost)
            }
            _ => None,
        }
    }

    fn enter(&mut self, phase: Phase, due: Duration) {
        self.exchange = self.exchange.wrapping_add(1);
        self.enter_same(phase, due);
    }

    fn enter_same(&mut self, phase: Phase, due: Duration) {
        self.phase = phase;
        self.sent = 0;
        self.due = due;
    }

    fn pause(&mut self, now: Duration) {
        self.due = now + (PAUSE * (1 << self.sent.min(4))).min(PAUSE_MOST);
        self.sent += 1;
    }

    fn packet(&self, kind: u8, about: Option<&Lease>) -> Vec<u8> {
        let bound = matches!(self.phase, Phase::Bound { .. });
        let mut packet = vec![0; HEAD];
        packet[..3].copy_from_slice(&[1, 1, 6]);
        packet[4..8].copy_from_slice(&self.exchange.to_be_bytes());
        packet[10] = 0x80;
        packet[28..34].copy_from_slice(&self.mac);
        packet.extend(MAGIC);
        let mut option = |code: u8, value: &[u8]| {
            if let Ok(length) = u8::try_from(value.len()) {
                packet.extend([code, length]);
                packet.extend(value);
            }
        };
        option(53, &[kind]);
        let [a, b, c, d, e, f] = self.mac;
        option(61, &[1, a, b, c, d, e, f]);
        option(12, self.host.as_bytes());
        option(55, &[1, 3, 6, 51, 54]);
        if let Some(lease) = about.filter(|_| !bound) {
            option(50, &lease.address.octets());
            option(54, &lease.server.octets());
        }
        packet.push(255);
        if let Some(lease) = about.filter(|_| bound) {
            packet[12..16].copy_from_slice(&lease.address.octets());
        }
        packet.resize(packet.len().max(LEAST_BYTES), 0);
        packet
    }

    /// Kind of a server's packet for this client and exchange, and the lease in it.
    fn read(&self, packet: &[u8]) -> Option<(u8, Option<Lease>)> {
        let ours = packet.first() == Some(&2)
            && packet.get(4..8)? == self.exchange.to_be_bytes()
            && packet.get(28..34)? == self.mac
            && packet.get(HEAD..HEAD + 4)? == MAGIC;
        let options = Options(packet.get(HEAD + 4..).filter(|_| ours)?);
        let &[kind] = options.find(53)? else { return None };
        let yours: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        Some((kind, options.lease(Ipv4Addr::from(yours))))
    }
}

/// The options of a packet, as they stand in it.
struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    fn find(&self, wanted: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            match *rest {
                [0, ..] => rest = &rest[1..],
                [255, ..] | [] | [_] => return None,
                [code, length, ..] => {
                    let end = 2 + usize::from(length);
                    let value = rest.get(2..end)?;
                    if code == wanted {
                        return Some(value);
                    }
                    rest = &rest[end..];
                }
            }
        }
    }

    fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let first: [u8; 4] = self.find(code)?.get(..4)?.try_into().ok()?;
        Some(Ipv4Addr::from(first)).filter(|address| !address.is_unspecified())
    }

    fn lease(&self, address: Ipv4Addr) -> Option<Lease> {
        let usable = !(address.is_unspecified()
            || address.is_broadcast()
            || address.is_loopback()
            || address.is_multicast());
        let mask = self.address(1).map_or(u32::MAX << 8, u32::from);
        let whole = mask.leading_ones() + mask.trailing_zeros() == 32 && mask != 0;
        let seconds: [u8; 4] = self.find(51)?.try_into().ok()?;
        let seconds = u64::from(u32::from_be_bytes(seconds)).clamp(LASTS.0, LASTS.1);
        let dns = self.find(6).unwrap_or_default().chunks_exact(4).take(3);
        (usable && whole).then_some(Lease {
            address,
            prefix: u8::try_from(mask.leading_ones()).unwrap_or(32),
            router: self.address(3),
            dns: dns.map(|d| Ipv4Addr::new(d[0], d[1], d[2], d[3])).collect(),
            server: self.address(54)?,
            lasts: Duration::from_secs(seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 1, 2, 3];
    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        SECOND * u32::try_from(seconds).unwrap()
    }

    fn sent(action: Option<Action>) -> Vec<u8> {
        match action {
            Some(Action::Send(packet)) => packet,
            other => panic!("{other:?}"),
        }
    }

    fn kind(packet: &[u8]) -> u8 {
        Options(&packet[HEAD + 4..]).find(53).unwrap()[0]
    }

    /// A server's answer to `packet`.
    fn answer(packet: &[u8], kind: u8, address: [u8; 4]) -> Vec<u8> {
        let mut answer = packet[..HEAD + 4].to_vec();
        answer[0] = 2;
        answer[16..20].copy_from_slice(&address);
        answer.extend([53, 1, kind, 54, 4, 10, 0, 2, 2, 51, 4, 0, 0, 0x0e, 0x10]);
        answer.extend([1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 8, 10, 0, 2, 3, 1, 1, 1, 1]);
        answer.push(255);
        answer
    }

    /// A client that has a lease of an hour since second 1.
    fn bound() -> Client {
        let mut client = Client::new(MAC, "posthouse", 7, at(0));
        let discover = sent(client.wake(at(0)));
        assert_eq!((kind(&discover), discover.len()), (DISCOVER, LEAST_BYTES));
        let request = sent(client.hear(&answer(&discover, OFFER, [10, 0, 2, 15]), at(1)));
        assert_eq!(kind(&request), REQUEST);
        let options = Options(&request[HEAD + 4..]);
        assert_eq!(options.find(50), Some(&[10, 0, 2, 15][..]));
        assert_eq!(options.find(54), Some(&[10, 0, 2, 2][..]));
        let lease = match client.hear(&answer(&request, ACK, [10, 0, 2, 15]), at(1)) {
            Some(Action::Bound(lease)) => lease,
            other => panic!("{other:?}"),
        };
        assert_eq!((lease.address, lease.prefix), (Ipv4Addr::new(10, 0, 2, 15), 24));
        assert_eq!(lease.router, Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!(lease.dns.len(), 2);
        client
    }

    #[test]
    fn a_lease_is_got_renewed_and_given_up_when_nobody_answers() {
        let mut client = bound();
        assert_eq!(client.due(), at(1801));
        assert_eq!(client.wake(at(1800)), None);
        let renewal = sent(client.wake(at(1801)));
        assert_eq!(renewal[12..16], [10, 0, 2, 15], "ciaddr");
        assert_eq!(Options(&renewal[HEAD + 4..]).find(50), None);
        let renewed = client.hear(&answer(&renewal, ACK, [10, 0, 2, 15]), at(1802));
        assert!(matches!(renewed, Some(Action::Bound(_))));
        let mut asked = 0;
        loop {
            match client.wake(client.due()) {
                Some(Action::Send(_)) => asked += 1,
                other => break assert_eq!(other, Some(Action::Lost)),
            }
        }
        assert!((5..15).contains(&asked), "{asked}");
        assert_eq!(kind(&sent(client.wake(at(5402)))), DISCOVER);
    }

    #[test]
    fn silence_is_met_with_longer_pauses() {
        let mut client = Client::new(MAC, "posthouse", 7, at(0));
        let mut dues = Vec::new();
        for _ in 0..7 {
            sent(client.wake(client.due()));
            dues.push(client.due().as_secs());
        }
        assert_eq!(dues, [2, 6, 14, 30, 62, 94, 126]);
        let mut client = Client::new(MAC, "posthouse", 7, at(0));
        let discover = sent(client.wake(at(0)));
        client.hear(&answer(&discover, OFFER, [10, 0, 2, 15]), at(1));
        for _ in 1..REQUESTS {
            assert_eq!(kind(&sent(client.wake(client.due()))), REQUEST);
        }
        assert_eq!(kind(&sent(client.wake(client.due()))), DISCOVER);
    }

    #[test]
    fn what_is_not_for_this_exchange_or_not_whole_is_not_taken() {
        let mut client = Client::new(MAC, "posthouse", 7, at(0));
        let discover = sent(client.wake(at(0)));
        let good = answer(&discover, OFFER, [10, 0, 2, 15]);
        for at_byte in [0, 4, 28, HEAD] {
            let mut bad = good.clone();
            bad[at_byte] ^= 0x40;
            assert_eq!(client.hear(&bad, at(1)), None, "byte {at_byte}");
        }
        for length in 0..good.len() - 1 {
            // Cut short it is either nothing or an offer without what stood at its end.
            let mut client = Client::new(MAC, "posthouse", 7, at(0));
            client.wake(at(0));
            client.hear(&good[..length], at(1));
        }
        assert_eq!(client.hear(&answer(&discover, OFFER, [0, 0, 0, 0]), at(1)), None);
        assert_eq!(client.hear(&answer(&discover, ACK, [10, 0, 2, 15]), at(1)), None);
        let mut bound = bound();
        let renewal = sent(bound.wake(at(1801)));
        assert_eq!(bound.hear(&answer(&renewal, ACK, [10, 0, 2, 99]), at(1802)), None);
        assert_eq!(bound.hear(&answer(&renewal, NAK, [0; 4]), at(1802)), Some(Action::Lost));
    }
}
