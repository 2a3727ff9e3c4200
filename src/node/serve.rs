//! `serve`: the desk with its listeners, from READY to STOPPING.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use posthouse_crypto::selftest;
use posthouse_crypto::tls::Presented;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::logs::Logs;
use super::notify::{Notifier, Pulse};
use super::operator::Operator;
use super::presence::Presence;
use super::probe::{self, Live};
use super::reload::{self, Reloaded};
use super::{Fault, House, Start, backup, banner, build, control, identity};
use crate::actors::{Deed, Doer};
use crate::base::limits::{DRAIN_PATIENCE_MS, JOURNAL_SEGMENTS, RESTART_MS};
use crate::base::{Private, code};
use crate::config::Config;
use crate::health;
use crate::http;
use crate::net::acme::Acme;
use crate::net::{self, Door, Families, Server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the desk until a signal ends it.
pub(super) async fn serve(start: Start, logs: Logs) -> Result<(), Fault> {
    #[cfg(feature = "test-peer")]
    let reader = start.test_reader.clone();
    let algorithms = self_test(&start)?;
    let Start { loaded, inputs, language, qr, .. } = start;
    let config = loaded.config;
    tracing::info!(%algorithms, "self-test passed");
    let descriptors = net::raise_descriptors();
    let claim_code = banner::claim_code(&config);
    let house = build(&config, claim_code.clone()).await?;
    let certificates = identity::certificates(&config, house.clock.wall())?;
    let presence = Presence::new(&config, &certificates)?;
    let acme = identity::acme(&config).zip(presence.international.clone());
    let families = presence.families(&config, house.clock.wall())?;
    let (server, doors, bound) = open_doors(&config, &house, families)?;
    let settings = reload::settings(&config, reload::metrics_token(&config)?, &certificates);
    let app = http::App::new(house.desk.clone(), settings, Arc::clone(&house.counters));
    let router = http::router(app.clone());
    // Caught before anybody can know that the desk runs.
    let signals = Signals::catch().map_err(|error| Fault::new(code::CLI_SYSTEM, error))?;
    let about = format!("{} {algorithms}", env!("CARGO_PKG_VERSION"));
    written(&house, "desk.start", about).await;
    for door in doors {
        server.serve(door, router.clone())?;
    }

    let status = greet(&config, &house, bound, claim_code, |site, urls, code| {
        banner::print(site, urls, code, language, qr)
    });
    let notifier = Notifier::new(&inputs.variables, std::process::id());
    notifier.ready(&status);
    tracing::info!(listen = %bound, descriptors, "ready");

    let (asks, asked) = mpsc::channel(1);
    let control = control::path(&config.data);
    let (in_force, config) = watch::channel(Arc::new(config));
    let operator = operator(config, &house, bound, asks);
    let live = reload::Live {
        inputs: &inputs,
        logs: &logs,
        presence: &presence,
        house: &house,
        server: &server,
        app,
        in_force,
    };
    let reloading = || {
        notifier.reloading();
        let reloaded = live.reload();
        let kept = "the new configuration has a mistake and was not taken";
        notifier.ready(if reloaded.is_ok() { &status } else { kept });
        reloaded
    };
    #[cfg(feature = "test-peer")]
    let _reading = reader.map(|reader| reader.start(&house.desk));
    tokio::select! {
        () = notifier.watch(pulse(&house, bound)) => {}
        () = keep_certificate(acme, &house) => {}
        () = attend(&control, operator) => {}
        () = signals.wait(asked, reloading) => {}
    }
    drop(live);
    // A command that comes now finds nobody and waits for the folder's lock.
    drop(std::fs::remove_file(&control));
    notifier.stopping("draining");
    tracing::info!("draining");
    written(&house, "desk.stop", String::new()).await;
    let drained = server.drain(Duration::from_millis(DRAIN_PATIENCE_MS));
    tokio::join!(drained, house.close(RESTART_MS, DRAIN_PATIENCE_MS));
    tracing::info!("stopped");
    Ok(())
}

/// Every algorithm, before a file is touched or a port is opened.
fn self_test(start: &Start) -> Result<selftest::Report, Fault> {
    #[cfg(feature = "test-peer")]
    let tested = selftest::run_spoiled(start.test_wrong_answer);
    #[cfg(not(feature = "test-peer"))]
    let (Start { .. }, tested) = (start, selftest::run());
    tested.map_err(|failed| {
        tracing::error!(code = code::SELF_TEST_FAILED.0, %failed, "self-test failed");
        Fault::new(code::SELF_TEST_FAILED, failed)
    })
}

/// Writes down what the process does; a disk that takes nothing is told by its own check.
async fn written(house: &House, what: &'static str, about: String) {
    if let Err(refusal) = house.desk.audit(Deed::new(Doer::Desk, what, about)).await {
        tracing::warn!(code = refusal.code.0, what, "not in the audit log yet");
    }
}

/// The sockets that are listened on, kept by the service manager, and the server for them.
fn open_doors(
    config: &Config,
    house: &House,
    tls: Families,
) -> Result<(Server, Vec<Door>, SocketAddr), Fault> {
    let doors = Door::open(config.listen, config.plain_listen)?;
    Door::keep(&doors);
    let bound = doors.first().and_then(Door::address).unwrap_or(config.listen);
    if config.listen.port() != 0 && bound.port() != config.listen.port() {
        let setting = config.listen;
        tracing::warn!(%bound, %setting, "the service manager opened another port");
    }
    let options =
        net::Options::usual(tls, config.trusted_proxies.clone(), config.limits.connections_max);
    let server = Server::new(options, Arc::clone(&house.counters), Arc::clone(&house.clock));
    Ok((server, doors, bound))
}

/// Prints the banner; returns what the service manager shows.
fn greet(
    config: &Config,
    house: &House,
    bound: SocketAddr,
    claim_code: Option<Private>,
    print: impl FnOnce(&str, &[String], Option<&Private>) -> std::io::Result<()>,
) -> String {
    let urls = banner::urls(config, bound);
    let site = house.desk.site().row.name.clone();
    let code = claim_code.filter(|_| !house.desk.claimed());
    // Standard output may be closed; the desk runs all the same.
    let _ = print(&site, &urls, code.as_ref());
    urls.into_iter().next().unwrap_or_else(|| "ready".to_owned())
}

/// Gets and renews a certificate when a configuration line names an authority; else does nothing.
async fn keep_certificate(acme: Option<(Acme, Arc<Presented>)>, house: &House) {
    if let Some((acme, presented)) = acme {
        acme.keep_valid(presented, Arc::clone(&house.clock)).await;
    }
    std::future::pending::<()>().await;
}

/// Makes backups and serves the control socket. Without it the desk runs all the same, and says so.
async fn attend(path: &Path, operator: Operator) {
    let backups = backup::keep(operator.clone());
    let commands = async {
        let ended = control::listen(path, operator).await;
        tracing::error!(?ended, path = %path.display(), "no control socket");
    };
    tokio::join!(backups, commands);
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

/// What the operator of the machine may ask of this process.
fn operator(
    config: watch::Receiver<Arc<Config>>,
    house: &House,
    bound: SocketAddr,
    reload: mpsc::Sender<oneshot::Sender<Reloaded>>,
) -> Operator {
    let (desk, clock, in_force) = (house.desk.clone(), Arc::clone(&house.clock), config.clone());
    let probe = move || {
        let config = Arc::clone(&in_force.borrow());
        let stats = desk.stats();
        let store = health::Store {
            read_only: desk.standing().read_only,
            journal_used_bytes: stats.tail_bytes,
            journal_size_bytes: config.store.journal_segment_bytes() * u64::from(JOURNAL_SEGMENTS),
        };
        let up_ms = clock.tick().0;
        let live = Live {
            up_ms,
            claimed: desk.claimed(),
            store: Some(store),
            audit_behind: desk.audit_behind(),
            aged: desk.aged(),
        };
        let present = identity::present(&config).unwrap_or_default();
        probe::gather(&config, clock.wall(), &present, Some(live))
    };
    Operator {
        desk: house.desk.clone(),
        config,
        bound,
        probe: Arc::new(probe),
        walks: Arc::new(Semaphore::new(1)),
        listeners: vec![bound],
        reload,
    }
}

fn pulse(house: &House, listener: SocketAddr) -> Pulse {
    let (reads, writer) = (house.desk.clone(), house.desk.clone());
    Pulse {
        commits: Arc::new(move || reads.stats().commits),
        probe: Arc::new(move |answer| writer.probe(answer)),
        listener,
    }
}
