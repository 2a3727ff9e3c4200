//! Certificates that sign agents in, and what a change of the profile does to passwords and
//! sign-ins.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use posthouse::base::{AgentId, ClientCertificate, Family, PeerInfo, Private};
use posthouse::desk::{AgentChange, NewAgent, Role, SiteCommand};
use posthouse::http::Settings;
use serde_json::json;

use crate::bench::{Answer, Bench, PASSWORD};

/// A request on a connection whose client showed `holder`'s certificate.
async fn with_certificate(bench: &Bench, method: &str, path: &str, holder: &str) -> Answer {
    let addr: SocketAddr = "192.0.2.7:4000".parse().unwrap();
    let request = Request::builder().method(method).uri(path).header("host", "desk.local");
    let request =
        request.extension(PeerInfo { addr, local: addr, family: Some(Family::Tlcp) }).extension(
            ClientCertificate { holder: holder.into(), serial: "01".into(), not_after_s: u64::MAX },
        );
    bench.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signs_in_the_agent_it_names_and_nobody_else() {
    let (bench, _) = Bench::claimed().await;
    let ways = |holder| with_certificate(&bench, "GET", "/v1/sign-in", holder);
    assert_eq!(ways("wang").await.json()["certificate"], "wang");
    assert_eq!(ways("stranger").await.json()["certificate"], json!(null));
    assert_eq!(bench.get("/v1/sign-in", "").await.json()["certificate"], json!(null));

    let path = "/v1/sign-in/certificate";
    let entered = with_certificate(&bench, "POST", path, "wang").await;
    assert_eq!(entered.status, StatusCode::OK);
    assert_eq!(entered.json()["agent"]["login"], "wang");
    assert!(entered.cookie().starts_with("__Host-"), "{}", entered.cookie());
    let refused = with_certificate(&bench, "POST", path, "stranger").await;
    assert_eq!(refused.refusal(), "NO_AGENT_CERTIFICATE");
    assert_eq!(bench.post(path, "", &json!({})).await.refusal(), "NO_AGENT_CERTIFICATE");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_certificate_signs_nobody_in() {
    let settings =
        Settings { trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()], ..Settings::default() };
    let bench = Bench::with(settings).await;
    bench.claim(crate::bench::CODE).await;
    let refused = with_certificate(&bench, "POST", "/v1/sign-in/certificate", "wang").await;
    assert_eq!(refused.refusal(), "NO_AGENT_CERTIFICATE");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_profile_keeps_sign_ins_and_keeps_passwords_anew_as_they_are_used() {
    let (bench, old) = Bench::claimed().await;
    let right = json!({ "login": "wang", "password": PASSWORD });
    let wrong = json!({ "login": "wang", "password": "not the password" });
    let bench = bench.restarted(true).await;
    assert_eq!(bench.get("/v1/me", &old).await.status, StatusCode::OK);
    assert_eq!(bench.post("/v1/sign-in", "", &wrong).await.refusal(), "BAD_PASSWORD");
    assert!(bench.holds("$argon2id$") && !bench.holds("$pbkdf2-sm3$"), "nobody proved it yet");
    let new = bench.post("/v1/sign-in", "", &right).await.cookie();
    assert!(bench.holds("$pbkdf2-sm3$"));
    assert_eq!(bench.get("/v1/me", &new).await.status, StatusCode::OK);
    assert!(bench.post("/v1/sign-out", &old, &json!({})).await.status.is_success());
    assert_eq!(bench.get("/v1/me", &old).await.status, StatusCode::UNAUTHORIZED);

    let bench = bench.restarted(false).await;
    assert_eq!(bench.get("/v1/me", &new).await.status, StatusCode::OK);
    assert_eq!(bench.post("/v1/sign-in", "", &right).await.status, StatusCode::OK);
    assert_eq!(bench.post("/v1/sign-in", "", &wrong).await.refusal(), "BAD_PASSWORD");
    bench.close().await;
}

/// While one agent's password is kept by the scheme of a former profile, every name costs the work
/// of both; when it is kept anew, or its agent is disabled, one is enough for everybody again.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_costs_the_same_hashes_whoever_is_named() {
    let (bench, _) = Bench::claimed().await;
    let add = |login: &str| {
        let agent = NewAgent {
            login: login.to_owned(),
            name: login.into(),
            role: Role::Agent,
            capacity: 1,
            teams: Vec::new(),
        };
        let desk = bench.desk().clone();
        async move {
            let password = Private::from(PASSWORD);
            desk.administer_as_operator(SiteCommand::AddAgent(agent), Some(&password)).await
        }
    };
    let ben = AgentId(add("ben").await.unwrap());
    add("cat").await.unwrap();
    let cost = async |bench: &Bench, login: &str, password: &str| {
        let before = bench.counters.password_hashes.get();
        let proven = bench.desk().check_password(login, &Private::from(password)).await.unwrap();
        assert_eq!(proven.is_some(), password == PASSWORD);
        bench.counters.password_hashes.get() - before
    };
    for login in ["wang", "ben", "nobody"] {
        assert_eq!(cost(&bench, login, "wrong password").await, 1, "{login}");
    }
    let bench = bench.restarted(true).await;
    assert_eq!(cost(&bench, "wang", PASSWORD).await, 2);
    assert!(bench.holds("$pbkdf2-sm3$") && bench.holds("$argon2id$"));
    for login in ["wang", "ben", "nobody"] {
        assert_eq!(cost(&bench, login, "wrong password").await, 2, "{login}");
    }
    assert_eq!(cost(&bench, "cat", PASSWORD).await, 2);
    let disabled = AgentChange { disabled: Some(true), ..AgentChange::default() };
    let disabled = SiteCommand::ChangeAgent(ben, disabled);
    bench.desk().administer_as_operator(disabled, None).await.unwrap();
    for login in ["wang", "ben", "cat", "nobody"] {
        assert_eq!(cost(&bench, login, "wrong password").await, 1, "{login}");
    }
    bench.close().await;
}

/// Keeping a password anew takes as long as a hash, and in that time it may be reset.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_kept_anew_does_not_come_back_over_a_reset() {
    let (mut bench, _) = Bench::claimed().await;
    let passwords = [PASSWORD, "another long enough sentence"].map(Private::from);
    for round in 0..3 {
        bench = bench.restarted(round % 2 == 0).await;
        let (old, new) = (&passwords[round % 2], &passwords[(round + 1) % 2]);
        let desk = bench.desk().clone();
        let later = std::time::Duration::from_millis(80 * round as u64);
        let reset = async {
            tokio::time::sleep(later).await;
            while desk.replace_password(AgentId(1), new).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        let (checked, ()) = tokio::join!(desk.check_password("wang", old), reset);
        if let Ok(Some(proven)) = checked {
            assert!(
                desk.sign_in_proven(&proven, Ipv4Addr::LOCALHOST.into()).await.is_err(),
                "round {round}"
            );
        }
        assert!(desk.check_password("wang", old).await.unwrap().is_none(), "round {round}");
        assert!(desk.check_password("wang", new).await.unwrap().is_some(), "round {round}");
    }
    bench.close().await;
}
