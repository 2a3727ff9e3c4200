//! The control socket `DATA/control.sock`, mode 0600: one request a connection, one JSON object a
//! line; rows come as they are read, then one last line. Whoever may open it owns the data folder
//! anyway, so nothing here asks for a password.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::operator::Operator;
use crate::base::code::Code;
use crate::base::limits::COMMANDS;

/// What a command asks for. No `Debug`: some carry a password.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// Claim the site; answers `{url, urls, inbox_key, ca, agent}`.
    Setup { owner: String, password: String, site: String, language: String },
    /// Answers `{agent}`.
    AgentAdd { login: String, name: String, role: String, teams: Vec<u32>, password: String },
    /// A row for each agent.
    AgentList,
    /// Three administrators, by sign-in name, share what owners may do from now on.
    DutiesSeparate { system: String, security: String, audit: String },
    /// One owner, by sign-in name, has what three administrators had.
    DutiesCombine { owner: String },
    /// The newest signed head of the audit log that the site's store knows; answers `{head}`.
    AuditHead,
    /// Gives an agent another password and ends the agent's sign-ins.
    AgentResetPassword { login: String, password: String },
    /// A row for each entry: `{index, entry}`, the entry in base64.
    Dump,
    /// Erases a conversation for ever; answers `{key_destroyed, removed}`.
    Erase { conversation: String },
    /// Looks over the running store; a row now and then, answers what was seen.
    StoreCheck,
    /// The same, and mends what can be mended while the store runs.
    StoreRepair,
    /// Adds a master to a sealed site; answers as `Rotation`.
    Rotate,
    /// Answers `{newest, masters, part, pages_done, pages, unreadable}`.
    Rotation,
    /// Drops older masters when nothing needs them; the same as a row now and then.
    DropOldKeys,
    /// Makes a backup; answers what was made. Without a folder or passphrase file: those of the
    /// configuration.
    BackupCreate { folder: Option<PathBuf>, passphrase_file: Option<PathBuf> },
    /// A row for each issue: `{check, code, about}`.
    Doctor,
    /// Writes down in the audit log what a command did, and signs the log.
    Audited { what: String, about: String },
    /// Take the configuration and the certificate again; a row for each changed setting.
    Reload,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    Row(Value),
    /// The last one: it was done.
    Done(Value),
    /// The last one: it was not.
    Refused {
        code: u16,
        about: String,
    },
}

/// How a call ended.
#[derive(Debug)]
pub enum Called {
    Done(Value),
    Refused {
        code: Code,
        about: String,
    },
    /// No process listens.
    Nobody,
}

/// Longest request: a name and a password.
const REQUEST_BYTES: u64 = 16 * 1024;
/// Rows that wait for a command that prints slowly.
const ROWS_AHEAD: usize = 64;
/// A process that says nothing for this long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Serves requests for ever. The socket of a process that was killed is replaced; the store's lock
/// has made sure that there is no other process.
///
/// # Errors
/// The socket cannot be made.
pub async fn listen(path: &Path, operator: Operator) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    // Bound under another name, so that it is never there with wider rights.
    let fresh = path.with_extension("new");
    drop(std::fs::remove_file(&fresh));
    let listener = tokio::net::UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if under_way.len() < COMMANDS => {
                under_way.push(Box::pin(serve(accepted?.0, &operator)));
            }
            Some(ended) = under_way.next(), if !under_way.is_empty() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a command went away");
                }
            }
        }
    }
}

async fn serve(stream: tokio::net::UnixStream, operator: &Operator) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut text = String::new();
    let mut lines = tokio::io::BufReader::new(reading.take(REQUEST_BYTES));
    tokio::time::timeout(PATIENCE, lines.read_line(&mut text)).await??;
    let request: Request = serde_json::from_str(&text)?;
    let (rows, mut rows_of) = mpsc::channel(ROWS_AHEAD);
    let answering = async move {
        let last = operator.answer(request, &rows).await;
        // The reader of this channel is the future beside this one.
        let _ = rows.send(last).await;
    };
    let printing = async {
        while let Some(line) = rows_of.recv().await {
            let mut text = serde_json::to_vec(&line)?;
            text.push(b'\n');
            tokio::time::timeout(PATIENCE, writing.write_all(&text)).await??;
        }
        io::Result::Ok(())
    };
    let mut answering = std::pin::pin!(answering);
    let mut printing = std::pin::pin!(printing);
    tokio::select! {
        // A command that went away ends its work, too.
        printed = &mut printing => return printed,
        () = &mut answering => {}
    }
    printing.await
}

/// Asks the process of this data folder and hands every row to `row`.
///
/// # Errors
/// The socket failed in the middle, or `row` did.
pub fn call(
    data: &Path,
    request: &Request,
    row: &mut dyn FnMut(Value) -> io::Result<()>,
) -> io::Result<Called> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    let mut stream = match UnixStream::connect(path(data)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => {
            return Ok(Called::Nobody);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?)? {
            Line::Row(value) => row(value)?,
            Line::Done(value) => return Ok(Called::Done(value)),
            Line::Refused { code, about } => {
                return Ok(Called::Refused { code: Code(code), about });
            }
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
