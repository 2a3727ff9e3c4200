//! Puts a store that was made beside another into its place. Invariant: one rename decides; before
//! it nothing of the old store has changed, after it every opening goes on until the new one is
//! there, wherever the power went.
//!
//! | path in the data folder | |
//! |---|---|
//! | `staging/` | being made; thrown away by the next one |
//! | `staged/` | whole, takes its place: `new/`, `old/`, `plan` |
//! | `former-N/` | what was there before, when it was to be kept |
//!
//! `plan` has a line for each name: `in NAME`, `out NAME`, and `keep former-N`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::shared::JOURNAL_FILE;
use super::{audit, body_keys, database, key, sealed};

const STAGING: &str = "staging";
const STAGED: &str = "staged";
const BLOBS: &str = "blobs";

/// What a store is made of.
pub const STORE: [&str; 7] = [
    database::FILE,
    JOURNAL_FILE,
    BLOBS,
    body_keys::FILE,
    sealed::FILE,
    key::FILE,
    sealed::SIDE_FILE,
];
/// What a backup brings back beside it.
pub const BESIDE: [&str; 2] = [audit::FOLDER, "tls"];

/// A folder in which another store is made.
#[derive(Debug)]
pub struct Staging {
    data: PathBuf,
}

impl Staging {
    /// Makes the folder; what an earlier one left is removed.
    ///
    /// # Errors
    /// The disk takes no writes.
    pub fn begin(data: &Path) -> Result<Self, Fault> {
        let staging = Self { data: data.to_owned() };
        let make = || {
            remove(&data.join(STAGING))?;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(staging.path())?;
            fs::create_dir_all(staging.path().join(BLOBS))
        };
        make().map_err(Fault::disk("staging folder")).map(|()| staging)
    }

    /// Where the new store is made.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.data.join(STAGING).join("new")
    }

    /// The new store takes its place; `names` are all that the old one has. Returns where that is
    /// kept.
    ///
    /// # Errors
    /// The disk takes no writes: the old one is there as it was, or the next opening goes on.
    pub fn commit(self, names: &[&str], keep: bool) -> Result<Option<PathBuf>, Fault> {
        let data = self.data.clone();
        let former = self.decide(names, keep)?;
        finish(&data)?;
        Ok(former)
    }

    fn decide(self, names: &[&str], keep: bool) -> Result<Option<PathBuf>, Fault> {
        let former = keep.then(|| free_name(&self.data));
        let mut plan = String::new();
        for name in names {
            let word = if self.path().join(name).exists() { "in" } else { "out" };
            plan += &format!("{word} {name}\n");
        }
        if let Some(former) = &former {
            plan += &format!("keep {former}\n");
        }
        let staging = self.data.join(STAGING);
        let decide = || {
            let mut file = File::create(staging.join("plan"))?;
            file.write_all(plan.as_bytes())?;
            file.sync_all()?;
            sync_tree(&staging)?;
            rename(&staging, &self.data.join(STAGED))
        };
        decide().map_err(Fault::disk("staging folder"))?;
        Ok(former.map(|former| self.data.join(former)))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is removed by the next one.
        let _ = remove(&self.data.join(STAGING));
    }
}

/// Goes on with a change that was decided, when there is one. The caller holds the folder's lock.
///
/// # Errors
/// The disk takes no writes.
pub fn finish(data: &Path) -> Result<(), Fault> {
    let go_on = || {
        while let Some(step) = next(data)? {
            step.run()?;
        }
        io::Result::Ok(())
    };
    go_on().map_err(Fault::disk("staged store"))
}

/// True while a change was decided and is not done.
#[must_use]
pub fn is_open(data: &Path) -> bool {
    data.join(STAGED).exists()
}

/// Refuses when the disk of this folder has less than so many bytes free.
///
/// # Errors
/// `NO_ROOM`.
pub fn room(folder: &Path, bytes: u64) -> Result<(), Fault> {
    let found = rustix::fs::statvfs(folder).map_err(io::Error::from);
    let found = found.map_err(Fault::disk("data folder"))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < bytes { Err(Fault::NoRoom { needed: bytes, free }) } else { Ok(()) }
}

/// Makes every file name below a folder durable.
///
/// # Errors
/// The disk takes no writes.
pub fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

/// What is to be done next; it follows from what is there.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Step {
    fn run(&self) -> io::Result<()> {
        match self {
            Self::Rename(from, to) => rename(from, to),
            Self::Remove(path) => remove(path),
        }
    }
}

fn next(data: &Path) -> io::Result<Option<Step>> {
    let staged = data.join(STAGED);
    if !staged.try_exists()? {
        return Ok(None);
    }
    let plan = match fs::read_to_string(staged.join("plan")) {
        // It goes with the folder, when all is done.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        plan => plan?,
    };
    let mut former = None;
    for line in plan.lines() {
        let Some((word, name)) = line.split_once(' ') else { continue };
        let (here, fresh) = (data.join(name), staged.join("new").join(name));
        let old = staged.join("old").join(name);
        let arrives = word == "in" && fresh.try_exists()?;
        if word == "keep" {
            former = Some(here);
        } else if (arrives || word == "out") && here.try_exists()? {
            return Ok(Some(Step::Rename(here, old)));
        } else if arrives {
            return Ok(Some(Step::Rename(fresh, here)));
        }
    }
    let old = staged.join("old");
    Ok(Some(match former {
        Some(former) if old.try_exists()? => Step::Rename(old, former),
        Some(_) | None => Step::Remove(staged),
    }))
}

/// Renames and makes it durable; folders on the way are made.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    fs::rename(from, to)?;
    for path in [from, to] {
        for folder in path.ancestors().skip(1).take(2) {
            File::open(folder)?.sync_all()?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn free_name(data: &Path) -> String {
    let mut number = 1_u32;
    while data.join(format!("former-{number}")).exists() {
        number += 1;
    }
    format!("former-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and content of every file.
    fn tree(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                let below = tree(&path);
                found
                    .extend(below.into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
            } else {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("posthouse-swap-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("blobs/01")).unwrap();
        let old = [("store.redb", "old"), ("keys", "old"), ("lock", ""), ("blobs/01/a", "old")];
        old.iter().for_each(|(name, text)| fs::write(path.join(name), text).unwrap());
        path
    }

    /// A new store that is whole, and not decided yet.
    fn staged(data: &Path) -> Staging {
        let staging = Staging::begin(data).unwrap();
        let new = staging.path();
        fs::create_dir_all(new.join("blobs/02")).unwrap();
        for (name, text) in [("store.redb", "new"), ("bodies", "new"), ("blobs/02/b", "new")] {
            fs::write(new.join(name), text).unwrap();
        }
        staging
    }

    fn files(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_power_may_go_at_any_step_and_the_store_is_the_old_or_the_new_one() {
        for keep in [false, true] {
            let new = [("blobs/02/b", "new"), ("bodies", "new")];
            let kept = [
                ("former-1/blobs/01/a", "old"),
                ("former-1/keys", "old"),
                ("former-1/store.redb", "old"),
            ];
            let rest = [("lock", ""), ("store.redb", "new")];
            let kept: &[_] = if keep { &kept } else { &[] };
            let after = files(&[&new, kept, &rest].concat());
            let mut cuts = 0;
            loop {
                let data = folder("cut");
                let old = tree(&data);
                let staging = staged(&data);
                // Undecided: the next one throws it away.
                std::mem::forget(staged(&data));
                drop(Staging::begin(&data).unwrap());
                assert_eq!(tree(&data), old);
                drop(staging);
                // Decided, and cut off after so many steps.
                let staging = staged(&data);
                let names = ["store.redb", "journal", "blobs", "bodies", "keys"];
                staging.decide(&names, keep).unwrap();
                let mut done = 0;
                while let Some(step) = next(&data).unwrap().filter(|_| done < cuts) {
                    step.run().unwrap();
                    done += 1;
                }
                finish(&data).unwrap();
                assert_eq!(tree(&data), after, "cut {cuts}");
                assert!(!is_open(&data));
                fs::remove_dir_all(&data).unwrap();
                if done < cuts {
                    break;
                }
                cuts += 1;
            }
            assert!(cuts > 6, "{cuts}");
        }
    }

    #[test]
    fn what_was_kept_before_stays() {
        let data = folder("kept");
        fs::create_dir_all(data.join("former-1")).unwrap();
        let former = staged(&data).commit(&["store.redb", "blobs"], true).unwrap();
        assert_eq!(former, Some(data.join("former-2")));
        assert_eq!(fs::read_to_string(data.join("former-2/store.redb")).unwrap(), "old");
        fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn a_disk_without_room_is_told_before() {
        assert!(room(&std::env::temp_dir(), 1).is_ok());
        assert!(matches!(room(&std::env::temp_dir(), u64::MAX), Err(Fault::NoRoom { .. })));
    }
}
