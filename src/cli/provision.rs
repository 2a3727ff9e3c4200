//! `posthouse provision`: many boxes from one table.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Ending, Failure};
use crate::config::SetupCode;
use crate::provision;

#[derive(Args, Debug)]
pub struct Provision {
    /// Table with a row for each box: columns name, address, gateway, dns, language, profile,
    /// setup_code, note; all but the name may be left out.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// An unpacked disk image; each box gets a copy with its settings in it.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Where settings, images and labels.pdf are written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl From<provision::Fault> for Failure {
    fn from(fault: provision::Fault) -> Self {
        Self::coded(fault.code, fault.detail)
    }
}

impl Provision {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        let draw = || {
            let mut bytes = [0; 12];
            posthouse_crypto::token::fill_random(&mut bytes).ok()?;
            Some(SetupCode::of(bytes))
        };
        let boxes = provision::read(&fs::read_to_string(self.csv)?, draw)?;
        provision::write(&boxes, self.image.as_deref(), &self.out)?;
        for prepared in &boxes {
            writeln!(out, "{}  {}", prepared.name, prepared.url)?;
        }
        writeln!(out, "{}", self.out.join("labels.pdf").display())?;
        Ok(Ending::Done)
    }
}
