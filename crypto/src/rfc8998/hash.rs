//! SM3 and HMAC-SM3 as rustls takes them.

use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::hmac::{Hmac, Key, Tag};

use super::names;
use crate::sm3::{self, SM3_BYTES, Sm3, sm3};

pub(super) struct HashSm3;

impl Hash for HashSm3 {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Running(Sm3::new()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&sm3(&[data]))
    }

    fn output_len(&self) -> usize {
        SM3_BYTES
    }

    fn algorithm(&self) -> HashAlgorithm {
        names::SM3
    }
}

struct Running(Sm3);

impl Context for Running {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finish())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finish())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

pub(super) struct HmacSm3;

impl Hmac for HmacSm3 {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        Box::new(Keyed(sm3::Hmac::new(key)))
    }

    fn hash_output_len(&self) -> usize {
        SM3_BYTES
    }
}

struct Keyed(sm3::Hmac);

impl Key for Keyed {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        middle.iter().for_each(|part| mac.update(part));
        mac.update(last);
        Tag::new(&mac.finish())
    }

    fn tag_len(&self) -> usize {
        SM3_BYTES
    }
}
