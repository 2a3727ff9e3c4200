//! Visitors and agents: an outbox and cursors that survive everything (R7, R8), a connection that
//! does not. What they were told is kept for the judge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use posthouse::base::chance::{Chance, Seeded};
use posthouse::base::{AgentId, ConversationId, Feed, Index, MessageKey, Position, VisitorId};
use posthouse::desk::{Body, Conversation, Entry, Gone, Placed, Who};
use posthouse::session::Peer;
use posthouse::wire::{self, proto};
use prost::Message as _;
use proto::client_frame::Frame as C;
use proto::server_frame::Frame as S;

use crate::net::{Agenda, ClientId, Event, Link, Network};
use crate::server::{INBOX_KEY, PING_MS, TEAM};

const GONE: [u16; 2] = [posthouse::base::code::NO_CONVERSATION.0, posthouse::base::code::ERASED.0];

/// A command that is not answered yet; it is in the browser's database.
#[derive(Clone, Debug)]
pub struct Unsent {
    pub conversation: ConversationId,
    pub key: MessageKey,
    pub command: proto::Command,
    not_before: u64,
    sent_on: Option<Link>,
    copies: u32,
}

/// What a client has of one feed; row and cursor change together.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub epoch: Vec<u8>,
    pub last: u64,
    /// Index, public index and entry.
    pub rows: BTreeMap<u64, (u64, Entry)>,
    /// The conversation's row: of the last snapshot, with what followed applied.
    pub row: Option<Conversation>,
}

/// What an answer told the client for ever.
#[derive(Clone, Debug)]
pub struct Told {
    pub conversation: ConversationId,
    pub key: MessageKey,
    pub command: proto::Command,
    /// The index of the ack, or the code of the refusal.
    pub result: Result<u64, u32>,
    /// How often it was sent, as far as the network may double it.
    pub copies: u32,
}

pub struct Client {
    pub id: ClientId,
    pub peer: Peer,
    pub conversation: Option<ConversationId>,
    /// Those of before that are not there any more.
    pub former: Vec<ConversationId>,
    pub outbox: VecDeque<Unsent>,
    pub places: BTreeMap<Feed, Place>,
    pub told: Vec<Told>,
    pub wrong: Option<String>,
    pub clock_skew: i64,
    /// Whether the user still does new things.
    pub busy: bool,
    /// Commands sent again.
    pub retried: u64,
    link: Option<Link>,
    welcomed: bool,
    /// Feeds that the connection was asked for.
    asked: BTreeSet<Feed>,
    heard: u64,
    pinged: u64,
    /// When the last ping of this connection was sent that was answered.
    ponged: u64,
    next_try: u64,
    /// Feeds whose head is ahead of us, or whose entries came with a gap, and since when.
    behind: BTreeMap<Feed, u64>,
    written: u32,
    chance: Seeded,
}

impl Client {
    pub fn new(id: usize, agents: usize, chance: Seeded) -> Self {
        let (peer, conversation, feed) = if id < agents {
            let agent = AgentId(u32::try_from(id).unwrap_or(0) + 1);
            (Peer::Agent(agent), None, Some(Feed::Team(TEAM)))
        } else {
            let conversation = ConversationId(1_000 + id as u128);
            (Peer::Visitor(VisitorId(id as u128)), Some(conversation), None)
        };
        Self {
            id: ClientId(id),
            peer,
            conversation,
            former: Vec::new(),
            outbox: VecDeque::new(),
            places: feed.into_iter().map(|feed| (feed, Place::default())).collect(),
            told: Vec::new(),
            wrong: None,
            clock_skew: 0,
            busy: true,
            retried: 0,
            link: None,
            welcomed: false,
            asked: BTreeSet::new(),
            heard: 0,
            pinged: 0,
            ponged: 0,
            next_try: 0,
            behind: BTreeMap::new(),
            written: 0,
            chance,
        }
    }

    pub fn is_on(&self, link: Link) -> bool {
        self.link == Some(link)
    }

    /// True when the connection is alive and answered a ping of `since` or later: what the server
    /// had to say before that was heard, the end of a feed too, which no head tells of (R9).
    pub fn heard_all(&self, since: u64) -> bool {
        self.link.is_some() && self.ponged >= since && self.ponged == self.pinged
    }

    pub fn is_visitor(&self) -> bool {
        matches!(self.peer, Peer::Visitor(_))
    }

    /// Something may be done: write, connect, send, ping, give up.
    pub fn wake(&mut self, agenda: &mut Agenda, network: &mut Network) {
        let pause = 60 + self.chance.below(250);
        agenda.after(pause, Event::Client(self.id));
        if self.busy && self.chance.below(9) == 0 {
            self.write(agenda.now);
        }
        if network.mishap(400) {
            // The page is loaded again: what was in memory only is gone.
            self.leave(agenda, network);
            self.behind.clear();
        }
        if self.link.is_some() && agenda.now > self.heard + u64::from(PING_MS) * 5 / 2 {
            self.leave(agenda, network);
        }
        match self.link {
            None if agenda.now >= self.next_try => self.connect(agenda, network),
            None => {}
            Some(link) if self.welcomed => {
                self.send_outbox(agenda, network, link);
                self.catch_up(agenda, network, link);
                if agenda.now > self.pinged + u64::from(PING_MS) {
                    self.pinged = agenda.now;
                    let cursors = self.cursors();
                    send(agenda, network, link, C::Ping(proto::Ping { cursors }));
                }
            }
            Some(_) => {}
        }
    }

    fn connect(&mut self, agenda: &mut Agenda, network: &mut Network) {
        let link = network.connect(self.id);
        self.link = Some(link);
        self.welcomed = false;
        (self.pinged, self.ponged) = (0, 0);
        self.heard = agenda.now;
        let (visitor_token, client) = match self.peer {
            Peer::Visitor(visitor) => {
                let mut token = vec![0; 32];
                token[0] = u8::try_from(visitor.0).unwrap_or(0);
                (token, "widget/1".to_owned())
            }
            Peer::Agent(agent) => (Vec::new(), format!("agent/{agent}")),
        };
        let inbox_key = INBOX_KEY.to_owned();
        self.asked = self.places.keys().copied().collect();
        let (cursors, language) = (self.cursors(), "en".to_owned());
        let hello = proto::Hello { client, visitor_token, inbox_key, cursors, language };
        send(agenda, network, link, C::Hello(hello));
    }

    /// Hangs up; the line may be dead, so nobody need hear of it.
    fn leave(&mut self, agenda: &mut Agenda, network: &mut Network) {
        if let Some(link) = self.link.take() {
            network.hang_up(agenda, link, false);
        }
        self.welcomed = false;
        self.next_try = agenda.now + self.chance.below(1_500);
    }

    pub fn ended(&mut self, agenda: &Agenda, link: Link) {
        if self.link == Some(link) {
            self.link = None;
            self.welcomed = false;
            self.next_try = agenda.now + self.chance.below(1_500);
        }
    }

    fn cursors(&self) -> Vec<proto::Cursor> {
        self.places.iter().map(|(feed, place)| cursor(*feed, place)).collect()
    }

    /// What is not answered is sent again: on every new connection, and after a while by letter.
    fn send_outbox(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link) {
        let (id, now) = (self.id, agenda.now);
        for unsent in self.outbox.iter_mut().filter(|unsent| unsent.not_before <= now).take(8) {
            let frame = C::Submit(submit(unsent));
            self.retried += u64::from(unsent.not_before > 0);
            unsent.not_before = now + 2_000 + self.chance.below(3_000);
            let by_letter = unsent.sent_on == Some(link) || self.chance.below(10) == 0;
            unsent.copies += if by_letter { 2 } else { 0 };
            if by_letter {
                let client = vec![proto::ClientFrame { frame: Some(frame.clone()) }];
                let list = proto::FrameList { client, server: Vec::new() };
                let bytes = Bytes::from(list.encode_to_vec());
                network.letter(agenda, || Event::Post(id, bytes.clone()));
            }
            if !by_letter || self.chance.below(3) == 0 {
                unsent.copies += 1;
                unsent.sent_on = Some(link);
                send(agenda, network, link, frame);
            }
        }
    }

    /// A gap that lasts is pulled by letter or followed anew (R7, R9).
    fn catch_up(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link) {
        let late: Vec<Feed> = self
            .behind
            .iter()
            .filter(|(_, since)| **since + 1_000 < agenda.now)
            .map(|(feed, _)| *feed)
            .collect();
        for feed in late {
            self.behind.insert(feed, agenda.now + 1_000);
            let Some(place) = self.places.get(&feed) else { continue };
            let cursor = cursor(feed, place);
            if self.chance.below(2) == 0 {
                let (id, bytes) = (self.id, Bytes::from(cursor.encode_to_vec()));
                network.letter(agenda, || Event::Get(id, bytes.clone()));
            } else {
                let follow = proto::Follow { cursors: vec![cursor] };
                send(agenda, network, link, C::Follow(follow));
            }
        }
    }

    pub fn frame(&mut self, agenda: &mut Agenda, network: &mut Network, link: Link, bytes: Bytes) {
        if self.link != Some(link) {
            return;
        }
        self.heard = agenda.now;
        self.take(agenda, network, bytes);
    }

    /// A frame from whichever way it came.
    pub fn take(&mut self, agenda: &mut Agenda, network: &mut Network, bytes: Bytes) {
        let frame = proto::ServerFrame::decode(bytes).expect("the server speaks the schema");
        match frame.frame.expect("a frame that this client knows") {
            S::Welcome(_) => self.welcome(agenda, network),
            S::Delivery(delivery) => self.deliver(agenda, network, &delivery),
            S::Snapshot(snapshot) => self.snapshot(agenda, network, snapshot),
            S::CaughtUp(caught) => {
                let feed = feed_of(caught.feed.as_ref());
                let has = self.places.get(&feed).map_or(0, |place| place.last);
                if has == caught.index {
                    self.behind.remove(&feed);
                } else {
                    self.behind.entry(feed).or_insert(agenda.now);
                }
            }
            S::Ack(ack) => {
                let key = MessageKey::from_bytes(&ack.key).expect("a key");
                self.answered(agenda, network, key, Ok(ack.index));
            }
            S::Refused(refused) => self.refused(agenda, network, &refused),
            S::Pong(pong) => {
                self.ponged = self.pinged;
                for head in &pong.heads {
                    let feed = feed_of(head.feed.as_ref());
                    if self.places.get(&feed).is_some_and(|place| place.last < head.index) {
                        self.behind.entry(feed).or_insert(agenda.now);
                    }
                }
            }
            S::GoingAway(_) | S::Mark(_) | S::Typing(_) | S::Presence(_) | S::QueuePlace(_) => {}
        }
    }

    /// Feeds that became known after Hello was sent are followed now.
    fn welcome(&mut self, agenda: &mut Agenda, network: &mut Network) {
        self.welcomed = true;
        let new = self.places.iter().filter(|(feed, _)| !self.asked.contains(feed));
        let cursors: Vec<_> = new.map(|(feed, place)| cursor(*feed, place)).collect();
        self.asked = self.places.keys().copied().collect();
        if let Some(link) = self.link.filter(|_| !cursors.is_empty()) {
            send(agenda, network, link, C::Follow(proto::Follow { cursors }));
        }
    }

    fn refused(&mut self, agenda: &mut Agenda, network: &mut Network, refused: &proto::Refused) {
        let Some(key) = MessageKey::from_bytes(&refused.key) else {
            self.lose_conversation(refused);
            return;
        };
        if refused.retry_after_ms == 0 {
            self.answered(agenda, network, key, Err(refused.code));
        } else if let Some(unsent) = self.outbox.iter_mut().find(|unsent| unsent.key == key) {
            unsent.not_before = agenda.now + u64::from(refused.retry_after_ms);
        }
    }

    /// A conversation that is not there any more is followed no longer; for a visitor it begins
    /// again with the next message.
    fn lose_conversation(&mut self, refused: &proto::Refused) {
        let gone = ConversationId::from_bytes(&refused.conversation);
        let known = GONE.iter().any(|code| refused.code == u32::from(*code));
        if let Some(id) = gone.filter(|_| known) {
            if self.places.remove(&Feed::Public(id)).is_some() && self.conversation == Some(id) {
                self.former.push(id);
                self.conversation = Some(ConversationId(id.0 + 10_000));
            }
            self.places.remove(&Feed::Full(id));
            for feed in [Feed::Public(id), Feed::Full(id)] {
                self.behind.remove(&feed);
                self.asked.remove(&feed);
            }
        }
    }

    fn answered(
        &mut self,
        agenda: &mut Agenda,
        network: &mut Network,
        key: MessageKey,
        result: Result<u64, u32>,
    ) {
        if let Some(told) = self.told.iter_mut().find(|told| told.key == key) {
            match (told.result, result) {
                // Another copy came when it could be done; the later answer counts.
                (Err(_), Ok(_)) if told.copies > 1 => told.result = result,
                (Err(_), Err(_)) => {}
                // The refusal of an earlier copy was late.
                (Ok(_), Err(_)) if told.copies > 1 => {}
                (then, now) if then == now => {}
                (then, now) => self.wrong = Some(format!("{key}: told {then:?}, then {now:?}")),
            }
            return;
        }
        let Some(at) = self.outbox.iter().position(|unsent| unsent.key == key) else { return };
        let Some(unsent) = self.outbox.remove(at) else { return };
        let Unsent { conversation, command, copies, .. } = unsent;
        self.told.push(Told { conversation, key, command, result, copies });
        if self.is_visitor() && result.is_ok() {
            self.follow(agenda, network, Feed::Public(conversation));
        }
    }

    fn follow(&mut self, agenda: &mut Agenda, network: &mut Network, feed: Feed) {
        if self.places.contains_key(&feed) {
            return;
        }
        let place = self.places.entry(feed).or_default();
        let cursors = vec![cursor(feed, place)];
        if let Some(link) = self.link.filter(|_| self.welcomed) {
            self.asked.insert(feed);
            send(agenda, network, link, C::Follow(proto::Follow { cursors }));
        }
    }

    /// R7: the next index is applied, a greater one waits for what is missing, a smaller one is
    /// dropped.
    fn deliver(&mut self, agenda: &mut Agenda, network: &mut Network, frame: &proto::Delivery) {
        let feed = feed_of(frame.feed.as_ref());
        let entry = wire::decode_entry(&frame.entry).expect("the server's entries are whole");
        let Some(place) = self.places.get_mut(&feed) else { return };
        if place.epoch.is_empty() || frame.index > place.last + 1 {
            self.behind.entry(feed).or_insert(agenda.now);
            return;
        }
        if frame.index <= place.last {
            return;
        }
        place.apply(frame.index, frame.public_index, entry.clone());
        if matches!(feed, Feed::Team(_))
            && let (Body::Opened { .. }, Some(id)) = (&entry.body, entry.conversation)
        {
            self.follow(agenda, network, Feed::Full(id));
        }
    }

    fn snapshot(&mut self, agenda: &mut Agenda, network: &mut Network, snapshot: proto::Snapshot) {
        let feed = feed_of(snapshot.feed.as_ref());
        let rows: Vec<Conversation> = snapshot
            .conversations
            .into_iter()
            .map(|row| wire::conversation_from_row(row).expect("a row"))
            .collect();
        if matches!(feed, Feed::Team(_)) {
            for row in &rows {
                self.follow(agenda, network, Feed::Full(row.id));
            }
        }
        let Some(place) = self.places.get_mut(&feed) else { return };
        let same = place.epoch == snapshot.epoch;
        if same && snapshot.index < place.last {
            return;
        }
        place.epoch = snapshot.epoch;
        place.last = snapshot.index;
        place.rows.clear();
        for delivery in snapshot.entries {
            let entry = wire::decode_entry(&delivery.entry).expect("whole entries");
            place.rows.insert(delivery.index, (delivery.public_index, entry));
        }
        place.row = rows.into_iter().next().filter(|_| matches!(feed, Feed::Full(_)));
        self.behind.remove(&feed);
    }

    /// The user does something.
    fn write(&mut self, now: u64) {
        self.written += 1;
        let text = format!("{}/{} says", self.id.0, self.written);
        let wall = crate::server::wall(now, self.clock_skew);
        let key = MessageKey::new(wall.ms, self.chance.wide());
        let Some((conversation, body)) = (match self.conversation {
            Some(id) => Some((id, self.visitor_does(text))),
            None => self.agent_does(text),
        }) else {
            return;
        };
        let command = proto::Command { body: Some(body) };
        self.outbox.push_back(Unsent {
            conversation,
            key,
            command,
            not_before: 0,
            sent_on: None,
            copies: 0,
        });
    }

    fn visitor_does(&mut self, text: String) -> proto::command::Body {
        use proto::command::Body as B;
        let own = self.own_message();
        match (self.chance.below(14), own) {
            (0, Some(target_key)) => B::Recall(proto::Recall { target_key, target_author: None }),
            (1, Some(_)) => B::Rate(proto::Rated { score: 5, comment: text }),
            (2, Some(_)) => B::Resolve(proto::Resolved {}),
            _ => message(text),
        }
    }

    fn agent_does(&mut self, text: String) -> Option<(ConversationId, proto::command::Body)> {
        use proto::command::Body as B;
        let Peer::Agent(agent) = self.peer else { return None };
        let mut known = Vec::new();
        for feed in self.places.keys() {
            if let Feed::Full(id) = feed {
                known.push(*id);
            }
        }
        let at = usize::try_from(self.chance.below(known.len() as u64)).unwrap_or(0);
        let id = *known.get(at)?;
        let own = self.own_message();
        let body = match (self.chance.below(12), own) {
            (0 | 1, _) => B::Assign(proto::Assign { agent: agent.0 }),
            (2, _) => B::Note(proto::Note { text }),
            (3, _) => B::Resolve(proto::Resolved {}),
            (4, _) => B::Transfer(proto::Transfer { agent: 3 - agent.0, team: 0 }),
            (5, _) => B::Transfer(proto::Transfer { agent: 0, team: TEAM.0 }),
            (6, _) => B::Reopen(proto::Reopened {}),
            (7, Some(target_key)) => B::Recall(proto::Recall { target_key, target_author: None }),
            _ => message(text),
        };
        Some((id, body))
    }

    /// A message of ours that was acknowledged.
    fn own_message(&mut self) -> Option<Vec<u8>> {
        let acked: Vec<&Told> = self.told.iter().filter(|told| told.result.is_ok()).collect();
        let at = usize::try_from(self.chance.below(acked.len() as u64)).unwrap_or(0);
        acked.get(at).map(|told| told.key.to_bytes().to_vec())
    }
}

impl Place {
    fn apply(&mut self, index: u64, public: u64, entry: Entry) {
        self.last = index;
        if let Body::Recalled { key, author, .. } = &entry.body {
            self.recall(*key, author.who);
        }
        if let Some(row) = &mut self.row {
            let public = (public != 0).then_some(Index(public));
            let position = Position(row.position.0 + 1);
            row.apply(&Placed { entry: &entry, position, public, full: Some(Index(index)) });
        }
        self.rows.insert(index, (public, entry));
    }

    /// The text goes from the screen and from the browser's database.
    fn recall(&mut self, key: MessageKey, who: Who) {
        let target = |entry: &Entry| entry.key == key && entry.author.who == who;
        for (_, entry) in self.rows.values_mut().filter(|(_, entry)| target(entry)) {
            entry.body = Body::Tombstone(Gone::Recalled);
        }
    }
}

fn message(text: String) -> proto::command::Body {
    let content = Some(proto::message::Content::Text(text));
    proto::command::Body::Message(proto::Message { content })
}

fn submit(unsent: &Unsent) -> proto::Submit {
    proto::Submit {
        conversation: unsent.conversation.to_bytes().to_vec(),
        key: unsent.key.to_bytes().to_vec(),
        opening: Some(proto::Opening {
            inbox_key: INBOX_KEY.to_owned(),
            profile: Some(proto::Profile { name: "Vera".to_owned(), ..Default::default() }),
        }),
        command: Some(unsent.command.clone()),
    }
}

fn cursor(feed: Feed, place: &Place) -> proto::Cursor {
    let feed = Some(wire::feed_to_proto(feed));
    proto::Cursor { feed, epoch: place.epoch.clone(), index: place.last }
}

fn feed_of(feed: Option<&proto::Feed>) -> Feed {
    wire::feed_from_proto(feed.expect("a feed")).expect("a feed that exists")
}

fn send(agenda: &mut Agenda, network: &mut Network, link: Link, frame: C) {
    let bytes = proto::ClientFrame { frame: Some(frame) }.encode_to_vec();
    network.up(agenda, link, bytes.into());
}
