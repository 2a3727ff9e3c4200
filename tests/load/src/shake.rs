//! New connections one after another: full handshakes and resumed ones, each with one small
//! request.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use posthouse_load::channel::{Channel, Shaken};
use posthouse_load::kernel;
use posthouse_load::server::Server;
use posthouse_load::socket;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Common, report};

#[derive(Args)]
pub struct Shake {
    /// Clients that dial again as soon as they were answered.
    #[arg(long, default_value_t = 16)]
    clients: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What the clients of a run counted.
struct Tally {
    took: hdrhistogram::Histogram<u64>,
    resumed: u64,
}

impl Shake {
    /// # Errors
    /// When the server cannot be set up or refuses a client.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let folder = common.folder.join("shake");
        let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
        let target = server.begin(common.family)?;
        let pid = server.pid()?;
        for resume in [false, true] {
            if resume && matches!(target.channel, Channel::Plain) {
                continue;
            }
            // A first run pays for what all share.
            self.dial(&target.address, &target.channel, resume, Duration::from_secs(1)).await?;
            let cpu = kernel::cpu_ns(pid)?;
            let begin = Instant::now();
            let length = Duration::from_secs(self.seconds);
            let tally = self.dial(&target.address, &target.channel, resume, length).await?;
            let (took, cpu) = (begin.elapsed(), kernel::cpu_ns(pid)? - cpu);
            let count = tally.took.len().max(1);
            let facts = json!({
                "resume": resume,
                "connections": count,
                "resumed": tally.resumed,
                "per_s": (count as f64 / took.as_secs_f64()).round(),
                "server_cpu_us_each": (cpu / count) as f64 / 1000.0,
                "server_core_percent":
                    (cpu as f64 / took.as_nanos() as f64 * 1000.0).round() / 10.0,
                "took_ms": report::quantiles(&tally.took),
            });
            report::row(common, "shake", facts)?;
        }
        server.stop()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    async fn dial(
        &self,
        address: &SocketAddr,
        channel: &Channel,
        resume: bool,
        length: Duration,
    ) -> Result<Tally> {
        let tally = Rc::new(RefCell::new(Tally { took: report::histogram()?, resumed: 0 }));
        let end = Instant::now() + length;
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..self.clients {
            let (tally, address) = (tally.clone(), *address);
            let mut channel = channel.remembering(resume);
            tasks.spawn_local(async move {
                let mut n = client;
                while Instant::now() < end {
                    n += 1;
                    let begin = Instant::now();
                    let shaken = once(address, &channel, n * 17).await?;
                    if let (Channel::Tlcp { session, .. }, true) = (&mut channel, resume) {
                        *session = shaken.session;
                    }
                    let mut tally = tally.borrow_mut();
                    tally.took.saturating_record(begin.elapsed().as_micros() as u64);
                    tally.resumed += u64::from(shaken.resumed);
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Rc::into_inner(tally).map(RefCell::into_inner).context("a client still counts")
    }
}

/// Dials, shakes hands and asks for one small page, behind which the tickets come.
async fn once(address: SocketAddr, channel: &Channel, source: u64) -> Result<Shaken> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(socket::source(source), 0))?;
    let stream: TcpStream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let mut shaken = channel.shake(stream).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    shaken.wire.write_all(request.as_bytes()).await?;
    shaken.wire.flush().await?;
    let mut answer = Vec::new();
    shaken.wire.read_to_end(&mut answer).await?;
    anyhow::ensure!(answer.starts_with(b"HTTP/1.1 200"), "no answer after the handshake");
    Ok(shaken)
}
