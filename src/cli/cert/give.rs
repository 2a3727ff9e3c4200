//! `posthouse cert csr|issue|revoke|ca export`: what leaves the data folder, and what is taken
//! back.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use posthouse_crypto::x509::Purpose;
use serde_json::json;

use super::{from_node, reloaded};
use crate::base::{Clock as _, Language};
use crate::cli::{Ending, Failure, Settings};
use crate::node::clock::SystemClock;
use crate::node::identity::{self, World};

/// Print a signing request for an SM2 key, to be sent to an authority. The key stays in the data
/// folder until `cert import` finds its certificate.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("purpose").required(true).args(["sign", "encrypt"])))]
pub struct Csr {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// For the signing certificate.
    #[arg(long)]
    sign: bool,
    /// For the encryption certificate.
    #[arg(long)]
    encrypt: bool,
}

impl Csr {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let purpose = if self.sign { Purpose::Sign } else { Purpose::Encrypt };
        let request = identity::request(&loaded.config, purpose).map_err(from_node)?;
        out.write_all(request.as_bytes())?;
        Ok(Ending::Done)
    }
}

/// Issue a certificate with which an agent signs in.
#[derive(Args, Debug)]
pub struct Issue {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// The agent's sign-in name.
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// PEM file with a signing request for an SM2 key that stays with the agent, as one in a USB
    /// key does. Left out: keys are made, too.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Folder for the files.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Issue {
    /// What the audit log is told.
    pub(super) fn about(&self) -> String {
        self.agent.clone()
    }

    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let now = SystemClock::default().wall();
        let (config, agent, out_folder) = (&loaded.config, &self.agent, &self.out);
        let written = match &self.request {
            Some(request) => identity::issue_requested(config, agent, request, out_folder, now),
            None => identity::issue_client(config, agent, out_folder, now),
        };
        let written = written.map_err(from_node)?;
        if self.json {
            writeln!(out, "{}", json!({ "files": written }))?;
            return Ok(Ending::Done);
        }
        let word = if language == Language::Zh { "已写入" } else { "Written" };
        for path in written {
            writeln!(out, "{word}: {}", path.display())?;
        }
        Ok(Ending::Done)
    }
}

/// Take certificates of an agent back: they open no sign-in any more. Sign-ins that are open stay
/// until `agent reset-password`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["agent", "certificate"])))]
pub struct Revoke {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// All that was issued to this sign-in name so far.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// PEM file with the one certificate.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

impl Revoke {
    /// What the audit log is told.
    pub(super) fn about(&self) -> String {
        let file = self.certificate.as_ref().map(|path| path.display().to_string());
        self.agent.clone().or(file).unwrap_or_default()
    }

    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let data = &loaded.config.data;
        let mut serials = Vec::new();
        if let Some(agent) = &self.agent {
            serials.extend(identity::revoke_agent(data, agent).map_err(from_node)?);
        }
        if let Some(certificate) = &self.certificate {
            serials.push(identity::revoke(data, certificate).map_err(from_node)?);
        }
        reloaded(&loaded)?;
        let word = if language == Language::Zh { "已吊销" } else { "Revoked" };
        for serial in serials {
            writeln!(out, "{word}: {serial}")?;
        }
        Ok(Ending::Done)
    }
}

/// Print the certificate of the site's own authority.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// Whose: of the international or of the national world.
    #[arg(long, value_enum, default_value = "international")]
    world: WorldName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WorldName {
    International,
    National,
}

impl Export {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let world = match self.world {
            WorldName::International => World::International,
            WorldName::National => World::National,
        };
        let data: &Path = &loaded.config.data;
        let pem = identity::authority_pem(data, world, SystemClock::default().wall());
        out.write_all(pem.map_err(from_node)?.as_bytes())?;
        Ok(Ending::Done)
    }
}
