//! The command line: one file per command, each thin: it reads arguments, calls the house, prints.
//! Exit codes: 0 done, 1 a finding, 2 wrong usage, 3 a fault. Architecture invariant: `anyhow` and
//! terminal output live here and nowhere else; a reader that goes away is no error.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::base::Language;
use crate::config::{self, Inputs, Loaded};

mod agent;
mod appliance;
mod audit;
mod backup;
mod bundle;
mod cert;
mod completions;
mod config_command;
mod doctor;
mod duties;
mod keystore;
mod man;
mod operate;
mod provision;
mod report;
mod seal;
mod serve;
mod setup;
mod store;
#[cfg(feature = "test-peer")]
mod ws_echo;

pub use report::Failure;

/// Posthouse (驿站): a customer-service desk in one binary.
#[derive(Parser, Debug)]
#[command(name = "posthouse", version, propagate_version = true, max_term_width = 100)]
struct Posthouse {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the desk.
    Serve(serve::Serve),
    /// Claim the site from the command line.
    Setup(setup::Setup),
    /// People who answer.
    Agent(agent::AgentCommand),
    /// Owners, or three administrators who exclude each other.
    Duties(duties::DutiesCommand),
    /// The log of who did what.
    Audit(audit::AuditCommand),
    /// Sealed copies of the site, and the way back.
    Backup(backup::BackupCommand),
    /// The data folder.
    Store(store::StoreCommand),
    /// The certificate.
    Cert(cert::CertCommand),
    /// Run every check and say what to do.
    Doctor(doctor::Doctor),
    /// A key store for a sealed site, in a process of its own.
    Keystore(keystore::KeystoreCommand),
    /// Check and show the configuration.
    Config(config_command::ConfigCommand),
    /// Files that update machines without a network.
    Bundle(bundle::BundleCommand),
    /// Prepare many boxes: settings, images and labels from a table.
    Provision(provision::Provision),
    /// Print completions for a shell.
    Completions(completions::Completions),
    /// Print the manual page, for man(1).
    Man,
    /// The disk image's own.
    #[command(hide = true)]
    Appliance(appliance::Appliance),
    /// Echo WebSocket messages: the peer of conformance tests.
    #[cfg(feature = "test-peer")]
    WsEcho(ws_echo::WsEcho),
}

/// Where the settings come from; every command that needs them takes these.
#[derive(Args, Clone, Debug, Default)]
struct Settings {
    /// File with settings; `conf.d/*.yaml` beside it is read too.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of everything the desk keeps.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

impl Settings {
    fn inputs(&self) -> Inputs {
        let mut flags = Vec::new();
        if let Some(data) = &self.data {
            flags.push(("data", "--data", data.clone()));
        }
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = std::env::vars_os().filter_map(text).collect();
        Inputs { file: self.config.clone(), variables, flags }
    }

    fn load(&self) -> Result<Loaded, Failure> {
        config::load(&self.inputs()).map_err(Failure::Config)
    }
}

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    /// Something an operator should look at was printed.
    Finding,
}

/// Parses the command line, runs the command, and says how it ended.
#[must_use]
pub fn run() -> ExitCode {
    let language = report::language();
    let parsed = match Posthouse::try_parse() {
        Ok(parsed) => parsed,
        Err(usage) => {
            // `--help` and `--version` come this way too, with exit code 0.
            let code = if usage.use_stderr() { 2 } else { 0 };
            return usage.print().map_or(ExitCode::from(code), |()| ExitCode::from(code));
        }
    };
    let mut out = io::stdout().lock();
    let ended = parsed.command.run(&mut out, language).and_then(|ending| {
        out.flush()?;
        Ok(ending)
    });
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Finding) => ExitCode::from(1),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            // Nobody is left to tell when standard error is closed.
            let _ = failure.print(&mut io::stderr().lock(), language);
            ExitCode::from(code)
        }
    }
}

impl Command {
    fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self {
            Self::Serve(command) => command.run(language),
            Self::Setup(command) => command.run(out, language),
            Self::Agent(command) => command.run(out),
            Self::Duties(command) => command.run(out, language),
            Self::Audit(command) => command.run(out, language),
            Self::Backup(command) => command.run(out, language),
            Self::Store(command) => command.run(out, language),
            Self::Cert(command) => command.run(out, language),
            Self::Doctor(command) => command.run(out, language),
            Self::Keystore(command) => command.run(out),
            Self::Config(command) => command.run(out, language),
            Self::Bundle(command) => command.run(out),
            Self::Provision(command) => command.run(out),
            Self::Completions(command) => command.run(out),
            Self::Man => man::print(out),
            Self::Appliance(command) => command.run(),
            #[cfg(feature = "test-peer")]
            Self::WsEcho(command) => command.run(out),
        }
    }
}
