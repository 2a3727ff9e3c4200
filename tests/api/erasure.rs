//! An owner erases a conversation: who may, what everybody is told, and what is left.

use std::time::Duration;

use axum::http::StatusCode;
use posthouse::store::audit;
use prost::Message as _;
use serde_json::json;

use crate::bench::proto::server_frame::Frame;
use crate::bench::{Answer, Bench, CODE, PASSWORD, key, png, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const STRANGER: &str = "0202020202020202020202020202020202020202020202020202020202020202";
const WORDS: &str = "something private";

fn of(conversation: u128) -> String {
    format!("{conversation:032x}")
}

async fn visitor_feed(bench: &Bench, token: &str, query: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/feed?kind=1&id={}{query}", of(7));
    bench.ask("GET", &path, &[("authorization", &bearer)], "").await
}

/// Epoch and index of a feed that was read to its end.
fn place(frames: &[Frame]) -> (String, u64) {
    let end = frames.iter().find_map(|frame| match frame {
        Frame::CaughtUp(end) => Some(end),
        _ => None,
    });
    let end = end.unwrap();
    (end.epoch.iter().map(|byte| format!("{byte:02x}")).collect(), end.index)
}

fn says(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| {
        let bytes = match frame {
            Frame::Delivery(delivery) => delivery.encode_to_vec(),
            Frame::Snapshot(snapshot) => snapshot.encode_to_vec(),
            _ => return false,
        };
        bytes.windows(WORDS.len()).any(|part| part == WORDS.as_bytes())
    })
}

fn code_of(frames: &[Frame]) -> String {
    match frames {
        [Frame::Refused(refused)] => refused.name.clone(),
        other => panic!("not one refusal: {other:?}"),
    }
}

async fn agent(bench: &Bench, owner: &str, login: &str, role: &str) -> String {
    let new = json!({
        "login": login, "name": login, "role": role, "teams": [1], "password": PASSWORD
    });
    assert!(bench.post("/v1/agents", owner, &new).await.status.is_success());
    let form = json!({ "login": login, "password": PASSWORD });
    bench.post("/v1/sign-in", "", &form).await.cookie()
}

/// The lists of agents learn of it, and never of its words again.
async fn told_in_lists(bench: &Bench, agent: &str, (team_epoch, team): (&str, u64)) {
    let later = format!("/v1/feed?kind=4&number=1&epoch={team_epoch}&after={team}");
    let later = bench.get(&later, agent).await.frames();
    let is_erasure = |frame: &Frame| match frame {
        Frame::Delivery(delivery) => {
            let entry = proto::Entry::decode(delivery.entry.clone()).unwrap();
            matches!(entry.body, Some(proto::entry::Body::Erased(_)))
        }
        _ => false,
    };
    assert!(later.iter().any(is_erasure), "{later:?}");
    let again = format!("/v1/feed?kind=4&number=1&epoch={team_epoch}&after=0");
    let again = bench.get(&again, agent).await.frames();
    assert!(says(&again), "the other conversation's words are there");
    let of_it = again.iter().filter(|frame| match frame {
        Frame::Delivery(delivery) => {
            let entry = proto::Entry::decode(delivery.entry.clone()).unwrap();
            entry.conversation == 7_u128.to_be_bytes()
        }
        _ => false,
    });
    assert!(!says(&of_it.cloned().collect::<Vec<_>>()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_erases_and_everybody_is_told_and_nothing_is_left() {
    for sealed in [false, true] {
        let bench = if sealed { Bench::sealed().await } else { Bench::new().await };
        let owner = bench.claim(CODE).await.cookie();
        let inbox = bench.inbox(&owner).await;
        let first = key(7);
        for (conversation, key, token) in [(7, first, TOKEN), (8, key(8), STRANGER)] {
            let profile = proto::Profile { name: WORDS.to_owned(), ..Default::default() };
            let opening = text(conversation, key, &inbox, WORDS, profile);
            bench.frames(token, vec![opening]).await.frames();
        }
        let query = format!("conversation={}&name=a.png", of(7));
        let sent = bench.upload(TOKEN, &query, &png(6, 4)).await.json();
        let blob = sent["blob"].as_str().unwrap();
        let file = format!("/v1/blobs/{blob}?conversation={}", of(7));
        let held = bench.get(&file, &owner).await;
        assert_eq!((held.body, bench.files()), (png(6, 4), 1));

        let path = format!("/v1/conversations/{}", of(7));
        let delete = async |cookie: &str| bench.json("DELETE", &path, cookie, &json!({})).await;
        let li = agent(&bench, &owner, "li", "agent").await;
        let zhao = agent(&bench, &owner, "zhao", "supervisor").await;
        for (cookie, code) in [("", "SIGN_IN_FIRST"), (&li, "DENIED"), (&zhao, "DENIED")] {
            assert_eq!(delete(cookie).await.refusal(), code);
        }
        let none = path.replace(&of(7), &of(99));
        let none = bench.json("DELETE", &none, &owner, &json!({})).await;
        assert_eq!(none.refusal(), "NO_CONVERSATION");
        let (epoch, index) = place(&visitor_feed(&bench, TOKEN, "").await.frames());
        let (team_epoch, team) = place(&bench.get("/v1/feed?kind=4&number=1", &li).await.frames());

        // Somebody waits on the feed meanwhile: a visitor's page that polls.
        let at = format!("&epoch={epoch}&after={index}");
        let wait = format!("{at}&wait_ms=20000");
        let waiting = visitor_feed(&bench, TOKEN, &wait);
        let erasing = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            delete(&owner).await
        };
        let (told, erased) = tokio::join!(waiting, erasing);
        assert_eq!(erased.json(), json!({ "key_destroyed": sealed, "removed": true }));
        assert_eq!(code_of(&told.frames()), "ERASED");
        let lines = audit::newest(&bench.folder.join(audit::FOLDER), 1).unwrap();
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["what"], "conversation.erase");
        assert_eq!((&line["who"], &line["about"]), (&json!("agent 1 wang"), &json!(of(7))));

        // Who comes back later with a place is told, too; without one there is nothing to read.
        assert_eq!(code_of(&visitor_feed(&bench, TOKEN, &at).await.frames()), "ERASED");
        assert_eq!(visitor_feed(&bench, TOKEN, "").await.status, StatusCode::GONE);
        assert_eq!(visitor_feed(&bench, STRANGER, "").await.refusal(), "NO_CONVERSATION");
        assert_eq!(bench.get(&path, &owner).await.refusal(), "ERASED");
        assert_eq!(delete(&owner).await.refusal(), "ERASED");
        let full = format!("/v1/feed?kind=2&id={}", of(7));
        assert_eq!(bench.get(&full, &owner).await.refusal(), "ERASED");
        let gone = bench.get(&file, &owner).await.refusal();
        assert_eq!((gone.as_str(), bench.files()), ("ERASED", 0));
        let listed = bench.get("/v1/conversations?view=all", &owner).await.json();
        assert_eq!(listed["conversations"].as_array().unwrap().len(), 1);

        told_in_lists(&bench, &li, (&team_epoch, team)).await;

        // A retry is answered as it was, and nothing new is taken.
        let retry = text(7, first, &inbox, WORDS, proto::Profile::default());
        let answer = bench.frames(TOKEN, vec![retry]).await.frames();
        assert!(matches!(answer[..], [Frame::Ack(_)]), "{answer:?}");
        let new = text(7, key(9), &inbox, "again", proto::Profile::default());
        assert_eq!(code_of(&bench.frames(TOKEN, vec![new]).await.frames()), "ERASED");
        assert_eq!(bench.upload(TOKEN, &query, &png(6, 4)).await.refusal(), "ERASED");
        bench.close().await;
    }
}
