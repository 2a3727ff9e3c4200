//! R14 on the real process: its listening sockets are kept by the service manager, so that a client
//! which comes while no process runs is served by the next one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::io::{IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, kill_process};

fn binary() -> PathBuf {
    std::env::var_os("POSTHOUSE_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_posthouse").into())
        .into()
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What a service manager does for one service: it hears its words, keeps its descriptors, and
/// hands them to the next process (sd_notify(3), sd_listen_fds(3)).
struct Manager {
    socket: UnixDatagram,
    folder: PathBuf,
    heard: Vec<String>,
    kept: Vec<(String, OwnedFd)>,
    listen: SocketAddr,
    plain: SocketAddr,
}

impl Manager {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (listen, plain) = (free_port(), free_port());
        Self { socket, folder, heard: Vec::new(), kept: Vec::new(), listen, plain }
    }

    /// Starts the service. Descriptors travel as standard input and output of a shell, which puts
    /// them where the service looks for them.
    fn start(&mut self) -> Child {
        let moved = "exec 3<&0 4>&1 </dev/null >/dev/null; export LISTEN_PID=$$; exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", if self.kept.is_empty() { "exec \"$@\"" } else { moved }, "sh"]);
        command.arg(binary()).args(["serve", "--data"]).arg(self.folder.join("data"));
        command.args(["--listen", &self.listen.to_string()]);
        command.env_remove("POSTHOUSE_BIN").env("POSTHOUSE_PLAIN_LISTEN", self.plain.to_string());
        command.env("NOTIFY_SOCKET", self.folder.join("notify")).stdout(Stdio::null());
        let log = std::fs::File::create(self.folder.join("server.log")).unwrap();
        command.stderr(log);
        if let [(one, first), (two, second)] = self.kept.as_slice() {
            command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", format!("{one}:{two}"));
            command.stdin(first.try_clone().unwrap()).stdout(second.try_clone().unwrap());
        }
        self.heard.clear();
        let child = command.spawn().unwrap();
        self.hears("READY=1");
        child
    }

    /// Listens until the service says this.
    fn hears(&mut self, word: &str) {
        let begun = Instant::now();
        while !self.heard.iter().any(|words| words.lines().any(|line| line == word)) {
            assert!(begun.elapsed() < Duration::from_secs(20), "no {word}: {:?}", self.heard);
            self.listen_once();
        }
    }

    fn listen_once(&mut self) {
        let mut words = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut extra = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut words)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let Ok(got) = recvmsg(&self.socket, &mut slices, &mut extra, flags) else { return };
        let length = got.bytes;
        let mut descriptors = Vec::new();
        for message in extra.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        let text = String::from_utf8_lossy(&words[..length]).into_owned();
        if text.lines().any(|line| line == "FDSTORE=1") {
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
            let name = name.unwrap_or("stored").to_owned();
            // The same sockets again are kept once, as systemd does.
            if self.kept.is_empty() {
                let named = descriptors.into_iter().map(|descriptor| (name.clone(), descriptor));
                self.kept.extend(named);
            }
        }
        self.heard.push(text);
    }
}

fn request(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    Ok(stream)
}

fn answer(mut stream: TcpStream, patience: Duration) -> Option<String> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).ok()?;
    Some(String::from_utf8_lossy(&first).into_owned())
}

fn end(mut child: Child, signal: Signal) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap();
}

fn clear(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_client_that_comes_between_two_processes_is_served_by_the_next_one() {
    let mut manager = Manager::new("restarts-kept");
    let mut service = manager.start();
    assert_eq!(manager.kept.len(), 2, "{:?}", manager.heard);
    assert!(manager.kept.iter().all(|(name, _)| name == "posthouse"));
    for signal in [Signal::TERM, Signal::KILL, Signal::TERM] {
        end(service, signal);
        if signal == Signal::TERM {
            manager.hears("STOPPING=1");
        }
        let waiting: Vec<TcpStream> =
            [manager.listen, manager.plain].map(|address| request(address).unwrap()).into();
        std::thread::sleep(Duration::from_millis(200));
        service = manager.start();
        assert!(manager.heard.iter().any(|words| words.starts_with("FDSTORE=1")));
        for stream in waiting {
            let answer = answer(stream, Duration::from_secs(10));
            assert_eq!(answer.as_deref(), Some("HTTP/1.1 200"), "after {signal:?}");
        }
        let fresh = answer(request(manager.listen).unwrap(), Duration::from_secs(10));
        assert_eq!(fresh.as_deref(), Some("HTTP/1.1 200"));
    }
    end(service, Signal::TERM);
    clear(&manager.folder);
}

#[test]
fn without_a_service_manager_the_port_is_closed_between_two_processes() {
    let mut manager = Manager::new("restarts-not-kept");
    let service = manager.start();
    // The control: this manager lets the descriptors go.
    manager.kept.clear();
    end(service, Signal::TERM);
    let refused = request(manager.listen);
    assert!(refused.is_err(), "somebody listened");
    let service = manager.start();
    let fresh = answer(request(manager.listen).unwrap(), Duration::from_secs(10));
    assert_eq!(fresh.as_deref(), Some("HTTP/1.1 200"));
    end(service, Signal::TERM);
    clear(&manager.folder);
}

#[test]
fn the_sockets_of_a_socket_unit_are_served_and_not_stored() {
    let mut manager = Manager::new("restarts-unit");
    for address in [manager.listen, manager.plain] {
        let socket = OwnedFd::from(TcpListener::bind(address).unwrap());
        manager.kept.push(("posthouse.socket".to_owned(), socket));
    }
    for _ in 0..2 {
        let service = manager.start();
        for address in [manager.listen, manager.plain] {
            let fresh = answer(request(address).unwrap(), Duration::from_secs(10));
            assert_eq!(fresh.as_deref(), Some("HTTP/1.1 200"));
        }
        assert!(!manager.heard.iter().any(|words| words.contains("FDSTORE")));
        assert_eq!(manager.kept.len(), 2);
        end(service, Signal::TERM);
    }
    clear(&manager.folder);
}
