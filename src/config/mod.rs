//! The parsed configuration: model, load, check, print.
