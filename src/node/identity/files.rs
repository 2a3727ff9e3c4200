//! Files of the `tls` folder, renamed into place, private keys with mode 0600.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::Fault;

/// The whole file.
pub(super) fn read(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|error| Fault::file(path, &error))
}

/// Writes under another name, syncs and renames; makes the folder when it is missing.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    let fresh = path.with_extension("new");
    let done = (|| {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    })();
    done.map_err(|error| Fault::file(path, &error))
}
