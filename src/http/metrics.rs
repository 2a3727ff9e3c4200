//! `/metrics`: the house's counters as OpenMetrics text, to this machine or to the holder of the
//! token.

use std::fmt::Error;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::App;
use super::answer::{Answer, Refused};
use super::caller::{Caller, text};
use crate::base::counters::{BOUNDS_US, Counters, Latency};
use crate::base::{Family, code};

pub async fn show(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let settings = app.settings();
    let token = settings.metrics_token.as_ref().filter(|token| !token.is_empty());
    let given =
        text(&parts.headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let proven = token.zip(given).is_some_and(|(token, given)| same(token, given));
    // A proxy on this machine, trusted or not, must not open the figures to all.
    let proxied =
        ["x-forwarded-for", "forwarded"].iter().any(|name| parts.headers.contains_key(*name));
    if !proven && (proxied || !caller.address.is_loopback()) {
        return Err(code::METRICS_ONLY_LOCAL.into());
    }
    let mut registry = Registry::with_prefix("posthouse");
    registry.register_collector(Box::new(Scrape(app)));
    let mut body = String::new();
    encode(&mut body, &registry).map_err(|_| Refused::later(code::BUSY, 1_000))?;
    let asked = text(&parts.headers, "accept").unwrap_or_default();
    if asked.contains("application/openmetrics-text") {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return Ok(([(header::CONTENT_TYPE, kind)], body).into_response());
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], classic(&body)).into_response())
}

/// The same figures in Prometheus' own text format 0.0.4, which curl and promtool read: there a
/// counter's help and type carry the `_total` of its samples, and units and the end have no lines.
fn classic(open: &str) -> String {
    let mut out = String::with_capacity(open.len());
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        let counts = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
        let counter = counts(line) || lines.peek().is_some_and(|next| counts(next));
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), ..) => continue,
            (Some("#"), Some(word @ ("HELP" | "TYPE")), Some(name), Some(rest)) if counter => {
                out.push_str(&format!("# {word} {name}_total {rest}"));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Compares without telling by its time where the difference is.
fn same(one: &str, other: &str) -> bool {
    let differs = one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differs == 0
}

struct Scrape(App);

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let counters = self.0.counters();
        let encoder = &mut encoder;
        sockets(encoder, counters)?;
        desk(encoder, counters)?;
        store(encoder, counters)?;
        if let Some(rotation) = self.0.desk().rotation() {
            let masters = "Master keys of the sealed site; more than one while old ones are kept.";
            gauge(encoder, "seal_masters", masters, rotation.masters as u64)?;
            let left = "Pages that a rotation has not looked at yet.";
            let pages = rotation.pages.saturating_sub(rotation.pages_done);
            gauge(encoder, "seal_pages_left", left, pages)?;
        }
        requests(encoder, counters)?;
        let help = "Answers with a code, by code.";
        let mut family = encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for row in code::table() {
            let labels = [("code", row.code.0.to_string()), ("name", row.name.to_owned())];
            let count = ConstCounter::new(counters.refusals.get(row.code));
            if counters.refusals.get(row.code) > 0 {
                count.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn sockets(out: &mut DescriptorEncoder<'_>, counters: &Counters) -> Result<(), Error> {
    gauge(out, "sockets", "Sockets that are open.", counters.sockets.get())?;
    counter(out, "sockets_accepted", "Sockets accepted.", counters.accepted.get())?;
    let away = "Sockets turned away at accept.";
    counter(out, "sockets_turned_away", away, counters.turned_away.get())?;
    gauge(out, "handshakes", "TLS handshakes under way.", counters.handshakes.get())?;
    let failed = "TLS handshakes that failed.";
    counter(out, "handshakes_failed", failed, counters.handshakes_failed.get())?;
    let help = "TLS handshakes that were finished, by family.";
    let mut family = out.encode_descriptor("handshakes_done", help, None, MetricType::Counter)?;
    let kinds = [
        (Family::International, counters.handshakes_international.get()),
        (Family::Rfc8998, counters.handshakes_rfc8998.get()),
        (Family::Tlcp, counters.handshakes_tlcp.get()),
    ];
    for (kind, count) in kinds {
        let labels = [("family", kind.name())];
        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
    }
    let help = "WebSocket connections that are open.";
    let mut family = out.encode_descriptor("connections", help, None, MetricType::Gauge)?;
    let kinds = [
        ("visitor", counters.visitor_connections.get()),
        ("agent", counters.agent_connections.get()),
    ];
    for (peer, count) in kinds {
        whole(count).encode(family.encode_family(&[("peer", peer)])?)?;
    }
    counter(out, "frames_received", "Frames from clients.", counters.frames_in.get())?;
    counter(out, "frames_sent", "Frames to clients.", counters.frames_out.get())
}

fn desk(out: &mut DescriptorEncoder<'_>, counters: &Counters) -> Result<(), Error> {
    counter(out, "messages", "Messages that became durable.", counters.messages.get())?;
    counter(out, "entries", "Log entries that became durable.", counters.entries.get())?;
    let open = "Conversations in memory.";
    gauge(out, "conversations_open", open, counters.conversations_open.get())?;
    let queued = "Conversations waiting for an agent.";
    gauge(out, "conversations_queued", queued, counters.conversations_queued.get())?;
    let online = "Agents who take conversations.";
    gauge(out, "agents_online", online, counters.agents_online.get())?;
    let queue = "Commands waiting in the shards.";
    gauge(out, "shard_queue", queue, counters.shard_queue.get())?;
    let waiting = "Bytes waiting for connections.";
    sized(out, "outbox", waiting, counters.outbox_bytes.get())?;
    let delivery = "From a command's arrival to its entry in the followers' outboxes.";
    latency(out, "delivery", delivery, &counters.delivery)
}

fn store(out: &mut DescriptorEncoder<'_>, counters: &Counters) -> Result<(), Error> {
    counter(out, "commits", "Journal batches synced.", counters.commits.get())?;
    latency(out, "commit", "A journal append with its sync.", &counters.commit)?;
    let help = "Bytes written to the journal.";
    let count = ConstCounter::new(counters.journal_bytes.get());
    let kind = MetricType::Counter;
    count.encode(out.encode_descriptor("journal_written", help, Some(&Unit::Bytes), kind)?)?;
    let backlog = "Entries in the journal that the database does not hold yet.";
    gauge(out, "journal_backlog", backlog, counters.journal_backlog.get())?;
    let checkpoints = "Checkpoints of the journal into the database.";
    counter(out, "checkpoints", checkpoints, counters.checkpoints.get())?;
    latency(out, "checkpoint", "A checkpoint.", &counters.checkpoint)?;
    sized(out, "store", "Size of the database file.", counters.store_bytes.get())?;
    counter(out, "store_faults", "Faults of the disk.", counters.store_faults.get())?;
    let read_only = "1 while the store takes nothing new.";
    gauge(out, "store_read_only", read_only, counters.store_read_only.get())?;
    let queue = "Proposals waiting for the writer.";
    gauge(out, "writer_queue", queue, counters.writer_queue.get())
}

fn requests(out: &mut DescriptorEncoder<'_>, counters: &Counters) -> Result<(), Error> {
    counter(out, "http_requests", "HTTP requests answered.", counters.requests.get())?;
    counter(out, "uploads", "Attachments stored.", counters.uploads.get())?;
    let help = "Bytes of attachments stored.";
    let count = ConstCounter::new(counters.upload_bytes.get());
    let kind = MetricType::Counter;
    count.encode(out.encode_descriptor("upload", help, Some(&Unit::Bytes), kind)?)?;
    counter(out, "sign_ins", "Sign-ins that worked.", counters.sign_ins.get())?;
    let hashes = "Hashes that checks of passwords took: two each while both schemes are kept.";
    counter(out, "password_hashes", hashes, counters.password_hashes.get())?;
    counter(out, "bad_passwords", "Passwords that were wrong.", counters.bad_passwords.get())
}

type Out<'a, 'b> = &'a mut DescriptorEncoder<'b>;

fn counter(out: Out<'_, '_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    let family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(family)
}

fn gauge(out: Out<'_, '_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    whole(value).encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn sized(out: Out<'_, '_>, name: &str, help: &str, bytes: u64) -> Result<(), Error> {
    whole(bytes).encode(out.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?)
}

fn whole(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

fn latency(out: Out<'_, '_>, name: &str, help: &str, value: &Latency) -> Result<(), Error> {
    let (buckets, sum_us) = value.get();
    let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(buckets).collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    let kind = MetricType::Histogram;
    let mut family = out.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
    family.encode_histogram::<NoLabelSet>(sum_us as f64 / 1e6, count, &buckets, None)
}
