//! Router, WebSocket upgrade, API, assets, metrics.
