//! The key file of a data folder: opened at each start, made with the store. Invariant: it is
//! replaced as a whole or not at all, and a store never begins before its keys are durable.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use posthouse_crypto::family::Family;
use posthouse_crypto::keystore::{Agent, KeyStore};
use posthouse_crypto::seal::key_file::{KeyFault, KeyFile, Kind, Opener, ROUNDS, passphrase_of};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::storage::FolderLock;
use super::{database, sealed, swap};
use crate::base::Wall;

/// Name of the key file.
pub const FILE: &str = "keys";
/// Longest file that a passphrase is read from, and longest key file.
const FILE_MOST: u64 = 256 * 1024;

/// What opens the key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file with the passphrase.
    Passphrase(PathBuf),
    /// An agent's socket, and the label of its wrapping key.
    Agent { socket: PathBuf, label: String },
}

/// Opens the folder's keys, or makes them when the folder has no store yet.
///
/// # Errors
/// The source does not open the file; there is a store without one.
pub fn open_or_make(
    data: &Path,
    source: &Source,
    family: Family,
    now: Wall,
) -> Result<KeyFile, Fault> {
    settle(data)?;
    let path = data.join(FILE);
    if path.try_exists().map_err(Fault::disk("key file"))? {
        return open(data, source);
    }
    if data.join(sealed::FILE).exists() {
        return Err(KeyFault::NoKeyFile.into());
    }
    if data.join(database::FILE).exists() {
        return Err(Fault::NotSealed);
    }
    let mut file = source.with(|opener| KeyFile::new(family, opener, ROUNDS))?;
    for kind in [Kind::Master, Kind::AuditRoot, Kind::AuditSigner] {
        file.add(kind, "", now.ms)?;
    }
    save(&path, &file)?;
    Ok(file)
}

/// Opens the folder's keys.
///
/// # Errors
/// There is no key file, or the source does not open it.
pub fn open(data: &Path, source: &Source) -> Result<KeyFile, Fault> {
    settle(data)?;
    open_file(&data.join(FILE), source)
}

/// The key file may be on its way into the folder.
fn settle(data: &Path) -> Result<(), Fault> {
    if swap::is_open(data) {
        let lock = FolderLock::take(data).map_err(Fault::disk("lock"))?.ok_or(Fault::InUse)?;
        swap::finish(data)?;
        drop(lock);
    }
    Ok(())
}

/// Opens any key file.
///
/// # Errors
/// As `open`.
pub fn open_file(path: &Path, source: &Source) -> Result<KeyFile, Fault> {
    let bytes = read(path).map_err(Fault::disk("key file"))?;
    source.with(|opener| KeyFile::open(&bytes, opener))
}

/// Adds a key to a key file, which is made when it is absent.
///
/// # Errors
/// As `open`, or the file is full, or the disk takes no writes.
pub fn add(
    path: &Path,
    source: &Source,
    family: Family,
    (kind, label): (Kind, &str),
    now: Wall,
) -> Result<(), Fault> {
    let mut file = if path.try_exists().map_err(Fault::disk("key file"))? {
        open_file(path, source)?
    } else {
        source.with(|opener| KeyFile::new(family, opener, ROUNDS))?
    };
    file.add(kind, label, now.ms)?;
    save(path, &file)
}

/// Adds a master, which seals everything that is written from now on.
///
/// # Errors
/// As `open`, or the disk takes no writes.
pub fn rotate(data: &Path, source: &Source, now: Wall) -> Result<KeyFile, Fault> {
    let mut file = open(data, source)?;
    file.add(Kind::Master, "", now.ms)?;
    save(&data.join(FILE), &file)?;
    Ok(file)
}

/// Forgets the masters before the newest one, for ever.
///
/// # Errors
/// As `rotate`.
pub fn drop_old(data: &Path, source: &Source) -> Result<KeyFile, Fault> {
    let mut file = open(data, source)?;
    if file.drop_old_masters() > 0 {
        save(&data.join(FILE), &file)?;
    }
    Ok(file)
}

/// Locks the keys with another passphrase or another device from now on.
///
/// # Errors
/// As `rotate`.
pub fn relock(data: &Path, source: &Source, new: &Source) -> Result<(), Fault> {
    let mut file = open(data, source)?;
    new.with(|opener| file.relock(opener, ROUNDS))?;
    save(&data.join(FILE), &file)
}

/// Writes an opened key file to another place, to be opened by `source` from then on.
///
/// # Errors
/// The source does not lock it, or the disk takes no writes.
pub fn save_as(path: &Path, mut file: KeyFile, source: &Source) -> Result<(), Fault> {
    source.with(|opener| file.relock(opener, ROUNDS))?;
    save(path, &file)
}

fn save(path: &Path, file: &KeyFile) -> Result<(), Fault> {
    let bytes = file.to_bytes().map_err(KeyFault::from)?;
    let fresh = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(Fault::disk("key file"))
}

impl Source {
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(Opener<'_>) -> Result<T, KeyFault>,
    ) -> Result<T, Fault> {
        match self {
            Self::Passphrase(path) => {
                let passphrase = read(path).map_err(|source| Fault::Passphrase {
                    path: path.display().to_string(),
                    source,
                })?;
                let passphrase = passphrase_of(passphrase);
                Ok(work(Opener::Passphrase(&passphrase))?)
            }
            Self::Agent { socket, label } => {
                let store = KeyStore::Agent(Agent::new(socket));
                Ok(work(Opener::Store(&store, label))?)
            }
        }
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if fs::metadata(path)?.len() > FILE_MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    fs::read(path).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, dump};

    const NOW: Wall = Wall { ms: 5, trusted: true };

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn passphrase(data: &Path, words: &str) -> Source {
        let path = data.join(format!("{}.txt", words.len()));
        fs::write(&path, format!("{words}\n")).unwrap();
        Source::Passphrase(path)
    }

    /// Opens the store once, as `dump` does.
    fn open_store(data: &Path, file: &KeyFile) -> Result<(), Fault> {
        let options = Options { segment_bytes: 64 * 1024, ..Options::new(data.to_owned()) };
        dump(&Options { keys: file.keys(), ..options }, |_| ())
    }

    #[test]
    fn keys_are_made_with_the_store_and_asked_for_ever_after() {
        let data = folder("keys");
        let source = passphrase(&data, "correct horse battery");
        let file = open_or_make(&data, &source, Family::National, NOW).unwrap();
        open_store(&data, &file).unwrap();
        let again = open_or_make(&data, &source, Family::International, NOW).unwrap();
        assert_eq!(again.family(), Family::National, "the file says which family");
        open_store(&data, &again).unwrap();

        assert_eq!(rotate(&data, &source, NOW).unwrap().keys().unwrap().newest(), 2);
        open_store(&data, &open(&data, &source).unwrap()).unwrap();
        let other = passphrase(&data, "another passphrase");
        relock(&data, &source, &other).unwrap();
        let wrong = open(&data, &source);
        assert!(matches!(wrong, Err(Fault::Key(KeyFault::WrongPassphrase))));
        open_store(&data, &open(&data, &other).unwrap()).unwrap();

        let without = Options { segment_bytes: 64 * 1024, ..Options::new(data.clone()) };
        assert!(matches!(dump(&without, |_| ()), Err(Fault::Sealed)));
        fs::remove_file(data.join(FILE)).unwrap();
        let lost = open_or_make(&data, &other, Family::National, NOW);
        assert!(matches!(lost, Err(Fault::Key(KeyFault::NoKeyFile))));
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_plain_store_is_not_taken_for_a_sealed_one() {
        let data = folder("plain");
        let options = Options { segment_bytes: 64 * 1024, ..Options::new(data.clone()) };
        dump(&options, |_| ()).unwrap();
        let source = passphrase(&data, "correct horse battery");
        let made = open_or_make(&data, &source, Family::National, NOW);
        assert!(matches!(made, Err(Fault::NotSealed)));
        assert!(!data.join(FILE).exists());
        fs::remove_dir_all(data).unwrap();
    }
}
