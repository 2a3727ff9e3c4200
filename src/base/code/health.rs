//! 7xxx: what the checks find.

crate::base::code::codes! {}
