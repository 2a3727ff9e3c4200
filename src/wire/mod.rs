//! Bytes to words and back: the schema, decode, encode.
//! Architecture invariant: the only room that knows prost.

pub mod record;

/// The messages of `posthouse.proto`, generated; `tests/generated.rs` compares them with it.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod proto {
    include!("gen/posthouse.v1.rs");
}
