//! The words of the golden corpus: one of every frame, entry and fact.

use bytes::Bytes;
use posthouse::base::code;
use posthouse::base::{
    AgentId, BlobId, ConversationId, Epoch, Feed, InboxId, Index, Language, MessageKey, Position,
    TeamId, VisitorId, Wall,
};
use posthouse::desk::{
    AgentRow, Attachment, Author, Body, CommandAsk, Content, Conversation, Entry, Gone, InboxRow,
    OpeningAsk, Profile, QueueReason, Refusal, Role, SiteRow, State, Target, TeamRow, TransferAsk,
    Who,
};
use posthouse::session::{ClientFrame, Cursor, Hello, Peer, ServerFrame, Status};
use posthouse::wire::record::{
    AuditNote, BlobRow, Fact, FileKey, Mark, ReaderCursor, Secret, SignIn,
};
use posthouse::wire::{self, Submission, Surroundings, proto};
use proto::client_frame::Frame as C;
use proto::server_frame::Frame as S;

pub const CONVERSATION: ConversationId = ConversationId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
const KEY: MessageKey = MessageKey(0x0199_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0001);
const VISITOR: VisitorId = VisitorId(0xf0e1_d2c3_b4a5_9687_7869_5a4b_3c2d_1e0f);
const BLOB: BlobId = BlobId(0xb10b);
const EPOCH: Epoch = Epoch(0xe0);
const AT: Wall = Wall { ms: 1_790_000_000_123, trusted: true };

fn id(value: u128) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

fn profile() -> Profile {
    Profile {
        name: "王小明".into(),
        contact: "wang@shop.example".into(),
        page: "https://shop.example/<script>".into(),
        page_title: "Kettles".into(),
        referrer: "https://search.example/".into(),
        device: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        language: "zh-CN".into(),
    }
}

fn profile_message() -> proto::Profile {
    proto::Profile {
        name: "王小明".into(),
        contact: "wang@shop.example".into(),
        page: "https://shop.example/<script>".into(),
        page_title: "Kettles".into(),
        referrer: "https://search.example/".into(),
        device: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        language: "zh-CN".into(),
    }
}

fn attachment() -> Attachment {
    Attachment {
        blob: BLOB,
        name: "photo \"<b>.png".into(),
        media_type: "image/png".into(),
        size: 70_000,
        width: 640,
        height: 480,
    }
}

fn cursor() -> (proto::Cursor, Cursor) {
    let feed =
        proto::Feed { kind: proto::FeedKind::Public.into(), id: id(CONVERSATION.0), number: 0 };
    let message = proto::Cursor { feed: Some(feed), epoch: id(EPOCH.0), index: 41 };
    let epoch = Some(EPOCH);
    (message, Cursor { feed: Feed::Public(CONVERSATION), epoch, index: Index(41) })
}

type ClientCase = (&'static str, proto::ClientFrame, ClientFrame<Submission>);

/// Client frames: as a client encodes them, and the words they mean, but for the hash.
pub fn clients() -> Vec<ClientCase> {
    let (cursor_message, cursor) = cursor();
    let feed = cursor_message.feed.clone().unwrap();
    let team = proto::Feed { kind: proto::FeedKind::Team.into(), id: Vec::new(), number: 3 };
    let hello = proto::Hello {
        client: "widget/0.1.0".into(),
        visitor_token: vec![7; 32],
        inbox_key: "abcdefgh12345678".into(),
        cursors: vec![cursor_message.clone()],
        language: "zh-CN".into(),
    };
    let hello_words = Hello {
        client: "widget/0.1.0".into(),
        visitor_token: Some([7; 32]),
        inbox_key: "abcdefgh12345678".into(),
        cursors: vec![cursor],
        language: "zh-CN".into(),
    };
    let typing = proto::Typing {
        conversation: id(CONVERSATION.0),
        preview: "你好".into(),
        active: true,
        author: None,
    };
    let typing_words =
        ClientFrame::Typing { conversation: CONVERSATION, preview: "你好".into(), active: true };
    let mark =
        proto::Mark { conversation: id(CONVERSATION.0), reader: None, delivered: 9, read: 8 };
    let mark_words =
        ClientFrame::Mark { conversation: CONVERSATION, delivered: Index(9), read: Index(8) };
    let status = proto::SetStatus { status: proto::Status::Away.into() };
    let follow = proto::Follow { cursors: vec![cursor_message.clone()] };
    let ping = proto::Ping { cursors: vec![cursor_message] };
    let unfollow = proto::Unfollow { feeds: vec![feed, team] };
    let left = vec![Feed::Public(CONVERSATION), Feed::Team(TeamId(3))];
    let mut cases = vec![
        ("hello", C::Hello(hello), ClientFrame::Hello(hello_words)),
        ("follow", C::Follow(follow), ClientFrame::Follow(vec![cursor])),
        ("unfollow", C::Unfollow(unfollow), ClientFrame::Unfollow(left)),
        ("mark", C::Mark(mark), mark_words),
        ("typing", C::Typing(typing), typing_words),
        ("ping", C::Ping(ping), ClientFrame::Ping(vec![cursor])),
        ("status", C::Status(status), ClientFrame::Status(Status::Away)),
    ];
    cases.extend(submits());
    let framed = |(name, frame, words)| (name, proto::ClientFrame { frame: Some(frame) }, words);
    cases.into_iter().map(framed).collect()
}

fn submits() -> Vec<(&'static str, C, ClientFrame<Submission>)> {
    use proto::command::Body as B;
    let text = proto::message::Content::Text("hello <b>".into());
    let file = proto::Attachment { blob: id(BLOB.0), ..Default::default() };
    let file = proto::message::Content::Attachment(file);
    let message = |content| B::Message(proto::Message { content: Some(content) });
    let author = proto::Author { who: Some(proto::author::Who::Agent(2)), name: String::new() };
    let recall = proto::Recall { target_key: id(KEY.0), target_author: Some(author) };
    let own = proto::Recall { target_key: id(KEY.0), target_author: None };
    let agent = proto::Transfer { agent: 4, team: 0 };
    let team = proto::Transfer { agent: 0, team: 5 };
    let rated = proto::Rated { score: 5, comment: "谢谢".into() };
    let by_agent = Some(Who::Agent(AgentId(2)));
    let good = CommandAsk::Rate { score: 5, comment: "谢谢".into() };
    let cases = [
        ("submit_text", message(text), CommandAsk::Text("hello <b>".into())),
        ("submit_file", message(file), CommandAsk::Attachment(BLOB)),
        ("note", B::Note(proto::Note { text: "n".into() }), CommandAsk::Note("n".into())),
        ("recall", B::Recall(recall), CommandAsk::Recall { key: KEY, author: by_agent }),
        ("recall_own", B::Recall(own), CommandAsk::Recall { key: KEY, author: None }),
        ("assign", B::Assign(proto::Assign { agent: 3 }), CommandAsk::Assign(AgentId(3))),
        ("to_agent", B::Transfer(agent), to(TransferAsk::Agent(AgentId(4)))),
        ("to_team", B::Transfer(team), to(TransferAsk::Team(TeamId(5)))),
        ("resolve", B::Resolve(proto::Resolved {}), CommandAsk::Resolve),
        ("reopen", B::Reopen(proto::Reopened {}), CommandAsk::Reopen),
        ("rate", B::Rate(rated), good),
        ("profile", B::Profile(profile_message()), CommandAsk::Profile(Box::new(profile()))),
    ];
    cases.into_iter().map(|(name, body, ask)| submit(name, body, ask)).collect()
}

fn to(target: TransferAsk) -> CommandAsk {
    CommandAsk::Transfer(target)
}

fn submit(
    name: &'static str,
    body: proto::command::Body,
    command: CommandAsk,
) -> (&'static str, C, ClientFrame<Submission>) {
    let opens = name == "submit_text";
    let opening =
        proto::Opening { inbox_key: "abcdefgh12345678".into(), profile: Some(profile_message()) };
    let words = Box::new(OpeningAsk { inbox_key: "abcdefgh12345678".into(), profile: profile() });
    let frame = proto::Submit {
        conversation: id(CONVERSATION.0),
        key: id(KEY.0),
        opening: opens.then_some(opening),
        command: Some(proto::Command { body: Some(body) }),
    };
    let submit = Submission { opening: opens.then_some(words), command, body_hash: [0; 16] };
    (name, C::Submit(frame), ClientFrame::Submit { conversation: CONVERSATION, key: KEY, submit })
}

fn author(who: Who) -> Author {
    Author { who, name: "安娜".into() }
}

/// One entry of every kind.
pub fn entries() -> Vec<(&'static str, Entry)> {
    let agent = AgentId(2);
    let team = TeamId(3);
    let opened = Body::Opened { inbox: InboxId(1), team, visitor: VISITOR, profile: profile() };
    let assigned =
        Body::Assigned { agent, name: "安娜".into(), avatar: "/v1/avatars/2".into(), team };
    let recalled = Body::Recalled {
        key: KEY,
        author: author(Who::Agent(agent)),
        public: Index(0),
        full: Index(12),
    };
    let given = Body::Transferred { from: Some(agent), to: Target::Agent(AgentId(4)) };
    let queued = |reason| Body::Queued { team, reason };
    let conversation = vec![
        ("message", Body::Message(Content::Text("hello".into()))),
        ("opened", opened),
        ("file", Body::Message(Content::Attachment(attachment()))),
        ("note", Body::Note("internal".into())),
        ("queued_new", queued(QueueReason::New)),
        ("queued_timeout", queued(QueueReason::Timeout)),
        ("queued_transfer", queued(QueueReason::Transfer)),
        ("queued_agent_gone", queued(QueueReason::AgentGone)),
        ("queued_reopened", queued(QueueReason::Reopened)),
        ("assigned", assigned),
        ("to_agent", given),
        ("to_team", Body::Transferred { from: None, to: Target::Team(team) }),
        ("resolved", Body::Resolved),
        ("reopened", Body::Reopened),
        ("rated", Body::Rated { score: 4, comment: "ok".into() }),
        ("recalled", recalled),
        ("profile", Body::Profile(profile())),
        ("tombstone_recalled", Body::Tombstone(Gone::Recalled)),
        ("tombstone_deleted", Body::Tombstone(Gone::Deleted)),
        ("erased", Body::Erased { inbox: InboxId(2), team: TeamId(3), visitor: VISITOR }),
    ];
    let whole = |(name, body)| {
        let who = if name == "opened" { Who::Visitor(VISITOR) } else { Who::Agent(agent) };
        let entry =
            Entry { conversation: Some(CONVERSATION), key: KEY, author: author(who), at: AT, body };
        (name, entry)
    };
    conversation.into_iter().map(whole).chain(site_entries()).collect()
}

fn site_entries() -> Vec<(&'static str, Entry)> {
    let row = AgentRow {
        id: AgentId(2),
        login: "anna".into(),
        name: "安娜".into(),
        picture: None,
        role: Role::Supervisor,
        capacity: 5,
        teams: vec![TeamId(1), TeamId(3)],
        disabled: true,
    };
    let inbox = InboxRow {
        id: InboxId(1),
        key: "abcdefgh12345678".into(),
        name: "Shop".into(),
        team: TeamId(3),
        origins: vec!["https://shop.example".into()],
        greeting: "欢迎".into(),
        offline_greeting: "Back at nine".into(),
        color: "#1f6feb".into(),
        disabled: false,
    };
    let site = SiteRow {
        name: "Shop".into(),
        language: "zh-CN".into(),
        claimed: true,
        answer_timeout_ms: 60_000,
        separate_duties: false,
    };
    let auditor = AgentRow { role: Role::AuditAdministrator, teams: Vec::new(), ..row.clone() };
    let apart = SiteRow { separate_duties: true, ..site.clone() };
    let team = TeamRow { id: TeamId(3), name: "Sales".into(), disabled: false };
    let rows = vec![
        ("agent_picture", Body::Agent(AgentRow { picture: Some(attachment()), ..row.clone() })),
        ("agent", Body::Agent(row)),
        ("team", Body::Team(team)),
        ("inbox", Body::Inbox(inbox)),
        ("site", Body::Site(site)),
        ("agent_auditor", Body::Agent(auditor)),
        ("site_apart", Body::Site(apart)),
    ];
    let whole = |(name, body)| {
        let at = Wall { ms: 5, trusted: false };
        let author = author(Who::System);
        (name, Entry { conversation: None, key: MessageKey(0), author, at, body })
    };
    rows.into_iter().map(whole).collect()
}

/// A conversation with every field set.
pub fn conversation() -> Conversation {
    Conversation {
        id: CONVERSATION,
        inbox: InboxId(1),
        team: TeamId(3),
        visitor: VISITOR,
        profile: profile(),
        state: State::Assigned,
        agent: Some(AgentId(2)),
        last_agent: Some(AgentId(4)),
        opened_ms: 100,
        last_ms: 200,
        preview: "hello".into(),
        preview_index: Index(6),
        awaits_agent: true,
        public_index: Index(7),
        full_index: Index(9),
        max_key: KEY,
        position: Position(400),
        rating: 4,
        queued_ms: 150,
        queue_reason: Some(QueueReason::Transfer),
        waiting_since_ms: 180,
    }
}

pub fn facts() -> Vec<(&'static str, Fact)> {
    let mark = Mark {
        conversation: CONVERSATION,
        reader: Who::Visitor(VISITOR),
        delivered: Index(9),
        read: Index(8),
    };
    let sign_in = SignIn { token_hash: [3; 32], agent: AgentId(2), expires_ms: 99, ended: true };
    let blob = BlobRow {
        id: BLOB,
        conversation: Some(CONVERSATION),
        attachment: attachment(),
        hash: [4; 32],
        at: AT,
        key: None,
    };
    let keyed = BlobRow { key: Some(FileKey([5; 32].into())), ..blob.clone() };
    vec![
        ("mark", Fact::Mark(mark)),
        ("sign_in", Fact::SignIn(sign_in)),
        ("secret", Fact::Secret(Secret { agent: AgentId(2), password: "$argon2id$".into() })),
        ("reader", Fact::ReaderCursor(ReaderCursor { name: "mail".into(), index: Index(7) })),
        ("blob_of_site", Fact::Blob(BlobRow { conversation: None, ..blob.clone() })),
        ("blob", Fact::Blob(blob)),
        ("blob_keyed", Fact::Blob(keyed)),
        ("audit_note", Fact::AuditNote(AuditNote { act: 5, text: r#"{"what":"sign-in"}"#.into() })),
    ]
}

/// Server frames: as the server encodes them now, and what a client reads.
pub fn servers() -> Vec<(&'static str, Bytes, proto::ServerFrame)> {
    let mut cases = session_frames();
    cases.extend(shell_frames());
    let framed = |(name, bytes, frame)| (name, bytes, proto::ServerFrame { frame: Some(frame) });
    cases.into_iter().map(framed).collect()
}

fn session_frames() -> Vec<(&'static str, Bytes, S)> {
    let endpoints = ["https://a.example".to_owned()];
    let around = Surroundings {
        epoch: EPOCH,
        now: AT,
        ping_interval_ms: 30_000,
        endpoints: &endpoints,
        staffed: true,
        language: Language::Zh,
    };
    let feed = Some(cursor().0.feed.unwrap());
    let encode = |frame| wire::encode_server(&frame, &around);
    let welcome = proto::Welcome {
        epoch: id(EPOCH.0),
        server_ms: AT.ms,
        ping_interval_ms: 30_000,
        endpoints: endpoints.to_vec(),
        agent: 0,
        visitor: id(VISITOR.0),
        staffed: true,
    };
    let ack =
        proto::Ack { conversation: id(CONVERSATION.0), key: id(KEY.0), index: 7, at_ms: AT.ms };
    let refusal = Refusal { code: code::BUSY, retry_after_ms: 250 };
    let refused = proto::Refused {
        conversation: id(CONVERSATION.0),
        key: id(KEY.0),
        code: 1001,
        name: "BUSY".into(),
        retry_after_ms: 250,
        sentence: String::new(),
    };
    let (key, conversation) = (KEY, CONVERSATION);
    let public = Feed::Public(CONVERSATION);
    vec![
        (
            "welcome",
            encode(ServerFrame::Welcome { peer: Peer::Visitor(VISITOR) }),
            S::Welcome(welcome),
        ),
        (
            "caught_up",
            encode(ServerFrame::CaughtUp { feed: public, index: Index(41) }),
            S::CaughtUp(proto::CaughtUp { feed, epoch: id(EPOCH.0), index: 41 }),
        ),
        (
            "ack",
            encode(ServerFrame::Ack { conversation, key, index: Index(7), at: AT }),
            S::Ack(ack),
        ),
        (
            "refused",
            encode(ServerFrame::Refused {
                conversation: Some(conversation),
                key: Some(key),
                refusal,
            }),
            S::Refused(refused),
        ),
        (
            "pong",
            encode(ServerFrame::Pong(vec![(public, Index(41))])),
            S::Pong(proto::Pong { heads: vec![cursor().0] }),
        ),
        (
            "going_away",
            encode(ServerFrame::GoingAway { retry_after_ms: 700 }),
            S::GoingAway(proto::GoingAway { retry_after_ms: 700 }),
        ),
    ]
}

fn shell_frames() -> Vec<(&'static str, Bytes, S)> {
    let feed =
        proto::Feed { kind: proto::FeedKind::Full.into(), id: id(CONVERSATION.0), number: 0 };
    let entry = wire::encode_entry(&entries()[0].1);
    let delivery =
        proto::Delivery { feed: Some(feed), index: 9, entry: entry.clone(), public_index: 7 };
    let full = Feed::Full(CONVERSATION);
    let mark = Mark {
        conversation: CONVERSATION,
        reader: Who::Visitor(VISITOR),
        delivered: Index(9),
        read: Index(8),
    };
    let reader = proto::Author {
        who: Some(proto::author::Who::Visitor(id(VISITOR.0))),
        name: String::new(),
    };
    let mark_message = proto::Mark {
        conversation: id(CONVERSATION.0),
        reader: Some(reader),
        delivered: 9,
        read: 8,
    };
    let typist = proto::Author { who: Some(proto::author::Who::Agent(2)), name: "安娜".into() };
    let typing = proto::Typing {
        conversation: id(CONVERSATION.0),
        preview: "h".into(),
        active: true,
        author: Some(typist),
    };
    let online = proto::Presence {
        agent: 2,
        status: proto::Status::Online.into(),
        ..proto::Presence::default()
    };
    let place = proto::QueuePlace { conversation: id(CONVERSATION.0), place: 3 };
    let anna = author(Who::Agent(AgentId(2)));
    vec![
        ("delivery", wire::delivery(full, Index(9), Some(Index(7)), &entry), S::Delivery(delivery)),
        ("mark", wire::mark_frame(&mark), S::Mark(mark_message)),
        ("typing", wire::typing_frame(CONVERSATION, &anna, "h", true), S::Typing(typing)),
        ("presence", wire::presence_agent(AgentId(2), Status::Online), S::Presence(online)),
        ("queue_place", wire::queue_place(CONVERSATION, 3), S::QueuePlace(place)),
    ]
}
