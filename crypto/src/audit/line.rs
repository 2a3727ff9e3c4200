//! One record in a file: a line of JSON in one form only, so that there is nothing to change in it
//! that the MAC does not see. The record stands last, as the text that was chained.

use super::chain::MAC_BYTES;
use crate::token::{Token, hex};

/// A record with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub index: u64,
    pub epoch: u32,
    pub mac: [u8; MAC_BYTES],
    /// A JSON value on one line.
    pub record: String,
}

/// A line in another form, or a record that is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no line of an audit log")]
pub struct BadLine;

impl Line {
    /// `{"i":1,"epoch":0,"mac":"…","record":…}` without a line's end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { index, epoch, mac, record } = self;
        let mac = hex(mac);
        format!(r#"{{"i":{index},"epoch":{epoch},"mac":"{mac}","record":{record}}}"#)
    }

    /// # Errors
    /// [`BadLine`]: any other form, leading zeros and upper-case digits too.
    pub fn from_text(text: &str) -> Result<Self, BadLine> {
        let parse = || {
            let (index, rest) = text.strip_prefix(r#"{"i":"#)?.split_once(r#","epoch":"#)?;
            let (epoch, rest) = rest.split_once(r#","mac":""#)?;
            let (mac, rest) = rest.split_once(r#"","record":"#)?;
            let mac = *Token::from_hex(mac)?.as_bytes();
            let record = rest.strip_suffix('}')?.to_owned();
            Some(Self { index: index.parse().ok()?, epoch: epoch.parse().ok()?, mac, record })
        };
        parse().filter(|line| line.to_text() == text).ok_or(BadLine)
    }
}
