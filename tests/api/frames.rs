//! The protocol over HTTP: frames, feeds, long polls, origins of visitors' pages.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use prost::Message as _;
use serde_json::json;

use crate::bench::proto::server_frame::Frame;
use crate::bench::{Bench, key, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const STRANGER: &str = "0202020202020202020202020202020202020202020202020202020202020202";

async fn say(bench: &Bench, conversation: u128, key: u128, inbox: &str, words: &str) -> Frame {
    let frame = text(conversation, key, inbox, words, proto::Profile::default());
    bench.frames(TOKEN, vec![frame]).await.frames().remove(0)
}

async fn feed(bench: &Bench, token: &str, query: &str) -> crate::bench::Answer {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/feed?{query}");
    bench.ask("GET", &path, &[("authorization", &bearer)], "").await
}

fn epoch(frames: &[Frame]) -> String {
    let found = frames.iter().find_map(|frame| match frame {
        Frame::CaughtUp(caught_up) => Some(&caught_up.epoch),
        _ => None,
    });
    found.unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(frames: &[Frame]) -> Vec<String> {
    let deliveries = frames.iter().flat_map(|frame| match frame {
        Frame::Delivery(delivery) => vec![delivery.clone()],
        Frame::Snapshot(snapshot) => snapshot.entries.clone(),
        _ => Vec::new(),
    });
    deliveries
        .filter_map(|delivery| match proto::Entry::decode(delivery.entry).unwrap().body? {
            proto::entry::Body::Message(message) => match message.content? {
                proto::message::Content::Text(text) => Some(text),
                proto::message::Content::Attachment(_) => None,
            },
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_only_polls_is_there_and_is_given_conversations() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let online = proto::SetStatus { status: proto::Status::Online.into() };
    let frame = proto::ClientFrame { frame: Some(proto::client_frame::Frame::Status(online)) };
    let list = proto::FrameList { client: vec![frame], server: Vec::new() }.encode_to_vec();
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/x-protobuf")];
    assert_eq!(bench.ask("POST", "/v1/frames", &headers, list).await.status, StatusCode::OK);
    assert_eq!(bench.get("/v1/feed?kind=3&number=1", &cookie).await.status, StatusCode::OK);
    say(&bench, 7, key(1), &inbox, "hello").await;
    let path = format!("/v1/conversations/{:032x}", 7);
    for tries in 0.. {
        let row = bench.get(&path, &cookie).await.json();
        if row["agent"] == 1 {
            break;
        }
        assert!(tries < 100, "{row}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_first_ack_and_another_body_is_a_conflict() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let key = key(1);
    let Frame::Ack(first) = say(&bench, 7, key, &inbox, "hello").await else { panic!() };
    let Frame::Ack(again) = say(&bench, 7, key, &inbox, "hello").await else { panic!() };
    assert_eq!(first, again);
    let Frame::Refused(other) = say(&bench, 7, key, &inbox, "changed").await else { panic!() };
    assert_eq!(other.name, "KEY_CONFLICT");
    let frames = feed(&bench, TOKEN, &format!("kind=1&id={:032x}", 7)).await.frames();
    assert_eq!(texts(&frames), ["hello"]);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_frames_needs_no_type_but_must_not_have_another() {
    let (bench, _) = Bench::claimed().await;
    let bearer = format!("Bearer {TOKEN}");
    for (kind, status) in [
        (None, StatusCode::OK),
        (Some("application/x-protobuf"), StatusCode::OK),
        (Some("text/plain"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let answer = bench.ask("POST", "/v1/frames", &headers, "").await;
        assert_eq!(answer.status, status, "{kind:?}");
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_reached_only_by_its_visitor_and_its_agents() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    say(&bench, 7, key(1), &inbox, "secret").await;
    let query = format!("kind=1&id={:032x}", 7);
    assert_eq!(feed(&bench, STRANGER, &query).await.refusal(), "NO_CONVERSATION");
    assert_eq!(feed(&bench, "xyz", &query).await.refusal(), "BAD_TOKEN");
    let answer = bench.ask("GET", &format!("/v1/feed?{query}"), &[], "").await;
    assert_eq!(answer.refusal(), "SIGN_IN_FIRST");
    for kind in ["kind=2", "kind=3&number=1", "kind=4&number=1", "kind=5", "kind=6"] {
        let query = format!("{kind}&id={:032x}", 7);
        let answer = feed(&bench, TOKEN, &query).await;
        assert!(answer.status.is_client_error(), "a visitor read {kind}");
    }
    let frame = text(7, key(2), &inbox, "forged", proto::Profile::default());
    let answer = bench.frames(STRANGER, vec![frame]).await.frames().remove(0);
    let Frame::Refused(refused) = answer else { panic!("a stranger wrote: {answer:?}") };
    assert_eq!(refused.name, "NO_CONVERSATION");
    let full = bench.get(&format!("/v1/feed?kind=2&id={:032x}", 7), &cookie).await.frames();
    assert_eq!(texts(&full), ["secret"]);
    let listed = bench.get("/v1/conversations?view=all", &cookie).await.json();
    assert_eq!(listed["conversations"][0]["id"], format!("{:032x}", 7));
    let one = bench.get(&format!("/v1/conversations/{:032x}", 7), &cookie).await.json();
    assert_eq!(one["preview"], "secret");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_with_the_next_entry() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let Frame::Ack(ack) = say(&bench, 7, key(1), &inbox, "one").await else { panic!() };
    let first = feed(&bench, TOKEN, &format!("kind=1&id={:032x}", 7)).await.frames();
    let epoch = epoch(&first);
    let Some(Frame::CaughtUp(at)) = first.last() else { panic!() };
    assert!(at.index >= ack.index);
    let query = format!("kind=1&id={:032x}&epoch={epoch}&after={}", 7, at.index);
    let empty = feed(&bench, TOKEN, &query).await.frames();
    assert!(texts(&empty).is_empty());

    let started = Instant::now();
    let waiting = format!("{query}&wait_ms=20000");
    // A poll also ends with a hint (a place in the queue, who is there): then the client asks
    // again.
    let poll = async {
        loop {
            let found = texts(&feed(&bench, TOKEN, &waiting).await.frames());
            if !found.is_empty() {
                return found;
            }
        }
    };
    let write = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        say(&bench, 7, key(2), &inbox, "two").await
    };
    let (answer, _) = tokio::join!(poll, write);
    assert_eq!(answer, ["two"]);
    assert!(started.elapsed() < Duration::from_secs(5));

    let other = format!("kind=1&id={:032x}&epoch={:032x}&after=1", 7, 9);
    let frames = feed(&bench, TOKEN, &other).await.frames();
    let Frame::Snapshot(snapshot) = &frames[0] else { panic!("no snapshot for another epoch") };
    assert!(snapshot.too_long);
    assert_eq!(texts(&frames), ["one", "two"]);
    let before = feed(&bench, TOKEN, &format!("kind=1&id={:032x}&before=100", 7)).await.frames();
    assert_eq!(texts(&before), ["one", "two"]);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_pages_use_an_inbox() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let path = format!("/v1/visitor?inbox={inbox}");
    let body = json!({ "inbox": inbox }).to_string();
    let shop = [("origin", "https://shop.example"), ("content-type", "application/json")];
    let refused = bench.ask("POST", &path, &shop, body.clone()).await;
    assert_eq!(refused.refusal(), "ORIGIN");
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let preflight = [shop[0], ("access-control-request-method", "POST")];
    assert_eq!(bench.ask("OPTIONS", &path, &preflight, "").await.refusal(), "ORIGIN");

    let change = json!({ "origins": ["https://Shop.example/"] });
    let changed = bench.json("PATCH", "/v1/inboxes/1", &cookie, &change).await.json();
    assert_eq!(changed["origins"], json!(["https://shop.example"]));
    let welcome = bench.ask("POST", &path, &shop, body.clone()).await;
    assert_eq!(welcome.status, StatusCode::OK);
    assert_eq!(welcome.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(welcome.header("access-control-allow-credentials"), "");
    assert_eq!(welcome.json()["token"].as_str().unwrap().len(), 64);
    assert_eq!(welcome.json()["site"]["name"], "Shop");
    let answer = bench.ask("OPTIONS", &path, &preflight, "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("access-control-allow-headers").contains("authorization"));

    let other = [("origin", "https://shop.example.evil"), ("content-type", "application/json")];
    assert_eq!(bench.ask("POST", &path, &other, body).await.refusal(), "ORIGIN");
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), other[0]];
    let feed = format!("/v1/feed?kind=1&id={:032x}&inbox={inbox}", 7);
    assert_eq!(bench.ask("GET", &feed, &headers, "").await.refusal(), "ORIGIN");
    let console = bench.ask("GET", "/v1/me", &[shop[0], ("cookie", &cookie)], "").await;
    assert_eq!(console.header("access-control-allow-origin"), "");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_websocket_wants_its_subprotocol_by_name() {
    let (bench, _) = Bench::claimed().await;
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(bench.ask("GET", "/v1/ws", &upgrade, "").await.refusal(), "NO_SUBPROTOCOL");
    let mut other = upgrade.to_vec();
    other.push(("sec-websocket-protocol", "posthouse.v2, chat"));
    let answer = bench.ask("GET", "/v1/ws", &other, "").await;
    assert_eq!(
        (answer.status, answer.refusal().as_str()),
        (StatusCode::BAD_REQUEST, "NO_SUBPROTOCOL")
    );
    assert_eq!(bench.ask("GET", "/v1/ws", &[], "").await.refusal(), "NOT_WEBSOCKET");
    bench.close().await;
}
