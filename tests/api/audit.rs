//! Every act of an administrator and every sign-in has a line in the audit log before it is
//! answered; what cannot be written down is not done.

use axum::http::StatusCode;
use posthouse::store::audit;
use serde_json::{Value, json};

use crate::bench::{Bench, PASSWORD};

/// Newest first.
fn lines(bench: &Bench) -> Vec<Value> {
    let found = audit::newest(&bench.folder.join(audit::FOLDER), 100).unwrap();
    found.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
}

async fn sign_in(bench: &Bench, login: &str, password: &str) -> StatusCode {
    let body = json!({ "login": login, "password": password });
    bench.post("/v1/sign-in", "", &body).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_does_and_who_comes_in_is_written_down() {
    let (bench, owner) = Bench::claimed().await;
    let [entered, claimed] = &lines(&bench)[..2] else { panic!("two lines") };
    assert_eq!((&claimed["what"], &claimed["result"]), (&json!("site.claim"), &json!("ok")));
    assert_eq!((&entered["what"], &entered["about"]), (&json!("sign-in"), &json!("claim")));

    assert_eq!(sign_in(&bench, "wang", "not the password").await, StatusCode::UNAUTHORIZED);
    let line = &lines(&bench)[0];
    assert_eq!((&line["what"], &line["who"]), (&json!("sign-in"), &json!("? wang")));
    assert_eq!(line["from"], "127.0.0.1");
    assert!(line["result"].as_str().unwrap().ends_with("BAD_PASSWORD"), "{line}");
    assert_eq!(sign_in(&bench, "wang", PASSWORD).await, StatusCode::OK);
    assert_eq!(lines(&bench)[0]["who"], "agent 1 wang");

    let new = json!({ "login": "li", "name": "Li", "role": "agent", "password": PASSWORD });
    let made = bench.post("/v1/agents", &owner, &new).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let add = &lines(&bench)[0];
    assert_eq!((&add["what"], &add["about"]), (&json!("agent.add"), &json!("li agent")));
    assert_eq!(add["who"], "agent 1 wang");

    // A refusal is a line too: an agent tries to become an owner.
    let li = bench.post("/v1/sign-in", "", &json!({ "login": "li", "password": PASSWORD })).await;
    let body = json!({ "role": "owner" });
    let refused = bench.json("PATCH", "/v1/agents/2", &li.cookie(), &body).await;
    assert_eq!(refused.refusal(), "DENIED");
    let line = &lines(&bench)[0];
    assert_eq!(
        (&line["who"], &line["about"]),
        (&json!("agent 2 li"), &json!("agent 2, role owner"))
    );
    assert!(line["result"].as_str().unwrap().ends_with("DENIED"), "{line}");
    let log: String = lines(&bench).iter().map(Value::to_string).collect();
    assert!(!log.contains(PASSWORD) && !log.contains("not the password"), "{log}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_without_end_fill_no_disk() {
    let (bench, _) = Bench::claimed().await;
    for number in 0..60 {
        sign_in(&bench, &format!("name{number}"), "guess guess guess").await;
    }
    let failed = |line: &&Value| line["what"] == "sign-in" && line["result"] != "ok";
    let failed = lines(&bench).iter().filter(failed).count();
    assert!((1..=30).contains(&failed), "{failed}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_one_life_goes_on_in_the_next() {
    let (bench, _) = Bench::claimed().await;
    let bench = bench.restarted(false).await;
    assert_eq!(sign_in(&bench, "wang", PASSWORD).await, StatusCode::OK);
    let keys =
        audit::AuditKeys::of_folder(&bench.folder, posthouse_crypto::family::Family::International);
    let folder = bench.folder.join(audit::FOLDER);
    let (verdict, findings) = audit::verify(&folder, &keys.unwrap(), &[]).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(verdict.signed, verdict.last - 1, "the end of the first life is signed");
    bench.close().await;
}
