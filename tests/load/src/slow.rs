//! Readers that stop reading beside healthy conversations: memory, time until they are closed, and
//! what the healthy ones feel of it.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
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
        let target = server.begin(common.family)?;
        let field = Field::open(&target, &server.inbox_key, 1, 200, 200).await?;
        let pid = server.pid()?;
        let mut busy = Visitor::new(1 << 32, &server.inbox_key);
        let mut mouth = busy.connect(&target, false).await?;
        busy.index = busy.say(&mut mouth, 0, "Hello".to_owned()).await?;
        for _ in 0..self.rounds {
            field.tally.borrow_mut().ack.reset();
            let watch = Watch::begin(pid, 0);
            let healthy = self.round(&field, self.seconds).await?;
            watch.end()?;
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
            // They have caught up, and that they come is not what is measured.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let (begin, watch) = (Instant::now(), Watch::begin(pid, sockets));
            let text = "x".repeat(8_000);
            let flood = async {
                while begin.elapsed() < Duration::from_secs(self.seconds) {
                    busy.index = busy.say(&mut mouth, 0, text.clone()).await?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                anyhow::Ok(())
            };
            let (beside, flood) = tokio::join!(self.round(&field, self.seconds), flood);
            let (beside, ()) = (beside?, flood?);
            let seen = watch.end()?;
            let left = kernel::sockets(pid)?.saturating_sub(sockets);
            report::row(
                common,
                "slow",
                json!({
                    "readers": self.readers,
                    "healthy_p99_ms": healthy,
                    "beside_p99_ms": beside,
                    "all_closed_s": seen.closed.map(|at| at.as_secs_f64()),
                    "not_closed": left,
                    "rss_before_kib": before / 1024,
                    "rss_peak_kib": seen.peak_bytes / 1024,
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

/// Looks at the server on a thread of its own: counting a thousand descriptors and walking its
/// pages take milliseconds, which would else be measured as the server's.
struct Watch {
    stop: Sender<()>,
    thread: thread::JoinHandle<Result<Seen>>,
}

#[derive(Default)]
struct Seen {
    peak_bytes: u64,
    /// When no more than the given number of sockets were left.
    closed: Option<Duration>,
}

impl Watch {
    fn begin(pid: u32, sockets: usize) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            // Behind the generator, whose core it shares.
            let _ = rustix::process::setpriority_process(None, 19);
            let (begin, mut seen) = (Instant::now(), Seen::default());
            loop {
                seen.peak_bytes = seen.peak_bytes.max(kernel::resident_bytes(pid)?);
                if seen.closed.is_none() && kernel::sockets(pid)? <= sockets {
                    seen.closed = Some(begin.elapsed());
                }
                match stopped.recv_timeout(Duration::from_millis(250)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(seen),
                }
            }
        });
        Self { stop, thread }
    }

    fn end(self) -> Result<Seen> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("the watching thread panicked"))?
    }
}
