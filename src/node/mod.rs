//! Composition root: builds, supervises and drains everything; the only room that knows all others.
