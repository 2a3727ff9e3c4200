//! Router, WebSocket upgrade, API, assets, metrics.

pub mod lockout;
pub mod media;
pub mod pixels;
