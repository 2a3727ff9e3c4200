//! Cold start and idle memory of an empty site, and the restart of one with history after a kill
//! -9.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use posthouse_load::kernel;
use posthouse_load::server::Server;
use serde_json::json;

use crate::rate::Field;
use crate::{Common, report};

#[derive(Args)]
pub struct Cold {
    /// Starts; the median is printed.
    #[arg(long, default_value_t = 9)]
    starts: usize,
    /// Messages that stand in the store before the restart after kill -9; 0 leaves that out.
    #[arg(long, default_value_t = 0)]
    messages: u64,
}

impl Cold {
    /// # Errors
    /// When the server does not start.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let folder = common.folder.join("cold");
        let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
        let mut times = Vec::new();
        let mut resident = 0;
        for n in 0..self.starts {
            times.push(server.start()?.as_micros() as u64);
            if n + 1 == self.starts {
                tokio::time::sleep(Duration::from_secs(5)).await;
                resident = kernel::resident_bytes(server.pid()?)?;
            }
            server.stop()?;
        }
        let facts = json!({
            "start_ms": median(times) as f64 / 1000.0,
            "starts": self.starts,
            "idle_rss_kib": resident / 1024,
        });
        report::row(common, "cold", facts)?;
        if self.messages > 0 {
            self.restart(common, &mut server).await?;
        }
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// Fills the store as fast as an open loop of 8 000 a second does, kills and starts again.
    async fn restart(&self, common: &Common, server: &mut Server) -> Result<()> {
        let target = server.begin(common.family)?;
        let key = server.inbox_key.clone();
        let field = Field::open(&target, &key, 1, 1000, 200).await?;
        field.drive(8_000, self.messages.div_ceil(8_000)).await?;
        let acked = field.tally.borrow().acked;
        let mut times = Vec::new();
        for _ in 0..5 {
            server.kill()?;
            times.push(server.start()?.as_micros() as u64);
        }
        let facts = json!({
            "messages": acked,
            "restart_ms": median(times) as f64 / 1000.0,
            "rss_kib": kernel::resident_bytes(server.pid()?)? / 1024,
        });
        report::row(common, "restart", facts)?;
        server.stop()
    }
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of[of.len() / 2]
}
