//! 4xxx: faults of the disk and the store.

crate::base::code::codes! {}
