//! `posthouse duties separate|combine`: whether owners administer the site, or three administrators
//! who exclude each other. Only at the machine: in the console nobody turns either on.

use std::io::Write;

use clap::{Args, Subcommand};

use super::operate::{Absent, operate};
use super::{Ending, Failure, Settings};
use crate::base::{Language, Text};
use crate::node::control::Request;

#[derive(Args, Debug)]
pub struct DutiesCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Let three administrators share what owners may do. Owners become supervisors; the three get
    /// new passwords.
    Separate {
        #[command(flatten)]
        settings: Settings,
        /// Sign-in name of who has settings, inboxes, teams and accounts.
        #[arg(long, value_name = "NAME")]
        system: String,
        /// Sign-in name of who gives roles, resets passwords and erases conversations.
        #[arg(long, value_name = "NAME")]
        security: String,
        /// Sign-in name of who reads the audit log.
        #[arg(long, value_name = "NAME")]
        audit: String,
    },
    /// Give one owner all three duties again; the administrators become agents.
    Combine {
        #[command(flatten)]
        settings: Settings,
        /// Sign-in name of the owner.
        #[arg(long, value_name = "NAME")]
        owner: String,
    },
}

const NEXT: Text = Text {
    en: "Duties are separated. Now give each of the three a password of their own:",
    zh: "已启用三员分立。请分别为三员设置各自的口令：",
};

impl DutiesCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Separate { settings, system, security, audit } => {
                let three = [system.clone(), security.clone(), audit.clone()];
                let request = Request::DutiesSeparate { system, security, audit };
                operate(settings.load()?, request, Absent::Refuse, &mut |_| Ok(()))?;
                writeln!(out, "{}", NEXT.get(language))?;
                for login in three {
                    let command = "posthouse agent reset-password --login";
                    writeln!(out, "  {command} {login} --password-file FILE")?;
                }
            }
            Action::Combine { settings, owner } => {
                let request = Request::DutiesCombine { owner };
                operate(settings.load()?, request, Absent::Refuse, &mut |_| Ok(()))?;
            }
        }
        Ok(Ending::Done)
    }
}
