//! What Posthouse needs of cryptography, behind its own words: passwords, tokens, certificates and
//! TLS configuration. Every secret zeroes itself and prints as `***`; nothing here does I/O but the
//! client of a key store's agent.
//! `unsafe` is allowed in one file per instruction-set kernel, each compared with a safe twin.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod acme;
pub mod audit;
pub mod authority;
pub mod certificate;
pub mod family;
pub mod hash;
pub mod keystore;
pub mod modes;
pub mod password;
pub mod release;
pub mod rfc8998;
pub mod seal;
pub mod selftest;
pub mod sm2;
pub mod sm3;
pub mod sm4;
pub mod tlcp;
pub mod tls;
pub mod token;
pub mod x509;
