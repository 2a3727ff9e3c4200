//! `serve`: the desk with its listeners, from READY to STOPPING.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthouse_crypto::tls::{Presented, TlsOptions, server_config};
use tokio::signal::unix::{SignalKind, signal};

use super::identity::{self, Certificates};
use super::logs::Logs;
use super::notify::{Notifier, Pulse};
use super::{Fault, House, Start, banner, build};
use crate::base::limits::{DRAIN_PATIENCE_MS, RESTART_MS};
use crate::base::{Language, Private, code};
use crate::config::{self, Config};
use crate::http;
use crate::net::{self, Door, NetFault, Server};

/// Runs the desk until a signal ends it.
pub(super) async fn serve(start: Start, logs: Logs) -> Result<(), Fault> {
    let Start { loaded, inputs, language } = start;
    let mut config = loaded.config;
    let descriptors = net::raise_descriptors();
    let claim_code = banner::claim_code();
    let house = build(&config, claim_code.clone()).await?;
    let certificates = identity::certificates(&config, house.clock.wall())?;
    let presented = Presented::new(&certificates.identity);
    let acme = config.tls.acme.directory.is_some();
    let tls = server_config(Arc::clone(&presented), TlsOptions { acme }).map_err(NetFault::Tls)?;

    let doors = Door::open(config.listen, config.plain_listen)?;
    Door::keep(&doors);
    let bound = doors.first().and_then(Door::address).unwrap_or(config.listen);
    let options =
        net::Options::usual(tls, config.trusted_proxies.clone(), config.limits.connections_max);
    let server = Server::new(options, Arc::clone(&house.counters), Arc::clone(&house.clock));
    let settings = settings(&config, &certificates)?;
    let app = http::App::new(house.desk.clone(), settings, Arc::clone(&house.counters));
    let router = http::router(app);
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

    let watched = async {
        notifier.watch(pulse(&house, bound)).await;
        // Nobody asked for signs of life.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = watched => {}
        reason = signals(|| reload(&inputs, &mut config, &logs, &presented, &house)) => reason?,
    }
    notifier.stopping("draining");
    tracing::info!("draining");
    let drained = server.drain(Duration::from_millis(DRAIN_PATIENCE_MS));
    tokio::join!(drained, house.close(RESTART_MS, DRAIN_PATIENCE_MS));
    tracing::info!("stopped");
    Ok(())
}

/// Returns at SIGTERM or SIGINT; each SIGHUP reads the configuration again.
async fn signals(mut reload: impl FnMut()) -> Result<(), Fault> {
    let system = |error| Fault::new(code::CLI_SYSTEM, error);
    let mut term = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(system)?;
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => reload(),
        }
    }
}

/// Takes over what can change while the desk runs: log level and certificates. What cannot is told.
fn reload(
    inputs: &config::Inputs,
    in_force: &mut Config,
    logs: &Logs,
    presented: &Presented,
    house: &House,
) {
    let reloaded = match config::reload(inputs, in_force) {
        Ok(reloaded) => reloaded,
        Err(problems) => {
            for problem in problems {
                let [what, ..] = problem.lines(Language::En);
                tracing::error!(what, "configuration kept");
            }
            return;
        }
    };
    for change in &reloaded.changes {
        tracing::info!(key = %change.key, restart = change.needs_restart, "setting changed");
    }
    let config = reloaded.loaded.config;
    logs.set_level(&config.log);
    match identity::certificates(&config, house.clock.wall()) {
        Ok(certificates) => presented.replace(&certificates.identity),
        Err(fault) => tracing::error!(code = fault.code.0, %fault, "certificate kept"),
    }
    *in_force = config;
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
        hsts: certificates.authority_pem.is_none(),
        authority_pem: certificates.authority_pem.clone(),
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
