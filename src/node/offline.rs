//! Answers an operator's request when no server runs: the same desk without listeners, opened for
//! this one request.

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, watch};

use super::control::{Called, Line, Request};
use super::operator::Operator;
use super::{Fault, House, build, identity, probe, runtime};
use crate::base::Clock as _;
use crate::base::code::Code;
use crate::config::{Config, Loaded};
use crate::health::Probe;

/// Why a request could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum OperateFault {
    #[error(transparent)]
    Node(#[from] Fault),
    /// The command could not print a row.
    #[error(transparent)]
    Row(#[from] io::Error),
}

/// Opens the data folder, answers the request, and closes the folder again.
///
/// # Errors
/// The folder is in use or cannot be read; a row could not be printed.
pub fn operate(
    loaded: Loaded,
    request: Request,
    row: &mut dyn FnMut(Value) -> io::Result<()>,
) -> Result<Called, OperateFault> {
    runtime()?.block_on(async {
        let config = loaded.config;
        let house = build(&config, None).await?;
        let answered = answer(&config, &house, request, row).await;
        house.close_at_once().await;
        answered
    })
}

async fn answer(
    config: &Config,
    house: &House,
    request: Request,
    row: &mut dyn FnMut(Value) -> io::Result<()>,
) -> Result<Called, OperateFault> {
    // `setup` prints the path of the authority's certificate.
    identity::certificates(config, house.clock.wall())?;
    let (reload, _) = mpsc::channel(1);
    let operator = Operator {
        desk: house.desk.clone(),
        config: watch::channel(Arc::new(config.clone())).1,
        bound: config.listen,
        probe: Arc::new(Probe::default),
        walks: Arc::new(Semaphore::new(1)),
        listeners: Vec::new(),
        reload,
    };
    let (rows, mut rows_of) = mpsc::channel(1);
    let answering = async move { operator.answer(request, &rows).await };
    let mut answering = std::pin::pin!(answering);
    loop {
        tokio::select! {
            biased;
            Some(line) = rows_of.recv() => {
                if let Line::Row(value) = line {
                    row(value)?;
                }
            }
            last = &mut answering => {
                while let Ok(Line::Row(value)) = rows_of.try_recv() {
                    row(value)?;
                }
                return Ok(match last {
                    Line::Done(value) | Line::Row(value) => Called::Done(value),
                    Line::Refused { code, about } => Called::Refused { code: Code(code), about },
                });
            }
        }
    }
}

/// What the checks can see of a site that does not run.
#[must_use]
pub fn probe_offline(config: &Config) -> Probe {
    let now = super::clock::SystemClock::default().wall();
    let certificates = identity::present(config).unwrap_or_default();
    probe::gather(config, now, &certificates, None)
}
