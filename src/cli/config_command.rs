//! `posthouse config check|show|diff|schema|reload`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Ending, Failure, Settings, report};
use crate::base::{Language, code};
use crate::config::{self, Config, Source};
use crate::node::control::{self, Called, Request};

#[derive(Args, Debug)]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Read everything and say what is wrong.
    Check(Settings),
    /// Print the configuration in force, as YAML that loads as it stands.
    Show {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print what differs from the defaults, and where it was set.
    Diff {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of the file, for editors.
    Schema,
    /// Have the running desk take the configuration: all of it or nothing.
    Reload {
        #[command(flatten)]
        settings: Settings,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

impl ConfigCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Check(settings) => check(&settings, out, language),
            Action::Show { settings, json } => show(&settings, json, out),
            Action::Diff { settings, json } => diff(&settings, json, out),
            Action::Reload { settings, json } => reload(&settings, json, out, language),
            Action::Schema => {
                writeln!(out, "{:#}", config::schema())?;
                Ok(Ending::Done)
            }
        }
    }
}

/// A configuration with a mistake is a finding of this command, not its failure.
fn check(settings: &Settings, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    let problems = match config::load(&settings.inputs()) {
        Ok(loaded) => {
            for file in &loaded.files {
                writeln!(out, "{}: ok", file.display())?;
            }
            loaded.findings
        }
        Err(problems) => problems,
    };
    for problem in &problems {
        report::print_lines(out, &problem.lines(language))?;
    }
    Ok(if problems.is_empty() { Ending::Done } else { Ending::Finding })
}

/// Settings that wait for a restart are a finding.
fn reload(
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let data = settings.load()?.config.data;
    let mut waiting = 0;
    let mut row = |row: Value| {
        let restart = row["needs_restart"] == true;
        waiting += usize::from(restart);
        if json {
            return writeln!(out, "{row}");
        }
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let change = format!("{}: {} -> {}", word("key"), word("old"), word("new"));
        if restart {
            let lines = report::lines(code::CONFIG_NEEDS_RESTART, &change, language);
            return report::print_lines(out, &lines);
        }
        writeln!(out, "{change}")
    };
    match control::call(&data, &Request::Reload, &mut row)? {
        Called::Done(_) => Ok(if waiting == 0 { Ending::Done } else { Ending::Finding }),
        Called::Refused { code, about } => Err(Failure::coded(code, about)),
        Called::Nobody => Err(Failure::coded(code::CLI_NOT_RUNNING, data.display().to_string())),
    }
}

fn show(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<Ending, Failure> {
    let config = settings.load()?.config;
    if json {
        writeln!(out, "{:#}", serde_json::to_value(&config)?)?;
    } else {
        write!(out, "{}", config::yaml(&config))?;
    }
    Ok(Ending::Done)
}

fn diff(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<Ending, Failure> {
    let loaded = settings.load()?;
    for change in config::diff(&Config::default(), &loaded.config) {
        let place = loaded.place(&change.key);
        if place.source == Source::Default {
            continue;
        }
        if json {
            let row = serde_json::json!({
                "key": change.key,
                "default": change.old,
                "value": change.new,
                "place": place.to_string(),
            });
            writeln!(out, "{row}")?;
        } else {
            writeln!(out, "{}: {} -> {}  ({place})", change.key, change.old, change.new)?;
        }
    }
    Ok(Ending::Done)
}
