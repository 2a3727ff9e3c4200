//! Files of the `tls` folder, renamed into place, private keys with mode 0600.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::super::Fault;
use crate::net::keep;

/// The whole file. It may be a key: what was read is wiped from memory.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let text = fs::read_to_string(path).map_err(|error| Fault::file(path, &error))?;
    Ok(Zeroizing::new(text))
}

/// Whether the file is there; a folder that cannot be looked into does not count as empty.
pub(super) fn is_there(path: &Path) -> Result<bool, Fault> {
    path.try_exists().map_err(|error| Fault::file(path, &error))
}

/// As [`keep::keep`].
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    keep::keep(path, text, mode).map_err(|error| Fault::file(path, &error))
}

/// Adds lines to a list, each begun anew, so that one torn by a power cut spoils no other.
pub(super) fn add_lines(path: &Path, lines: &[String]) -> Result<(), Fault> {
    let text: String = lines.iter().map(|line| format!("\n{line}")).collect();
    let done = (|| {
        keep::make_folder(path)?;
        let mut options = fs::OpenOptions::new();
        let mut file = options.append(true).create(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        keep::sync_folder(path)
    })();
    done.map_err(|error| Fault::file(path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_gets_its_mode_whatever_stands_in_its_way() {
        let folder = std::env::temp_dir().join(format!("posthouse-files-{}", std::process::id()));
        let (key, chain) = (folder.join("tls/site.key"), folder.join("tls/site.pem"));
        write(&chain, "chain", 0o644).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("tls"))), (0o700, 0o700));
        // A stale file that everybody may read, under the name that will be written first.
        let stale = folder.join(format!("tls/.site.key.{}.new", std::process::id()));
        fs::write(&stale, "stale").unwrap();
        fs::set_permissions(&stale, fs::Permissions::from_mode(0o666)).unwrap();
        write(&key, "key", 0o600).unwrap();
        assert_eq!((mode(&key), mode(&chain)), (0o600, 0o644));
        assert_eq!((&**read(&key).unwrap(), &**read(&chain).unwrap()), ("key", "chain"));
        assert_eq!(fs::read_dir(folder.join("tls")).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
