//! The durable edge: a journal in front of redb; one writer thread.
