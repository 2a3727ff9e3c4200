//! Attachments as files: `blobs/xx/<id>`, where `xx` are the last two digits of the id. Invariant:
//! a file has its name only when it is whole and synced; what was not finished is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use posthouse_crypto::hash::Sha256;

use super::Fault;
use crate::base::BlobId;

/// The folder of attachments.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

/// A file that is being written; dropped before `finish` it is removed.
#[derive(Debug)]
pub struct NewBlob {
    id: BlobId,
    blobs: Blobs,
    file: File,
    hash: Sha256,
    size: u64,
    finished: bool,
}

impl Blobs {
    /// The attachments of the store in this data folder.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join("blobs") }
    }

    /// Where an attachment lies.
    #[must_use]
    pub fn path(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        self.folder.join(&name[30..]).join(name)
    }

    /// Begins a file under a name of its own.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn create(&self, id: BlobId) -> Result<NewBlob, Fault> {
        let path = self.unfinished(id);
        let open = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)
        };
        let file = open().map_err(Fault::disk("attachment"))?;
        let blobs = self.clone();
        Ok(NewBlob { id, blobs, file, hash: Sha256::default(), size: 0, finished: false })
    }

    fn unfinished(&self, id: BlobId) -> PathBuf {
        self.path(id).with_extension("new")
    }
}

impl NewBlob {
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// # Errors
    /// The disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(Fault::disk("attachment"))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes the file durable under its name; returns the SHA-256 of what is in it.
    ///
    /// # Errors
    /// The disk does not take it; the file is removed.
    pub fn finish(self) -> Result<[u8; 32], Fault> {
        let id = self.id;
        self.finish_as(id)
    }

    /// The same under another name; whatever had it is replaced.
    ///
    /// # Errors
    /// As `finish`.
    pub fn finish_as(mut self, id: BlobId) -> Result<[u8; 32], Fault> {
        self.settle(id).map_err(Fault::disk("attachment"))?;
        self.finished = true;
        Ok(self.hash.clone().finish())
    }

    fn settle(&self, id: BlobId) -> io::Result<()> {
        self.file.sync_all()?;
        let path = self.blobs.path(id);
        fs::create_dir_all(path.parent().unwrap_or(&self.blobs.folder))?;
        fs::rename(self.blobs.unfinished(self.id), &path)?;
        for folder in path.ancestors().skip(1).take(3) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now has no name that anything reads.
            let _ = fs::remove_file(self.blobs.unfinished(self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let data = std::env::temp_dir().join(format!("posthouse-blobs-{}", std::process::id()));
        let blobs = Blobs::of(&data);
        let mut blob = blobs.create(BlobId(0xab)).unwrap();
        blob.write(b"one").unwrap();
        assert!(!blobs.path(BlobId(0xab)).exists());
        let hash = blob.finish().unwrap();
        assert_eq!(hash, posthouse_crypto::token::sha256(b"one"));
        assert_eq!(fs::read(blobs.path(BlobId(0xab))).unwrap(), b"one");

        let dropped = blobs.create(BlobId(0xcd)).unwrap();
        drop(dropped);
        assert!(!blobs.unfinished(BlobId(0xcd)).exists());
        fs::remove_dir_all(data).unwrap();
    }
}
