//! Sockets: listen, accept, limits, TLS, certificates.
