//! Sends a request to the running process, or opens the data folder when none runs.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::Failure;
use crate::base::code;
use crate::config::Loaded;
use crate::node;
use crate::node::control::{self, Called, Request};
use crate::store;

/// Whether a command may make a site where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Make,
    Refuse,
}

/// Runs a request and hands every row to `row`; the answer is what the last line held.
pub fn operate(
    loaded: Loaded,
    request: Request,
    absent: Absent,
    row: &mut dyn FnMut(Value) -> io::Result<()>,
) -> Result<Value, Failure> {
    let data = loaded.config.data.clone();
    match control::call(&data, &request, row) {
        Ok(Called::Done(value)) => return Ok(value),
        Ok(Called::Refused { code, about }) => return Err(Failure::coded(code, about)),
        Ok(Called::Nobody) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(Failure::coded(code::CLI_NO_ANSWER, data.display().to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    if absent == Absent::Refuse && !has_site(&data) {
        return Err(Failure::coded(code::CLI_NO_SITE, data.display().to_string()));
    }
    match node::operate(loaded, request, row) {
        Ok(Called::Done(value)) => Ok(value),
        Ok(Called::Refused { code, about }) => Err(Failure::coded(code, about)),
        Ok(Called::Nobody) => Err(Failure::coded(code::CLI_NO_ANSWER, "")),
        Err(node::OperateFault::Node(fault)) if fault.code == code::STORE_IN_USE => {
            Err(Failure::coded(code::CLI_DATA_IN_USE, data.display().to_string()))
        }
        Err(node::OperateFault::Node(fault)) => Err(Failure::coded(fault.code, fault.detail)),
        Err(node::OperateFault::Row(error)) => Err(error.into()),
    }
}

/// Whether the folder was ever served from. While one store takes another's place there may be no
/// journal for a moment, or since a power cut: the next opening goes on with that.
pub fn has_site(data: &Path) -> bool {
    data.join("journal").exists() || store::is_changing(data)
}

/// The first line of a password file. Its length is the desk's to judge.
pub fn password(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::coded(code::CLI_PASSWORD, format!("{}: {error}", file.display()))
    })?;
    let first = text.lines().next().unwrap_or_default();
    if first.is_empty() {
        return Err(Failure::coded(code::CLI_PASSWORD, file.display().to_string()));
    }
    Ok(first.to_owned())
}
