//! What the boot loader did and is told (systemd-boot, "Automatic Boot Assessment"): a version that
//! is tried is a file `NAME+LEFT-DONE.efi` whose numbers it counts by renaming. A version that
//! proved itself loses them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The loader's variables (Boot Loader Interface).
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// The file this system was started from, while it is on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// As it is called now.
    pub file: PathBuf,
    /// As it is called once it has proved itself.
    pub good: PathBuf,
    /// Starts that are left when this one fails.
    pub left: u32,
}

impl Trial {
    /// The trial under way; `None` when the version has proved itself, or was not started by a
    /// loader that counts.
    #[must_use]
    pub fn under_way(variables: &Path, boot: &Path) -> Option<Self> {
        let bytes = fs::read(variables.join(format!("LoaderBootCountPath-{VENDOR}"))).ok()?;
        // Four bytes of attributes, then UTF-16 with an end mark.
        let units: Vec<u16> = bytes
            .get(4..)?
            .chunks_exact(2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .take_while(|unit| *unit != 0)
            .collect();
        Self::of(&String::from_utf16(&units).ok()?, boot)
    }

    fn of(path: &str, boot: &Path) -> Option<Self> {
        let inside = path.trim_start_matches('\\').replace('\\', "/");
        // The loader names files of its partition; nothing leads out of it.
        if inside.split('/').any(|part| part.is_empty() || part == "..") {
            return None;
        }
        let file = boot.join(inside);
        let name = file.file_name()?.to_str()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let (plain, counters) = stem.rsplit_once('+')?;
        let left = counters.split('-').next()?.parse().ok()?;
        let good = file.with_file_name(format!("{plain}.{extension}"));
        Some(Self { file, good, left })
    }

    /// Takes the counters off; `Ok` when that was done before.
    ///
    /// # Errors
    /// The boot partition's.
    pub fn pass(&self) -> io::Result<()> {
        self.become_file(&self.good)
    }

    /// No start is left: the loader comes to the former version.
    ///
    /// # Errors
    /// The boot partition's.
    pub fn give_up(&self) -> io::Result<()> {
        let name = self.good.file_stem().unwrap_or_default().to_string_lossy();
        self.become_file(&self.good.with_file_name(format!("{name}+0-1.efi")))
    }

    /// A cut while a name moved may have left the new name with the whole file and the old one
    /// empty, or the other way round.
    fn become_file(&self, to: &Path) -> io::Result<()> {
        if to == self.file {
            return Ok(());
        }
        if !fs::metadata(to).is_ok_and(|found| found.len() > 0) {
            return fs::rename(&self.file, to);
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_counters_are_read_and_taken_off() {
        let boot = std::env::temp_dir().join(format!("ph-loader-{}", std::process::id()));
        let folder = boot.join("EFI/Linux");
        fs::create_dir_all(&folder).unwrap();
        let trial = Trial::of("\\EFI\\Linux\\posthouse_0.2.0+2-1.efi", &boot).unwrap();
        assert_eq!(trial.left, 2);
        assert_eq!(trial.good, folder.join("posthouse_0.2.0.efi"));
        trial.pass().unwrap_err();
        fs::write(&trial.file, "kernel").unwrap();
        trial.pass().unwrap();
        trial.pass().unwrap();
        assert!(trial.good.exists() && !trial.file.exists());
        // A name that was about to move when the power failed.
        fs::write(&trial.file, "").unwrap();
        trial.pass().unwrap();
        assert_eq!(fs::read(&trial.good).unwrap(), b"kernel");
        fs::rename(&trial.good, &trial.file).unwrap();
        fs::write(&trial.good, "").unwrap();
        trial.pass().unwrap();
        assert_eq!(fs::read(&trial.good).unwrap(), b"kernel");
        fs::rename(&trial.good, &trial.file).unwrap();
        trial.give_up().unwrap();
        trial.give_up().unwrap();
        assert!(folder.join("posthouse_0.2.0+0-1.efi").exists() && !trial.file.exists());
        let variable = boot.join(format!("LoaderBootCountPath-{VENDOR}"));
        assert_eq!(Trial::under_way(&boot, &boot), None);
        let mut bytes = vec![7, 0, 0, 0];
        let path = "\\EFI\\Linux\\posthouse_0.2.0+0-3.efi\0";
        bytes.extend(path.encode_utf16().flat_map(u16::to_le_bytes));
        fs::write(variable, bytes).unwrap();
        assert_eq!(Trial::under_way(&boot, &boot).unwrap().left, 0);
        fs::remove_dir_all(&boot).unwrap();
    }

    #[test]
    fn names_without_counters_and_paths_that_lead_out_are_no_trials() {
        let boot = Path::new("/boot");
        for path in ["\\EFI\\Linux\\a.efi", "\\a+x.efi", "\\..\\a+1.efi", "", "\\EFI\\\\a+1.efi"] {
            assert_eq!(Trial::of(path, boot), None, "{path}");
        }
        assert_eq!(Trial::of("\\a+3.efi", boot).unwrap().left, 3);
    }
}
