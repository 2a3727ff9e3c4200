//! 2xxx: what HTTP, sign-in and uploads refuse.

crate::base::code::codes! {}
