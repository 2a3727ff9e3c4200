//! Claiming, signing in, and what an agent, an owner and a page of another site may do.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::StatusCode;
use serde_json::json;

use posthouse::base::{AgentId, Private, code};

use crate::bench::{Bench, CODE, PASSWORD};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_claimed_once_and_only_with_its_code() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/v1/setup", "").await.json()["claimed"], false);
    let sign_in = json!({ "login": "wang", "password": PASSWORD });
    assert_eq!(bench.post("/v1/sign-in", "", &sign_in).await.refusal(), "NOT_CLAIMED");
    assert_eq!(bench.claim("AAAA-AAAA").await.refusal(), "BAD_SETUP_CODE");

    let (one, two, three) = tokio::join!(bench.claim(CODE), bench.claim(CODE), bench.claim(CODE));
    let answers = [&one, &two, &three];
    let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(won, 1, "{:?}", answers.map(|answer| answer.status));
    let winner = answers.into_iter().find(|answer| answer.status == StatusCode::OK).unwrap();
    assert_eq!(winner.json()["agent"]["role"], "owner");
    assert!(winner.json()["inbox"]["key"].as_str().unwrap().len() >= 16);
    let cookie = winner.header("set-cookie");
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert_eq!(bench.claim(CODE).await.refusal(), "CLAIMED");
    assert_eq!(bench.get("/v1/me", &winner.cookie()).await.json()["agent"]["login"], "wang");
    assert_eq!(
        bench.get("/v1/agents", &winner.cookie()).await.json()["agents"].as_array().unwrap().len(),
        1
    );
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_locks_the_name_even_for_the_right_one() {
    let (bench, _) = Bench::claimed().await;
    let wrong = json!({ "login": "Wang", "password": "not the password" });
    for _ in 0..5 {
        assert_eq!(bench.post("/v1/sign-in", "", &wrong).await.refusal(), "BAD_PASSWORD");
    }
    let right = json!({ "login": "wang", "password": PASSWORD });
    let locked = bench.post("/v1/sign-in", "", &right).await;
    assert_eq!(
        (locked.status, locked.refusal().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "LOCKED_OUT")
    );
    assert_eq!(locked.header("retry-after"), "1");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let answer = bench.post("/v1/sign-in", "", &right).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(bench.counters.bad_passwords.get(), 5);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_on_the_server() {
    let (bench, cookie) = Bench::claimed().await;
    assert_eq!(bench.get("/v1/me", &cookie).await.status, StatusCode::OK);
    let answer = bench.ask("POST", "/v1/sign-out", &[("cookie", &cookie)], "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(bench.get("/v1/me", &cookie).await.refusal(), "SIGN_IN_FIRST");
    let forged = format!("posthouse={}", "ab".repeat(32));
    assert_eq!(bench.get("/v1/me", &forged).await.refusal(), "SIGN_IN_FIRST");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_act_for_who_is_signed_in() {
    let (bench, cookie) = Bench::claimed().await;
    let kind = ("content-type", "application/json");
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let headers = [("cookie", cookie.as_str()), kind, (name, value)];
        let body = json!({ "name": "Taken" }).to_string();
        let answer = bench.ask("PATCH", "/v1/site", &headers, body).await;
        assert_eq!(answer.refusal(), "CROSS_SITE");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        let body = json!({ "login": "wang", "password": PASSWORD }).to_string();
        assert_eq!(bench.ask("POST", "/v1/sign-in", &headers, body).await.refusal(), "CROSS_SITE");
    }
    assert_eq!(bench.get("/v1/site", &cookie).await.json()["name"], "Shop");
    let headers = [("cookie", cookie.as_str()), kind, ("origin", "http://desk.local")];
    let body = json!({ "name": "Renamed" }).to_string();
    let answer = bench.ask("PATCH", "/v1/site", &headers, body).await;
    assert_eq!(answer.json()["name"], "Renamed");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_changes_their_own_password_and_nothing_of_the_site() {
    let (bench, owner) = Bench::claimed().await;
    let new =
        json!({ "login": "li", "name": "Li", "role": "agent", "teams": [1], "password": PASSWORD });
    let added = bench.post("/v1/agents", &owner, &new).await.json();
    let path = format!("/v1/agents/{}", added["id"]);
    let sign_in = json!({ "login": "li", "password": PASSWORD });
    let li = bench.post("/v1/sign-in", "", &sign_in).await.cookie();

    for (method, path, body) in [
        ("POST", "/v1/agents", new.clone()),
        ("PATCH", "/v1/agents/1", json!({ "disabled": true })),
        ("PATCH", "/v1/agents/1", json!({ "password": "another long sentence" })),
        ("PATCH", path.as_str(), json!({ "role": "owner" })),
        ("POST", "/v1/teams", json!({ "name": "x" })),
        ("PATCH", "/v1/inboxes/1", json!({ "origins": ["*"] })),
        ("PATCH", "/v1/site", json!({ "name": "x" })),
    ] {
        assert_eq!(bench.json(method, path, &li, &body).await.refusal(), "DENIED", "{path} {body}");
    }
    let change = json!({ "password": "another long sentence" });
    assert_eq!(bench.json("PATCH", &path, &li, &change).await.refusal(), "MISSING_FIELD");
    let change =
        json!({ "current_password": "wrong wrong wrong", "password": "another long sentence" });
    assert_eq!(bench.json("PATCH", &path, &li, &change).await.refusal(), "BAD_PASSWORD");
    let change = json!({ "current_password": PASSWORD, "password": "another long sentence" });
    let changed = bench.json("PATCH", &path, &li, &change).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(bench.get("/v1/me", &li).await.refusal(), "SIGN_IN_FIRST");
    assert_eq!(bench.get("/v1/me", &changed.cookie()).await.status, StatusCode::OK);
    assert_eq!(bench.post("/v1/sign-in", "", &sign_in).await.refusal(), "BAD_PASSWORD");
    let last = bench.json("PATCH", "/v1/agents/1", &owner, &json!({ "disabled": true })).await;
    assert_eq!(last.refusal(), "LAST_OWNER");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_a_request_are_named() {
    let (bench, cookie) = Bench::claimed().await;
    let answer = bench.json("PATCH", "/v1/site", &cookie, &json!({ "nmae": "x" })).await;
    assert_eq!(
        (answer.refusal().as_str(), &answer.json()["field"]),
        ("UNKNOWN_FIELD", &json!("nmae"))
    );
    let answer = bench.post("/v1/teams", &cookie, &json!({})).await;
    assert_eq!(
        (answer.refusal().as_str(), &answer.json()["field"]),
        ("MISSING_FIELD", &json!("name"))
    );
    let answer = bench.ask("POST", "/v1/teams", &[("cookie", &cookie)], r#"{"name":"x"}"#).await;
    assert_eq!(answer.refusal(), "MEDIA_TYPE");
    let weak = json!({ "login": "zhao", "role": "agent", "password": "short" });
    assert_eq!(bench.post("/v1/agents", &cookie, &weak).await.refusal(), "WEAK_PASSWORD");
    let answer = bench.get("/v1/conversations?view=theirs", &cookie).await;
    assert_eq!((answer.refusal().as_str(), &answer.json()["field"]), ("BAD_QUERY", &json!("view")));
    let answer =
        bench.json("PATCH", "/v1/inboxes/1", &cookie, &json!({ "origins": ["shop"] })).await;
    assert_eq!(
        (answer.refusal().as_str(), &answer.json()["field"]),
        ("BAD_VALUE", &json!("origins"))
    );
    assert_eq!(
        bench.json("PATCH", "/v1/teams/99", &cookie, &json!({})).await.status.as_u16() / 100,
        4
    );

    let zh = [("accept-language", "zh-CN,zh;q=0.9")];
    let answer = bench.ask("GET", "/v1/nothing", &zh, "").await;
    assert_eq!((answer.status, answer.refusal().as_str()), (StatusCode::NOT_FOUND, "NO_PAGE"));
    assert!(answer.json()["what"].as_str().unwrap().contains("地址"));
    let answer = bench.ask("DELETE", "/v1/me", &[], "").await;
    assert_eq!(
        (answer.status, answer.refusal().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "METHOD")
    );
    assert!(answer.header("allow").contains("GET"), "{}", answer.header("allow"));
    let answer = bench.ask("HEAD", "/healthz", &[], "").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_whose_time_is_over_are_swept_and_others_stay() {
    let (bench, first) = Bench::claimed().await;
    let sign_in = json!({ "login": "wang", "password": PASSWORD });
    let second = bench.post("/v1/sign-in", "", &sign_in).await.cookie();
    let day = 24 * 60 * 60 * 1000;
    let set = |days: u64| bench.ahead_ms.store(days * day, std::sync::atomic::Ordering::Relaxed);
    let desk = bench.desk().clone();
    desk.renew_journal().await.unwrap();
    assert_eq!(desk.sweep_sign_ins().await.unwrap(), 0);

    set(14);
    assert_eq!(bench.get("/v1/me", &first).await.refusal(), "SIGN_IN_FIRST");
    assert_eq!(desk.sweep_sign_ins().await.unwrap(), 0, "a clock may come back for a day");
    set(0);
    assert_eq!(bench.get("/v1/me", &second).await.status, StatusCode::OK);

    set(16);
    let third = bench.post("/v1/sign-in", "", &sign_in).await.cookie();
    desk.renew_journal().await.unwrap();
    assert_eq!(desk.sweep_sign_ins().await.unwrap(), 2);
    assert_eq!(desk.sweep_sign_ins().await.unwrap(), 0, "once");
    assert_eq!(bench.get("/v1/me", &third).await.status, StatusCode::OK);
    set(0);
    assert_eq!(bench.get("/v1/me", &first).await.refusal(), "SIGN_IN_FIRST", "its row is gone");
    desk.renew_journal().await.unwrap();
    assert_eq!(bench.get("/v1/me", &second).await.refusal(), "SIGN_IN_FIRST");
    bench.close().await;
}

/// Between the look at a password and the sign-in, an owner or the operator may set another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_proved_the_former_password_neither_signs_in_nor_sets_the_next_one() {
    let (bench, cookie) = Bench::claimed().await;
    let desk = bench.desk().clone();
    let (old, new) = (Private::from(PASSWORD), Private::from("another long enough sentence"));
    let proven = desk.check_password("wang", &old).await.unwrap().unwrap();
    assert!(desk.sign_in_proven(&proven, HERE).await.is_ok());
    desk.replace_password(AgentId(1), &new).await.unwrap();
    assert_eq!(bench.get("/v1/me", &cookie).await.refusal(), "SIGN_IN_FIRST");
    let late = desk.sign_in_proven(&proven, HERE).await.unwrap_err();
    assert_eq!(late.code, code::BAD_PASSWORD);
    let back = desk.set_password(AgentId(1), AgentId(1), &old, Some(proven)).await.unwrap_err();
    assert_eq!(back.code, code::BAD_PASSWORD);
    assert!(desk.check_password("wang", &old).await.unwrap().is_none());
    let proven = desk.check_password("wang", &new).await.unwrap().unwrap();
    assert!(desk.sign_in_proven(&proven, HERE).await.is_ok());
    bench.close().await;
}

/// A program that signs in every minute must not make its password unchangeable: the ends of so
/// many sign-ins do not fit in one frame of the journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_changed_however_often_its_agent_signed_in() {
    let (bench, cookie) = Bench::claimed().await;
    let desk = bench.desk().clone();
    let mut signing = tokio::task::JoinSet::new();
    for _ in 0..4_000 {
        let desk = desk.clone();
        signing.spawn(async move {
            while desk.sign_in_claimed(AgentId(1), HERE).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
    }
    signing.join_all().await;
    assert_eq!(bench.get("/v1/me", &cookie).await.status, StatusCode::OK);
    let change =
        json!({ "current_password": PASSWORD, "password": "another long enough sentence" });
    let changed = bench.json("PATCH", "/v1/agents/1", &cookie, &change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert_eq!(bench.get("/v1/me", &cookie).await.refusal(), "SIGN_IN_FIRST");
    bench.close().await;
}
