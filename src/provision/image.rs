//! Settings in a copy of a disk image: written over the commented file that every image has on its
//! boot partition, byte for byte in its place, so that no file system need be understood.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Fault;
use crate::base::code;

/// What stands there before; `image/make.py` fills it up with line ends to `ROOM` bytes.
const TEMPLATE: &str = include_str!("../../image/boot/posthouse.yaml");
const ROOM: usize = 4096;
/// Files begin at a sector.
const SECTOR: usize = 512;
/// The boot partition ends here; nothing behind it is searched.
const SEARCHED: u64 = 257 << 20;
const PIECE: usize = 1 << 20;

/// Where the settings of an image stand.
#[derive(Debug)]
pub struct Place {
    image: PathBuf,
    offset: u64,
}

impl Place {
    /// # Errors
    /// `PROVISION_IMAGE`: they stand nowhere, twice, or somebody changed them. Or the disk's.
    pub fn find(image: &Path) -> Result<Self, Fault> {
        let fault = |error: io::Error| Fault::io(image, &error);
        let file = File::open(image).map_err(fault)?;
        let mut template = TEMPLATE.as_bytes().to_vec();
        template.resize(ROOM, b'\n');
        // A piece overlaps the one behind it by what a place may reach over its end.
        let mut piece = vec![0; PIECE + ROOM];
        let mut places = Vec::new();
        for begin in (0..SEARCHED).step_by(PIECE) {
            let length = read(&file, &mut piece, begin).map_err(fault)?;
            for at in (0..PIECE.min(length)).step_by(SECTOR) {
                if piece[..length].get(at..at + ROOM) == Some(&template[..]) {
                    places.push(begin + at as u64);
                }
            }
        }
        match places[..] {
            [offset] => Ok(Self { image: image.to_owned(), offset }),
            _ => Err(Fault { code: code::PROVISION_IMAGE, detail: image.display().to_string() }),
        }
    }

    /// Copies the image to `to` with these settings; what is empty stays a hole.
    ///
    /// # Errors
    /// `PROVISION_IMAGE`: they are too long. Or the disk's.
    pub fn copy(&self, to: &Path, settings: &str) -> Result<(), Fault> {
        let mut settings = settings.as_bytes().to_vec();
        if settings.len() > ROOM {
            let detail = format!("more than {ROOM} bytes of settings");
            return Err(Fault { code: code::PROVISION_IMAGE, detail });
        }
        settings.resize(ROOM, b'\n');
        self.write(to, &settings).map_err(|error| Fault::io(to, &error))
    }

    fn write(&self, to: &Path, settings: &[u8]) -> io::Result<()> {
        let from = File::open(&self.image)?;
        let to = File::options().write(true).create_new(true).mode(0o600).open(to)?;
        let length = from.metadata()?.len();
        to.set_len(length)?;
        let mut piece = vec![0; PIECE];
        for begin in (0..length).step_by(PIECE) {
            let read = read(&from, &mut piece, begin)?;
            if piece[..read].iter().any(|byte| *byte != 0) {
                to.write_all_at(&piece[..read], begin)?;
            }
        }
        to.write_all_at(settings, self.offset)?;
        to.sync_all()
    }
}

/// As much as there is.
fn read(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match file.read_at(&mut into[length..], offset + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn settings_take_the_place_of_the_template_and_of_nothing_else() {
        let folder = std::env::temp_dir().join(format!("ph-place-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (image, copy) = (folder.join("image"), folder.join("copy"));
        let mut template = TEMPLATE.as_bytes().to_vec();
        template.resize(ROOM, b'\n');
        // Over the end of a piece.
        let at = PIECE - SECTOR;
        let mut bytes = vec![0; 2 * PIECE];
        bytes[PIECE + ROOM] = 7;
        fs::write(&image, &bytes).unwrap();
        assert_eq!(Place::find(&image).unwrap_err().code, code::PROVISION_IMAGE);
        bytes[at..at + ROOM].copy_from_slice(&template);
        fs::write(&image, &bytes).unwrap();
        let place = Place::find(&image).unwrap();
        assert_eq!(place.offset, at as u64);
        place.copy(&copy, "a: b\n").unwrap();
        let mut expected = bytes.clone();
        expected[at..at + ROOM].fill(b'\n');
        expected[at..at + 4].copy_from_slice(b"a: b");
        assert!(fs::read(&copy).unwrap() == expected);
        assert!(place.copy(&copy, "").is_err(), "it is there");
        let long = "x".repeat(ROOM + 1);
        assert_eq!(place.copy(&copy, &long).unwrap_err().code, code::PROVISION_IMAGE);
        bytes[..ROOM].copy_from_slice(&template);
        fs::write(&image, &bytes).unwrap();
        assert!(Place::find(&image).is_err(), "twice");
        fs::remove_dir_all(folder).unwrap();
    }
}
