//! A reload: everything that can fail is read and checked before anything changes, so that the desk
//! runs on the whole of the new configuration or on the whole of the old one.

use std::sync::Arc;

use tokio::sync::watch;

use super::identity::{self, Certificates};
use super::logs::Logs;
use super::presence::{Fresh, Presence};
use super::{Fault, House};
use crate::base::{Language, Private};
use crate::config::{self, Change, Config, Inputs};
use crate::http;
use crate::net::Server;

/// What a reload changed, or why nothing was changed: a line for each reason.
pub type Reloaded = Result<Vec<Change>, Vec<String>>;

/// What runs on the configuration and can take another one.
pub(super) struct Live<'a> {
    pub inputs: &'a Inputs,
    pub logs: &'a Logs,
    pub presence: &'a Presence,
    pub house: &'a House,
    pub server: &'a Server,
    pub app: http::App,
    pub in_force: watch::Sender<Arc<Config>>,
}

impl Live<'_> {
    /// Takes the configuration as its files are now. What needs a restart is named in the changes
    /// and stays as it was, so that it is named again until the restart.
    pub(super) fn reload(&self) -> Reloaded {
        let taken = self.prepare();
        match &taken {
            Ok((_, changes)) => {
                for change in changes {
                    let restart = change.needs_restart;
                    tracing::info!(key = %change.key, restart, "setting changed");
                }
            }
            Err(reasons) => {
                for what in reasons {
                    tracing::error!(what, "configuration kept");
                }
            }
        }
        let (ready, changes) = taken?;
        self.swap(ready);
        Ok(changes)
    }

    fn prepare(&self) -> Result<(Ready, Vec<Change>), Vec<String>> {
        let in_force = Arc::clone(&self.in_force.borrow());
        let reloaded = config::reload(self.inputs, &in_force).map_err(|problems| {
            let what = |problem: &config::Problem| {
                let [what, ..] = problem.lines(Language::En);
                what
            };
            problems.iter().map(what).collect::<Vec<_>>()
        })?;
        let fault = |fault: Fault| vec![format!("{fault} ({})", fault.code.0)];
        let config = reloaded.next;
        let token = metrics_token(&config).map_err(fault)?;
        let now = self.house.clock.wall();
        let certificates = identity::certificates(&config, now).map_err(fault)?;
        let fresh = self.presence.prepare(&config, &certificates).map_err(fault)?;
        Ok((Ready { config, token, certificates, fresh }, reloaded.changes))
    }

    fn swap(&self, ready: Ready) {
        let Ready { config, token, certificates, fresh } = ready;
        self.logs.set_level(&config.log);
        self.presence.replace(fresh);
        self.app.set(settings(&config, token, &certificates));
        self.server.set(config.trusted_proxies.clone(), config.limits.connections_max);
        self.house.desk.set_endpoints(config.endpoints.clone());
        self.house.desk.set_commit_interval(u64::from(config.store.min_commit_interval_ms));
        self.in_force.send_replace(Arc::new(config));
    }
}

/// A configuration and what was read because of it.
struct Ready {
    config: Config,
    token: Option<Private>,
    certificates: Certificates,
    fresh: Fresh,
}

/// The first line of the file that the setting names.
pub(super) fn metrics_token(config: &Config) -> Result<Option<Private>, Fault> {
    let Some(path) = &config.metrics.token_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| Fault::file(path, &error))?;
    Ok(Some(Private(text.lines().next().unwrap_or_default().trim().to_owned())))
}

/// What the configuration says about HTTP.
pub(super) fn settings(
    config: &Config,
    metrics_token: Option<Private>,
    certificates: &Certificates,
) -> http::Settings {
    let authorities = &certificates.authorities;
    http::Settings {
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_token,
        attachment_bytes: config.limits.attachment_bytes(),
        hsts: authorities.international.is_none() && authorities.national.is_none(),
        authority_pem: authorities.international.clone(),
        national_authority_pem: authorities.national.clone(),
    }
}
