//! The desk as a child of the supervisor: a user of its own that owns nothing but its folder, an
//! empty environment, pipes for its words, and the datagrams of sd_notify(3).

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::Sender;

use super::clock;
use super::supervise::Event;

/// The desk's user and group; nobody else has this number in the image.
const DESK: u32 = 990;
const NOTIFY: &str = "/run/posthouse/notify";
/// A desk that is ready and gives no sign of life for this long is ended. It gives one every
/// quarter of what it is told.
const SILENCE: Duration = Duration::from_secs(60);
/// A start may read a large journal from a slow card.
const START: Duration = Duration::from_secs(600);
/// A desk that was killed and is still there hangs in the kernel.
const KILLED: Duration = Duration::from_secs(30);
/// Longest line of its words that is kept.
const LINE_BYTES: u64 = 4096;

/// How the desk is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub data: PathBuf,
    /// The settings; `None`: defaults.
    pub settings: Option<PathBuf>,
    /// The listener, unless the settings name one.
    pub listen: Option<String>,
}

/// A running desk.
#[derive(Debug)]
pub struct Desk {
    pub pid: Pid,
    started: Duration,
    /// The last sign of life, once it was ready.
    alive: Option<Duration>,
    killed: Option<Duration>,
}

/// Where settings are when there are none: an empty file, so that no other one is looked for.
const NO_SETTINGS: &str = "/etc/posthouse.yaml";
/// The port of a page whose address has no port.
pub const LISTEN: &str = "0.0.0.0:443";

/// The socket for the desk's signs of life.
///
/// # Errors
/// The system's.
pub fn notify_socket() -> io::Result<UnixDatagram> {
    let path = Path::new(NOTIFY);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    // The desk is the only other user.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(socket)
}

impl Desk {
    /// Starts it; without its settings in safe mode.
    ///
    /// # Errors
    /// The system's.
    pub fn start(plan: &Plan, safe_mode: bool, events: &Sender<Event>) -> io::Result<Self> {
        fs::create_dir_all(&plan.data)?;
        fs::set_permissions(&plan.data, fs::Permissions::from_mode(0o700))?;
        chown(&plan.data, Some(DESK), Some(DESK))?;
        let settings = plan.settings.as_deref().filter(|_| !safe_mode);
        let listen = plan.listen.as_deref().or(safe_mode.then_some(LISTEN));
        let mut command = Command::new("/bin/posthouse");
        command.args(["serve", "--qr"]).arg("--data").arg(&plan.data);
        command.arg("--config").arg(settings.unwrap_or(Path::new(NO_SETTINGS)));
        if let Some(listen) = listen {
            command.arg("--listen").arg(listen);
        }
        command
            .env_clear()
            .env("NOTIFY_SOCKET", NOTIFY)
            .env("WATCHDOG_USEC", SILENCE.as_micros().to_string())
            .current_dir("/")
            .uid(DESK)
            .gid(DESK)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
        if let Some(out) = child.stdout.take() {
            pass_on(out, events.clone(), Event::Shown);
        }
        if let Some(err) = child.stderr.take() {
            pass_on(err, events.clone(), Event::Logged);
        }
        Ok(Self { pid, started: clock::uptime(), alive: None, killed: None })
    }

    /// What a datagram of the desk says; true when it became ready.
    pub fn hear(&mut self, words: &str, now: Duration) -> bool {
        let says = |word: &str| words.lines().any(|line| line == word);
        let ready = says("READY=1") && self.alive.is_none();
        if ready || (says("WATCHDOG=1") && self.alive.is_some()) {
            self.alive = Some(now);
        }
        ready
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.alive.is_some() && self.killed.is_none()
    }

    /// Ends a desk that does not work; the reason when it does.
    pub fn end_if_silent(&mut self, now: Duration) -> Option<&'static str> {
        let reason = match (self.killed, self.alive) {
            (Some(_), _) => None,
            (None, Some(alive)) => (alive + SILENCE < now).then_some("no sign of life"),
            (None, None) => (self.started + START < now).then_some("not ready in time"),
        };
        if reason.is_some() {
            self.killed = Some(now);
            self.signal(Signal::KILL);
        }
        reason
    }

    /// Whether it was killed and stays all the same: only a reset of the machine helps.
    #[must_use]
    pub fn is_stuck(&self, now: Duration) -> bool {
        self.killed.is_some_and(|killed| killed + KILLED < now)
    }

    pub fn signal(&self, signal: Signal) {
        // It may have ended; then it is reaped in a moment.
        let _ = kill_process(self.pid, signal);
    }
}

/// Passes lines on from a thread of its own, until the other end closes.
fn pass_on(from: impl Read + Send + 'static, events: Sender<Event>, event: fn(String) -> Event) {
    let passing = move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut from).take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if events.blocking_send(event(text)).is_err() {
                return;
            }
        }
    };
    drop(std::thread::Builder::new().name("words".to_owned()).spawn(passing));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        let pid = Pid::from_raw(i32::MAX).unwrap();
        Desk { pid, started: Duration::ZERO, alive: None, killed: None }
    }

    #[test]
    fn a_desk_is_ended_when_it_falls_silent_and_only_once() {
        let mut desk = desk();
        let at = Duration::from_secs;
        assert!(!desk.hear("WATCHDOG=1", at(1)), "not ready yet");
        assert_eq!(desk.end_if_silent(at(599)), None);
        assert!(desk.hear("READY=1\nSTATUS=https://a/", at(5)) && desk.is_ready());
        assert!(!desk.hear("READY=1", at(6)), "after a reload it says so again");
        desk.hear("WATCHDOG=1", at(50));
        assert_eq!(desk.end_if_silent(at(110)), None);
        assert_eq!(desk.end_if_silent(at(111)), Some("no sign of life"));
        assert_eq!(desk.end_if_silent(at(112)), None);
        assert!(!desk.is_ready() && !desk.is_stuck(at(141)) && desk.is_stuck(at(142)));
    }

    #[test]
    fn a_start_that_never_ends_is_ended() {
        assert_eq!(desk().end_if_silent(Duration::from_secs(601)), Some("not ready in time"));
    }
}
