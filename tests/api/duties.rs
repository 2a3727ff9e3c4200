//! A site whose duties are separated: over every way in, each administrator does what is theirs and
//! nothing of the others', and each change of roles has its line.

use axum::http::StatusCode;
use posthouse::actors::Desk;
use posthouse::base::{AgentId, Private, code};
use posthouse::desk::SiteCommand;
use posthouse::store::audit;
use prost::Message as _;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, PASSWORD, key, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const NEW: &str = "quite another sentence";

/// wang was the owner; sys, sec and aud administer; li answers.
struct Apart {
    bench: Bench,
    cookies: Vec<(&'static str, String)>,
}

impl Apart {
    async fn new() -> Self {
        let (bench, owner) = Bench::claimed().await;
        for (login, role) in [
            ("sys", "agent"),
            ("sec", "supervisor"),
            ("aud", "agent"),
            ("li", "agent"),
            ("mei", "agent"),
        ] {
            let new = json!({ "login": login, "role": role, "teams": [1], "password": PASSWORD });
            assert_eq!(bench.post("/v1/agents", &owner, &new).await.status, StatusCode::OK);
        }
        let before = sign_in(&bench, "aud", PASSWORD).await.cookie();
        separate(bench.desk()).await.unwrap();
        // Whoever knew the three passwords before does not come in any more, and is out.
        for login in ["sys", "sec", "aud"] {
            assert_eq!(sign_in(&bench, login, PASSWORD).await.refusal(), "BAD_PASSWORD");
        }
        assert_eq!(bench.get("/v1/me", &before).await.refusal(), "SIGN_IN_FIRST");
        let mut cookies = Vec::new();
        for (login, id) in [("wang", 1), ("sys", 2), ("sec", 3), ("aud", 4), ("li", 5)] {
            let own = Private(format!("{login} has a password"));
            if (2..=4).contains(&id) {
                bench.desk().replace_password(AgentId(id), &own).await.unwrap();
            }
            let password = if (2..=4).contains(&id) { &*own } else { PASSWORD };
            let answer = sign_in(&bench, login, password).await;
            assert_eq!(answer.status, StatusCode::OK, "{login}: {}", answer.text());
            cookies.push((login, answer.cookie()));
        }
        Self { bench, cookies }
    }

    fn cookie(&self, login: &str) -> &str {
        &self.cookies.iter().find(|(known, _)| *known == login).unwrap().1
    }

    async fn ask(&self, login: &str, method: &str, path: &str, body: &Value) -> Answer {
        match method {
            "GET" => self.bench.get(path, self.cookie(login)).await,
            _ => self.bench.json(method, path, self.cookie(login), body).await,
        }
    }
}

fn hello(inbox: &str) -> proto::ClientFrame {
    text(7, key(7), inbox, "hello", proto::Profile::default())
}

async fn separate(desk: &Desk) -> Result<u32, posthouse::desk::Refusal> {
    let (system, security, audit) = (AgentId(2), AgentId(3), AgentId(4));
    desk.administer_as_operator(SiteCommand::Separate { system, security, audit }, None).await
}

async fn sign_in(bench: &Bench, login: &str, password: &str) -> Answer {
    bench.post("/v1/sign-in", "", &json!({ "login": login, "password": password })).await
}

/// Newest first.
fn lines(bench: &Bench) -> Vec<Value> {
    let found = audit::newest(&bench.folder.join(audit::FOLDER), 500).unwrap();
    found.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
}

/// Every request that needs a right, and who has it.
fn table(conversation: &str) -> Vec<(&'static str, String, Value, &'static [&'static str])> {
    let erased = format!("/v1/conversations/{conversation}");
    vec![
        ("POST", "/v1/teams".into(), json!({ "name": "Sales" }), &["sys"]),
        ("PATCH", "/v1/teams/1".into(), json!({ "name": "Service" }), &["sys"]),
        ("POST", "/v1/inboxes".into(), json!({ "name": "Shop", "team": 1 }), &["sys"]),
        ("PATCH", "/v1/inboxes/1".into(), json!({ "greeting": "Hi" }), &["sys"]),
        ("PATCH", "/v1/site".into(), json!({ "name": "Post" }), &["sys"]),
        ("POST", "/v1/agents".into(), json!({ "login": "new", "role": "agent" }), &["sys"]),
        (
            "POST",
            "/v1/agents".into(),
            json!({ "login": "n2", "role": "agent", "password": NEW }),
            &[],
        ),
        ("POST", "/v1/agents".into(), json!({ "login": "n3", "role": "supervisor" }), &[]),
        ("PATCH", "/v1/agents/6".into(), json!({ "capacity": 3 }), &["sys"]),
        ("PATCH", "/v1/agents/6".into(), json!({ "role": "supervisor" }), &["sec"]),
        ("PATCH", "/v1/agents/6".into(), json!({ "password": NEW }), &["sec"]),
        ("PATCH", "/v1/agents/4".into(), json!({ "password": NEW }), &[]),
        ("PATCH", "/v1/agents/2".into(), json!({ "disabled": true, "name": "x" }), &[]),
        ("GET", "/v1/audit".into(), Value::Null, &["aud"]),
        ("GET", "/v1/audit/export".into(), Value::Null, &["aud"]),
        ("POST", "/v1/audit/verify".into(), json!({}), &["aud"]),
        ("GET", "/v1/feed?kind=6".into(), Value::Null, &[]),
        ("GET", "/v1/feed?kind=4&number=1".into(), Value::Null, &["wang", "li"]),
        ("GET", "/v1/feed?kind=3&number=5".into(), Value::Null, &["wang", "li"]),
        ("GET", format!("/v1/feed?kind=2&id={conversation}"), Value::Null, &["wang", "li"]),
        ("GET", erased.clone(), Value::Null, &["wang", "li"]),
        // Last: nothing is left of it.
        ("DELETE", erased, json!({}), &["sec"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_answered_to_whom_the_table_names_and_to_nobody_else() {
    let apart = Apart::new().await;
    let inbox = apart.bench.inbox(apart.cookie("sys")).await;
    apart.bench.frames(TOKEN, vec![hello(&inbox)]).await;
    let conversation = format!("{:032x}", 7);
    for (method, path, body, may) in table(&conversation) {
        // Those who may come last: what they do must not change the answer to the others.
        let order = ["wang", "sys", "sec", "aud", "li"];
        let (mighty, others): (Vec<_>, Vec<_>) = order.iter().partition(|who| may.contains(who));
        for who in others {
            let answer = apart.ask(who, method, &path, &body).await;
            let refusal = answer.refusal();
            // The own password needs the former one.
            let own = who == "aud" && path == "/v1/agents/4" && refusal == "MISSING_FIELD";
            let hidden = own || ["DENIED", "NO_CONVERSATION"].contains(&refusal.as_str());
            assert!(hidden, "{who} {method} {path} {body}: {refusal}");
        }
        for who in mighty {
            let answer = apart.ask(who, method, &path, &body).await;
            assert!(answer.status.is_success(), "{who} {method} {path}: {}", answer.text());
        }
    }
    apart.bench.close().await;
}

/// The control of the table: where duties are together an owner is answered everything.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_answered_all_of_it_while_duties_are_together() {
    let (bench, owner) = Bench::claimed().await;
    for login in ["sys", "sec", "aud", "li", "mei"] {
        let new = json!({ "login": login, "role": "agent", "teams": [1], "password": PASSWORD });
        assert_eq!(bench.post("/v1/agents", &owner, &new).await.status, StatusCode::OK);
    }
    let inbox = bench.inbox(&owner).await;
    bench.frames(TOKEN, vec![hello(&inbox)]).await;
    for (method, path, body, _) in table(&format!("{:032x}", 7)) {
        let answer = match method {
            "GET" => bench.get(&path, &owner).await,
            _ => bench.json(method, &path, &owner, &body).await,
        };
        assert!(answer.status.is_success(), "{method} {path} {body}: {}", answer.text());
    }
    bench.close().await;
}

/// Whoever gives a role knows no password of who has it: one person would have two duties.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_an_administrator_whom_they_could_sign_in_as() {
    let apart = Apart::new().await;
    let reset = apart.ask("sec", "PATCH", "/v1/agents/6", &json!({ "password": NEW })).await;
    assert_eq!(reset.status, StatusCode::OK);
    let mei = sign_in(&apart.bench, "mei", NEW).await;
    assert_eq!(mei.status, StatusCode::OK, "the control");
    let role = json!({ "role": "audit-administrator" });
    assert_eq!(apart.ask("sec", "PATCH", "/v1/agents/6", &role).await.status, StatusCode::OK);
    assert_eq!(apart.bench.get("/v1/me", &mei.cookie()).await.refusal(), "SIGN_IN_FIRST");
    assert_eq!(sign_in(&apart.bench, "mei", NEW).await.refusal(), "BAD_PASSWORD");
    let again = apart.ask("sec", "PATCH", "/v1/agents/6", &json!({ "password": NEW })).await;
    assert_eq!(again.refusal(), "DENIED");
    // Nobody gives themselves another duty, and the last of one stays.
    for (who, id) in [("sys", 2), ("sec", 3), ("aud", 4)] {
        let path = format!("/v1/agents/{id}");
        assert_eq!(apart.ask(who, "PATCH", &path, &role).await.refusal(), "DENIED", "{who}");
    }
    let agent = json!({ "role": "agent" });
    let last = apart.ask("sec", "PATCH", "/v1/agents/2", &agent).await;
    assert_eq!(last.refusal(), "LAST_ADMINISTRATOR");
    let freed = apart.ask("sec", "PATCH", "/v1/agents/4", &agent).await;
    assert_eq!(freed.status, StatusCode::OK, "mei is the second: {}", freed.text());
    apart.bench.close().await;
}

/// The frames of the protocol, over HTTP: they say the same as over a WebSocket.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_write_nothing_into_a_conversation() {
    let apart = Apart::new().await;
    let inbox = apart.bench.inbox(apart.cookie("sys")).await;
    apart.bench.frames(TOKEN, vec![hello(&inbox)]).await;
    let note = |number| {
        let note = proto::Note { text: "a note".into() };
        let command = proto::Command { body: Some(proto::command::Body::Note(note)) };
        let submit = proto::Submit {
            conversation: 7_u128.to_be_bytes().to_vec(),
            key: key(number).to_be_bytes().to_vec(),
            command: Some(command),
            ..proto::Submit::default()
        };
        proto::ClientFrame { frame: Some(proto::client_frame::Frame::Submit(submit)) }
    };
    for (number, who) in (10..).zip(["sys", "sec", "aud", "li"]) {
        let list = proto::FrameList { client: vec![note(number)], server: Vec::new() };
        let headers = [("cookie", apart.cookie(who)), ("content-type", "application/x-protobuf")];
        let answer = apart.bench.ask("POST", "/v1/frames", &headers, list.encode_to_vec()).await;
        let denied = answer.frames().iter().any(|frame| {
            let proto::server_frame::Frame::Refused(refused) = frame else { return false };
            refused.name == "DENIED"
        });
        assert_eq!(denied, who != "li", "{who}: {:?}", answer.frames());
    }
    apart.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_are_the_operators_and_each_has_its_line() {
    let apart = Apart::new().await;
    let desk = apart.bench.desk();
    let again = separate(desk).await.unwrap_err();
    assert_eq!(again.code, code::DUTIES_SEPARATED);
    let line = &lines(&apart.bench)[0];
    assert_eq!((&line["what"], &line["who"]), (&json!("duties.separate"), &json!("operator")));
    assert!(line["result"].as_str().unwrap().ends_with("DUTIES_SEPARATED"), "{line}");
    assert_eq!(
        apart.bench.get("/v1/site", apart.cookie("sys")).await.json()["separate_duties"],
        true
    );

    desk.administer_as_operator(SiteCommand::Combine { owner: AgentId(4) }, None).await.unwrap();
    let line = &lines(&apart.bench)[0];
    assert_eq!((&line["what"], &line["about"]), (&json!("duties.combine"), &json!("owner 4")));
    let me = apart.bench.get("/v1/me", apart.cookie("aud")).await.json();
    assert_eq!(me["agent"]["role"], "owner");
    let roles = apart.bench.get("/v1/agents", apart.cookie("aud")).await.text();
    assert!(!roles.contains("administrator"), "{roles}");
    apart.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_asked_by_who_what_and_result_and_read_to_its_beginning() {
    let apart = Apart::new().await;
    let denied = apart.ask("sys", "GET", "/v1/audit", &Value::Null).await;
    assert_eq!(denied.refusal(), "DENIED");
    let ask = |query: &str| {
        let path = format!("/v1/audit?{query}");
        let apart = &apart;
        async move {
            let answer = apart.ask("aud", "GET", &path, &Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            answer.json()
        }
    };
    // Who tried to read without the right is there.
    let page = ask("who=SYS&refused=true&what=audit").await;
    assert_eq!(page["lines"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page["lines"][0]["what"], "audit.read");
    let page = ask("what=agent").await;
    let kinds: Vec<&str> =
        page["lines"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"agent.add") && kinds.contains(&"agent.password"), "{kinds:?}");
    assert!(kinds.iter().all(|what| what.starts_with("agent.")), "{kinds:?}");
    // Page by page it is the whole log, newest first, without a gap.
    let (mut numbers, mut next) = (Vec::new(), None);
    loop {
        let before = next.map_or(String::new(), |next: u64| format!("&before={next}"));
        let page = ask(&format!("limit=4{before}")).await;
        let lines = page["lines"].as_array().unwrap().clone();
        numbers.extend(lines.iter().map(|line| line["i"].as_u64().unwrap()));
        next = page["next"].as_u64();
        if next.is_none() {
            break;
        }
    }
    let last = numbers[0];
    assert!(last > 12, "{numbers:?}");
    assert_eq!(numbers, (1..=last).rev().collect::<Vec<_>>());
    let at = lines(&apart.bench)[0]["at_ms"].as_u64().unwrap();
    assert_eq!(ask(&format!("since_ms={}", at + 60_000)).await["lines"], json!([]));
    assert_eq!(ask("until_ms=1").await["lines"], json!([]));
    let bad = apart.ask("aud", "GET", "/v1/audit?limit=many", &Value::Null).await;
    assert_eq!(bad.refusal(), "BAD_QUERY");
    apart.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_and_an_export_say_what_the_files_are() {
    let apart = Apart::new().await;
    let verify = async || apart.ask("aud", "POST", "/v1/audit/verify", &json!({})).await.json();
    let verdict = verify().await;
    assert_eq!(verdict["findings"], json!([]), "{verdict}");
    assert!(verdict["last"].as_u64().unwrap() > 10, "{verdict}");
    let export = apart.ask("aud", "GET", "/v1/audit/export", &Value::Null).await;
    assert!(export.header("content-disposition").contains("audit.jsonl"));
    let keys = audit::AuditKeys::of_folder(
        &apart.bench.folder,
        posthouse_crypto::family::Family::International,
    );
    let key = keys.unwrap().public();
    let text = export.text();
    let read = posthouse_crypto::audit::verify_signed(text.lines(), &key, &[]);
    assert!(read.findings.is_empty() && read.signed == read.last, "{read:?}");
    assert!(text.contains("audit.export"), "the export holds its own line");
    // A signed head is known now: verified again, it says when it was made.
    assert!(verify().await["head_ms"].as_u64().is_some());

    // The control: one letter of one line.
    let file = apart.bench.folder.join("audit/00000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("li agent", "li owner", 1)).unwrap();
    let verdict = verify().await;
    assert_eq!(verdict["findings"][0]["kind"], "edited", "{verdict}");
    assert!(verdict["findings"][0]["line"].as_u64().unwrap() > 1);
    apart.bench.close().await;
}
