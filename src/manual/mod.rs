//! The offline manual, Chinese and English.
