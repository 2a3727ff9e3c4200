//! What an operator reads: figures, readiness, the document of the API, security headers.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use posthouse::base::{Family, PeerInfo, Private};
use posthouse::http::Settings;

use crate::bench::Bench;

fn from(address: &str, path: &str) -> axum::http::request::Builder {
    let addr = format!("{address}:9").parse().unwrap();
    let family = Some(Family::International);
    Request::builder().uri(path).extension(PeerInfo { addr, local: addr, family })
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_this_machine_or_the_token() {
    let token = Some(Private("secret".into()));
    let bench = Bench::with(Settings { metrics_token: token, ..Settings::default() }).await;
    let far = || from("192.0.2.1", "/metrics");
    let answer = bench.send(far().body(Body::empty()).unwrap()).await;
    assert_eq!(answer.refusal(), "METRICS_ONLY_LOCAL");
    let wrong = far().header("authorization", "Bearer secres").body(Body::empty()).unwrap();
    assert_eq!(bench.send(wrong).await.status, StatusCode::FORBIDDEN);
    let right = far().header("authorization", "Bearer secret").body(Body::empty()).unwrap();
    assert_eq!(bench.send(right).await.status, StatusCode::OK);
    let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
    let near = bench.ask("GET", "/metrics", &accept, "").await;
    assert!(near.header("content-type").starts_with("application/openmetrics-text"));
    let text = near.text();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("posthouse_refusals_total{code=\"2026\",name=\"METRICS_ONLY_LOCAL\"} 2"));
    assert!(text.contains("posthouse_commit_seconds_bucket{le=\"+Inf\"}"));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_wrong_with_the_figures() {
    let bench = Bench::new().await;
    bench.get("/v1/nothing", "").await;
    let text = bench.get("/metrics", "").await.text();
    bench.close().await;
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("promtool is not installed (Debian: prometheus): not checked");
        return;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_router_name_the_same_routes() {
    let bench = Bench::new().await;
    let document = bench.get("/v1/openapi.json", "").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 25);
    for (path, operations) in paths {
        let real = path.replace("{id}", "1").replace("{path}", "x").replace("{rest}", "x");
        for method in operations.as_object().unwrap().keys() {
            let answer = bench.ask(&method.to_uppercase(), &real, &[], "").await;
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let nothing = answer.status == StatusCode::NOT_FOUND && answer.refusal() == "NO_PAGE";
            assert!(!nothing || path.ends_with("/{path}") || path == "/widget.js", "{path}");
        }
        let answer = bench.ask("PUT", &real, &[], "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let bench = Bench::with(Settings { hsts: true, ..Settings::default() }).await;
    for path in
        ["/", "/setup", "/demo", "/healthz", "/v1/setup", "/v1/nothing", "/widget.js", "/ca"]
    {
        let answer = bench.get(path, "").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "plain {path}");
        let tls = from("127.0.0.1", path).body(Body::empty()).unwrap();
        assert_eq!(bench.send(tls).await.header("strict-transport-security"), "max-age=31536000");
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_boxs_authority_is_offered_with_steps_in_both_languages() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let settings = Settings { authority_pem: Some(pem.into()), ..Settings::default() };
    let bench = Bench::with(settings).await;
    for (language, word) in [("zh", "统信"), ("en", "Trusted Root")] {
        let page = bench.get(&format!("/ca?lang={language}"), "").await.text();
        assert!(page.contains(word) && page.contains("/ca.crt"));
    }
    let file = bench.get("/ca.crt", "").await;
    assert_eq!(file.header("content-type"), "application/x-x509-ca-cert");
    assert_eq!(file.text(), pem);
    bench.close().await;
    let bench = Bench::new().await;
    assert_eq!(bench.get("/ca.pem", "").await.refusal(), "NO_AUTHORITY");
    assert_eq!(bench.get("/healthz", "").await.text(), "ok\n");
    assert_eq!(bench.get("/readyz", "").await.json()["ready"], true);
    let manual = bench.ask("GET", "/manual/", &[("accept-language", "zh")], "").await;
    assert_eq!(manual.status, StatusCode::TEMPORARY_REDIRECT);
    let page = bench.get(manual.header("location"), "").await;
    assert!(page.text().contains("<h1"), "{}", manual.header("location"));
    bench.close().await;
}
