//! Attachments: what is accepted, who gets it back, and that nothing in it can run.

use axum::http::StatusCode;
use posthouse::http::Settings;

use crate::bench::{Bench, CODE, key, png, proto, text};

const TOKEN: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const STRANGER: &str = "0202020202020202020202020202020202020202020202020202020202020202";

fn conversation() -> String {
    format!("conversation={:032x}", 7)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_comes_back_to_its_conversation_only() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let opening = text(7, key(1), &inbox, "hello", proto::Profile::default());
    bench.frames(TOKEN, vec![opening]).await.frames();
    let query = format!("{}&name=%2E%2E%2F%3Cb%3E.png", conversation());
    let sent = bench.upload(TOKEN, &query, &png(64, 48)).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text());
    let sent = sent.json();
    assert_eq!((&sent["media_type"], &sent["width"]), (&"image/png".into(), &64.into()));
    assert_eq!(sent["name"], "<b>.png");
    let path = format!("/v1/blobs/{}?{}", sent["blob"].as_str().unwrap(), conversation());

    let bearer = format!("Bearer {TOKEN}");
    let mine = bench.ask("GET", &path, &[("authorization", &bearer)], "").await;
    assert_eq!(mine.body, png(64, 48));
    assert_eq!(mine.header("content-type"), "image/png");
    assert!(mine.header("content-disposition").starts_with("inline; filename=\"_b_.png\""));
    assert!(mine.header("content-security-policy").contains("sandbox"));
    assert_eq!(mine.header("x-content-type-options"), "nosniff");
    assert!(mine.header("cache-control").starts_with("private"));
    assert_eq!(bench.get(&path, &cookie).await.body, png(64, 48));
    let part = [("authorization", bearer.as_str()), ("range", "bytes=0-3")];
    let part = bench.ask("GET", &path, &part, "").await;
    assert_eq!((part.status, part.body.as_slice()), (StatusCode::PARTIAL_CONTENT, &b"\x89PNG"[..]));

    let stranger = format!("Bearer {STRANGER}");
    let theirs = bench.ask("GET", &path, &[("authorization", &stranger)], "").await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.ask("GET", &path, &[], "").await.refusal(), "SIGN_IN_FIRST");
    let other = path.replace(&conversation(), &format!("conversation={:032x}", 8));
    assert_eq!(bench.get(&other, &cookie).await.status, StatusCode::NOT_FOUND);
    let refused = bench.upload(STRANGER, &query, &png(64, 48)).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_run_is_refused_or_only_text_to_save() {
    let (bench, cookie) = Bench::claimed().await;
    let inbox = bench.inbox(&cookie).await;
    let opening = text(7, key(1), &inbox, "hello", proto::Profile::default());
    bench.frames(TOKEN, vec![opening]).await.frames();
    for (name, bytes, code) in [
        ("a.png", b"\x7fELF\x02\x01\x01\0".as_slice(), "FILE_TYPE"),
        ("a.png", b"MZ\x90\0\x03", "FILE_TYPE"),
        ("bomb.png", &png(60_000, 60_000), "IMAGE_TOO_LARGE"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "IMAGE_TOO_LARGE"),
        ("nothing.txt", b"", "EMPTY_FILE"),
    ] {
        let query = format!("{}&name={name}", conversation());
        assert_eq!(bench.upload(TOKEN, &query, bytes).await.refusal(), code, "{name}");
    }
    for markup in
        ["<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "<script>1</script>"]
    {
        let query = format!("{}&name=a.html", conversation());
        let sent = bench.upload(TOKEN, &query, markup.as_bytes()).await.json();
        assert_eq!(sent["media_type"], "text/plain");
        let path = format!("/v1/blobs/{}?{}", sent["blob"].as_str().unwrap(), conversation());
        let bearer = format!("Bearer {TOKEN}");
        let got = bench.ask("GET", &path, &[("authorization", &bearer)], "").await;
        assert!(got.header("content-disposition").starts_with("attachment"));
        assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_past_the_limit_leaves_nothing_behind() {
    let bench = Bench::with(Settings { attachment_bytes: 300_000, ..Settings::default() }).await;
    assert_eq!(bench.claim(CODE).await.status, StatusCode::OK);
    let query = format!("{}&name=a.txt", conversation());
    let long = vec![b'a'; 300_001];
    assert_eq!(bench.upload(TOKEN, &query, &long).await.refusal(), "FILE_TOO_LARGE");
    let pieces = (0..400).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 1_000]));
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    let bearer = format!("Bearer {TOKEN}");
    let path = format!("/v1/blobs?{query}");
    let answer = bench.ask("POST", &path, &[("authorization", &bearer)], body).await;
    assert_eq!(answer.refusal(), "FILE_TOO_LARGE");
    assert_eq!(bench.files(), 0, "a temporary file was left");
    let answer = bench.upload(TOKEN, &query, &vec![b'a'; 300_000]).await;
    assert_eq!(answer.json()["size"], 300_000);
    assert_eq!(bench.files(), 1);
    bench.close().await;
}
