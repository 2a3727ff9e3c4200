//! The catalogue of checks: one file per check.
