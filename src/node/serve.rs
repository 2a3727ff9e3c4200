//! `serve`: the desk with its listeners, from READY to STOPPING.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use posthouse_crypto::tls::Presented;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::identity::{self, Certificates};
use super::logs::Logs;
use super::notify::{Notifier, Pulse};
use super::operator::{Operator, Reloaded};
use super::presence::Presence;
use super::probe::{self, Live};
use super::{Fault, House, Start, banner, build, control};
use crate::base::limits::{DRAIN_PATIENCE_MS, JOURNAL_SEGMENTS, RESTART_MS};
use crate::base::{Language, Private, code};
use crate::config::{self, Config};
use crate::health;
use crate::http;
use crate::net::acme::Acme;
use crate::net::{self, Door, Server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the desk until a signal ends it.
pub(super) async fn serve(start: Start, logs: Logs) -> Result<(), Fault> {
    let Start { loaded, inputs, language } = start;
    let mut config = loaded.config;
    let descriptors = net::raise_descriptors();
    let claim_code = banner::claim_code();
    let house = build(&config, claim_code.clone()).await?;
    let certificates = identity::certificates(&config, house.clock.wall())?;
    let presence = Presence::new(&config, &certificates)?;
    let tls = presence.families(&config)?;
    let acme = identity::acme(&config).zip(presence.international.clone());

    let doors = Door::open(config.listen, config.plain_listen)?;
    Door::keep(&doors);
    let bound = doors.first().and_then(Door::address).unwrap_or(config.listen);
    let options =
        net::Options::usual(tls, config.trusted_proxies.clone(), config.limits.connections_max);
    let server = Server::new(options, Arc::clone(&house.counters), Arc::clone(&house.clock));
    let settings = settings(&config, &certificates)?;
    let app = http::App::new(house.desk.clone(), settings, Arc::clone(&house.counters));
    let router = http::router(app);
    // Caught before anybody can know that the desk runs.
    let signals = Signals::catch().map_err(|error| Fault::new(code::CLI_SYSTEM, error))?;
    for door in doors {
        server.serve(door, router.clone())?;
    }

    let urls = banner::urls(&config, bound);
    let site = house.desk.site().row.name.clone();
    let code = claim_code.filter(|_| !house.desk.claimed());
    // Standard output may be closed; the desk runs all the same.
    let _ = banner::print(&site, &urls, code.as_ref(), language);
    let notifier = Notifier::new(&inputs.variables, std::process::id());
    notifier.ready(urls.first().map_or("ready", String::as_str));
    tracing::info!(listen = %bound, descriptors, "ready");

    let (asks, asked) = mpsc::channel(1);
    let operator = operator(&config, &house, &certificates, urls, bound, asks);
    let control = control::path(&config.data);
    let reloading = || reload(&inputs, &mut config, &logs, &presence, &house);
    tokio::select! {
        () = notifier.watch(pulse(&house, bound)) => {}
        () = keep_certificate(acme, &house) => {}
        () = attend(&control, operator) => {}
        () = signals.wait(asked, reloading) => {}
    }
    // A command that comes now finds nobody and waits for the folder's lock.
    drop(std::fs::remove_file(&control));
    notifier.stopping("draining");
    tracing::info!("draining");
    let drained = server.drain(Duration::from_millis(DRAIN_PATIENCE_MS));
    tokio::join!(drained, house.close(RESTART_MS, DRAIN_PATIENCE_MS));
    tracing::info!("stopped");
    Ok(())
}

/// Gets and renews a certificate when a configuration line names an authority; else does nothing.
async fn keep_certificate(acme: Option<(Acme, Arc<Presented>)>, house: &House) {
    if let Some((acme, presented)) = acme {
        acme.keep_valid(presented, Arc::clone(&house.clock)).await;
    }
    std::future::pending::<()>().await;
}

/// Serves the control socket. Without it the desk runs all the same, and says so.
async fn attend(path: &Path, operator: Operator) {
    let ended = control::listen(path, operator).await;
    tracing::error!(?ended, path = %path.display(), "no control socket");
    std::future::pending::<()>().await;
}

/// The signals that the desk answers.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns at SIGTERM or SIGINT; each SIGHUP, and each operator who asks, reads the
    /// configuration again. Once a day it is read without being asked, so that a certificate that
    /// is due is renewed.
    async fn wait(
        mut self,
        mut asked: mpsc::Receiver<oneshot::Sender<Reloaded>>,
        mut reload: impl FnMut() -> Reloaded,
    ) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => drop(reload()),
                () = tokio::time::sleep(DAY) => drop(reload()),
                // The command may have gone away.
                Some(answer) = asked.recv() => drop(answer.send(reload())),
            }
        }
    }
}

/// Takes over what can change while the desk runs: log level and certificates. What cannot is told.
fn reload(
    inputs: &config::Inputs,
    in_force: &mut Config,
    logs: &Logs,
    presence: &Presence,
    house: &House,
) -> Reloaded {
    let reloaded = config::reload(inputs, in_force).inspect_err(|problems| {
        for problem in problems {
            let [what, ..] = problem.lines(Language::En);
            tracing::error!(what, "configuration kept");
        }
    })?;
    for change in &reloaded.changes {
        tracing::info!(key = %change.key, restart = change.needs_restart, "setting changed");
    }
    let config = reloaded.loaded.config;
    logs.set_level(&config.log);
    let fresh = identity::certificates(&config, house.clock.wall());
    if let Err(fault) = fresh.and_then(|certificates| presence.replace(&config, &certificates)) {
        tracing::error!(code = fault.code.0, %fault, "certificate kept");
    }
    *in_force = config;
    Ok(reloaded.changes)
}

/// What the operator of the machine may ask of this process.
fn operator(
    config: &Config,
    house: &House,
    certificates: &Certificates,
    urls: Vec<String>,
    bound: SocketAddr,
    reload: mpsc::Sender<oneshot::Sender<Reloaded>>,
) -> Operator {
    let (desk, clock, config) = (house.desk.clone(), Arc::clone(&house.clock), config.clone());
    let ring_bytes = config.store.journal_segment_bytes() * u64::from(JOURNAL_SEGMENTS);
    let authority = certificates.authorities.path(&config.data);
    let data = config.data.clone();
    let probe = move || {
        let stats = desk.stats();
        let store = health::Store {
            read_only: desk.standing().read_only,
            journal_used_bytes: stats.tail_bytes,
            journal_size_bytes: ring_bytes,
        };
        let up_ms = clock.tick().0;
        let live = Live { up_ms, claimed: desk.claimed(), store: Some(store) };
        let present = identity::present(&config).unwrap_or_default();
        probe::gather(&config, clock.wall(), &present, Some(live))
    };
    let listeners = vec![bound];
    Operator {
        desk: house.desk.clone(),
        urls,
        authority,
        probe: Arc::new(probe),
        data,
        walks: Arc::new(Semaphore::new(1)),
        listeners,
        reload,
    }
}

fn settings(config: &Config, certificates: &Certificates) -> Result<http::Settings, Fault> {
    let metrics_token = match &config.metrics.token_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Fault::file(path, &error))?;
            Some(Private(text.trim().to_owned()))
        }
        None => None,
    };
    Ok(http::Settings {
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_token,
        attachment_bytes: config.limits.attachment_bytes(),
        endpoints: config.endpoints.clone(),
        hsts: certificates.authorities.international.is_none()
            && certificates.authorities.national.is_none(),
        authority_pem: certificates.authorities.international.clone(),
        national_authority_pem: certificates.authorities.national.clone(),
    })
}

fn pulse(house: &House, listener: SocketAddr) -> Pulse {
    let (reads, writer) = (house.desk.clone(), house.desk.clone());
    Pulse {
        commits: Arc::new(move || reads.stats().commits),
        probe: Arc::new(move |answer| writer.probe(answer)),
        listener,
    }
}
