//! The embedded widget and console.
