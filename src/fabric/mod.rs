//! Where entries get their order. The single variant is `Local`: this machine's journal.
