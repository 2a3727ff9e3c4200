//! What an installer asks for by putting a file on the boot partition: `factory-reset` and
//! `export-logs`. A request is taken off before it is carried out for good, so that it is carried
//! out once.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{storage, update};

/// What a reset keeps on the data partition: backups, the highest release that proved itself, and
/// the time, which would fall back otherwise.
const KEPT: [&str; 5] = [BACKUPS, update::PROVED, "clock", RESETTING, "lost+found"];
const BACKUPS: &str = "backups";
const RESET: &str = "factory-reset";
const EXPORT: &str = "export-logs";
/// On the data partition while a reset is under way.
const RESETTING: &str = ".resetting";
/// What is exported of the kernel's messages; they are 256 KiB at most.
const KERNEL_LOG_BYTES: usize = 1 << 20;

/// The file an installer made, with the extension that some editors add.
fn request(boot: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.txt")]
        .into_iter()
        .map(|name| boot.join(name))
        .find(|path| path.is_file())
}

/// Empties the data partition except for what is kept when that was asked for; whether it was.
/// `take_off` removes the request.
///
/// # Errors
/// The disk's. When the request cannot be taken off nothing is emptied, or it would be emptied
/// again at every start.
pub fn reset(
    boot: &Path,
    data: &Path,
    take_off: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<bool> {
    let mark = data.join(RESETTING);
    if let Some(request) = request(boot, RESET) {
        File::create(&mark)?.sync_all()?;
        File::open(data)?.sync_all()?;
        if let Err(error) = take_off(&request) {
            fs::remove_file(&mark)?;
            return Err(error);
        }
    } else if !mark.exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        if KEPT.iter().any(|kept| name == *kept) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    rustix::fs::sync();
    fs::remove_file(&mark)?;
    Ok(true)
}

/// Removes a request from the boot partition at `boot`.
///
/// # Errors
/// The boot partition's.
pub fn take_off(boot: &Path, request: &Path) -> io::Result<()> {
    storage::write_boot(boot, || fs::remove_file(request))
}

/// Copies the log of `folder` and the kernel's messages to `boot/logs` when that was asked for;
/// whether it was.
///
/// # Errors
/// The boot partition's, which may be full.
pub fn export(boot: &Path, folder: &Path) -> io::Result<bool> {
    let Some(request) = request(boot, EXPORT) else { return Ok(false) };
    let kernel = kernel_log().unwrap_or_default();
    storage::write_boot(boot, || {
        let to = boot.join("logs");
        fs::create_dir_all(&to)?;
        fs::write(to.join("kernel.txt"), kernel)?;
        for entry in fs::read_dir(folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().replace('.', "-");
            fs::copy(entry.path(), to.join(format!("{name}.txt")))?;
        }
        fs::remove_file(request)
    })?;
    Ok(true)
}

/// The kernel's messages as `/dev/kmsg` has them: one a read.
fn kernel_log() -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg")?;
    let (mut log, mut message) = (Vec::new(), [0; 8192]);
    while log.len() < KERNEL_LOG_BYTES {
        match file.read(&mut message) {
            Ok(0) => break,
            Ok(length) => log.extend_from_slice(&message[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // EPIPE: older messages were overwritten meanwhile.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        root: PathBuf,
        boot: PathBuf,
        data: PathBuf,
    }

    fn machine(name: &str) -> Machine {
        let root = std::env::temp_dir().join(format!("ph-{name}-{}", std::process::id()));
        let (boot, data) = (root.join("boot"), root.join("data"));
        fs::create_dir_all(&boot).unwrap();
        fs::create_dir_all(data.join("desk/blobs")).unwrap();
        fs::create_dir_all(data.join(BACKUPS)).unwrap();
        fs::write(data.join("desk/journal"), "x").unwrap();
        fs::write(data.join("clock"), "1").unwrap();
        fs::write(data.join(BACKUPS).join("monday"), "x").unwrap();
        Machine { root, boot, data }
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_reset_keeps_backups_and_happens_once() {
        let Machine { root, boot, data } = machine("reset");
        let remove = |path: &Path| fs::remove_file(path);
        assert!(!reset(&boot, &data, remove).unwrap());
        assert_eq!(names(&data).len(), 3);
        fs::write(boot.join("factory-reset.txt"), "").unwrap();
        assert!(reset(&boot, &data, remove).unwrap());
        assert_eq!(names(&data), [BACKUPS, "clock"]);
        assert_eq!(names(&data.join(BACKUPS)), ["monday"]);
        assert!(!reset(&boot, &data, remove).unwrap());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_request_that_cannot_be_taken_off_empties_nothing() {
        let Machine { root, boot, data } = machine("stuck");
        fs::write(boot.join("factory-reset"), "").unwrap();
        reset(&boot, &data, |_| Err(io::ErrorKind::ReadOnlyFilesystem.into())).unwrap_err();
        assert_eq!(names(&data), [BACKUPS, "clock", "desk"]);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_reset_that_was_cut_goes_on_at_the_next_start() {
        let Machine { root, boot, data } = machine("cut");
        fs::write(data.join(RESETTING), "").unwrap();
        assert!(reset(&boot, &data, |_| Ok(())).unwrap());
        assert_eq!(names(&data), [BACKUPS, "clock"]);
        fs::remove_dir_all(root).unwrap();
    }
}
