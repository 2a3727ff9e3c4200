//! Agents' pictures: who may set one, what is taken for one, and who sees it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, PASSWORD, key, png, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";

async fn set(bench: &Bench, cookie: &str, agent: u32, bytes: &[u8]) -> Answer {
    let path = format!("/v1/agents/{agent}/picture");
    bench.ask("POST", &path, &[("cookie", cookie)], bytes.to_vec()).await
}

/// A second agent and that agent's cookie.
async fn colleague(bench: &Bench, cookie: &str) -> String {
    let agent = json!({ "login": "sam", "role": "agent", "teams": [1], "password": PASSWORD });
    let made = bench.post("/v1/agents", cookie, &agent).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let sign_in = json!({ "login": "sam", "password": PASSWORD });
    bench.post("/v1/sign-in", "", &sign_in).await.cookie()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_seen_by_everybody_who_has_its_address() {
    let (bench, cookie) = Bench::claimed().await;
    let sam = colleague(&bench, &cookie).await;
    let picture = png(256, 256);
    let shown = set(&bench, &sam, 2, &picture).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
    let path = shown.json()["avatar"].as_str().unwrap().to_owned();
    let hash = posthouse_crypto::token::sha256(&picture);
    let id: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(path, format!("/v1/avatars/{id}"));

    let seen = bench.ask("GET", &path, &[], "").await;
    assert_eq!((seen.status, &seen.body), (StatusCode::OK, &picture));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert!(seen.header("content-security-policy").contains("sandbox"));

    assert_eq!(set(&bench, &cookie, 1, &picture).await.json()["avatar"], path.as_str());
    assert_eq!(bench.files(), 1, "the same bytes are stored once");
    let gone = bench.ask("DELETE", "/v1/agents/2/picture", &[("cookie", &sam)], "").await;
    assert_eq!(gone.json()["avatar"], "");
    assert_eq!(bench.ask("GET", &path, &[], "").await.status, StatusCode::OK, "history shows it");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_the_agents_own_or_given_by_an_owner() {
    let (bench, cookie) = Bench::claimed().await;
    let sam = colleague(&bench, &cookie).await;
    assert_eq!(set(&bench, &sam, 1, &png(64, 64)).await.refusal(), "DENIED");
    assert_eq!(set(&bench, "", 1, &png(64, 64)).await.refusal(), "SIGN_IN_FIRST");
    assert_eq!(set(&bench, &cookie, 9, &png(64, 64)).await.refusal(), "NO_AGENT");
    assert_eq!(bench.files(), 0, "a refused picture leaves nothing behind");
    assert_eq!(set(&bench, &cookie, 2, &png(64, 64)).await.status, StatusCode::OK);
    let change = json!({ "avatar": "https://elsewhere.example/x.png" });
    let patched = bench.json("PATCH", "/v1/agents/2", &sam, &change).await;
    assert_eq!(patched.refusal(), "UNKNOWN_FIELD");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused_with_a_code_in_both_languages() {
    let (bench, cookie) = Bench::claimed().await;
    let mut long = png(64, 64);
    long.resize(256 * 1024 + 1, 0);
    for (bytes, code) in [
        (b"".as_slice(), "EMPTY_FILE"),
        (b"hello", "PICTURE_TYPE"),
        (b"<svg onload=alert(1)>", "PICTURE_TYPE"),
        (b"GIF89a\x40\x01\xf0\x00\0\0\0", "PICTURE_TYPE"),
        (b"\x89PNG\r\n\x1a\n", "PICTURE_TOO_LARGE"),
        (&png(1025, 10), "PICTURE_TOO_LARGE"),
        (&png(60_000, 60_000), "PICTURE_TOO_LARGE"),
        (&long, "PICTURE_TOO_LARGE"),
    ] {
        assert_eq!(set(&bench, &cookie, 1, bytes).await.refusal(), code);
    }
    let headers = [("cookie", cookie.as_str()), ("accept-language", "zh")];
    let said = bench.ask("POST", "/v1/agents/1/picture", &headers, "hello").await;
    assert!(said.json()["remedy"].as_str().unwrap().contains("PNG"));
    assert!(said.json()["what"].as_str().unwrap().contains("图片"));
    assert_eq!(bench.files(), 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_is_no_picture() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let opening = text(7, key(1), &inbox, "hello", proto::Profile::default());
    bench.frames(TOKEN, vec![opening]).await.frames();
    let sent = bench.upload(TOKEN, &format!("conversation={:032x}", 7), &png(64, 48)).await;
    let blob: Value = sent.json()["blob"].clone();
    let path = format!("/v1/avatars/{}", blob.as_str().unwrap());
    assert_eq!(bench.ask("GET", &path, &[], "").await.refusal(), "NO_BLOB");
    assert_eq!(bench.ask("GET", "/v1/avatars/../x", &[], "").await.status, StatusCode::NOT_FOUND);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gets_ten_new_pictures_a_day_and_former_ones_again() {
    let (bench, cookie) = Bench::claimed().await;
    colleague(&bench, &cookie).await;
    for side in 1..=10 {
        assert_eq!(set(&bench, &cookie, 2, &png(side, side)).await.status, StatusCode::OK);
    }
    let more = set(&bench, &cookie, 2, &png(11, 11)).await;
    assert_eq!((more.status, more.refusal()), (StatusCode::TOO_MANY_REQUESTS, "TOO_FAST".into()));
    assert_eq!(bench.files(), 10);
    assert_eq!(set(&bench, &cookie, 2, &png(3, 3)).await.status, StatusCode::OK);
    assert_eq!(set(&bench, &cookie, 1, &png(12, 12)).await.status, StatusCode::OK);
    bench.close().await;
}
