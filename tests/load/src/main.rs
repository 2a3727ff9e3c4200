//! The open-loop load generator behind `scripts/bench`.

fn main() {}
