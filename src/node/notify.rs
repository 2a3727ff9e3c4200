//! What the service manager is told (sd_notify(3)): ready, status, stopping, and that the process
//! is alive. Invariant: the watchdog is fed by work that was seen to be done, never by a timer:
//! a commit since the last feed or a round trip through the writer's thread, and an answer of our
//! own listener.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

/// The service manager's socket; without one every word is dropped.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, String)>,
    /// Time within which a sign of life is due.
    watchdog: Option<Duration>,
}

/// Hands a call to the writer's thread; it is made there, without a sync.
pub type Probe = Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync>;

/// Where signs of life are looked for.
#[derive(Clone)]
pub struct Pulse {
    /// Commits so far.
    pub commits: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub probe: Probe,
    /// Our own listener.
    pub listener: SocketAddr,
}

impl Notifier {
    /// Takes `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` out of the environment's values.
    #[must_use]
    pub fn new(variables: &[(String, String)], pid: u32) -> Self {
        let get = |name: &str| {
            variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
        };
        let socket = get("NOTIFY_SOCKET").filter(|path| path.starts_with(['/', '@']));
        let socket = socket.and_then(|path| {
            let socket = UnixDatagram::unbound().ok()?;
            // A manager that does not read must not hold the desk up.
            socket.set_nonblocking(true).ok()?;
            Some((socket, path.to_owned()))
        });
        let ours = get("WATCHDOG_PID").is_none_or(|own| own.parse() == Ok(pid));
        let watchdog = get("WATCHDOG_USEC")
            .filter(|_| ours && socket.is_some())
            .and_then(|us| us.parse().ok())
            .filter(|us| *us > 0)
            .map(Duration::from_micros);
        Self { socket, watchdog }
    }

    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    pub fn status(&self, status: &str) {
        self.say(&format!("STATUS={status}"));
    }

    /// A reload begins; `ready` says that it is over.
    pub fn reloading(&self) {
        let now = NotifyState::monotonic_usec_now().map(|now| format!("\n{now}"));
        self.say(&format!("RELOADING=1{}", now.unwrap_or_default()));
    }

    pub fn stopping(&self, status: &str) {
        self.say(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Feeds the watchdog as long as there is progress; never ends.
    pub async fn watch(&self, pulse: Pulse) {
        let Some(watchdog) = self.watchdog else { return std::future::pending().await };
        // Two chances a period: one slow disk sync must not stop the service.
        let period = watchdog / 2;
        let mut seen = None;
        loop {
            tokio::time::sleep(period / 2).await;
            if pulse.beats(&mut seen, period / 2).await {
                self.say("WATCHDOG=1");
            } else {
                tracing::warn!("no sign of life: the watchdog is not fed");
            }
        }
    }

    fn say(&self, words: &str) {
        let Some((socket, path)) = &self.socket else { return };
        let sent = match path.strip_prefix('@') {
            Some(name) => UnixAddr::from_abstract_name(name)
                .and_then(|address| socket.send_to_addr(words.as_bytes(), &address)),
            None => socket.send_to(words.as_bytes(), path),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}

impl Pulse {
    /// Whether the writer and the listener did something within `patience`.
    async fn beats(&self, seen: &mut Option<u64>, patience: Duration) -> bool {
        let commits = (self.commits)();
        let committed = seen.replace(commits).is_some_and(|before| before != commits);
        let writer = async { committed || self.writer_answers().await };
        let both = async { writer.await && listener_answers(self.listener).await.is_ok() };
        tokio::time::timeout(patience, both).await.unwrap_or(false)
    }

    async fn writer_answers(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        (self.probe)(Box::new(move || {
            // The watcher may have lost its patience.
            let _ = answer.send(());
        }));
        answered.await.is_ok()
    }
}

/// A plain request to our own listener: whatever it answers went through accept and the router.
pub async fn listener_answers(listener: SocketAddr) -> io::Result<()> {
    let mut address = listener;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    if &start == b"HTTP/" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A service manager's socket in a folder of its own.
    struct Service {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl Service {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ph-{name}-{}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, path }
        }

        fn notifier(&self, watchdog_us: u64) -> Notifier {
            let variables = [
                ("NOTIFY_SOCKET".to_owned(), self.path.to_string_lossy().into_owned()),
                ("WATCHDOG_USEC".to_owned(), watchdog_us.to_string()),
            ];
            Notifier::new(&variables, 1)
        }

        fn heard(&self) -> Vec<String> {
            let mut words = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                words.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
            }
            words
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// A listener that answers every connection like a web server.
    async fn listener() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 512];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            }
        });
        address
    }

    fn answering() -> Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync> {
        Arc::new(|call| call())
    }

    /// A writer that never comes back: calls are kept and not made.
    fn wedged() -> Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync> {
        let kept = std::sync::Mutex::new(Vec::new());
        Arc::new(move |call| kept.lock().unwrap().push(call))
    }

    async fn feeds(pulse: Pulse, name: &str) -> usize {
        let service = Service::new(name);
        let notifier = service.notifier(200_000);
        let watched = tokio::time::timeout(Duration::from_millis(700), notifier.watch(pulse));
        watched.await.unwrap_err();
        service.heard().iter().filter(|words| *words == "WATCHDOG=1").count()
    }

    #[test]
    fn the_service_manager_hears_ready_status_and_stopping() {
        let service = Service::new("words");
        let notifier = service.notifier(0);
        notifier.ready("serving");
        notifier.status("busy");
        notifier.reloading();
        notifier.stopping("going");
        let heard = service.heard();
        let [ready, busy, reloading, stopping] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((ready.as_str(), busy.as_str()), ("READY=1\nSTATUS=serving", "STATUS=busy"));
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        assert_eq!(stopping, "STOPPING=1\nSTATUS=going");
        Notifier::new(&[], 1).ready("nobody hears it");
    }

    #[tokio::test]
    async fn the_watchdog_is_fed_while_writer_and_listener_answer() {
        let local = tokio::task::LocalSet::new();
        let fed = local.run_until(async {
            let (commits, probe) = (Arc::new(|| 0), answering());
            feeds(Pulse { commits, probe, listener: listener().await }, "fed").await
        });
        assert!(fed.await >= 3);
    }

    #[tokio::test]
    async fn a_wedged_writer_starves_the_watchdog_and_a_commit_feeds_it() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let listener = listener().await;
                let commits = Arc::new(|| 7);
                let pulse = Pulse { commits, probe: wedged(), listener };
                assert_eq!(feeds(pulse, "wedged").await, 0);
                let count = AtomicU64::new(0);
                let commits = Arc::new(move || count.fetch_add(1, Ordering::Relaxed));
                let pulse = Pulse { commits, probe: wedged(), listener };
                assert!(feeds(pulse, "commits").await >= 2);
            })
            .await;
    }

    #[tokio::test]
    async fn a_listener_that_accepts_and_never_answers_starves_the_watchdog() {
        let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = deaf.local_addr().unwrap();
        let pulse = Pulse { commits: Arc::new(|| 0), probe: answering(), listener };
        assert_eq!(feeds(pulse, "deaf").await, 0);
    }
}
