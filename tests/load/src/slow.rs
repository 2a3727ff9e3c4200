//! Readers that stop reading beside healthy conversations: memory, time until they are closed, and
//! what the healthy ones feel of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use posthouse_load::client::Visitor;
use posthouse_load::kernel;
use posthouse_load::server::Server;
use posthouse_load::socket::Socket;
use posthouse_load::words;
use serde_json::json;

use crate::rate::Field;
use crate::{Common, report};

#[derive(Args)]
pub struct Slow {
    /// Readers that stop; all follow one busy conversation.
    #[arg(long, default_value_t = 1000)]
    readers: u64,
    /// Messages a second of 200 healthy conversations.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Runs with the readers away and there, alternating.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

impl Slow {
    /// # Errors
    /// When the server cannot be set up or loses a healthy connection.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let folder = common.folder.join("slow");
        let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
        server.start()?;
        let target = server.target(common.tls)?;
        let field = Field::open(&target, &server.inbox_key, 1, 200, 200).await?;
        let pid = server.pid()?;
        let mut busy = Visitor::new(1 << 32, &server.inbox_key);
        let mut mouth = busy.connect(&target, false).await?;
        busy.say(&mut mouth, 0, "Hello".to_owned()).await?;
        for _ in 0..self.rounds {
            field.tally.borrow_mut().ack.reset();
            let healthy = self.round(&field, self.seconds).await?;
            let before = kernel::resident_bytes(pid)?;
            let sockets = kernel::sockets(pid)?;
            let mut stalled = Vec::new();
            for n in 0..self.readers {
                let source = posthouse_load::socket::source(n);
                let mut socket = Socket::dial(&target, source, Some(4096)).await?;
                let hello = words::hello(busy.token, &busy.inbox_key, vec![busy.cursor()]);
                socket.send(&hello).await?;
                stalled.push(socket);
            }
            let begin = Instant::now();
            let text = "x".repeat(8_000);
            let flood = async {
                let mut peak = 0;
                let mut closed_s = None;
                while begin.elapsed() < Duration::from_secs(self.seconds) {
                    busy.say(&mut mouth, 0, text.clone()).await?;
                    peak = peak.max(kernel::resident_bytes(pid)?);
                    if closed_s.is_none() && kernel::sockets(pid)? <= sockets {
                        closed_s = Some(begin.elapsed().as_secs_f64());
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                anyhow::Ok((peak, closed_s))
            };
            let (beside, flood) = tokio::join!(self.round(&field, self.seconds), flood);
            let ((peak, closed_s), beside) = (flood?, beside?);
            let left = kernel::sockets(pid)?.saturating_sub(sockets);
            report::row(
                common,
                "slow",
                json!({
                    "readers": self.readers,
                    "healthy_p99_ms": healthy,
                    "beside_p99_ms": beside,
                    "all_closed_s": closed_s,
                    "not_closed": left,
                    "rss_before_kib": before / 1024,
                    "rss_peak_kib": peak / 1024,
                }),
            )?;
            drop(stalled);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        server.kill()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// Delivery p99 of the healthy conversations, in milliseconds.
    async fn round(&self, field: &Field, seconds: u64) -> Result<f64> {
        field.tally.borrow_mut().delivery.reset();
        field.drive(self.rate, seconds).await?;
        let tally = field.tally.borrow();
        anyhow::ensure!(tally.closed == 0, "{} healthy connections were lost", tally.closed);
        Ok(tally.delivery.value_at_quantile(0.99) as f64 / 1000.0)
    }
}
