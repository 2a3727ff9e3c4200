//! What the checks look at: plain values, gathered by the process or by a command without one.
//! `None` = it could not be learned, which is nobody's fault.

use crate::base::Wall;
use crate::base::code::Code;

#[derive(Clone, Debug, Default)]
pub struct Probe {
    pub now: Wall,
    /// Time since the process started, ms; `None` when none runs.
    pub up_ms: Option<u64>,
    pub folder: Option<Folder>,
    pub disk: Option<Disk>,
    pub store: Option<Store>,
    /// The audit log takes nothing.
    pub audit_behind: bool,
    /// The audit log was an older copy of itself when the process started.
    pub audit_older: bool,
    /// The site's log ended before an act that the audit log tells of.
    pub store_older: bool,
    /// Of a site that is to be backed up.
    pub backup: Option<Backup>,
    pub certificates: Vec<Certificate>,
    /// The site's own that are in use.
    pub authorities: Vec<Authority>,
    pub listeners: Vec<Listener>,
    pub descriptors: Option<Descriptors>,
    pub memory: Option<Memory>,
    pub board: Board,
    /// Whether somebody claimed the site.
    pub claimed: Option<bool>,
    /// Plugins the configuration names.
    pub plugins: usize,
}

/// The data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub path: String,
    /// Permission bits, `0o700`.
    pub mode: u32,
    pub writable: bool,
}

/// The file system of the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// File entries left; `None` where the file system does not count them.
    pub free_files: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Why nothing can be written, if so.
    pub read_only: Option<Code>,
    /// Journal bytes that wait for the database, and how many fit.
    pub journal_used_bytes: u64,
    pub journal_size_bytes: u64,
}

/// The schedule of backups, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub folder: String,
    /// Time between two.
    pub every_ms: u64,
    /// When the last good one was begun; `None`: never.
    pub last_ms: Option<u64>,
}

/// An authority of the site, which its people installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    pub name: String,
    pub not_after_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for: `international`, `sign` or `encrypt`.
    pub kind: &'static str,
    pub not_before_ms: u64,
    pub not_after_ms: u64,
    pub names: Vec<String>,
    /// Issued by the site's own authority, which renews it by itself.
    pub own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: String,
    /// Whether it answered the last time it was tried.
    pub answers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    pub used: u64,
    /// Soft limit after the process raised it.
    pub limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub available_bytes: u64,
    pub total_bytes: u64,
}

/// What sensors of the board say; many have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The hottest place that is measured.
    pub celsius: Option<i64>,
    /// The processor runs more slowly to stay cool.
    pub slowed: Option<bool>,
    /// The supply is, or was since the start, too low.
    pub under_voltage: Option<bool>,
    /// Used life of the memory that holds the data, in steps of ten.
    pub worn_percent: Option<u32>,
}

#[cfg(test)]
impl Probe {
    /// A site with nothing wrong.
    pub fn sound() -> Self {
        Self {
            now: Wall { ms: 1_800_000_000_000, trusted: true },
            up_ms: Some(86_400_000),
            folder: Some(Folder { path: "/d".to_owned(), mode: 0o700, writable: true }),
            disk: Some(Disk {
                free_bytes: 8 << 30,
                total_bytes: 16 << 30,
                free_files: Some(1 << 20),
            }),
            store: Some(Store {
                read_only: None,
                journal_used_bytes: 1 << 20,
                journal_size_bytes: 64 << 20,
            }),
            audit_behind: false,
            audit_older: false,
            store_older: false,
            backup: None,
            certificates: vec![Certificate {
                kind: "international",
                not_before_ms: 1_790_000_000_000,
                not_after_ms: 1_810_000_000_000,
                names: vec!["desk.example".to_owned()],
                own: true,
            }],
            authorities: vec![Authority {
                name: "CN=Posthouse CA desk".to_owned(),
                not_after_ms: 2_493_072_000_000,
            }],
            listeners: vec![Listener { address: "0.0.0.0:8443".to_owned(), answers: true }],
            descriptors: Some(Descriptors { used: 30, limit: 20_000 }),
            memory: Some(Memory { available_bytes: 512 << 20, total_bytes: 1 << 30 }),
            board: Board { celsius: Some(50), ..Board::default() },
            claimed: Some(true),
            plugins: 0,
        }
    }
}
