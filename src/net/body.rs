//! Bodies: a request's must keep its pace, a response's keeps its connection from counting as idle.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::base::limits;

/// A request's body. Fails when a pause, or a trickle, lasts too long.
pub struct RequestBody {
    incoming: Incoming,
    /// Runs from the first wait until enough has come.
    window: Option<Pin<Box<Sleep>>>,
    /// Bytes that came meanwhile.
    brought: usize,
}

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    #[error("the body came too slowly")]
    Slow,
    #[error("the body broke off: {0}")]
    Broken(#[from] hyper::Error),
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming, window: None, brought: 0 }
    }

    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<BodyFault> {
        let length = Duration::from_millis(limits::REQUEST_HEAD_MS);
        let window = self.window.get_or_insert_with(|| Box::pin(sleep(length)));
        window.as_mut().poll(cx).map(|()| BodyFault::Slow)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) else {
            let slow = ready!(this.poll_pace(cx));
            return Poll::Ready(Some(Err(slow)));
        };
        if let Some(Ok(frame)) = &frame {
            this.brought += frame.data_ref().map_or(0, Bytes::len);
            if this.brought >= limits::BODY_PACE_BYTES {
                (this.window, this.brought) = (None, 0);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// How busy a connection is.
pub(super) struct Activity {
    begun: Instant,
    under_way: AtomicU32,
    /// When the last request ended, in milliseconds after `begun`.
    last_ms: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let (under_way, last_ms) = (AtomicU32::new(0), AtomicU64::new(0));
        Arc::new(Self { begun: Instant::now(), under_way, last_ms })
    }

    /// A request begins; it lasts until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Whether a request ever began.
    pub(super) fn used(&self) -> bool {
        self.under_way.load(Relaxed) > 0 || self.last_ms.load(Relaxed) > 0
    }

    /// For how long nothing has been asked.
    pub(super) fn idle(&self) -> Duration {
        if self.under_way.load(Relaxed) > 0 {
            return Duration::ZERO;
        }
        let last = Duration::from_millis(self.last_ms.load(Relaxed));
        self.begun.elapsed().saturating_sub(last)
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let ms = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(ms, Relaxed);
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// A response's body; the request is under way until it is sent or given up.
pub(super) struct ResponseBody<B> {
    pub(super) body: B,
    pub(super) _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
