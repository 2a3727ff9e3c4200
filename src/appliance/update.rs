//! An update that an installer puts on the boot partition as `update.phb`: checked with the keys of
//! this image, put into the other slot, tried at the next start. While the running version is on
//! trial itself nothing is taken: the one before it must stay.

use std::fs;
use std::io;
use std::path::Path;

use super::{clock, storage};
use crate::base::code;
use crate::bundle::{self, Bundle, Fault, Keys, Slots};

/// What this image is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `arm64-uefi`
    pub target: String,
    pub version: String,
    pub number: u64,
}

const REQUEST: &str = "update.phb";
const REFUSED: &str = "update-refused.phb";
const KEYS: &str = "/etc/posthouse/update-keys";
const OS_RELEASE: &str = "/etc/os-release";
/// The highest release that proved itself on this machine, on the data partition.
pub const PROVED: &str = "release";

impl Release {
    /// What `/etc/os-release` of the image says.
    #[must_use]
    pub fn running() -> Self {
        Self::read(&fs::read_to_string(OS_RELEASE).unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        let word = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned()
        };
        Self {
            target: word("TARGET="),
            version: word("IMAGE_VERSION="),
            number: word("BUILD_EPOCH=").parse().unwrap_or_default(),
        }
    }

    /// Remembers that this release proved itself: none before it is taken any more.
    ///
    /// # Errors
    /// The disk's.
    pub fn proved(&self, data: &Path) -> io::Result<()> {
        let file = data.join(PROVED);
        if clock::written(&file, "") >= self.number {
            return Ok(());
        }
        let fresh = data.join(format!("{PROVED}.new"));
        fs::write(&fresh, format!("{}\n", self.number))?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(fresh, file)
    }

    /// Takes the update that is there; the version that was installed. `None`: there is none.
    ///
    /// # Errors
    /// Why it was not taken. It is put aside then, so that it is not tried at every start.
    pub fn take_update(&self, boot: &Path, data: &Path) -> Option<Result<String, Fault>> {
        let request = boot.join(REQUEST);
        if !request.is_file() {
            return None;
        }
        let taken = self.install(&request, boot, data);
        let aside = || match &taken {
            Ok(_) => fs::remove_file(&request),
            Err(_) => fs::rename(&request, boot.join(REFUSED)),
        };
        let put_aside = storage::write_boot(boot, aside).map_err(Fault::from);
        Some(taken.and_then(|version| put_aside.map(|()| version)))
    }

    fn install(&self, request: &Path, boot: &Path, data: &Path) -> Result<String, Fault> {
        let keys = fs::read_to_string(KEYS)
            .map_err(|error| Fault { code: code::BUNDLE_NO_KEYS, detail: error.to_string() })?;
        let mut bundle = Bundle::open(request, &Keys::read(&keys)?)?;
        let release = self.number.max(clock::written(&data.join(PROVED), ""));
        let (target, version) = (self.target.as_str(), self.version.as_str());
        let slots = Slots { boot, target, version, release };
        let mut installed = None;
        storage::write_boot(boot, || {
            installed = Some(bundle::install(&mut bundle, &slots));
            Ok(())
        })?;
        match installed {
            Some(Err(fault)) => Err(fault),
            Some(Ok(_)) | None => Ok(bundle.manifest.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_release_is_read_and_the_highest_kept() {
        let text = "ID=posthouse\nTARGET=arm64-uefi\nIMAGE_VERSION=0.2.0\nBUILD_EPOCH=7\n";
        let release = Release::read(text);
        assert_eq!((release.target.as_str(), release.version.as_str()), ("arm64-uefi", "0.2.0"));
        let data = std::env::temp_dir().join(format!("ph-release-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        release.proved(&data).unwrap();
        assert_eq!(clock::written(&data.join(PROVED), ""), 7);
        Release { number: 5, ..release }.proved(&data).unwrap();
        assert_eq!(clock::written(&data.join(PROVED), ""), 7, "it never falls");
        fs::remove_dir_all(&data).unwrap();
        assert_eq!(Release::read(""), Release::default());
    }
}
