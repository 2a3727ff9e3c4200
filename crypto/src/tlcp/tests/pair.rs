//! Two connections in memory, and ways to carry bytes between them.

use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::pki::{HOST, NOW_S, PKI};
use crate::tlcp::{
    ClientAuth, ClientConfig, Connection, Fault, Presented, ServerConfig, Session, State, Suite,
};

/// How bytes are cut on their way.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// As they were written.
    Whole,
    /// One at a time.
    Bytes,
    /// At places that a seed tells.
    Random(u64),
}

impl Cut {
    /// Cuts off the next piece.
    fn next(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Whole => bytes.len(),
            Self::Bytes => 1,
            Self::Random(seed) => {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let size = usize::try_from(*seed >> 33).unwrap();
                let most = if size.is_multiple_of(3) { 7 } else { bytes.len() };
                1 + size % most.clamp(1, bytes.len())
            }
        }
    }
}

pub fn server_config(suite: Suite, mutual: bool) -> ServerConfig {
    let mut config = ServerConfig::new(Presented::new(Arc::new(PKI.server())));
    config.suites = vec![suite];
    if mutual {
        config.client_auth = ClientAuth::Required(PKI.roots());
    }
    config
}

pub fn client_config(suite: Suite, mutual: bool) -> ClientConfig {
    let mut config = ClientConfig::new(PKI.roots());
    config.suites = vec![suite];
    if mutual {
        config.identity = Some(Arc::new(PKI.client()));
    }
    config
}

pub fn name() -> ServerName<'static> {
    ServerName::try_from(HOST).unwrap()
}

pub struct Link {
    pub client: Connection,
    pub server: Connection,
    pub cut: Cut,
}

impl Link {
    pub fn new(client: ClientConfig, server: ServerConfig) -> Self {
        Self::resuming(&Arc::new(client), &Arc::new(server), None)
    }

    pub fn resuming(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        resume: Option<Arc<Session>>,
    ) -> Self {
        let client = Connection::client(Arc::clone(client), name(), resume, NOW_S).unwrap();
        let server = Connection::server(Arc::clone(server), NOW_S);
        Self { client, server, cut: Cut::Whole }
    }

    /// Carries bytes until nobody has any.
    pub fn run(&mut self) -> Result<(), Fault> {
        loop {
            let to_server = carry(&mut self.client, &mut self.server, &mut self.cut)?;
            let to_client = carry(&mut self.server, &mut self.client, &mut self.cut)?;
            if !to_server && !to_client {
                return Ok(());
            }
        }
    }

    pub fn shaken(mut self) -> Self {
        self.run().unwrap();
        assert_eq!((self.client.state(), self.server.state()), (State::Open, State::Open));
        self
    }
}

fn carry(from: &mut Connection, to: &mut Connection, cut: &mut Cut) -> Result<bool, Fault> {
    let mut wire = Vec::new();
    from.drain(&mut wire);
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut.next(rest));
        assert_eq!(to.feed(piece)?, piece.len());
        rest = after;
    }
    Ok(!wire.is_empty())
}

/// Sends `content` from one side to the other, and reads it there.
pub fn send(from: &mut Connection, to: &mut Connection, cut: &mut Cut, content: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut left = content;
    while !left.is_empty() {
        let taken = from.write(left).unwrap();
        left = &left[taken..];
        let mut wire = Vec::new();
        from.drain(&mut wire);
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            let piece = cut.next(rest);
            let fed = to.feed(&rest[..piece]).unwrap();
            rest = &rest[fed..];
            let mut buffer = [0; 5_000];
            loop {
                match to.read(&mut buffer).unwrap() {
                    0 => break,
                    n => read.extend_from_slice(&buffer[..n]),
                }
            }
        }
    }
    read
}
