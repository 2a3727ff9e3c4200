//! The decoders that are fuzzed; `tests/corpus.rs` replays the corpus without a fuzzer.

pub mod targets;
