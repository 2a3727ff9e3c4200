//! 3xxx: what is wrong with a configuration.

crate::base::code::codes! {}
