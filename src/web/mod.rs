//! The built pages: `target/web` as `npm run build` left it, inside the binary. Empty when it was
//! built without them. Architecture invariant: files only; who gets them is HTTP's business.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/target/web"]
#[allow_missing = true]
struct Files;

/// A file of the built pages.
#[derive(Clone, Debug)]
pub struct File {
    pub bytes: Cow<'static, [u8]>,
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
}

/// The file at a path below `target/web`, such as `console/index.html`.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let file = Files::get(path)?;
    Some(File { bytes: file.data, hash: file.metadata.sha256_hash() })
}
