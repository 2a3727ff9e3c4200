//! Conversations driven through `decide` and `apply` as the shell drives them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::{
    AgentId, BlobId, ConversationId, Feed, InboxId, Index, Position, TeamId, VisitorId,
};
use crate::desk::Role;
use crate::desk::{Attachment, Entry, Gone, Placed};

const C: ConversationId = ConversationId(77);
const ANN: AgentId = AgentId(1);
const BEN: AgentId = AgentId(2);
const SALES: TeamId = TeamId(1);
const REPAIRS: TeamId = TeamId(2);

/// A conversation with a journal of its own.
struct Log {
    row: Conversation,
    position: u64,
    heads: BTreeMap<Feed, u64>,
    entries: Vec<(Entry, Position, Option<Index>, Option<Index>)>,
    next_key: u128,
    now: u64,
}

fn actor(who: Who, role: Option<Role>, teams: &[TeamId]) -> Actor {
    Actor { who, name: "name".into(), role, teams: teams.to_vec() }
}

fn visitor(n: u128) -> Actor {
    actor(Who::Visitor(VisitorId(n)), None, &[])
}

fn agent(id: AgentId, teams: &[TeamId]) -> Actor {
    actor(Who::Agent(id), Some(Role::Agent), teams)
}

fn lead() -> Actor {
    actor(Who::Agent(AgentId(9)), Some(Role::Supervisor), &[])
}

fn owner() -> Actor {
    actor(Who::Agent(AgentId(8)), Some(Role::Owner), &[])
}

fn router() -> Actor {
    actor(Who::System, None, &[])
}

fn text(text: &str) -> Command {
    Command::Message(Content::Text(text.into()))
}

fn to(agent: AgentId) -> Assignee {
    Assignee { agent, name: "Ann".into(), avatar: String::new() }
}

fn opening() -> Option<Result<Opening, Refusal>> {
    let profile = Profile { name: "Vera".into(), ..Profile::default() };
    Some(Ok(Opening { inbox: InboxId(1), team: SALES, profile }))
}

impl Log {
    fn empty() -> Self {
        Self {
            row: Conversation::absent(C),
            position: 0,
            heads: BTreeMap::new(),
            entries: Vec::new(),
            next_key: 1,
            now: 1_000,
        }
    }

    /// Opened by visitor 1 with one message.
    fn opened() -> Self {
        let mut log = Self::empty();
        let mut request = log.request(text("hello"));
        request.opening = opening();
        log.run(&visitor(1), None, &request).unwrap();
        log
    }

    /// The same, owned by Ann.
    fn owned() -> Self {
        let mut log = Self::opened();
        log.act(&router(), Command::Assign(to(ANN))).unwrap();
        log
    }

    fn request(&mut self, command: Command) -> Request {
        self.next_key += 1;
        Request::plain(MessageKey::new(1_000, self.next_key), command)
    }

    fn act(&mut self, who: &Actor, command: Command) -> Result<Vec<Draft>, Refusal> {
        let request = self.request(command);
        self.run(who, None, &request)
    }

    fn run(
        &mut self,
        who: &Actor,
        recallable: Option<&Recallable>,
        request: &Request,
    ) -> Result<Vec<Draft>, Refusal> {
        self.now += 10;
        let now = Wall { ms: self.now, trusted: true };
        match self.row.decide(now, who, None, recallable, request)? {
            Decision::Append(drafts) => {
                for draft in &drafts {
                    self.apply(draft);
                }
                Ok(drafts)
            }
            Decision::Already { .. } => panic!("nothing was there before"),
        }
    }

    fn apply(&mut self, draft: &Draft) {
        self.position += 1;
        let mut place = |feed: Feed| {
            draft.feeds.contains(&feed).then(|| {
                let head = self.heads.entry(feed).or_default();
                *head += 1;
                Index(*head)
            })
        };
        let (public, full) = (place(Feed::Public(C)), place(Feed::Full(C)));
        let position = Position(self.position);
        self.row.apply(&Placed { entry: &draft.entry, position, public, full });
        self.entries.push((draft.entry.clone(), position, public, full));
    }

    fn recallable(&self, key: MessageKey) -> Recallable {
        let (entry, _, public, full) =
            self.entries.iter().find(|(entry, ..)| entry.key == key).unwrap();
        Recallable {
            entry: entry.clone(),
            public: public.unwrap_or_default(),
            full: full.unwrap_or_default(),
        }
    }
}

fn refused(result: Result<Vec<Draft>, Refusal>) -> Code {
    result.expect_err("this must be refused").code
}

fn feeds_of(draft: &Draft) -> Vec<Feed> {
    let mut feeds = draft.feeds.to_vec();
    feeds.sort();
    feeds
}

#[test]
fn the_first_message_opens_queues_and_speaks_in_one_batch() {
    let mut log = Log::empty();
    let mut request = log.request(text("hello"));
    request.opening = opening();
    let drafts = log.run(&visitor(1), None, &request).unwrap();
    assert!(matches!(
        drafts.iter().map(|draft| &draft.entry.body).collect::<Vec<_>>()[..],
        [Body::Opened { .. }, Body::Queued { reason: QueueReason::New, .. }, Body::Message(_)]
    ));
    let keyed: Vec<_> = drafts.iter().filter(|draft| draft.entry.key == request.key).collect();
    assert_eq!(keyed.len(), 1, "one entry answers for the command");
    assert_eq!(log.row.state, State::Queued);
    assert_eq!((log.row.public_index, log.row.full_index), (Index(3), Index(3)));
    assert_eq!(drafts[2].entry.author.name, "Vera".into());
    assert!(log.row.awaits_agent);
}

#[test]
fn only_a_visitor_opens_and_only_with_a_message() {
    let mut log = Log::empty();
    assert_eq!(refused(log.act(&visitor(1), text("no opening"))), code::NO_CONVERSATION);
    let mut request = log.request(text("hello"));
    request.opening = opening();
    assert_eq!(refused(log.run(&agent(ANN, &[SALES]), None, &request)), code::NO_CONVERSATION);
    let mut request = log.request(Command::Resolve);
    request.opening = opening();
    assert_eq!(refused(log.run(&visitor(1), None, &request)), code::NO_CONVERSATION);
    let mut request = log.request(text("hello"));
    request.opening = Some(Err(Refusal::new(code::NO_INBOX)));
    assert_eq!(refused(log.run(&visitor(1), None, &request)), code::NO_INBOX);
    assert_eq!(log.row, Conversation::absent(C), "nothing has changed");
}

#[test]
fn whoever_may_erase_does_and_nothing_follows() {
    let administrator = |role| actor(Who::Agent(AgentId(7)), Some(role), &[SALES]);
    let security = administrator(Role::SecurityAdministrator);
    for who in [owner(), router(), security] {
        let mut log = Log::owned();
        let others = [Role::SystemAdministrator, Role::AuditAdministrator].map(administrator);
        for other in [visitor(1), agent(ANN, &[SALES]), lead()].iter().chain(&others) {
            assert_eq!(refused(log.act(other, Command::Erase)), code::DENIED);
        }
        let drafts = log.act(&who, Command::Erase).unwrap();
        let told = [Feed::Full(C), Feed::Inbox(ANN), Feed::Team(SALES), Feed::Roster, Feed::Site];
        assert_eq!(feeds_of(&drafts[0]), told);
        assert_eq!((log.row.state, log.row.agent), (State::Erased, None));
        assert_eq!((&*log.row.preview, &*log.row.profile.name), ("", ""));
        for command in [text("on"), Command::Reopen, Command::Assign(to(ANN)), Command::Erase] {
            assert_eq!(refused(log.act(&owner(), command)), code::ERASED);
        }
        let mut request = log.request(text("hello again"));
        request.opening = opening();
        let again = log.run(&visitor(1), None, &request);
        assert_eq!(refused(again), code::ERASED);
        assert_eq!(refused(log.act(&visitor(2), text("mine?"))), code::NO_CONVERSATION);
    }
}

/// Administrators of a site whose duties are separated see no conversation, even of a team that
/// their row names, and erasing gives no right to write.
#[test]
fn administrators_do_nothing_in_a_conversation() {
    for role in Role::ALL {
        let who = actor(Who::Agent(AgentId(7)), Some(role), &[SALES]);
        let mut log = Log::owned();
        assert_eq!(log.row.is_open_to(&who), !role.administers());
        let note = log.act(&who, Command::Note("n".into()));
        if role.administers() {
            assert_eq!(refused(note), code::DENIED);
            for command in [text("hello"), Command::Resolve, Command::Assign(to(AgentId(7)))] {
                assert_eq!(refused(log.act(&who, command)), code::DENIED);
            }
        } else {
            assert!(note.is_ok(), "{role:?}");
        }
    }
}

/// A replay after an erasure finds tombstones where entries were, and comes to the same row.
#[test]
fn an_erased_conversation_is_the_same_whether_what_came_before_can_be_read_or_not() {
    let mut log = Log::owned();
    log.act(&agent(ANN, &[]), text("an answer")).unwrap();
    log.act(&owner(), Command::Erase).unwrap();
    let mut replayed = Conversation::absent(C);
    for (entry, position, public, full) in &log.entries {
        let mut entry = entry.clone();
        if !entry.body.erases() {
            entry.body = Body::Tombstone(Gone::Deleted);
        }
        let (position, public, full) = (*position, *public, *full);
        replayed.apply(&Placed { entry: &entry, position, public, full });
    }
    assert_eq!(replayed, log.row);
}

#[test]
fn a_retry_into_an_erased_conversation_is_acknowledged_whatever_it_says() {
    let mut log = Log::opened();
    log.act(&owner(), Command::Erase).unwrap();
    let at = Wall { ms: 5, trusted: true };
    let prior = Some(Prior { body_hash: None, index: Index(3), at });
    let request = Request::plain(MessageKey::new(1_000, 2), text("anything"));
    let decision = log.row.decide(at, &visitor(1), prior, None, &request);
    assert_eq!(decision, Ok(Decision::Already { index: Index(3), at }));
}

#[test]
fn a_retry_is_acknowledged_and_a_retry_with_another_body_is_a_conflict() {
    let log = Log::opened();
    let at = Wall { ms: 5, trusted: true };
    let prior = Some(Prior { body_hash: Some([7; 16]), index: Index(3), at });
    let mut request = Request::plain(MessageKey::new(1_000, 2), text("hello"));
    request.body_hash = [7; 16];
    // What it names is gone by now; it was accepted once all the same.
    request.command = Err(Refusal::new(code::NO_AGENT));
    let decision = log.row.decide(at, &visitor(1), prior, None, &request);
    assert_eq!(decision, Ok(Decision::Already { index: Index(3), at }));
    request.body_hash = [8; 16];
    let decision = log.row.decide(at, &visitor(1), prior, None, &request);
    assert_eq!(decision, Err(Refusal::new(code::KEY_CONFLICT)));
}

#[test]
fn a_key_that_is_no_uuid_v7_is_refused() {
    let mut log = Log::opened();
    let mut request = log.request(text("x"));
    request.key = MessageKey(5);
    assert_eq!(refused(log.run(&visitor(1), None, &request)), code::BAD_KEY);
}

#[test]
fn another_visitor_does_not_learn_that_the_conversation_exists() {
    let mut log = Log::opened();
    assert_eq!(refused(log.act(&visitor(2), text("let me in"))), code::NO_CONVERSATION);
    let mut request = log.request(text("hello"));
    request.opening = opening();
    assert_eq!(refused(log.run(&visitor(2), None, &request)), code::NO_CONVERSATION);
}

#[test]
fn agents_touch_what_their_teams_or_they_own_and_supervisors_all() {
    let mut log = Log::owned();
    assert_eq!(refused(log.act(&agent(BEN, &[REPAIRS]), text("hi"))), code::DENIED);
    assert!(log.act(&agent(ANN, &[]), text("mine")).is_ok());
    assert!(log.act(&agent(BEN, &[SALES]), text("our team's")).is_ok());
    assert!(log.act(&lead(), text("all")).is_ok());
}

#[test]
fn visitors_do_what_visitors_may() {
    let mut log = Log::owned();
    let deny = [
        Command::Note("n".into()),
        Command::Assign(to(ANN)),
        Command::Transfer(TransferTo::Team(REPAIRS)),
        Command::Requeue(QueueReason::Timeout),
        Command::Reopen,
    ];
    for command in deny {
        assert_eq!(refused(log.act(&visitor(1), command)), code::DENIED);
    }
    let rate = |score| Command::Rate { score, comment: "ok".into() };
    assert_eq!(refused(log.act(&agent(ANN, &[]), rate(5))), code::DENIED);
    assert_eq!(refused(log.act(&visitor(1), rate(0))), code::BAD_RATING);
    assert_eq!(refused(log.act(&visitor(1), rate(6))), code::BAD_RATING);
    log.act(&visitor(1), rate(4)).unwrap();
    assert_eq!(log.row.rating, 4);
}

#[test]
fn one_agent_owns_a_conversation() {
    let mut log = Log::opened();
    log.act(&agent(ANN, &[SALES]), Command::Assign(to(ANN))).unwrap();
    assert_eq!(log.row.agent, Some(ANN));
    let taken = log.act(&agent(BEN, &[SALES]), Command::Assign(to(BEN)));
    assert_eq!(refused(taken), code::ALREADY_ASSIGNED);
    assert_eq!(refused(log.act(&router(), Command::Assign(to(BEN)))), code::ALREADY_ASSIGNED);
    let given = log.act(&agent(BEN, &[SALES]), Command::Assign(to(ANN)));
    assert_eq!(refused(given), code::DENIED);
    let drafts = log.act(&lead(), Command::Assign(to(BEN))).unwrap();
    assert!(drafts[0].feeds.contains(&Feed::Inbox(ANN)), "it leaves her inbox");
    assert!(drafts[0].feeds.contains(&Feed::Inbox(BEN)));
    assert_eq!((log.row.agent, log.row.last_agent), (Some(BEN), Some(ANN)));
}

#[test]
fn a_transfer_to_a_team_goes_to_both_queues_and_leaves_the_owner() {
    let mut log = Log::owned();
    let drafts = log.act(&agent(ANN, &[]), Command::Transfer(TransferTo::Team(REPAIRS))).unwrap();
    assert_eq!(drafts.len(), 2);
    for feed in [Feed::Team(SALES), Feed::Team(REPAIRS), Feed::Inbox(ANN), Feed::Public(C)] {
        assert!(drafts[0].feeds.contains(&feed), "{feed:?}");
    }
    assert!(drafts[1].feeds.contains(&Feed::Inbox(ANN)));
    assert_eq!((log.row.state, log.row.team), (State::Queued, REPAIRS));
    assert_eq!((log.row.agent, log.row.last_agent), (None, Some(ANN)));
    assert_eq!(log.row.queue_reason, Some(QueueReason::Transfer));
}

#[test]
fn a_transfer_to_an_agent_assigns_and_only_the_owner_or_a_lead_transfers() {
    let mut log = Log::owned();
    let by_ben = log.act(&agent(BEN, &[SALES]), Command::Transfer(TransferTo::Agent(to(BEN))));
    assert_eq!(refused(by_ben), code::ALREADY_ASSIGNED);
    let drafts = log.act(&agent(ANN, &[]), Command::Transfer(TransferTo::Agent(to(BEN)))).unwrap();
    assert!(matches!(drafts[1].entry.body, Body::Assigned { agent: BEN, .. }));
    assert_eq!(log.row.agent, Some(BEN));
}

#[test]
fn messages_are_the_teams_only_while_nobody_owns_the_conversation() {
    let mut log = Log::opened();
    let draft = log.act(&visitor(1), text("anybody?")).unwrap().remove(0);
    assert_eq!(feeds_of(&draft), [Feed::Public(C), Feed::Full(C), Feed::Team(SALES), Feed::Site]);
    log.act(&router(), Command::Assign(to(ANN))).unwrap();
    let draft = log.act(&visitor(1), text("hi Ann")).unwrap().remove(0);
    assert_eq!(feeds_of(&draft), [Feed::Public(C), Feed::Full(C), Feed::Inbox(ANN), Feed::Site]);
}

#[test]
fn notes_and_what_agents_wrote_down_never_reach_the_visitor() {
    let mut log = Log::owned();
    let ann = agent(ANN, &[]);
    let note = log.act(&ann, Command::Note("difficult".into())).unwrap().remove(0);
    assert!(!note.feeds.contains(&Feed::Public(C)));
    let recallable = log.recallable(note.entry.key);
    let request = log.request(Command::Recall { key: note.entry.key, author: None });
    let recall = log.run(&ann, Some(&recallable), &request).unwrap().remove(0);
    assert!(!recall.feeds.contains(&Feed::Public(C)));
    let profile = Profile { contact: "secret line".into(), ..Profile::default() };
    let details = log.act(&ann, Command::Profile(profile.clone())).unwrap().remove(0);
    assert!(!details.feeds.contains(&Feed::Public(C)));
    let own = log.act(&visitor(1), Command::Profile(profile)).unwrap().remove(0);
    assert!(own.feeds.contains(&Feed::Public(C)), "the ack needs an index in the sender's feed");
}

#[test]
fn a_message_is_recalled_by_its_author_in_time() {
    let mut log = Log::owned();
    let key = log.act(&visitor(1), text("oops")).unwrap()[0].entry.key;
    assert_eq!(&*log.row.preview, "oops");
    let recallable = log.recallable(key);
    let recall = Command::Recall { key, author: None };
    let request = log.request(recall.clone());
    assert_eq!(refused(log.run(&visitor(1), None, &request)), code::NO_TARGET);
    let theirs = Command::Recall { key, author: Some(Who::Visitor(VisitorId(1))) };
    let request_of_ann = log.request(theirs.clone());
    for who in [agent(ANN, &[]), lead()] {
        let by_other = log.run(&who, Some(&recallable), &request_of_ann);
        assert_eq!(refused(by_other), code::NO_TARGET, "agents do not recall visitors' words");
    }
    let mut late = Log { now: log.now + limits::RECALL_MS + 1, ..Log::owned() };
    late.row = log.row.clone();
    assert_eq!(refused(late.run(&visitor(1), Some(&recallable), &request)), code::TOO_LATE);
    let drafts = log.run(&visitor(1), Some(&recallable), &request).unwrap();
    assert!(matches!(drafts[0].entry.body, Body::Recalled { .. }));
    assert!(log.row.preview.is_empty(), "lists do not show it any more");
    let gone = Recallable {
        entry: Entry { body: Body::Tombstone(Gone::Recalled), ..recallable.entry.clone() },
        ..recallable
    };
    let again = log.request(recall);
    assert_eq!(refused(log.run(&visitor(1), Some(&gone), &again)), code::NO_TARGET);
}

#[test]
fn a_supervisor_recalls_an_agents_message_at_any_time() {
    let mut log = Log::owned();
    let key = log.act(&agent(ANN, &[]), text("rude")).unwrap()[0].entry.key;
    let recallable = log.recallable(key);
    log.now += limits::RECALL_MS * 10;
    let author = Some(Who::Agent(ANN));
    let request = log.request(Command::Recall { key, author });
    let by_ben = log.run(&agent(BEN, &[SALES]), Some(&recallable), &request);
    assert_eq!(refused(by_ben), code::NO_TARGET);
    assert!(log.run(&lead(), Some(&recallable), &request).is_ok());
}

#[test]
fn a_visitors_message_reopens_and_an_agents_does_not() {
    let mut log = Log::owned();
    log.act(&agent(ANN, &[]), Command::Resolve).unwrap();
    assert_eq!((log.row.state, log.row.agent), (State::Resolved, None));
    assert_eq!(refused(log.act(&lead(), text("late"))), code::CLOSED);
    assert_eq!(refused(log.act(&lead(), Command::Resolve)), code::CLOSED);
    let drafts = log.act(&visitor(1), text("one more thing")).unwrap();
    assert_eq!(drafts.len(), 3);
    assert_eq!((log.row.state, log.row.last_agent), (State::Queued, Some(ANN)));
    assert_eq!(log.row.queue_reason, Some(QueueReason::Reopened));
    assert_ne!(log.row.waiting_since_ms, 0);
}

#[test]
fn taking_a_resolved_conversation_reopens_it() {
    let mut log = Log::owned();
    log.act(&agent(ANN, &[]), Command::Resolve).unwrap();
    assert_eq!(refused(log.act(&router(), Command::Assign(to(BEN)))), code::ALREADY_ASSIGNED);
    let drafts = log.act(&agent(BEN, &[SALES]), Command::Assign(to(BEN))).unwrap();
    assert!(matches!(drafts[0].entry.body, Body::Reopened));
    assert_eq!((log.row.state, log.row.agent), (State::Assigned, Some(BEN)));
}

#[test]
fn a_timeout_needs_somebody_who_waits() {
    let mut log = Log::owned();
    assert_ne!(log.row.waiting_since_ms, 0);
    log.act(&agent(ANN, &[]), text("here I am")).unwrap();
    assert_eq!(log.row.waiting_since_ms, 0);
    let timeout = Command::Requeue(QueueReason::Timeout);
    assert_eq!(refused(log.act(&router(), timeout.clone())), code::CLOSED);
    assert_eq!(refused(log.act(&lead(), timeout.clone())), code::DENIED);
    log.act(&visitor(1), text("hello?")).unwrap();
    let drafts = log.act(&router(), timeout).unwrap();
    assert!(drafts[0].feeds.contains(&Feed::Inbox(ANN)));
    assert_eq!((log.row.state, log.row.agent), (State::Queued, None));
}

#[test]
fn texts_have_limits_and_lose_their_control_characters_but_not_their_markup() {
    let mut log = Log::opened();
    let mut say = |words: &str| log.act(&visitor(1), text(words));
    assert_eq!(refused(say(&"x".repeat(limits::TEXT_BYTES + 1))), code::TEXT_TOO_LONG);
    assert_eq!(refused(say(" \n\t ")), code::EMPTY);
    assert_eq!(refused(say("\u{0}\u{7}")), code::EMPTY);
    let drafts = say("<script>alert(1)</script>\r\n\u{1b}[31mred").unwrap();
    let kept = Content::Text("<script>alert(1)</script>\n[31mred".into());
    assert_eq!(drafts[0].entry.body, Body::Message(kept));
}

#[test]
fn names_are_one_line_and_do_not_turn_the_text_around() {
    let mut log = Log::opened();
    let named = |name: &str| Command::Profile(Profile { name: name.into(), ..Profile::default() });
    let long = named(&"n".repeat(limits::NAME_BYTES + 1));
    assert_eq!(refused(log.act(&visitor(1), long)), code::NAME_TOO_LONG);
    log.act(&visitor(1), named(" Eve\u{202e}\nMallory ")).unwrap();
    assert_eq!(&*log.row.profile.name, "Eve Mallory");
    let page = "é".repeat(limits::URL_BYTES);
    let seen = Profile { page: page.as_str().into(), ..Profile::default() };
    log.act(&visitor(1), Command::Profile(seen)).unwrap();
    assert!(log.row.profile.page.len() <= limits::URL_BYTES, "cut, not refused");
    assert_eq!(&*log.row.profile.name, "Eve Mallory", "an empty field changes nothing");
}

#[test]
fn an_attachment_must_have_been_uploaded() {
    let mut log = Log::opened();
    let named = Attachment::named(BlobId(4));
    let show = |file: &Attachment| Command::Message(Content::Attachment(file.clone()));
    assert_eq!(refused(log.act(&visitor(1), show(&named))), code::NO_BLOB);
    let stored =
        Attachment { media_type: "image/png".into(), name: "a\u{202e}gnp.exe".into(), ..named };
    log.act(&visitor(1), show(&stored)).unwrap();
    assert_eq!(&*log.row.preview, "agnp.exe");
}

#[test]
#[should_panic(expected = "a feed has no hole")]
fn apply_does_not_take_a_log_with_a_hole() {
    let mut log = Log::opened();
    let entry = log.entries[2].0.clone();
    let position = Position(9);
    let (public, full) = (Some(Index(5)), Some(Index(4)));
    log.row.apply(&Placed { entry: &entry, position, public, full });
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        "[a-z<\u{0}-\u{20}]{0,20}".prop_map(|words| text(&words)),
        "[a-z]{0,9}".prop_map(|words| Command::Note(words.as_str().into())),
        (1..3_u32).prop_map(|id| Command::Assign(to(AgentId(id)))),
        (1..3_u32).prop_map(|id| Command::Transfer(TransferTo::Team(TeamId(id)))),
        (1..3_u32).prop_map(|id| Command::Transfer(TransferTo::Agent(to(AgentId(id))))),
        Just(Command::Requeue(QueueReason::AgentGone)),
        Just(Command::Resolve),
        Just(Command::Reopen),
        (0..8_u8).prop_map(|score| Command::Rate { score, comment: "c".into() }),
        Just(Command::Erase),
    ]
}

fn somebody() -> impl Strategy<Value = Actor> {
    prop_oneof![
        (1..3_u128).prop_map(visitor),
        (1..3_u32, 1..3_u32).prop_map(|(id, team)| agent(AgentId(id), &[TeamId(team)])),
        Just(lead()),
        Just(router()),
    ]
}

proptest! {
    /// Whatever is asked by whom: refusals change nothing, drafts apply, owner and state agree, and
    /// everybody from whom a conversation goes away is told.
    #[test]
    fn any_life_keeps_its_invariants(
        steps in prop::collection::vec((somebody(), command()), 1..60)
    ) {
        let mut log = Log::opened();
        for (who, command) in steps {
            let before = log.row.clone();
            let result = log.act(&who, command);
            let row = &log.row;
            prop_assert_eq!(row.agent.is_some(), row.state == State::Assigned);
            let Ok(drafts) = result else {
                prop_assert_eq!(row, &before);
                continue;
            };
            prop_assert_eq!(drafts.iter().filter(|d| d.entry.key != MessageKey(0)).count(), 1);
            for draft in &drafts {
                prop_assert!(draft.feeds.contains(&Feed::Site));
                prop_assert!(draft.feeds.contains(&Feed::Full(C)));
                let internal = matches!(draft.entry.body, Body::Note(_) | Body::Erased { .. });
                prop_assert_eq!(draft.feeds.contains(&Feed::Public(C)), !internal);
                let mut once = draft.feeds.to_vec();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), draft.feeds.len(), "a feed is named once");
            }
            let told = |feed| drafts.iter().any(|draft| draft.feeds.contains(&feed));
            if before.agent != row.agent {
                for agent in [before.agent, row.agent].into_iter().flatten() {
                    prop_assert!(told(Feed::Inbox(agent)));
                }
                prop_assert!(told(Feed::Team(before.team)) && told(Feed::Team(row.team)));
            }
        }
        let mut fresh = Conversation::absent(C);
        for (entry, position, public, full) in &log.entries {
            let (position, public, full) = (*position, *public, *full);
            fresh.apply(&Placed { entry, position, public, full });
        }
        prop_assert_eq!(fresh, log.row);
    }
}
