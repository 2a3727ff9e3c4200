//! `posthouse cert show|renew|import`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use posthouse_crypto::certificate::Facts;
use serde_json::{Value, json};

use super::{Ending, Failure, Settings};
use crate::base::code;
use crate::base::{Clock as _, Language};
use crate::config::Loaded;
use crate::node::clock::SystemClock;
use crate::node::control::{self, Called, Request};
use crate::node::identity;

#[derive(Args, Debug)]
pub struct CertCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print what the listeners present.
    Show {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Issue a new certificate from the site's own authority.
    Renew {
        #[command(flatten)]
        settings: Settings,
    },
    /// Take a certificate you have into the data folder.
    Import {
        #[command(flatten)]
        settings: Settings,
        /// PEM file with the chain, the server's own certificate first.
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// PEM file with the private key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

impl CertCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Show { settings, json } => {
                let loaded = settings.load()?;
                show(&loaded, json, out, language)
            }
            Action::Renew { settings } => {
                let loaded = settings.load()?;
                identity::renew(&loaded.config, SystemClock::default().wall())
                    .map_err(from_node)?;
                taken(&loaded, out, language)
            }
            Action::Import { settings, certificate, key } => {
                let loaded = settings.load()?;
                identity::import(&loaded.config, &certificate, &key, SystemClock::default().wall())
                    .map_err(from_node)?;
                taken(&loaded, out, language)
            }
        }
    }
}

fn from_node(fault: crate::node::Fault) -> Failure {
    Failure::coded(fault.code, fault.detail)
}

/// Tells the running process to present the new certificate, then prints it.
fn taken(loaded: &Loaded, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    match control::call(&loaded.config.data, &Request::Reload, &mut |_| Ok(()))? {
        Called::Done(_) | Called::Nobody => show(loaded, false, out, language),
        Called::Refused { code, about } => Err(Failure::coded(code, about)),
    }
}

fn show(
    loaded: &Loaded,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let found = identity::present(&loaded.config).map_err(from_node)?;
    let Some((facts, own)) = found else {
        return Err(Failure::coded(code::CLI_NO_SITE, loaded.config.data.display().to_string()));
    };
    let authority = own.then(|| identity::authority_path(&loaded.config.data));
    if json {
        let mut row = facts_row(&facts);
        row["authority"] = json!(authority);
        writeln!(out, "{row}")?;
        return Ok(Ending::Done);
    }
    let zh = language == Language::Zh;
    let day = |seconds: u64| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |at| at.to_string())
    };
    let lines = [
        (if zh { "名称" } else { "Names" }, facts.names.join(", ")),
        (if zh { "签发者" } else { "Issuer" }, facts.issuer.clone()),
        (if zh { "生效" } else { "Valid from" }, day(facts.not_before_s)),
        (if zh { "到期" } else { "Valid until" }, day(facts.not_after_s)),
        ("SHA-256", facts.fingerprint.clone()),
    ];
    for (word, value) in lines {
        writeln!(out, "{word}: {value}")?;
    }
    if let Some(authority) = authority {
        let word = if zh { "站点 CA" } else { "Site's authority" };
        writeln!(out, "{word}: {}", authority.display())?;
    }
    Ok(Ending::Done)
}

fn facts_row(facts: &Facts) -> Value {
    json!({
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": facts.names,
        "not_before_s": facts.not_before_s,
        "not_after_s": facts.not_after_s,
        "sha256": facts.fingerprint,
    })
}
