//! `posthouse appliance init`: the first process of the disk image; the kernel calls it.

use clap::{Args, Subcommand};

use super::{Ending, Failure};
use crate::appliance;

#[derive(Args, Debug)]
pub struct Appliance {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run as the first process of a disk image.
    Init,
}

impl Appliance {
    pub fn run(self) -> Result<Ending, Failure> {
        match self.command {
            Command::Init => match appliance::init() {
                Ok(never) => match never {},
                Err(code) => Err(Failure::coded(code, "")),
            },
        }
    }
}
