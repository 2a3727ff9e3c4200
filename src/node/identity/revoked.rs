//! Client certificates that were issued, and those that were taken back: `tls/issued`, a serial
//! number and a name on each line, and `tls/revoked`, a serial number on each.

use std::collections::BTreeSet;
use std::path::Path;

use posthouse_crypto::certificate::{client_certificate, facts_of_pem, first_certificate};

use super::super::Fault;
use super::files::{add_lines, is_there, read, write};
use super::flawed;
use crate::base::code;

/// The serial numbers, in hexadecimal, as they stand on disk.
///
/// # Errors
/// The file cannot be read.
pub fn revoked(data: &Path) -> Result<BTreeSet<String>, Fault> {
    let path = data.join("tls/revoked");
    if !is_there(&path)? {
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
    take_back(data, std::slice::from_ref(&holder.serial))?;
    Ok(holder.serial)
}

/// Takes back all that was issued to an agent so far, in both worlds. Answers the serial numbers.
///
/// # Errors
/// Nothing was issued to that name; a file cannot be read or written.
pub fn revoke_agent(data: &Path, agent: &str) -> Result<Vec<String>, Fault> {
    let path = issued(data);
    let text = if is_there(&path)? { read(&path)? } else { Default::default() };
    let own = |line: &str| {
        let (serial, holder) = line.split_once(' ')?;
        // As signing in compares them.
        holder.eq_ignore_ascii_case(agent).then(|| serial.to_owned())
    };
    let serials: Vec<_> = text.lines().filter_map(own).collect();
    if serials.is_empty() {
        return Err(Fault::new(code::NOTHING_ISSUED, agent));
    }
    take_back(data, &serials)?;
    Ok(serials)
}

/// Notes what is about to be given to an agent: chains in PEM.
pub(super) fn note_issued(data: &Path, agent: &str, chains: &[&str]) -> Result<(), Fault> {
    let line = |chain: &&str| Ok(format!("{} {agent}", facts_of_pem(chain)?.serial));
    let lines = chains.iter().map(line).collect::<Result<Vec<_>, _>>().map_err(flawed)?;
    add_lines(&issued(data), &lines)
}

fn take_back(data: &Path, more: &[String]) -> Result<(), Fault> {
    let mut serials = revoked(data)?;
    serials.extend(more.iter().cloned());
    let text: String = serials.iter().map(|serial| format!("{serial}\n")).collect();
    write(&data.join("tls/revoked"), &text, 0o644)
}

fn issued(data: &Path) -> std::path::PathBuf {
    data.join("tls/issued")
}
