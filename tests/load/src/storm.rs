//! A reconnect storm: the server is killed under a crowd, starts again, and all come back with full
//! jitter, resume by cursor and catch up.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use posthouse_load::client::Visitor;
use posthouse_load::kernel;
use posthouse_load::server::Server;
use posthouse_load::socket::Target;
use posthouse_load::words;
use serde_json::json;

use crate::{Common, report};
use posthouse_load::crowd::{self, Stance};

#[derive(Args)]
pub struct Storm {
    #[arg(long, default_value_t = 10_000)]
    connections: u64,
    /// Clients come back at a random moment within this time, and again after each failure.
    #[arg(long, default_value_t = 5_000)]
    jitter_ms: u64,
}

impl Storm {
    /// # Errors
    /// When the server cannot be set up, or somebody is not back after two minutes.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let folder = common.folder.join("storm");
        let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
        let target = server.begin(common.family)?;
        let key = server.inbox_key.clone();
        let count = self.connections;
        let all = crowd::gather(&target, &key, 1, count, Stance::Following).await?;
        server.kill()?;
        let restart = server.start()?;
        let pid = server.pid()?;
        let (begin, cpu) = (Instant::now(), kernel::cpu_ns(pid)?);
        let back = Rc::new(RefCell::new(report::histogram()?));
        let failures = Rc::new(RefCell::new(0u64));
        let mut tasks = Vec::new();
        for (visitor, socket) in all {
            drop(socket);
            let (target, back, failures) = (target.clone(), back.clone(), failures.clone());
            let jitter_ms = self.jitter_ms;
            tasks.push(tokio::task::spawn_local(async move {
                let (visitor, socket) =
                    come_back(visitor, &target, jitter_ms, &back, &failures).await;
                crowd::keep(visitor, socket).await;
            }));
        }
        while back.borrow().len() < count && begin.elapsed() < Duration::from_secs(120) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let facts = json!({
            "connections": count,
            "back": back.borrow().len(),
            "restart_ms": restart.as_millis() as u64,
            "all_back_s": (begin.elapsed().as_secs_f64() * 100.0).round() / 100.0,
            "dial_to_caught_up_ms": report::quantiles(&back.borrow()),
            "failed_dials": *failures.borrow(),
            "cpu_s": (kernel::cpu_ns(pid)? - cpu) as f64 / 1e9,
            "rss_kib": kernel::resident_bytes(pid)? / 1024,
        });
        report::row(common, "storm", facts)?;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        server.kill()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }
}

/// Full jitter before each try; the time of the try that worked, dial to caught up, is recorded.
async fn come_back(
    mut visitor: Visitor,
    target: &Target,
    jitter_ms: u64,
    back: &RefCell<hdrhistogram::Histogram<u64>>,
    failures: &RefCell<u64>,
) -> (Visitor, posthouse_load::socket::Socket) {
    let mut tries = u64::from(visitor.conversation[0]) << 32 | u64::from(visitor.conversation[1]);
    loop {
        tries += 1;
        let wait = words::mix(tries ^ u64::from(visitor.token[3])) % jitter_ms.max(1);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let begin = Instant::now();
        let tried = async {
            let mut socket = visitor.connect(target, true).await?;
            visitor.catch_up(&mut socket, |_| {}).await?;
            anyhow::Ok(socket)
        };
        match tried.await {
            Ok(socket) => {
                back.borrow_mut().saturating_record(begin.elapsed().as_micros() as u64);
                return (visitor, socket);
            }
            Err(_) => *failures.borrow_mut() += 1,
        }
    }
}
