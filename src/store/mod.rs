//! The durable edge: a journal in front of redb; one writer thread.

pub mod fault;
pub mod journal;
#[doc(hidden)]
pub mod sim;
pub mod storage;

pub use fault::Fault;
