//! HTTP: router, WebSocket upgrade, API, assets, metrics. Handlers are thin: parse, ask the desk,
//! answer.
//! Architecture invariant: nothing here decides who may see what; the desk does, from the identity
//! that is proven here.

mod answer;
mod api;
mod assets;
mod authority;
mod body;
mod caller;
mod cors;
mod dress;
mod file_name;
mod identity;
pub mod lockout;
pub mod media;
mod metrics;
mod openapi;
mod pages;
pub mod pixels;
mod probes;
mod routes;
mod rows;
mod websocket;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::actors::Desk;
use crate::base::limits::{ATTACHMENT_BYTES, POLLS, UPLOADS_PER_ADDRESS};
use crate::base::{Counters, Private, Tick};
use crate::config::Network;
use lockout::{Against, Lockout};

/// What the configuration says about HTTP.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Who sends this as a bearer token may read `/metrics` from elsewhere.
    pub metrics_token: Option<Private>,
    /// Largest attachment.
    pub attachment_bytes: u64,
    /// Tell browsers to insist on TLS. Not with a certificate of the box's own authority: a browser
    /// that does not trust it yet could never be let in.
    pub hsts: bool,
    /// The certificate of the box's own authority, when it has one.
    pub authority_pem: Option<String>,
    /// The same of its SM2 authority.
    pub national_authority_pem: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            metrics_token: None,
            attachment_bytes: ATTACHMENT_BYTES,
            hsts: false,
            authority_pem: None,
            national_authority_pem: None,
        }
    }
}

/// What every handler is given. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    desk: Desk,
    settings: RwLock<Arc<Settings>>,
    counters: Arc<Counters>,
    lockout: Mutex<Lockout>,
    polls: Arc<Semaphore>,
    uploads: Mutex<BTreeMap<IpAddr, usize>>,
}

impl App {
    #[must_use]
    pub fn new(desk: Desk, settings: Settings, counters: Arc<Counters>) -> Self {
        Self(Arc::new(Inner {
            desk,
            settings: RwLock::new(Arc::new(settings)),
            counters,
            lockout: Mutex::default(),
            polls: Arc::new(Semaphore::new(POLLS)),
            uploads: Mutex::default(),
        }))
    }

    fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests that begin from now on go by these settings.
    pub fn set(&self, settings: Settings) {
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How long a guess must wait; 0 = it is counted and may be tried.
    fn attempt(&self, against: &[Against]) -> u64 {
        self.with_lockout(|lockout, now| lockout.attempt(now, against))
    }

    fn with_lockout<T>(&self, act: impl FnOnce(&mut Lockout, Tick) -> T) -> T {
        let now = self.desk().clock().tick();
        act(&mut self.0.lockout.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// A place for one long poll.
    fn poll_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.polls).try_acquire_owned().ok()
    }

    /// A place for one upload from this address.
    fn upload_place(&self, address: IpAddr) -> Option<UploadPlace> {
        let mut uploads = self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = uploads.entry(address).or_default();
        if *under_way >= UPLOADS_PER_ADDRESS {
            return None;
        }
        *under_way += 1;
        Some(UploadPlace { app: self.clone(), address })
    }
}

/// Given back when the upload ends, however it ends.
struct UploadPlace {
    app: App,
    address: IpAddr,
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        let mut uploads = self.app.0.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = uploads.get_mut(&self.address) {
            *under_way -= 1;
            if *under_way == 0 {
                uploads.remove(&self.address);
            }
        }
    }
}

/// Every route, with the layer that gives each answer its words and its security headers.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in routes::TABLE {
        router = router.route(route.path, (route.handler)());
    }
    router
        .fallback(pages::nothing)
        .method_not_allowed_fallback(pages::method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), dress::dress))
        .with_state(app)
}
