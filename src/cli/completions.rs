//! `posthouse completions SHELL`: prints a script that completes commands and flags.

use std::io::Write;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Ending, Failure, Posthouse};

#[derive(Args, Debug)]
pub struct Completions {
    /// The shell that reads the script.
    shell: Shell,
}

impl Completions {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Posthouse::command(), "posthouse", &mut text);
        out.write_all(&text)?;
        Ok(Ending::Done)
    }
}
