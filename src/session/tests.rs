//! The session against a model of a peer, of a store and of their faults.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::base::limits::{MARK_INTERVAL_MS, RESUME_ENTRIES};
use crate::base::{AgentId, Epoch, Index, TeamId, VisitorId, Wall};
use crate::session::Status;

const EPOCH: Epoch = Epoch(9);
const C: ConversationId = ConversationId(5);

fn terms() -> Terms {
    Terms { epoch: EPOCH, ping_interval_ms: 30_000, started: Tick(0) }
}

fn hello(cursors: Vec<Cursor>) -> Input<u32> {
    Input::Frame(ClientFrame::Hello(Hello {
        client: "test".into(),
        visitor_token: None,
        inbox_key: String::new(),
        cursors,
        language: "zh-CN".into(),
    }))
}

fn cursor(feed: Feed, index: u64) -> Cursor {
    Cursor { feed, epoch: Some(EPOCH), index: Index(index) }
}

fn step(session: &mut Session<u32>, now: u64, input: Input<u32>) -> Vec<Effect<u32>> {
    let mut effects = Vec::new();
    session.step(Tick(now), input, &mut effects);
    effects
}

fn open(peer: Peer) -> Session<u32> {
    let mut session = Session::new(terms());
    step(&mut session, 0, hello(Vec::new()));
    let effects = step(&mut session, 0, Input::Authenticated(Ok(peer)));
    assert!(matches!(effects[0], Effect::Send(ServerFrame::Welcome { .. })));
    session
}

fn visitor() -> Session<u32> {
    open(Peer::Visitor(VisitorId(1)))
}

fn submit(n: u32) -> Input<u32> {
    let key = MessageKey(u128::from(n));
    Input::Frame(ClientFrame::Submit { conversation: C, key, submit: n })
}

fn durable(n: u32) -> Input<u32> {
    let key = MessageKey(u128::from(n));
    Input::Durable { conversation: C, key, index: Index(1), at: Wall::default() }
}

fn closed_with(effects: &[Effect<u32>]) -> Option<Code> {
    effects.iter().find_map(|effect| match effect {
        Effect::Close { code, .. } => Some(*code),
        _ => None,
    })
}

fn refused_with(effects: &[Effect<u32>]) -> Option<Code> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(ServerFrame::Refused { refusal, .. }) => Some(refusal.code),
        _ => None,
    })
}

#[test]
fn anything_before_hello_closes() {
    let mut session = Session::new(terms());
    let effects = step(&mut session, 0, submit(1));
    assert_eq!(closed_with(&effects), Some(code::HELLO_FIRST));
    assert!(step(&mut session, 0, hello(Vec::new())).is_empty(), "a closed session is silent");
    assert_eq!(session.deadline(), Tick::NEVER);
}

#[test]
fn a_peer_that_never_says_hello_is_closed() {
    let mut session = Session::<u32>::new(terms());
    assert_eq!(session.deadline(), Tick(HELLO_MS));
    assert_eq!(closed_with(&step(&mut session, HELLO_MS, Input::Time)), Some(code::IDLE));
}

#[test]
fn a_bad_token_closes_and_what_was_sent_behind_hello_is_not_submitted() {
    let mut session = Session::new(terms());
    let effects = step(&mut session, 0, hello(Vec::new()));
    assert!(matches!(effects[..], [Effect::Authenticate(_), Effect::Reading(false)]));
    assert!(step(&mut session, 0, submit(1)).is_empty());
    let effects = step(&mut session, 0, Input::Authenticated(Err(code::BAD_TOKEN)));
    assert_eq!(closed_with(&effects), Some(code::BAD_TOKEN));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Submit { .. })));
}

#[test]
fn what_was_sent_behind_hello_follows_the_welcome() {
    let mut session = Session::new(terms());
    step(&mut session, 0, hello(vec![cursor(Feed::Public(C), 3)]));
    step(&mut session, 0, submit(1));
    let peer = Peer::Visitor(VisitorId(1));
    let effects = step(&mut session, 0, Input::Authenticated(Ok(peer)));
    assert!(matches!(
        effects[..],
        [
            Effect::Send(ServerFrame::Welcome { .. }),
            Effect::Submit { .. },
            Effect::Reading(true),
            Effect::Read { after: Index(3), register: true, .. },
        ]
    ));
    assert_eq!(session.language(), Language::Zh);
}

#[test]
fn a_full_window_stops_the_reading_until_an_answer() {
    let mut session = visitor();
    let last = u32::try_from(SUBMITS_IN_FLIGHT).unwrap();
    for n in 1..last {
        assert_eq!(step(&mut session, 0, submit(n)).len(), 1);
    }
    assert!(matches!(
        step(&mut session, 0, submit(last))[..],
        [Effect::Submit { .. }, Effect::Reading(false)]
    ));
    assert_eq!(refused_with(&step(&mut session, 0, submit(last + 1))), Some(code::BUSY));
    let effects = step(&mut session, 500_000, durable(1));
    assert!(matches!(effects[..], [Effect::Send(ServerFrame::Ack { .. }), Effect::Reading(true)]));
    assert!(step(&mut session, 500_001, Input::Time).is_empty(), "the pause is not the peer's");
}

#[test]
fn silence_closes_after_two_and_a_half_pings_and_a_ping_is_not_silence() {
    let mut session = visitor();
    assert_eq!(session.deadline(), Tick(75_000));
    let effects = step(&mut session, 60_000, Input::Frame(ClientFrame::Ping(Vec::new())));
    assert!(matches!(&effects[..], [Effect::Send(ServerFrame::Pong(heads))] if heads.is_empty()));
    assert!(step(&mut session, 75_000, Input::Time).is_empty());
    assert_eq!(closed_with(&step(&mut session, 135_000, Input::Time)), Some(code::IDLE));
}

#[test]
fn a_pong_names_the_heads_of_the_feeds_asked_for() {
    let mut session = visitor();
    let feed = Feed::Public(C);
    step(&mut session, 0, Input::Frame(ClientFrame::Follow(vec![cursor(feed, 3)])));
    step(&mut session, 0, Input::Entry { feed, index: Index(7), frame: Bytes::new() });
    let asked = vec![cursor(feed, 3), cursor(Feed::Roster, 0)];
    let effects = step(&mut session, 0, Input::Frame(ClientFrame::Ping(asked)));
    let heads = vec![(feed, Index(7))];
    assert!(
        effects.iter().any(
            |effect| matches!(effect, Effect::Send(ServerFrame::Pong(told)) if *told == heads)
        )
    );
}

#[test]
fn a_visitor_follows_public_feeds_only_and_has_no_status() {
    let mut session = visitor();
    let feeds = [Feed::Full(C), Feed::Inbox(AgentId(1)), Feed::Team(TeamId(1)), Feed::Roster];
    for feed in feeds.into_iter().chain([Feed::Site]) {
        let follow = Input::Frame(ClientFrame::Follow(vec![cursor(feed, 0)]));
        let effects = step(&mut session, 0, follow);
        assert_eq!((effects.len(), refused_with(&effects)), (1, Some(code::DENIED)));
    }
    let status = Input::Frame(ClientFrame::Status(Status::Online));
    assert_eq!(refused_with(&step(&mut session, 0, status)), Some(code::DENIED));
}

#[test]
fn a_connection_follows_a_limited_number_of_feeds() {
    let mut session = open(Peer::Agent(AgentId(1)));
    let feeds = (0..65).map(|n| cursor(Feed::Full(ConversationId(n + 1)), 0)).collect();
    let effects = step(&mut session, 0, Input::Frame(ClientFrame::Follow(feeds)));
    assert_eq!(refused_with(&effects), Some(code::TOO_MANY_FEEDS));
    let reads = effects.iter().filter(|effect| matches!(effect, Effect::Read { .. })).count();
    assert_eq!(reads, 1, "one read at a time");
}

#[test]
fn a_feed_that_is_not_the_peers_is_refused_and_left() {
    let mut session = visitor();
    let feed = Feed::Public(C);
    step(&mut session, 0, Input::Frame(ClientFrame::Follow(vec![cursor(feed, 0)])));
    let refusal = Refusal::new(code::NO_CONVERSATION);
    let effects = step(&mut session, 0, Input::ReadRefused { feed, refusal });
    assert_eq!(refused_with(&effects), Some(code::NO_CONVERSATION));
    let live = Input::Entry { feed, index: Index(1), frame: Bytes::new() };
    assert!(step(&mut session, 0, live).is_empty());
}

/// The end of a feed is news whatever is being read of it, and the read that it overtook says
/// nothing any more.
#[test]
fn the_end_of_a_feed_is_told_though_a_read_is_under_way() {
    let feed = Feed::Public(C);
    let follow = || Input::Frame(ClientFrame::Follow(vec![cursor(feed, 0)]));
    for followed_twice in [false, true] {
        let mut session = visitor();
        step(&mut session, 0, follow());
        if followed_twice {
            step(&mut session, 0, follow());
        }
        let refusal = Refusal::new(code::ERASED);
        let effects = step(&mut session, 0, Input::FeedClosed { feed, refusal });
        assert!(matches!(effects[0], Effect::Unfollow { .. }));
        assert_eq!(refused_with(&effects), Some(code::ERASED));
        let entries = vec![(Index(1), Bytes::new())];
        let page = Input::Page { feed, entries, head: Index(1) };
        assert!(step(&mut session, 0, page).is_empty());
    }
}

#[test]
fn a_cursor_ahead_of_the_feed_gets_a_snapshot_not_silence() {
    let mut session = visitor();
    let feed = Feed::Public(C);
    step(&mut session, 0, Input::Frame(ClientFrame::Follow(vec![cursor(feed, u64::MAX)])));
    let page = Input::Page { feed, entries: Vec::new(), head: Index(4) };
    let effects = step(&mut session, 0, page);
    assert!(matches!(effects[..], [Effect::Snapshot { too_long: true, register: false, .. }]));
    let snapshot = Input::Snapshot { feed, index: Index(4), frame: Bytes::new() };
    let effects = step(&mut session, 0, snapshot);
    assert!(matches!(
        effects[..],
        [Effect::SendBytes(_), Effect::Send(ServerFrame::CaughtUp { index: Index(4), .. })]
    ));
}

#[test]
fn an_absence_beyond_the_limit_gets_a_snapshot() {
    let mut session = visitor();
    let feed = Feed::Public(C);
    step(&mut session, 0, Input::Frame(ClientFrame::Follow(vec![cursor(feed, 1)])));
    let page = Input::Page {
        feed,
        entries: vec![(Index(2), Bytes::new())],
        head: Index(2 + RESUME_ENTRIES),
    };
    let effects = step(&mut session, 0, page);
    assert!(matches!(effects[..], [Effect::Snapshot { too_long: true, .. }]));
}

#[test]
fn marks_are_told_once_a_second_and_only_forward() {
    let mut session = visitor();
    let mark = |read| {
        let delivered = Index(0);
        Input::Frame(ClientFrame::Mark { conversation: C, delivered, read: Index(read) })
    };
    assert_eq!(step(&mut session, 0, mark(1)).len(), 1);
    assert!(step(&mut session, 10, mark(2)).is_empty());
    assert!(step(&mut session, 20, mark(5)).is_empty());
    assert!(step(&mut session, 30, mark(4)).is_empty());
    assert_eq!(session.deadline(), Tick(MARK_INTERVAL_MS));
    let effects = step(&mut session, MARK_INTERVAL_MS, Input::Time);
    assert!(matches!(effects[..], [Effect::Mark { delivered: Index(5), read: Index(5), .. }]));
    assert!(step(&mut session, 1_100, mark(6)).is_empty());
    assert_eq!(step(&mut session, 1_200, Input::Gone).len(), 1, "the last mark is not kept back");
}

#[test]
fn going_away_waits_for_the_answers_but_not_for_ever() {
    let mut session = visitor();
    step(&mut session, 0, submit(1));
    let leave = Input::GoingAway { retry_after_ms: 700 };
    let effects = step(&mut session, 0, leave.clone());
    assert!(matches!(effects[..], [Effect::Send(ServerFrame::GoingAway { retry_after_ms: 700 })]));
    assert_eq!(refused_with(&step(&mut session, 1, submit(2))), Some(code::GOING_AWAY));
    let effects = step(&mut session, 2, durable(1));
    assert!(matches!(
        effects[..],
        [Effect::Send(ServerFrame::Ack { .. }), Effect::Close { retry_after_ms: 700, .. }]
    ));

    let mut stuck = visitor();
    step(&mut stuck, 0, submit(1));
    step(&mut stuck, 0, leave);
    assert_eq!(stuck.deadline(), Tick(DRAIN_MS));
    assert_eq!(closed_with(&step(&mut stuck, DRAIN_MS, Input::Time)), Some(code::GOING_AWAY));
}

/// What may happen between a session, its shell and its peer.
#[derive(Clone, Debug)]
enum Event {
    Append {
        feed: usize,
        count: u64,
    },
    /// The shell answers the read that is under way with a page of this many entries.
    Answer {
        most: u64,
    },
    /// The read fails for a while.
    Fail,
    Live,
    Lost,
    /// The peer follows again, from this far behind its place; or from another epoch, or from
    /// nothing.
    Follow {
        feed: usize,
        behind: u64,
        epoch: u8,
    },
    Unfollow {
        feed: usize,
    },
    Pass,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_usize, 1..40_u64).prop_map(|(feed, count)| Event::Append { feed, count }),
        6 => (1..30_u64).prop_map(|most| Event::Answer { most }),
        1 => Just(Event::Fail),
        12 => Just(Event::Live),
        2 => Just(Event::Lost),
        3 => (0..3_usize, 0..50_u64, 0..6_u8)
            .prop_map(|(feed, behind, epoch)| Event::Follow { feed, behind, epoch }),
        1 => (0..3_usize).prop_map(|feed| Event::Unfollow { feed }),
        2 => Just(Event::Pass),
    ]
}

/// The store, the hub and the peer of one session, each as simple as can be.
struct World {
    session: Session<u32>,
    now: u64,
    heads: BTreeMap<Feed, u64>,
    registered: Vec<Feed>,
    live: std::collections::VecDeque<(Feed, u64)>,
    under_way: Option<Effect<u32>>,
    /// What the peer has; `None` while it does not follow.
    has: BTreeMap<Feed, Option<u64>>,
    caught_up: BTreeMap<Feed, u64>,
}

fn feeds() -> [Feed; 3] {
    [Feed::Full(C), Feed::Roster, Feed::Inbox(AgentId(1))]
}

impl World {
    fn new() -> Self {
        Self {
            session: open(Peer::Agent(AgentId(1))),
            now: 0,
            heads: feeds().into_iter().map(|feed| (feed, 0)).collect(),
            registered: Vec::new(),
            live: std::collections::VecDeque::new(),
            under_way: None,
            has: feeds().into_iter().map(|feed| (feed, None)).collect(),
            caught_up: BTreeMap::new(),
        }
    }

    fn input(&mut self, input: Input<u32>) {
        for effect in step(&mut self.session, self.now, input) {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect<u32>) {
        match effect {
            Effect::Read { feed, register, .. } | Effect::Snapshot { feed, register, .. } => {
                assert!(self.under_way.is_none(), "two reads at a time");
                let known = self.registered.contains(&feed);
                assert!(register || known, "{feed:?} is read but not registered");
                if !known {
                    self.registered.push(feed);
                }
                self.under_way = Some(effect);
            }
            Effect::Unfollow { feed } => self.registered.retain(|known| *known != feed),
            Effect::SendBytes(bytes) => self.peer_gets(&bytes),
            Effect::Send(ServerFrame::CaughtUp { feed, index }) => {
                assert_eq!(self.has[&feed], Some(index.0), "caught up where the peer is not");
                self.caught_up.insert(feed, index.0);
            }
            Effect::Typing { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Frames of the model: feed number, snapshot or not, index.
    fn frame(feed: Feed, snapshot: bool, index: u64) -> Bytes {
        let number = feeds().iter().position(|known| *known == feed).unwrap();
        let mut bytes = vec![number as u8, u8::from(snapshot)];
        bytes.extend(index.to_be_bytes());
        bytes.into()
    }

    fn peer_gets(&mut self, bytes: &Bytes) {
        let feed = feeds()[usize::from(bytes[0])];
        let index = u64::from_be_bytes(bytes[2..].try_into().unwrap());
        let has = self.has.get_mut(&feed).unwrap();
        let last = has.expect("a feed that the peer does not follow");
        assert!(bytes[1] == 1 || index == last + 1, "{feed:?}: {index} after {last}");
        *has = Some(index);
    }

    fn answer(&mut self, most: u64) {
        match self.under_way.take() {
            Some(Effect::Read { feed, after, .. }) => {
                let head = self.heads[&feed];
                let entries = (after.0 + 1..=head.min(after.0 + most))
                    .map(|index| (Index(index), Self::frame(feed, false, index)))
                    .collect();
                self.input(Input::Page { feed, entries, head: Index(head) });
            }
            Some(Effect::Snapshot { feed, .. }) => {
                let index = self.heads[&feed];
                let frame = Self::frame(feed, true, index);
                self.input(Input::Snapshot { feed, index: Index(index), frame });
            }
            _ => {}
        }
    }

    fn live(&mut self) {
        if let Some((feed, index)) = self.live.pop_front() {
            let frame = Self::frame(feed, false, index);
            self.input(Input::Entry { feed, index: Index(index), frame });
        }
    }

    fn append(&mut self, feed: Feed, count: u64) {
        for _ in 0..count {
            let head = self.heads.get_mut(&feed).unwrap();
            *head += 1;
            if self.registered.contains(&feed) {
                self.live.push_back((feed, *head));
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Append { feed, count } => self.append(feeds()[feed], count),
            Event::Answer { most } => self.answer(most),
            Event::Fail => {
                let feed = match self.under_way.take() {
                    Some(Effect::Read { feed, .. } | Effect::Snapshot { feed, .. }) => feed,
                    _ => return,
                };
                self.input(Input::ReadRefused { feed, refusal: Refusal::busy(50) });
            }
            Event::Live => self.live(),
            Event::Lost => drop(self.live.pop_front()),
            Event::Follow { feed, behind, epoch } => {
                let feed = feeds()[feed];
                let index = self.has[&feed].unwrap_or(0).saturating_sub(behind);
                self.has.insert(feed, Some(index));
                let epoch = match epoch {
                    0 => None,
                    1 => Some(Epoch(8)),
                    _ => Some(EPOCH),
                };
                let cursors = vec![Cursor { feed, epoch, index: Index(index) }];
                self.input(Input::Frame(ClientFrame::Follow(cursors)));
            }
            Event::Unfollow { feed } => {
                let feed = feeds()[feed];
                self.has.insert(feed, None);
                self.live.retain(|(of, _)| *of != feed);
                self.input(Input::Frame(ClientFrame::Unfollow(vec![feed])));
            }
            Event::Pass => {
                self.now += 30;
                self.input(Input::Frame(ClientFrame::Typing {
                    conversation: C,
                    preview: "".into(),
                    active: true,
                }));
            }
        }
    }

    /// Everything arrives in the end, with one entry more that shows what was lost.
    fn settle(&mut self) {
        for feed in feeds() {
            self.append(feed, 1);
        }
        for _ in 0..2_000 {
            self.live();
            self.answer(7);
            self.now += 20;
            self.input(Input::Time);
        }
        for feed in feeds() {
            if self.has[&feed].is_some() {
                assert_eq!(self.has[&feed], Some(self.heads[&feed]), "{feed:?} is not complete");
            }
        }
        assert!(self.under_way.is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_peer_sees_every_index_once_in_order(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
        }
        world.settle();
    }
}
