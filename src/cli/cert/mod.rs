//! `posthouse cert show|renew|import|csr|issue|revoke|ca`.

mod give;
mod import;
mod show;

use std::io::Write;

use clap::{Args, Subcommand};

use super::operate::has_site;
use super::{Ending, Failure, Settings, audit};
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
        /// Print JSON, a line for each certificate.
        #[arg(long)]
        json: bool,
    },
    /// Issue new certificates from the site's own authorities.
    Renew {
        #[command(flatten)]
        settings: Settings,
    },
    Import(import::Import),
    Csr(give::Csr),
    Issue(give::Issue),
    Revoke(give::Revoke),
    /// The site's own authorities.
    Ca {
        #[command(subcommand)]
        action: CaAction,
    },
}

#[derive(Subcommand, Debug)]
enum CaAction {
    Export(give::Export),
    /// Give the SM2 authority a certificate for ten more years. Its key stays, so that nothing
    /// that it issued is lost; people install the new certificate before the old one ends.
    Renew {
        #[command(flatten)]
        settings: Settings,
    },
}

impl CertCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let (settings, deed) = self.action.deed();
        let ending = self.act(out, language)?;
        if let Some((what, about)) = deed {
            let loaded = settings.load()?;
            // A folder without a site has no log yet; its first start writes that it began.
            if has_site(&loaded.config.data) {
                audit::note(loaded, what, about)?;
            }
        }
        Ok(ending)
    }

    fn act(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Show { settings, json } => show::show(&settings.load()?, json, out, language),
            Action::Renew { settings } => {
                let loaded = settings.load()?;
                identity::renew(&loaded.config, SystemClock::default().wall())
                    .map_err(from_node)?;
                taken(&loaded, out, language)
            }
            Action::Import(import) => import.run(out, language),
            Action::Csr(csr) => csr.run(out),
            Action::Issue(issue) => issue.run(out, language),
            Action::Revoke(revoke) => revoke.run(out, language),
            Action::Ca { action: CaAction::Export(export) } => export.run(out),
            Action::Ca { action: CaAction::Renew { settings } } => {
                let loaded = settings.load()?;
                identity::renew_authority(&loaded.config, SystemClock::default().wall())
                    .map_err(from_node)?;
                taken(&loaded, out, language)
            }
        }
    }
}

impl Action {
    /// What the audit log is told when it is done.
    fn deed(&self) -> (Settings, Option<(&'static str, String)>) {
        let (settings, deed) = match self {
            Self::Show { settings, .. } => (settings, None),
            Self::Renew { settings } => (settings, Some(("cert.renew", String::new()))),
            Self::Import(import) => (&import.settings, Some(("cert.import", import.about()))),
            Self::Csr(csr) => (&csr.settings, None),
            Self::Issue(issue) => (&issue.settings, Some(("cert.issue", issue.about()))),
            Self::Revoke(revoke) => (&revoke.settings, Some(("cert.revoke", revoke.about()))),
            Self::Ca { action: CaAction::Export(export) } => (&export.settings, None),
            Self::Ca { action: CaAction::Renew { settings } } => {
                (settings, Some(("ca.renew", String::new())))
            }
        };
        (settings.clone(), deed)
    }
}

fn from_node(fault: crate::node::Fault) -> Failure {
    Failure::coded(fault.code, fault.detail)
}

/// Tells the running process to present the new certificates, then prints them.
fn taken(loaded: &Loaded, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    reloaded(loaded)?;
    show::show(loaded, false, out, language)
}

/// Has the running process read the data folder again.
fn reloaded(loaded: &Loaded) -> Result<(), Failure> {
    match control::call(&loaded.config.data, &Request::Reload, &mut |_| Ok(()))? {
        Called::Done(_) | Called::Nobody => Ok(()),
        Called::Refused { code, about } => Err(Failure::coded(code, about)),
    }
}
