//! `posthouse keystore add|list|agent`: the reference agent of the protocol in
//! `crypto/src/keystore/keystore.proto`. It keeps its keys in a file; an agent for a device speaks
//! the same to the desk.

use std::io::Write;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use posthouse_crypto::family::Family;
use posthouse_crypto::keystore::{self, KeyStore, Software};
use posthouse_crypto::seal::key_file::Kind;

use super::{Ending, Failure};
use crate::base::Clock as _;
use crate::node::clock::SystemClock;
use crate::store::Fault;
use crate::store::key::{self, Source};

/// Connections at a time: the desk makes one for each request.
const CONNECTIONS: usize = 32;
/// How long a peer may take for a frame.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub struct KeystoreCommand {
    #[command(subcommand)]
    action: Action,
}

/// The file with the keys, and what opens it.
#[derive(Args, Debug)]
struct Keys {
    /// File with the keys.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// File with the passphrase (12 bytes at least) that opens it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a key, and the file when there is none.
    Add {
        #[command(flatten)]
        keys: Keys,
        #[arg(long, value_enum)]
        kind: KeyKind,
        /// Name that the key is asked for by.
        #[arg(long)]
        label: String,
        /// Use the international algorithms in a new file, not the national ones.
        #[arg(long)]
        international: bool,
    },
    /// Print ability, label and public key of each key.
    List {
        #[command(flatten)]
        keys: Keys,
    },
    /// Serve the keys over a Unix socket until stopped.
    Agent {
        #[command(flatten)]
        keys: Keys,
        /// Socket; an old one in its place is removed.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum KeyKind {
    Sm2,
    Ed25519,
    Wrap,
}

impl KeystoreCommand {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        match self.action {
            Action::Add { keys, kind, label, international } => {
                let kind = match kind {
                    KeyKind::Sm2 => Kind::Sm2,
                    KeyKind::Ed25519 => Kind::Ed25519,
                    KeyKind::Wrap => Kind::Wrap,
                };
                let family = if international { Family::International } else { Family::National };
                let now = SystemClock::default().wall();
                key::add(&keys.keys, &keys.source(), family, (kind, &label), now)
                    .map_err(failed)?;
            }
            Action::List { keys } => {
                let known = KeyStore::Software(keys.open()?).list();
                for key in known.map_err(|fault| failed(Fault::Key(fault.into())))? {
                    let public = posthouse_crypto::token::hex(&key.public);
                    writeln!(out, "{} {} {public}", key.ability, key.label)?;
                }
            }
            Action::Agent { keys, socket } => serve(keys.open()?, &socket, out)?,
        }
        Ok(Ending::Done)
    }
}

impl Keys {
    fn source(&self) -> Source {
        Source::Passphrase(self.passphrase_file.clone())
    }

    fn open(&self) -> Result<Software, Failure> {
        let file = key::open_file(&self.keys, &self.source());
        Ok(Software::new(file.map_err(failed)?))
    }
}

/// Only the agent's own user may connect.
fn serve(store: Software, socket: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    if std::fs::symlink_metadata(socket).is_ok_and(|old| old.file_type().is_socket()) {
        std::fs::remove_file(socket)?;
    }
    let usual = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(socket);
    rustix::process::umask(usual);
    let listener = listener?;
    writeln!(out, "{}", socket.display())?;
    out.flush()?;
    let (store, open) = (Arc::new(store), Arc::new(AtomicUsize::new(0)));
    for stream in listener.incoming() {
        let stream = stream?;
        if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (store, open) = (Arc::clone(&store), Arc::clone(&open));
        std::thread::spawn(move || {
            // A peer that fails ends its own connection.
            drop(answer(stream, &store));
            open.fetch_sub(1, Ordering::AcqRel);
        });
    }
    Ok(())
}

fn answer(mut stream: UnixStream, store: &Software) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    keystore::serve(&mut stream, store)
}

fn failed(fault: Fault) -> Failure {
    Failure::coded(fault.code(), fault.to_string())
}
