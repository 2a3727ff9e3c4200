//! The server as a process of its own: set up, started, killed, started again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::channel::{Channel, Family};
use crate::socket::Target;

pub struct Server {
    binary: PathBuf,
    data: PathBuf,
    pub address: SocketAddr,
    /// Where to pin it; it gets a session of its own in any case.
    core: Option<usize>,
    /// What `posthouse setup` answered.
    pub inbox_key: String,
    pub ca: PathBuf,
    environment: Vec<(String, String)>,
    words: Vec<String>,
    child: Option<Child>,
}

/// Sign-in of the owner that [`Server::set_up`] makes.
pub const OWNER: &str = "owner";
pub const PASSWORD: &str = "correct horse battery staple";

impl Server {
    /// Makes a site in `folder/data` with `posthouse setup`; nothing runs yet.
    ///
    /// # Errors
    /// When setup fails; its message is in the error.
    pub fn set_up(binary: &Path, folder: &Path, core: Option<usize>) -> Result<Self> {
        Self::set_up_with(binary, folder, core, &[])
    }

    /// The same with these variables, also for every start.
    ///
    /// # Errors
    /// As `set_up`.
    pub fn set_up_with(
        binary: &Path,
        folder: &Path,
        core: Option<usize>,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let password = folder.join("password");
        fs::write(&password, PASSWORD)?;
        let output = Command::new(binary)
            .arg("setup")
            .arg("--data")
            .arg(&data)
            .args(["--owner", OWNER, "--password-file"])
            .arg(&password)
            .args(["--site", "Post", "--json"])
            .envs(environment.iter().copied())
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let answer = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("setup failed: {answer}{}", String::from_utf8_lossy(&output.stderr));
        }
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let text = |name: &str| -> Result<String> {
            Ok(answer[name].as_str().with_context(|| format!("setup says no {name}"))?.to_owned())
        };
        Ok(Self {
            binary: binary.to_owned(),
            data,
            address: free_port()?,
            core,
            inbox_key: text("inbox_key")?,
            ca: PathBuf::from(text("ca")?),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            words: Vec::new(),
            child: None,
        })
    }

    /// Gives the process an environment variable at its next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Gives `serve` these words from its next start on.
    pub fn words(&mut self, words: &[&str]) {
        self.words = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts it and waits until it answers. Returns the time from start to the first answer.
    ///
    /// # Errors
    /// When it does not answer within 20 s.
    pub fn start(&mut self) -> Result<Duration> {
        let mut command = Command::new("setsid");
        if let Some(core) = self.core {
            command.args(["taskset", "-c", &core.to_string()]);
        }
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data.with_file_name("server.log"))?;
        command
            .arg(&self.binary)
            .arg("serve")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address.to_string()])
            .args(&self.words)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // The tests' own variables are no settings of the server.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("POSTHOUSE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let begin = Instant::now();
        self.child = Some(command.spawn()?);
        while !self.ready() {
            if begin.elapsed() > Duration::from_secs(20) {
                bail!("the server does not answer; see server.log in {}", self.data.display());
            }
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok()?) {
                bail!("the server ended: {status}; see server.log in {}", self.data.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(begin.elapsed())
    }

    fn ready(&self) -> bool {
        self.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// A plain GET on loopback: head and body as they came.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let host = self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process id while it runs.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the server does not run")?.id())
    }

    /// kill -9, and waits until the process is gone.
    ///
    /// # Errors
    /// When it did not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits until the process is gone; an error when it ends with another code than
    /// 0.
    ///
    /// # Errors
    /// When it did not run or did not end well.
    pub fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }

    /// Every entry, as `posthouse store dump --jsonl` prints it; no server may run.
    ///
    /// # Errors
    /// When the command fails.
    pub fn dump(&self) -> Result<Vec<serde_json::Value>> {
        let output = Command::new(&self.binary)
            .args(["store", "dump", "--jsonl", "--data"])
            .arg(&self.data)
            .output()?;
        if !output.status.success() {
            bail!("dump failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// How to reach it, plain or over TLS.
    ///
    /// # Errors
    /// When the CA cannot be read.
    pub fn target(&self, tls: bool) -> Result<Target> {
        self.target_of(if tls { Family::International } else { Family::Plain })
    }

    /// Starts it with the certificates that `family` needs. Returns how to reach it.
    ///
    /// # Errors
    /// When it does not start or the CA cannot be read.
    pub fn begin(&mut self, family: Family) -> Result<Target> {
        if family.is_national() {
            self.set("POSTHOUSE_CRYPTO_PROFILE", "both");
        }
        self.start()?;
        self.target_of(family)
    }

    fn target_of(&self, family: Family) -> Result<Target> {
        let national = self.data.join("tls/sm-ca.pem");
        let ca = if family.is_national() { &national } else { &self.ca };
        Ok(Target { address: self.address, channel: Channel::of(family, ca)? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            // Nothing to tell anybody: the process is gone either way.
            let _ = self.kill();
        }
    }
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
