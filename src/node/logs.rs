//! Where log lines go: text on a terminal, JSON otherwise, always on standard error. Personal text
//! cannot reach them: it is `base::Private`, whose `Debug` prints `***`.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat};

/// The running log, whose level can be changed.
#[derive(Clone, Debug)]
pub struct Logs(reload::Handle<Targets, Registry>);

/// Starts the process's log. A second start in one process keeps the first log.
#[must_use]
pub fn start(log: &Log) -> Logs {
    let (subscriber, logs) = subscriber(log, std::io::stderr().is_terminal(), std::io::stderr);
    // An error means that a log is there already.
    let _ = subscriber.try_init();
    logs
}

impl Logs {
    /// Takes the level of a reloaded configuration.
    pub fn set_level(&self, log: &Log) {
        // The handle outlives its log only while the process ends.
        let _ = self.0.reload(targets(&log.level));
    }
}

/// A log that writes to `writer`.
pub fn subscriber<W>(
    log: &Log,
    terminal: bool,
    writer: W,
) -> (impl tracing::Subscriber + Send + Sync + use<W>, Logs)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let (filter, handle) = reload::Layer::new(targets(&log.level));
    let layer = if text {
        fmt::layer().with_ansi(false).with_target(false).with_writer(writer).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(writer).boxed()
    };
    (tracing_subscriber::registry().with(layer.with_filter(filter)), Logs(handle))
}

/// A bare level counts for our rooms; crates below us speak from `warn` on, for a message of
/// theirs may repeat what a peer sent.
fn targets(level: &str) -> Targets {
    let mut targets = Targets::new().with_default(LevelFilter::WARN);
    for part in level.split(',').map(str::trim) {
        targets = match part.split_once('=') {
            Some((room, level)) => targets.with_target(room, filter(level)),
            None => targets.with_target("posthouse", filter(part)),
        };
    }
    targets
}

/// `config` has checked the word.
fn filter(level: &str) -> LevelFilter {
    level.parse().unwrap_or(LevelFilter::INFO)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::Private;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log_to(page: &Page, level: &str, format: LogFormat) -> (impl tracing::Subscriber, Logs) {
        let page = page.clone();
        let log = Log { level: level.to_owned(), format };
        subscriber(&log, false, move || page.clone())
    }

    #[test]
    fn personal_text_is_three_stars_in_both_formats_and_a_bare_string_is_not() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let page = Page::default();
            let (subscriber, _logs) = log_to(&page, "trace", format);
            let body = Private::from("call me on 0171 555");
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(?body, "stored");
                tracing::debug!(entry = ?crate::desk::Content::Text(body.clone()), "decided");
            });
            assert!(page.text().contains("***") && page.text().contains("decided"));
            assert!(!page.text().contains("0171"), "{}", page.text());

            let page = Page::default();
            let (subscriber, _logs) = log_to(&page, "info", format);
            tracing::subscriber::with_default(subscriber, || tracing::info!(body = body.0, "x"));
            assert!(page.text().contains("0171"), "the control must be seen");
        }
    }

    #[test]
    fn a_level_by_room_is_kept_and_a_new_level_is_taken_while_running() {
        let page = Page::default();
        let (subscriber, logs) = log_to(&page, "warn,posthouse::net=debug", LogFormat::Json);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "posthouse::store", "quiet one");
            tracing::debug!(target: "posthouse::net", "loud one");
            tracing::info!(target: "hyper", "foreign one");
            logs.set_level(&Log { level: "info".to_owned(), format: LogFormat::Json });
            tracing::info!(target: "posthouse::store", "later one");
        });
        let text = page.text();
        assert!(text.contains("loud one") && text.contains("later one"), "{text}");
        assert!(!text.contains("quiet one") && !text.contains("foreign one"), "{text}");
    }
}
