//! What can go wrong with a store.

use std::io;
use std::path::Path;

use posthouse_crypto::seal::BadSeal;
use posthouse_crypto::seal::key_file::KeyFault;

use crate::base::ConversationId;
use crate::base::code::{self, Code};

/// The world's fault: the disk, the file, the format.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("another process uses the data folder")]
    InUse,
    #[error("{what}: {source}")]
    Disk { what: &'static str, source: io::Error },
    #[error("the journal is damaged at byte {offset}: position {position} is not readable")]
    JournalDamaged { offset: u64, position: u64 },
    #[error("the database is damaged: {0}")]
    DatabaseDamaged(String),
    #[error("the entry at position {position} does not match its checksum")]
    RowDamaged { position: u64 },
    #[error("the store has format {found}, this program reads up to {known}")]
    NewerFormat { found: u32, known: u32 },
    #[error("the journal belongs to another store")]
    ForeignJournal,
    #[error("the journal has no free segment")]
    Full,
    #[error("{what}: sealed bytes were changed, moved, or sealed with another key")]
    Tampered { what: &'static str },
    #[error("the key of conversation {conversation} is damaged")]
    BodyKey { conversation: ConversationId },
    #[error("the store is sealed and no key is configured")]
    Sealed,
    #[error("the store is not sealed, but a key is configured")]
    NotSealed,
    #[error("{file}: {source}")]
    BackupTarget { file: String, source: io::Error },
    #[error("{path} has no backups")]
    BackupAbsent { path: String },
    #[error("{file}")]
    BackupBroken { file: String },
    #[error("the folder has backups of another site")]
    BackupForeign,
    #[error("the copy is not sound: {about}")]
    BackupUnsound { about: String },
    #[error("another backup is being made or verified")]
    BackupRuns,
    #[error("the backup was stopped")]
    BackupStopped,
    #[error("files went or changed while they were copied")]
    BackupOvertaken,
    #[error("{path} has a site")]
    RestoreOccupied { path: String },
    #[error("{} MiB are needed, {} MiB are free", needed >> 20, free >> 20)]
    NoRoom { needed: u64, free: u64 },
    #[error("{path}: {source}")]
    Passphrase { path: String, source: io::Error },
    #[error("key file: {0}")]
    Key(#[from] KeyFault),
}

impl Fault {
    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::InUse => code::STORE_IN_USE,
            Self::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                code::DISK_FULL
            }
            Self::Disk { .. } => code::DISK_FAULT,
            Self::JournalDamaged { .. } => code::JOURNAL_DAMAGED,
            Self::DatabaseDamaged(_) | Self::RowDamaged { .. } => code::DATABASE_DAMAGED,
            Self::NewerFormat { .. } => code::NEWER_FORMAT,
            Self::ForeignJournal => code::FOREIGN_JOURNAL,
            Self::Full => code::JOURNAL_FULL,
            Self::Tampered { .. } => code::SEAL_BROKEN,
            Self::BodyKey { .. } => code::BODY_KEY_DAMAGED,
            Self::Sealed => code::STORE_SEALED,
            Self::NotSealed => code::STORE_NOT_SEALED,
            Self::BackupTarget { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                code::BACKUP_FULL
            }
            Self::BackupTarget { .. } => code::BACKUP_UNREACHABLE,
            Self::BackupAbsent { .. } => code::BACKUP_ABSENT,
            Self::BackupBroken { .. } => code::BACKUP_BROKEN,
            Self::BackupForeign => code::BACKUP_FOREIGN,
            Self::BackupUnsound { .. } => code::BACKUP_UNSOUND,
            Self::BackupStopped | Self::BackupOvertaken => code::BACKUP_STOPPED,
            Self::BackupRuns => code::CLI_WALK_RUNS,
            Self::RestoreOccupied { .. } => code::RESTORE_OCCUPIED,
            Self::NoRoom { .. } => code::NO_ROOM,
            Self::Key(_) | Self::Passphrase { .. } => code::KEY_FAULT,
        }
    }

    /// True when the cause may go away by itself: a full or failing disk.
    #[must_use]
    pub fn passing(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Full)
    }

    /// A file's error: the disk's, or a seal's that comes through the same interface.
    fn io(what: &'static str, source: io::Error) -> Self {
        match source.get_ref() {
            Some(inner) if inner.is::<BadSeal>() => Self::Tampered { what },
            Some(_) | None => Self::Disk { what, source },
        }
    }

    /// An error of the folder that backups lie in, which is no error of the store's disk.
    pub(super) fn target(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let file = path.display().to_string();
        move |source| Self::BackupTarget { file, source }
    }

    pub(super) fn disk(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::io(what, source)
    }
}

impl From<redb::Error> for Fault {
    #[allow(clippy::wildcard_enum_match_arm)] // redb's enum is open: what is not the disk is damage
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(source) => Self::io("database", source),
            redb::Error::PreviousIo => Self::Disk {
                what: "database",
                source: io::Error::other("an earlier failure closed the database"),
            },
            other => Self::DatabaseDamaged(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident)*) => { $(
        impl From<redb::$kind> for Fault {
            fn from(error: redb::$kind) -> Self {
                redb::Error::from(error).into()
            }
        }
    )* };
}
from_redb! { StorageError TableError TransactionError CommitError DatabaseError }
