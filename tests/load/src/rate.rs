//! An open loop of durable messages: 1 000 conversations, one follower each.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use hdrhistogram::Histogram;
use posthouse_load::client::Visitor;
use posthouse_load::kernel::{self, Device};
use posthouse_load::server::Server;
use posthouse_load::socket::{Socket, Target};
use posthouse_load::words::{self, Said};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Common, report};
use posthouse_load::crowd::{self, Stance};

#[derive(Args)]
pub struct Rate {
    /// Messages a second, one run each, on the same server.
    #[arg(long, value_delimiter = ',', default_value = "500,2000,8000")]
    rates: Vec<u64>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[arg(long, default_value_t = 1000)]
    conversations: u64,
    /// Bytes of each text.
    #[arg(long, default_value_t = 200)]
    bytes: usize,
}

/// What came of one run; shared by the tasks of the one thread.
pub struct Tally {
    begin: Instant,
    pub ack: Histogram<u64>,
    pub delivery: Histogram<u64>,
    lag: Histogram<u64>,
    pub sent: u64,
    pub acked: u64,
    pub delivered: u64,
    pub refused: u64,
    /// Indices that did not follow on each other.
    pub disorder: u64,
    pub closed: u64,
}

impl Tally {
    /// # Errors
    /// Never: the histograms' bounds are right.
    pub fn new() -> Result<Self> {
        Ok(Self {
            begin: Instant::now(),
            ack: report::histogram()?,
            delivery: report::histogram()?,
            lag: report::histogram()?,
            sent: 0,
            acked: 0,
            delivered: 0,
            refused: 0,
            disorder: 0,
            closed: 0,
        })
    }

    fn now_us(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    /// Starts the counts anew; a key's mark is microseconds since the run's begin.
    fn reset(&mut self) {
        for histogram in [&mut self.ack, &mut self.delivery, &mut self.lag] {
            histogram.reset();
        }
        (self.sent, self.acked, self.delivered) = (0, 0, 0);
        (self.refused, self.disorder, self.closed) = (0, 0, 0);
    }
}

/// The conversations of a run: a sender and a follower each, all in tasks.
pub struct Field {
    senders: Vec<mpsc::UnboundedSender<u64>>,
    pub tally: Rc<RefCell<Tally>>,
}

impl Field {
    /// Opens `count` conversations from visitor `from` on.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn open(
        target: &Target,
        inbox_key: &str,
        from: u64,
        count: u64,
        bytes: usize,
    ) -> Result<Self> {
        let tally = Rc::new(RefCell::new(Tally::new()?));
        let mut senders = Vec::new();
        for (visitor, socket) in
            crowd::gather(target, inbox_key, from, count, Stance::Opened).await?
        {
            let mut reader = Visitor::new(0, inbox_key);
            (reader.token, reader.conversation) = (visitor.token, visitor.conversation);
            reader.source = visitor.source;
            let mut ears = reader.connect(target, false).await?;
            reader.follow(&mut ears).await?;
            tokio::task::spawn_local(listen(reader, ears, tally.clone()));
            let (queue, due) = mpsc::unbounded_channel();
            tokio::task::spawn_local(send(visitor, socket, due, tally.clone(), bytes));
            senders.push(queue);
        }
        Ok(Self { senders, tally })
    }

    /// Message k is due at k/rate; returns when every answer came, or 10 s after the last send.
    ///
    /// # Errors
    /// When a sender's task has ended.
    pub async fn drive(&self, rate: u64, seconds: u64) -> Result<Duration> {
        let total = rate * seconds;
        let (answered, delivered) = {
            let tally = self.tally.borrow();
            (tally.acked + tally.refused, tally.delivered)
        };
        let offset = self.tally.borrow().now_us() + 50_000;
        let mut next = 0;
        while next < total {
            let now = self.tally.borrow().now_us();
            while next < total && offset + next * 1_000_000 / rate <= now {
                let due = offset + next * 1_000_000 / rate;
                let to = &self.senders[(next % self.senders.len() as u64) as usize];
                to.send(due).ok().context("a sender's connection has ended")?;
                next += 1;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let last = Instant::now();
        loop {
            let done = {
                let tally = self.tally.borrow();
                tally.acked + tally.refused >= answered + total
                    && tally.delivered >= delivered + total
            };
            if done || last.elapsed() > Duration::from_secs(10) {
                return Ok(Duration::from_secs(seconds));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn send(
    visitor: Visitor,
    mut socket: Socket,
    mut due: mpsc::UnboundedReceiver<u64>,
    tally: Rc<RefCell<Tally>>,
    bytes: usize,
) {
    let body = "x".repeat(bytes);
    let mut said = Vec::new();
    loop {
        tokio::select! {
            biased;
            came = socket.next() => {
                let Ok(posthouse_load::socket::Came::Frame(frame)) = came else { break };
                if words::read(frame, &mut said).is_err() { break }
                let mut tally = tally.borrow_mut();
                let now = tally.now_us();
                for said in said.drain(..) {
                    match said {
                        Said::Ack { key, .. } => {
                            let due = words::mark_of(&key).unwrap_or(now);
                            tally.ack.saturating_record(now.saturating_sub(due).max(1));
                            tally.acked += 1;
                        }
                        Said::Refused { .. } => tally.refused += 1,
                        _ => {}
                    }
                }
            }
            first = due.recv() => {
                let Some(first) = first else { return };
                let mut next = Some(first);
                while let Some(at) = next {
                    let frame =
                        words::text(&visitor.conversation, words::key(at), None, body.clone());
                    socket.queue(&frame);
                    let mut tally = tally.borrow_mut();
                    let late = tally.now_us().saturating_sub(at);
                    tally.lag.saturating_record(late.max(1));
                    tally.sent += 1;
                    next = due.try_recv().ok();
                }
                if socket.flush().await.is_err() { break }
            }
        }
    }
    tally.borrow_mut().closed += 1;
}

async fn listen(mut visitor: Visitor, mut socket: Socket, tally: Rc<RefCell<Tally>>) {
    let mut beat = tokio::time::interval(Duration::from_secs(20));
    loop {
        tokio::select! {
            said = visitor.next(&mut socket) => {
                let Ok(Ok(said)) = said else { break };
                let Said::Delivery { index, entry } = said else { continue };
                let mut tally = tally.borrow_mut();
                if index != visitor.index + 1 {
                    tally.disorder += 1;
                }
                visitor.index = index;
                let now = tally.now_us();
                if let Some(due) = words::mark_of(&entry.key) {
                    tally.delivery.saturating_record(now.saturating_sub(due).max(1));
                    tally.delivered += 1;
                }
            }
            _ = beat.tick() => {
                let cursors = vec![visitor.cursor()];
                if socket.send(&words::ping(cursors)).await.is_err() { break }
            }
        }
    }
    tally.borrow_mut().closed += 1;
}

impl Rate {
    /// # Errors
    /// When the server cannot be set up or a connection is lost.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let folder = common.folder.join("rate");
        let mut server = Server::set_up(&common.server, &folder, Some(common.server_core))?;
        let target = server.begin(common.family)?;
        let key = server.inbox_key.clone();
        let field = Field::open(&target, &key, 1, self.conversations, self.bytes).await?;
        // A warm-up, so that caches, pools and the journal's first segment are not measured.
        field.drive(500, 2).await?;
        let device = Device::of(&folder);
        for &rate in &self.rates {
            field.tally.borrow_mut().reset();
            let pid = server.pid()?;
            let written = device.as_ref().map(Device::written_bytes).transpose()?;
            let cpu = kernel::cpu_ns(pid)?;
            let took = field.drive(rate, self.seconds).await?;
            let cpu = kernel::cpu_ns(pid)? - cpu;
            // What is written back later belongs to these messages too.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let each = match (&device, written) {
                (Some(device), Some(before)) => {
                    json!((device.written_bytes()? - before) / field.tally.borrow().acked.max(1))
                }
                _ => json!("not on a loop device"),
            };
            let tally = field.tally.borrow();
            let facts = json!({
                "rate": rate,
                "sent": tally.sent,
                "acked": tally.acked,
                "delivered": tally.delivered,
                "refused": tally.refused,
                "disorder": tally.disorder,
                "closed": tally.closed,
                "ack_ms": report::quantiles(&tally.ack),
                "delivery_ms": report::quantiles(&tally.delivery),
                "lag_ms": report::quantiles(&tally.lag),
                "cpu_percent": (cpu as f64 / took.as_nanos() as f64 * 1000.0).round() / 10.0,
                "cpu_us_each": (cpu / tally.acked.max(1)) as f64 / 1000.0,
                "device_bytes_each": each,
                "rss_kib": kernel::resident_bytes(pid)? / 1024,
            });
            drop(tally);
            report::row(common, "rate", facts)?;
        }
        server.stop()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
