//! Puts the kernel of a bundle into a slot of the boot partition: a file on trial, which the loader
//! starts next. The file gets its name when it is whole, and others are removed only then, so that
//! at every moment the old version or the new one starts.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom};
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
/// A name that the loader passes over.
const UNFINISHED: &str = "posthouse.part";

/// Installs a bundle; the file it made.
///
/// # Errors
/// `BUNDLE_FOREIGN`, `BUNDLE_OLDER`, `BUNDLE_CHANGED` or the disk's; the slots are as they were.
pub fn install(bundle: &mut Bundle, slots: &Slots<'_>) -> Result<PathBuf, Fault> {
    let manifest = bundle.manifest.clone();
    admit(&manifest, slots)?;
    let folder = slots.boot.join(FOLDER);
    let unfinished = folder.join(UNFINISHED);
    let written = write(bundle, &unfinished);
    if let Err(fault) = written {
        // What is left of it would take the room of the next try.
        let _ = fs::remove_file(&unfinished);
        return Err(fault);
    }
    // A slot of the same version that failed its trial, or was given up, makes room.
    let name = format!("{PREFIX}{}+{TRIES}.efi", manifest.version);
    let others = others(&folder, slots.version)?;
    for other in others.iter().filter(|path| version(path) == Some(&manifest.version)) {
        fs::remove_file(other)?;
    }
    let slot = folder.join(name);
    fs::rename(&unfinished, &slot)?;
    File::open(&folder)?.sync_all()?;
    for other in others.iter().filter(|path| version(path) != Some(&manifest.version)) {
        fs::remove_file(other)?;
    }
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

/// Writes the kernel and reads it back from the disk.
fn write(bundle: &mut Bundle, path: &Path) -> Result<(), Fault> {
    let mut file = File::options().create(true).truncate(true).read(true).write(true).open(path)?;
    bundle.copy(&mut file)?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    if hash(&mut file, &mut io::sink())? != bundle.manifest.kernel {
        return Err(Fault::new(code::BUNDLE_CHANGED, path.display()));
    }
    Ok(())
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
