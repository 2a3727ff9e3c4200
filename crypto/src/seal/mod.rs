//! Sealing what lies on a disk: journal records, database pages, attachments, small secrets.
//! Invariant: no pair of key and nonce is ever used twice, also when a place in a file is written
//! again after a crash; and nothing is shown whose tag was not right.
//!
//! ```text
//! operator's secret ── PBKDF2 ──> KEK ── wraps ──> masters, by id
//! device            ── unwraps ─> KEK              └─ HKDF ──> keys by purpose
//! ```
//!
//! A nonce is 64 random bits, drawn when a [`Nonces`] is made (at every opening) and whenever its
//! counter is used up, and a counter of 32 bits. Two openings share their random part with a chance
//! of 2^-64; a million of them with 2^-25.

mod aead;
mod budget;
pub mod key_file;
mod keys;
mod page;
mod record;
mod stream;

pub use aead::{Aead, BadSeal, Nonces};
pub use budget::{Budget, Need, PAGE_WRITES_MOST};
pub use keys::{KeyId, Keys, Purpose};
pub use page::{PAGE_BYTES, PageKeys, SEALED_PAGE_BYTES};
pub use record::{RECORD_EXTRA, RecordKeys};
pub use stream::{
    CHUNK_BYTES, HEAD_BYTES, KEYED_HEAD, StreamReader, StreamWriter, plain_bytes, rewrap,
    sealed_bytes,
};
