//! TLCP against itself in memory, and against everything that is wrong.

mod handshake;
mod hostile;
mod pair;
mod pki;
mod stream;
