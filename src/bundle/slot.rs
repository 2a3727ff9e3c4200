//! Puts the kernel of a bundle into a slot of the boot partition: a file on trial, which the loader
//! starts next. Its first block is written last and makes a program of it, so that at every moment
//! the old version or the new one starts, and no name ever moves: FAT moves a name in two steps.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Bundle, Fault, Manifest, hash};
use crate::base::code;

/// The boot partition of a machine and what runs on it.
#[derive(Clone, Debug)]
pub struct Slots<'a> {
    /// Where the boot partition is mounted, for writing.
    pub boot: &'a Path,
    pub target: &'a str,
    /// Version and release of what runs.
    pub version: &'a str,
    pub release: u64,
}

/// Starts that a new version gets.
const TRIES: u32 = 3;
const FOLDER: &str = "EFI/Linux";
const PREFIX: &str = "posthouse_";
/// What a disk writes as a whole. A kernel file without its first one is no program to the loader,
/// which passes it over.
const BLOCK: usize = 512;

/// Installs a bundle; the file it made.
///
/// # Errors
/// `BUNDLE_FOREIGN`, `BUNDLE_OLDER`, `BUNDLE_CHANGED` or the disk's; the slots are as they were.
pub fn install(bundle: &mut Bundle, slots: &Slots<'_>) -> Result<PathBuf, Fault> {
    let manifest = bundle.manifest.clone();
    admit(&manifest, slots)?;
    let folder = slots.boot.join(FOLDER);
    let others = others(&folder, slots.version)?;
    // A slot of the same version that failed its trial, or was cut or given up, makes room.
    for other in others.iter().filter(|path| version(path) == Some(&manifest.version)) {
        fs::remove_file(other)?;
    }
    let slot = folder.join(format!("{PREFIX}{}+{TRIES}.efi", manifest.version));
    if let Err(fault) = write(bundle, &slot) {
        // What is left of it would take the room of the next try.
        let _ = fs::remove_file(&slot);
        return Err(fault);
    }
    for other in others.iter().filter(|path| version(path) != Some(&manifest.version)) {
        fs::remove_file(other)?;
    }
    File::open(&folder)?.sync_all()?;
    Ok(slot)
}

fn admit(manifest: &Manifest, slots: &Slots<'_>) -> Result<(), Fault> {
    if manifest.target != slots.target {
        return Err(Fault::new(code::BUNDLE_FOREIGN, &manifest.target));
    }
    if manifest.release < slots.release || manifest.version == slots.version {
        let about = format!("{} ({})", manifest.version, manifest.release);
        return Err(Fault::new(code::BUNDLE_OLDER, about));
    }
    Ok(())
}

/// Writes the kernel, reads it back from the disk, and writes its first block.
fn write(bundle: &mut Bundle, path: &Path) -> Result<(), Fault> {
    let mut file = File::options().create(true).truncate(true).read(true).write(true).open(path)?;
    // What lay in the first block before, if anything, must be gone before anything else is there.
    file.write_all(&[0; BLOCK])?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    let mut body = Headless { file: &mut file, head: Vec::new() };
    body.file.seek(SeekFrom::Start(0))?;
    bundle.copy(&mut body)?;
    let head = body.head;
    file.sync_all()?;
    file.seek(SeekFrom::Start(BLOCK as u64))?;
    let mut whole = (&head[..]).chain(&file);
    if hash(&mut whole, &mut io::sink())? != bundle.manifest.kernel {
        return Err(Fault::new(code::BUNDLE_CHANGED, path.display()));
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&head)?;
    Ok(file.sync_all()?)
}

/// Keeps the first block back and writes zeros in its place.
struct Headless<'a> {
    file: &'a mut File,
    head: Vec<u8>,
}

impl Write for Headless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let missing = BLOCK - self.head.len();
        if missing == 0 {
            return self.file.write(bytes);
        }
        let part = &bytes[..missing.min(bytes.len())];
        self.head.extend_from_slice(part);
        self.file.write_all(&[0; BLOCK][..part.len()])?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Slots of other versions than the one that runs.
fn others(folder: &Path, running: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if version(&path).is_some_and(|version| version != running) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The version in the name of a slot: `posthouse_VERSION[+LEFT[-DONE]].efi`.
fn version(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let inner = name.strip_prefix(PREFIX)?.strip_suffix(".efi")?;
    Some(inner.split_once('+').map_or(inner, |(version, _)| version))
}
