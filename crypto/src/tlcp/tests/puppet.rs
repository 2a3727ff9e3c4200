//! A client that says what it is told to, right or wrong, to a server that is the real one.

use std::sync::Arc;

use super::pki::{NOW_S, PKI};
use crate::sm2::{DEFAULT_ID, PublicKey};
use crate::tlcp::hello::{Offer, ServerHello, SessionId};
use crate::tlcp::messages::{self, Joiner, Kind};
use crate::tlcp::record::{Content, VERSION};
use crate::tlcp::schedule::{self, Keys, Master, Side, Transcript};
use crate::tlcp::wire::Wire;
use crate::tlcp::{Connection, Fault, ServerConfig, Suite};
use crate::token::fill_random;

pub struct Puppet {
    pub server: Connection,
    pub wire: Wire,
    pub transcript: Transcript,
    pub suite: Suite,
    pub random: [u8; 32],
    pub server_random: [u8; 32],
    /// What the server said, in order.
    pub heard: Vec<Kind>,
    joiner: Joiner,
    secret: Option<(Master, Keys, Keys)>,
}

/// What became of a puppet.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// Of the server.
    pub fault: Fault,
    /// Level and code of the alert that the client got.
    pub alert: Option<[u8; 2]>,
}

impl Puppet {
    pub fn new(config: ServerConfig) -> Self {
        let suite = config.suites[0];
        Self {
            server: Connection::server(Arc::new(config), NOW_S),
            wire: Wire::new(fill_random),
            transcript: Transcript::new(),
            suite,
            random: [7; 32],
            server_random: [0; 32],
            heard: Vec::new(),
            joiner: Joiner::default(),
            secret: None,
        }
    }

    /// A hello that offers the server's suite.
    pub fn hello(&mut self) -> Result<(), End> {
        let mut body = Vec::new();
        self.offer().write(&mut body);
        self.say(Kind::ClientHello, &body)
    }

    pub fn offer(&self) -> Offer<'_> {
        Offer {
            random: &self.random,
            session: SessionId::default(),
            suites: std::slice::from_ref(&self.suite),
            server_name: None,
            alpn: &[],
        }
    }

    /// The server's key, as its certificate has it.
    pub fn encrypted(&self, secret: &[u8]) -> Vec<u8> {
        let key: &PublicKey = PKI.encrypt.public();
        key.encrypt(secret).unwrap().to_der()
    }

    /// The client's part of a full ECC handshake up to its change of keys, with this cipher in
    /// place of the secret's own.
    pub fn key_exchange(&mut self, secret: &[u8], cipher: &[u8]) -> Result<(), End> {
        self.know(secret);
        let mut body = Vec::new();
        messages::put_opaque(&mut body, cipher);
        self.say(Kind::ClientKeyExchange, &body)
    }

    pub fn know(&mut self, secret: &[u8]) {
        let master = schedule::master(secret, &self.random, &self.server_random);
        let (client, server) =
            schedule::keys(&master, self.suite.mode(), &self.random, &self.server_random);
        self.secret = Some((master, client, server));
    }

    pub fn change(&mut self) -> Result<(), End> {
        let (_, client, _) = self.secret.as_ref().unwrap();
        self.wire.change_sealer(self.suite.mode(), client).unwrap();
        self.deliver()
    }

    pub fn finished(&mut self) -> Result<(), End> {
        let (master, ..) = self.secret.as_ref().unwrap();
        let data = schedule::finished(master, Side::Client, &self.transcript);
        self.say(Kind::Finished, &data)
    }

    /// A signature over what was said so far, by the client's signing key or another.
    pub fn proof(&mut self) -> Vec<u8> {
        let hash = self.transcript.hash();
        let signature = PKI.client_sign.sign(DEFAULT_ID, &[&hash]).unwrap().to_der();
        let mut body = Vec::new();
        messages::put_opaque(&mut body, &signature);
        body
    }

    /// The right way to the end, for what comes after.
    pub fn open(mut self) -> Self {
        let secret = [&VERSION.to_be_bytes()[..], &[9; 46]].concat();
        self.hello().unwrap();
        let cipher = self.encrypted(&secret);
        self.key_exchange(&secret, &cipher).unwrap();
        self.change().unwrap();
        self.finished().unwrap();
        assert_eq!(self.server.state(), crate::tlcp::State::Open);
        self
    }

    pub fn say(&mut self, kind: Kind, body: &[u8]) -> Result<(), End> {
        self.wire.say(&mut self.transcript, kind, |out| out.extend_from_slice(body)).unwrap();
        self.deliver()
    }

    /// One record with this content.
    pub fn record(&mut self, content: Content, bytes: &[u8]) -> Result<(), End> {
        self.wire.seal(content, &[bytes]).unwrap();
        self.deliver()
    }

    /// These bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), End> {
        let fed = self.server.feed(bytes);
        self.listen(fed.map(drop))
    }

    pub fn deliver(&mut self) -> Result<(), End> {
        let bytes = self.wire.pending().to_vec();
        self.wire.sent(bytes.len());
        self.raw(&bytes)
    }

    /// Reads what the server answers.
    fn listen(&mut self, fed: Result<(), Fault>) -> Result<(), End> {
        let mut alert = None;
        let mut answer = Vec::new();
        self.server.drain(&mut answer);
        let space = self.wire.inbound.space();
        space[..answer.len()].copy_from_slice(&answer);
        self.wire.inbound.received(answer.len());
        // Once the server uses keys that the puppet does not have, there is nothing to read.
        while let Ok(Some((content, range))) = self.wire.next() {
            let bytes = self.wire.inbound.bytes(range).to_vec();
            match content {
                Content::Handshake => self.hear(&bytes),
                Content::ChangeCipherSpec => {
                    if let Some((_, _, server)) = &self.secret {
                        self.wire.change_opener(self.suite.mode(), server);
                    }
                }
                Content::Alert => alert = Some([bytes[0], bytes[1]]),
                Content::Data => {}
            }
        }
        fed.map_err(|fault| End { fault, alert })
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.joiner.push(bytes);
        while let Some(message) = self.joiner.front().unwrap() {
            if message.kind == Kind::ServerHello {
                let hello = ServerHello::read(message.body).unwrap();
                self.server_random = hello.random;
            }
            self.heard.push(message.kind);
            self.transcript.add(message.whole);
            let length = message.whole.len();
            self.joiner.consume(length);
        }
    }
}
