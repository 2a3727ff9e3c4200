//! The audit log: a chain that only grows and that a later intruder cannot rewrite unseen.
//!
//! ```text
//! mac(i) = HMAC(key of the epoch, mac(i-1) ‖ i ‖ record)
//!     i = 1, 2, 3 …, u64 big-endian; mac(0) = 32 zero bytes
//! key of epoch e+1 = HKDF-Expand(key of epoch e, "posthouse audit ratchet")
//! head = signature over family, epoch, from, i, mac(i), lines, time
//! lines = H(… H(H(0 ‖ line from+1) ‖ line from+2) … ‖ line i), each line with its end
//! ```
//!
//! A text begins with a head, which says what it is chained to, or with the first record.
//!
//! Invariant: the writer keeps the key of the present epoch alone. Who reads its memory learns that
//! one, and cannot change what older epochs wrote: their keys do not follow from it. The first key,
//! from which all of them follow, is for verifying. A signed head that was copied off the machine
//! shows a shortened end also when every key was stolen.

mod chain;
mod head;
mod line;
mod signed;
mod verify;

pub use chain::{Chain, MAC_BYTES};
pub use head::{Head, Signer};
pub use line::{BadLine, Line};
pub use signed::verify_signed;
pub use verify::{Finding, Verdict, verify};
