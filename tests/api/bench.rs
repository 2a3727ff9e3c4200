//! The router over a real desk and a real store in a folder of its own, asked in this process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use posthouse::actors::{self, Desk, Running, Setting};
use posthouse::base::{Clock, Counters, PeerInfo, Private, Tick, Wall};
use posthouse::http::{App, Settings, router};
use posthouse::store;
use posthouse::store::audit::AuditKeys;
use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::Keys;
use prost::Message as _;
use serde_json::{Value, json};
use tower_service::Service as _;

pub use posthouse::wire::proto;

pub const CODE: &str = "ABCD-EFGH";
pub const PASSWORD: &str = "a long enough sentence";

/// The real clock, which a test may set ahead.
struct RealClock(Instant, Arc<AtomicU64>);

impl Clock for RealClock {
    fn tick(&self) -> Tick {
        Tick(self.0.elapsed().as_millis() as u64)
    }

    fn wall(&self) -> Wall {
        let ahead = self.1.load(Ordering::Relaxed);
        Wall { ms: UNIX_EPOCH.elapsed().unwrap().as_millis() as u64 + ahead, trusted: true }
    }
}

pub struct Bench {
    pub router: Router,
    pub counters: Arc<Counters>,
    /// Milliseconds that the wall clock is ahead.
    pub ahead_ms: Arc<AtomicU64>,
    running: Option<Running>,
    pub folder: PathBuf,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// The name of the refusal's code.
    pub fn refusal(&self) -> String {
        assert!(!self.status.is_success(), "expected a refusal, got {}", self.status);
        self.json()["name"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    pub fn frames(&self) -> Vec<proto::server_frame::Frame> {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        let list = proto::FrameList::decode(self.body.as_slice()).unwrap();
        list.server.into_iter().filter_map(|frame| frame.frame).collect()
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::open(store::Options::new(folder()), settings, false).await
    }

    /// A desk on a sealed store.
    pub async fn sealed() -> Self {
        let master = (1, Secret::new([7; 32]));
        let keys = Keys::new(Family::International, vec![master]);
        let options = store::Options { keys, ..store::Options::new(folder()) };
        Self::open(options, Settings::default(), false).await
    }

    async fn open(store: store::Options, settings: Settings, national: bool) -> Self {
        let folder = store.dir.clone();
        let counters = Arc::new(Counters::new());
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let running = actors::start(Setting {
            clock: Arc::new(RealClock(Instant::now(), Arc::clone(&ahead_ms))),
            counters: Arc::clone(&counters),
            store,
            shards: 2,
            claim_code: Some(Private(CODE.to_owned())),
            endpoints: Vec::new(),
            national,
            audit: AuditKeys::of_folder(&folder, Family::International).expect("audit keys"),
            audit_days: 180,
        })
        .await
        .expect("the desk starts");
        let app = App::new(running.desk.clone(), settings, Arc::clone(&counters));
        Self { router: router(app), counters, ahead_ms, running: Some(running), folder }
    }

    pub fn desk(&self) -> &Desk {
        &self.running.as_ref().unwrap().desk
    }

    /// The same site after a restart, in the national profile or not.
    pub async fn restarted(mut self, national: bool) -> Self {
        let folder = std::mem::take(&mut self.folder);
        self.close().await;
        Self::open(store::Options::new(folder), Settings::default(), national).await
    }

    /// Whether the journal or the database holds this text.
    pub fn holds(&self, text: &str) -> bool {
        ["journal", "store.redb"].iter().any(|name| {
            let bytes = std::fs::read(self.folder.join(name)).unwrap_or_default();
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        })
    }

    /// A claimed desk and its owner's cookie.
    pub async fn claimed() -> (Self, String) {
        let bench = Self::new().await;
        let answer = bench.claim(CODE).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        let cookie = answer.cookie();
        (bench, cookie)
    }

    pub async fn claim(&self, code: &str) -> Answer {
        let form = json!({
            "code": code, "owner": "wang", "password": PASSWORD, "site": "Shop", "language": "en"
        });
        self.post("/v1/setup", "", &form).await
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<PeerInfo>().is_none() {
            let addr: SocketAddr = "127.0.0.1:4000".parse().unwrap();
            request.extensions_mut().insert(PeerInfo { addr, local: addr, family: None });
        }
        let response = self.router.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "desk.local");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.ask("GET", path, &[("cookie", cookie)], Body::empty()).await
    }

    pub async fn post(&self, path: &str, cookie: &str, body: &Value) -> Answer {
        self.json("POST", path, cookie, body).await
    }

    pub async fn json(&self, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
        let headers = [("cookie", cookie), ("content-type", "application/json")];
        self.ask(method, path, &headers, body.to_string()).await
    }

    /// The key of the first inbox.
    pub async fn inbox(&self, cookie: &str) -> String {
        let inboxes = self.get("/v1/inboxes", cookie).await.json();
        inboxes["inboxes"][0]["key"].as_str().unwrap().to_owned()
    }

    /// Sends frames as a visitor.
    pub async fn frames(&self, token: &str, frames: Vec<proto::ClientFrame>) -> Answer {
        let list = proto::FrameList { client: frames, server: Vec::new() };
        let bearer = format!("Bearer {token}");
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/x-protobuf")];
        self.ask("POST", "/v1/frames", &headers, list.encode_to_vec()).await
    }

    pub async fn upload(&self, token: &str, query: &str, bytes: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        let path = format!("/v1/blobs?{query}");
        self.ask("POST", &path, &[("authorization", &bearer)], bytes.to_vec()).await
    }

    /// Attachments and leftovers on disk.
    pub fn files(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let Ok(items) = std::fs::read_dir(folder) else { return 0 };
            let size = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
            items.map(|item| size(item.unwrap().path())).sum()
        }
        count(&self.folder.join("blobs"))
    }

    /// Stops the desk as a server does.
    pub async fn close(mut self) {
        if let Some(running) = self.running.take() {
            running.drain(100, 1_000).await;
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn folder() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("posthouse-api-{}-{number}", std::process::id()))
}

/// A text of a visitor; the first one of a conversation opens it.
pub fn text(
    conversation: u128,
    key: u128,
    inbox: &str,
    text: &str,
    profile: proto::Profile,
) -> proto::ClientFrame {
    let content = proto::message::Content::Text(text.to_owned());
    let message = proto::Message { content: Some(content) };
    let command = proto::Command { body: Some(proto::command::Body::Message(message)) };
    let opening = proto::Opening { inbox_key: inbox.to_owned(), profile: Some(profile) };
    let submit = proto::Submit {
        conversation: conversation.to_be_bytes().to_vec(),
        key: key.to_be_bytes().to_vec(),
        opening: Some(opening),
        command: Some(command),
    };
    proto::ClientFrame { frame: Some(proto::client_frame::Frame::Submit(submit)) }
}

/// A UUIDv7 of now; `number` tells it from the others.
pub fn key(number: u128) -> u128 {
    let now = UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    posthouse::base::MessageKey::new(now, number + 1).0
}

/// The start of a PNG of this size.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0]);
    bytes
}
