//! Bytes to words and back: the schema, decode, encode.
//! Architecture invariant: the only room that knows prost. An entry is encoded once; from then on
//! it travels as those bytes, so that fields of a newer version survive.

mod client;
mod head;
pub mod record;
mod row;
mod server;
mod words;

/// The messages of `posthouse.proto`, generated; `tests/generated.rs` keeps them equal to the
/// schema.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod proto {
    include!("gen/posthouse.v1.rs");
}

pub use crate::desk::{CommandAsk, OpeningAsk, TransferAsk};
pub use client::{Submission, decode_client, decode_client_list};
pub use head::{head_length, skeleton};
pub use record::{
    AuditNote, BlobRow, Fact, FileKey, Mark, Places, ReaderCursor, Record, Secret, SignIn,
};
pub use row::{
    conversation_from_row, conversation_row, decode_conversation, encode_conversation, visitor_row,
};
pub use server::{
    Paged, Presence, Snapshot, Surroundings, delivery, encode_server, encode_snapshot, frame_list,
    mark_frame, presence_agent, presence_visitor, queue_place, staffed, typing_frame,
};
pub use words::{decode_entry, encode_entry, feed_from_proto, feed_to_proto};
