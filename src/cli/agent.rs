//! `posthouse agent add|list|reset-password`.

use std::io::Write;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::operate::{Absent, operate, password};
use super::{Ending, Failure, Settings};
use crate::desk::Role;
use crate::node::control::Request;

#[derive(Args, Debug)]
pub struct AgentCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Add somebody who answers.
    Add {
        #[command(flatten)]
        settings: Settings,
        /// Sign-in name.
        #[arg(long)]
        login: String,
        /// Name that visitors see; the sign-in name when left out.
        #[arg(long, default_value = "")]
        name: String,
        /// What they may do.
        #[arg(long, value_parser = roles(), default_value = Role::Agent.word())]
        role: Role,
        /// Number of a team; again for more. Left out: every team.
        #[arg(long = "team", value_name = "NUMBER")]
        teams: Vec<u32>,
        /// File whose first line is the password.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List everybody.
    List {
        #[command(flatten)]
        settings: Settings,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Give somebody another password; their sign-ins end.
    ResetPassword {
        #[command(flatten)]
        settings: Settings,
        /// Sign-in name.
        #[arg(long)]
        login: String,
        /// File whose first line is the new password.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
}

/// The words of the roles, as JSON and the audit log have them.
fn roles() -> impl TypedValueParser<Value = Role> {
    let words = PossibleValuesParser::new(Role::ALL.map(Role::word));
    words.try_map(|word| Role::from_word(&word).ok_or("no role"))
}

impl AgentCommand {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        match self.action {
            Action::Add { settings, login, name, role, teams, password_file, json } => {
                let password = password(&password_file)?;
                let role = role.word().to_owned();
                let request = Request::AgentAdd { login, name, role, teams, password };
                let done = operate(settings.load()?, request, Absent::Refuse, &mut |_| Ok(()))?;
                match done.get("agent") {
                    Some(number) if !json => writeln!(out, "{number}")?,
                    Some(_) | None => writeln!(out, "{done}")?,
                }
            }
            Action::List { settings, json } => {
                let mut row = |agent: serde_json::Value| {
                    if json {
                        return writeln!(out, "{agent}");
                    }
                    let word = |key: &str| agent.get(key).and_then(|value| value.as_str());
                    let disabled = agent.get("disabled") == Some(&true.into());
                    writeln!(
                        out,
                        "{:>4}  {:<20} {:<22} {}{}",
                        agent.get("id").and_then(serde_json::Value::as_u64).unwrap_or(0),
                        word("login").unwrap_or_default(),
                        word("role").unwrap_or_default(),
                        word("name").unwrap_or_default(),
                        if disabled { " (-)" } else { "" },
                    )
                };
                operate(settings.load()?, Request::AgentList, Absent::Refuse, &mut row)?;
            }
            Action::ResetPassword { settings, login, password_file } => {
                let password = password(&password_file)?;
                let request = Request::AgentResetPassword { login, password };
                operate(settings.load()?, request, Absent::Refuse, &mut |_| Ok(()))?;
            }
        }
        Ok(Ending::Done)
    }
}
