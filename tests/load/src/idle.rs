//! Bytes per idle connection: resident memory before, and 2 s after the crowd has gathered.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use posthouse_load::kernel;
use posthouse_load::server::Server;
use serde_json::json;

use crate::{Common, report};
use posthouse_load::crowd::{self, Stance};

#[derive(Args)]
pub struct Idle {
    /// Connections to hold, one measurement each, on a fresh server.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,19800")]
    connections: Vec<u64>,
    /// Let every connection open and follow a conversation of its own.
    #[arg(long)]
    following: bool,
}

impl Idle {
    /// # Errors
    /// When the server refuses one of them.
    pub async fn run(&self, common: &Common, descriptors: u64) -> Result<()> {
        let stance = if self.following { Stance::Following } else { Stance::Greeted };
        for &count in &self.connections {
            anyhow::ensure!(count + 64 < descriptors, "only {descriptors} descriptors");
            let folder = common.folder.join(format!("idle-{count}"));
            let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
            let target = server.begin(common.family)?;
            // The first connections pay for what all share.
            drop(crowd::gather(&target, &server.inbox_key, 1 << 40, 64, stance).await?);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let before = kernel::resident_bytes(server.pid()?)?;
            let begin = Instant::now();
            let all = crowd::gather(&target, &server.inbox_key, 1, count, stance).await?;
            let took = begin.elapsed();
            let kept: Vec<_> = all
                .into_iter()
                .map(|(visitor, socket)| tokio::task::spawn_local(crowd::keep(visitor, socket)))
                .collect();
            tokio::time::sleep(Duration::from_secs(2)).await;
            let after = kernel::resident_bytes(server.pid()?)?;
            let alive = kept.iter().filter(|task| !task.is_finished()).count();
            let facts = json!({
                "connections": count,
                "alive": alive,
                "following": self.following,
                "bytes_each": (after.saturating_sub(before)) / count,
                "rss_before_kib": before / 1024,
                "rss_after_kib": after / 1024,
                "gathered_s": (took.as_secs_f64() * 10.0).round() / 10.0,
            });
            report::row(common, "idle", facts)?;
            for task in kept {
                task.abort();
            }
            server.kill()?;
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(())
    }
}
