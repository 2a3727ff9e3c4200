//! 6xxx: what the command line reports.

crate::base::code::codes! {}
