//! Client certificates that were taken back: `tls/revoked`, a serial number on each line.

use std::collections::BTreeSet;
use std::path::Path;

use posthouse_crypto::certificate::{client_certificate, first_certificate};

use super::super::Fault;
use super::files::{read, write};
use super::flawed;
use crate::base::code;

/// The serial numbers, in hexadecimal, as they stand on disk.
///
/// # Errors
/// The file cannot be read.
pub fn revoked(data: &Path) -> Result<BTreeSet<String>, Fault> {
    let path = data.join("tls/revoked");
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = read(&path)?;
    let serials = text.lines().map(|line| line.trim().to_ascii_lowercase());
    Ok(serials.filter(|serial| !serial.is_empty()).collect())
}

/// Takes a client's certificate back; a running process learns of it at a reload. Answers its
/// serial number.
///
/// # Errors
/// The file holds no client's certificate; a file cannot be read or written.
pub fn revoke(data: &Path, certificate: &Path) -> Result<String, Fault> {
    let der = first_certificate(&read(certificate)?).map_err(flawed)?;
    let nobody = || Fault::new(code::BAD_CERTIFICATE, certificate.display());
    let holder = client_certificate(&der).ok_or_else(nobody)?;
    let mut serials = revoked(data)?;
    serials.insert(holder.serial.clone());
    let text: String = serials.iter().map(|serial| format!("{serial}\n")).collect();
    write(&data.join("tls/revoked"), &text, 0o644)?;
    Ok(holder.serial)
}
