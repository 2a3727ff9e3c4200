//! Requests that no client of ours makes, and payloads that want to run somewhere.

use axum::http::StatusCode;
use posthouse::base::chance::{Chance, Seeded};
use serde_json::json;

use crate::bench::{Bench, key, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const PAYLOADS: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "</title><svg/onload=alert(1)>",
];

#[tokio::test(flavor = "multi_thread")]
async fn payloads_in_names_and_messages_stay_data() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    for (number, payload) in PAYLOADS.iter().enumerate() {
        bench.json("PATCH", "/v1/site", &cookie, &json!({ "name": payload })).await;
        let demo = bench.get("/demo", "").await;
        assert!(!demo.text().contains(payload) || *payload == PAYLOADS[2], "{payload}");
        assert!(demo.header("content-security-policy").contains("script-src 'self'"));
        let number = number as u128;
        let profile = proto::Profile {
            name: (*payload).into(),
            page: (*payload).into(),
            ..proto::Profile::default()
        };
        let frame = text(100 + number, key(number), &inbox, payload, profile);
        let answer = bench.frames(TOKEN, vec![frame]).await.frames();
        assert!(matches!(answer[0], proto::server_frame::Frame::Ack(_)), "{answer:?}");
    }
    let listed = bench.get("/v1/conversations?view=all", &cookie).await;
    assert_eq!(listed.header("content-type"), "application/json");
    assert_eq!(listed.header("x-content-type-options"), "nosniff");
    assert_eq!(listed.json()["conversations"].as_array().unwrap().len(), PAYLOADS.len());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_gets_a_code_and_never_an_ack() {
    let (bench, cookie) = Bench::claimed().await;
    let bearer = format!("Bearer {TOKEN}");
    let mut chance = Seeded::new(7);
    for length in (0..400).map(|n| n % 97) {
        let bytes: Vec<u8> = (0..length).map(|_| chance.bits() as u8).collect();
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/x-protobuf")];
        let answer = bench.ask("POST", "/v1/frames", &headers, bytes.clone()).await;
        if answer.status.is_success() {
            let acked =
                answer.frames().iter().any(|f| matches!(f, proto::server_frame::Frame::Ack(_)));
            assert!(!acked, "{bytes:?} was acknowledged");
        } else {
            assert_eq!(answer.refusal(), "BAD_FRAME");
        }
        let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
        for path in ["/v1/teams", "/v1/agents", "/v1/sign-in", "/v1/visitor"] {
            let answer = bench.ask("POST", path, &headers, bytes.clone()).await;
            assert_eq!(answer.refusal(), "BAD_JSON", "{path}");
        }
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let (bench, cookie) = Bench::claimed().await;
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(100_000));
    let answer = bench.ask("POST", "/v1/teams", &headers, long).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let deep = "[".repeat(60_000);
    assert_eq!(bench.ask("POST", "/v1/teams", &headers, deep).await.refusal(), "BAD_JSON");
    let named = json!({ "name": "驿".repeat(200) });
    assert_eq!(bench.post("/v1/teams", &cookie, &named).await.refusal(), "NAME_TOO_LONG");
    let path = format!("/{}", "a/".repeat(3_000));
    assert_eq!(bench.get(&path, "").await.refusal(), "NO_PAGE");
    for path in ["/widget/..%2f..%2fCargo.toml", "/console/../../etc/passwd", "/widget/%00"] {
        assert_eq!(bench.get(path, "").await.refusal(), "NO_PAGE", "{path}");
    }
    bench.close().await;
}
