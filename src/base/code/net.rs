//! 5xxx: listeners, TLS and certificates.

crate::base::code::codes! {}
