//! The client's side of a handshake. Each state names the messages that may come next; any other
//! ends the connection.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use zeroize::Zeroizing;

use super::alert::{Alert, Fault};
use super::config::{ClientConfig, Identity, SESSION_AGE_S};
use super::hello::{Offer, ServerHello, SessionId};
use super::messages::{self, Kind, Message};
use super::record::VERSION;
use super::schedule::{MASTER_BYTES, Random, Side, Transcript};
use super::session::{Agreed, Session};
use super::suite::{KeyExchange, Suite};
use super::tail::{Secrets, Terms};
use super::verify::{self, Pair};
use super::wire::Wire;
use crate::sm2::exchange::{Exchange, Peer, Role};
use crate::sm2::{DEFAULT_ID, PublicKey, Signature};

pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    now_s: u64,
    random: Random,
    offered: Vec<Suite>,
    resume: Option<Arc<Session>>,
    transcript: Transcript,
    state: State,
}

enum State {
    Hello,
    Certificate(Chosen),
    KeyExchange(Chosen, Server),
    /// A request for our certificates, or the end of the server's flight.
    Request(Chosen, Server),
    Done(Chosen, Server),
    Change(Secrets),
    Finished(Secrets),
    /// Between two states, and after the last one.
    Over,
}

/// What the hellos settled.
struct Chosen {
    suite: Suite,
    server: Random,
    session: SessionId,
    alpn: Option<Vec<u8>>,
}

/// What the server showed of itself.
struct Server {
    certificates: Vec<Vec<u8>>,
    pair: Pair,
    /// Of the ECDHE suites.
    ephemeral: Option<PublicKey>,
    asks: bool,
}

impl Handshake {
    /// Begins with the hello.
    pub(super) fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        resume: Option<Arc<Session>>,
        now_s: u64,
        wire: &mut Wire,
    ) -> Result<Self, Fault> {
        let mut random = [0; 32];
        (wire.fill)(&mut random)?;
        let can =
            |suite: &Suite| suite.key_exchange() == KeyExchange::Ecc || config.identity.is_some();
        let offered: Vec<Suite> = config.suites.iter().copied().filter(can).collect();
        let asked = host(&name).filter(|_| config.server_name);
        let resume = resume.filter(|session| {
            let same = session.server_name.as_deref() == Some(&*name.to_str());
            same && offered.contains(&session.suite) && session.is_fresh(now_s, SESSION_AGE_S)
        });
        let offer = Offer {
            random: &random,
            session: resume.as_ref().map(|session| session.id).unwrap_or_default(),
            suites: &offered,
            server_name: asked.as_deref(),
            alpn: &config.alpn,
        };
        let mut transcript = Transcript::new();
        wire.say(&mut transcript, Kind::ClientHello, |out| offer.write(out))?;
        let state = State::Hello;
        Ok(Self { config, name, now_s, random, offered, resume, transcript, state })
    }

    /// Takes the next message; the last one answers what was agreed.
    pub(super) fn take(
        &mut self,
        message: Message<'_>,
        wire: &mut Wire,
    ) -> Result<Option<Agreed>, Fault> {
        let state = std::mem::replace(&mut self.state, State::Over);
        if let (State::Finished(secrets), Kind::Finished) = (&state, message.kind) {
            secrets.check_finished(Side::Server, &self.transcript, message.body)?;
            let State::Finished(secrets) = state else { return Ok(None) };
            self.transcript.add(message.whole);
            return self.finish(secrets, wire).map(Some);
        }
        // Requests to begin are no part of what both sides saw (6.4.5.1).
        if message.kind != Kind::HelloRequest {
            self.transcript.add(message.whole);
        }
        let body = message.body;
        self.state = match (state, message.kind) {
            (State::Hello, Kind::HelloRequest) if body.is_empty() => State::Hello,
            (State::Hello, Kind::ServerHello) => self.hello(body)?,
            (State::Certificate(chosen), Kind::Certificate) => {
                let server = self.certificates(body)?;
                State::KeyExchange(chosen, server)
            }
            (State::KeyExchange(chosen, mut server), Kind::ServerKeyExchange) => {
                server.ephemeral = self.key_exchange(body, &chosen, &server)?;
                State::Request(chosen, server)
            }
            (State::Request(chosen, mut server), Kind::CertificateRequest) => {
                messages::check_request(body)?;
                server.asks = true;
                State::Done(chosen, server)
            }
            (
                State::Request(chosen, server) | State::Done(chosen, server),
                Kind::ServerHelloDone,
            ) if body.is_empty() => State::Change(self.answer(chosen, server, wire)?),
            _ => return Err(Fault::unexpected("a handshake message out of turn")),
        };
        Ok(None)
    }

    /// The server announced that it uses its keys from now on.
    pub(super) fn change(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let State::Change(secrets) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Fault::unexpected("a change of keys out of turn"));
        };
        secrets.change_opener(Side::Server, wire);
        self.state = State::Finished(secrets);
        Ok(())
    }

    fn hello(&self, body: &[u8]) -> Result<State, Fault> {
        let hello = ServerHello::read(body)?;
        if !self.offered.contains(&hello.suite) {
            return Err(Fault::illegal("a server that chose what was not offered"));
        }
        if hello.alpn.as_ref().is_some_and(|name| !self.config.alpn.contains(name)) {
            return Err(Fault::illegal("a server that chose a protocol that was not offered"));
        }
        let ServerHello { random: server, session, suite, alpn, .. } = hello;
        let resumed = self.resume.as_ref().filter(|old| !session.is_empty() && old.id == session);
        let Some(old) = resumed else {
            return Ok(State::Certificate(Chosen { suite, server, session, alpn }));
        };
        if old.suite != suite {
            return Err(Fault::illegal("a session that is taken up with another suite"));
        }
        let terms = self.terms(Chosen { suite, server, session, alpn });
        Ok(State::Change(Secrets::resume(terms, old)))
    }

    fn terms(&self, chosen: Chosen) -> Terms {
        let Chosen { suite, server, session, alpn } = chosen;
        let server_name = Some(self.name.to_str().into_owned());
        Terms { suite, session, server_name, alpn, client: self.random, server }
    }

    fn certificates(&self, body: &[u8]) -> Result<Server, Fault> {
        let certificates = messages::read_certificates(body)?;
        let pair = verify::server(&self.config.roots, &certificates, &self.name, self.now_s)?;
        let certificates = certificates.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Server { certificates, pair, ephemeral: None, asks: false })
    }

    /// Checks that the server signed for this very handshake; answers its ephemeral key.
    fn key_exchange(
        &self,
        body: &[u8],
        chosen: &Chosen,
        server: &Server,
    ) -> Result<Option<PublicKey>, Fault> {
        let sign = &server.pair.sign;
        let check = |signature: &[u8], parts: &[&[u8]]| {
            let right = Signature::from_der(signature)
                .is_ok_and(|signature| sign.verify(DEFAULT_ID, parts, &signature));
            let fault = Fault::new(Alert::DecryptError, "a key exchange that was not signed");
            if right { Ok(()) } else { Err(fault) }
        };
        match chosen.suite.key_exchange() {
            KeyExchange::Ecc => {
                let signature = messages::read_opaque(body)?;
                let certificate = server.certificates.get(1).map(Vec::as_slice).unwrap_or_default();
                let length = messages::length_of(certificate);
                let parts = messages::signed_certificate(
                    &self.random,
                    &chosen.server,
                    &length,
                    certificate,
                );
                check(signature, &parts)?;
                Ok(None)
            }
            KeyExchange::Ecdhe => {
                let params = messages::read_server_params(body)?;
                check(params.signature, &[&self.random, &chosen.server, params.signed])?;
                let off = |_| Fault::illegal("an ephemeral key that is no point");
                PublicKey::from_sec1(params.point).map(Some).map_err(off)
            }
        }
    }

    /// Everything that the client says: certificates, key exchange, proof, Finished.
    fn answer(
        &mut self,
        chosen: Chosen,
        server: Server,
        wire: &mut Wire,
    ) -> Result<Secrets, Fault> {
        let identity = self.config.identity.clone().filter(|_| server.asks);
        if server.asks {
            let identity = identity.as_deref();
            wire.say(&mut self.transcript, Kind::Certificate, |out| {
                let certificates = identity.into_iter().flat_map(Identity::certificates);
                messages::put_certificates(out, certificates);
            })?;
        }
        let (secret, message) = match &server.ephemeral {
            None => pre_master(&server.pair.encrypt, wire)?,
            Some(theirs) => agree(identity.as_deref(), &server.pair.encrypt, theirs)?,
        };
        let bare = self.config.bare_ecdhe && server.ephemeral.is_some();
        wire.say(&mut self.transcript, Kind::ClientKeyExchange, |out| match bare {
            true => out.extend_from_slice(&message),
            false => messages::put_opaque(out, &message),
        })?;
        if let Some(identity) = &identity {
            let hash = self.transcript.hash();
            let proof = identity.sign.sign(DEFAULT_ID, &[&hash])?.to_der();
            wire.say(&mut self.transcript, Kind::CertificateVerify, |out| {
                messages::put_opaque(out, &proof);
            })?;
        }
        let secrets = Secrets::new(self.terms(chosen), &secret, server.certificates.into());
        secrets.say_finished(Side::Client, &mut self.transcript, wire)?;
        Ok(secrets)
    }

    fn finish(&mut self, secrets: Secrets, wire: &mut Wire) -> Result<Agreed, Fault> {
        let agreed = secrets.finish(Side::Client, &mut self.transcript, wire, self.now_s)?;
        Ok(Agreed { server_name: host(&self.name), ..agreed })
    }
}

/// A secret and what the server needs to know it.
type Shared = (Zeroizing<Vec<u8>>, Vec<u8>);

fn pre_master(key: &PublicKey, wire: &Wire) -> Result<Shared, Fault> {
    let mut secret = Zeroizing::new(vec![0; MASTER_BYTES]);
    let (version, random) = secret.split_at_mut(2);
    version.copy_from_slice(&VERSION.to_be_bytes());
    (wire.fill)(random)?;
    let cipher = key.encrypt(&secret)?.to_der();
    Ok((secret, cipher))
}

/// The client is the one who answers: user B of the standard.
fn agree(
    identity: Option<&Identity>,
    key: &PublicKey,
    ephemeral: &PublicKey,
) -> Result<Shared, Fault> {
    let unasked = "a server that wants a key exchange and no certificates";
    let identity = identity.ok_or(Fault::new(Alert::HandshakeFailure, unasked))?;
    let exchange = Exchange::begin(Role::Responder, &identity.encrypt, DEFAULT_ID)?;
    let message = messages::curve_params(&exchange.ephemeral().to_sec1());
    let agreed = exchange
        .finish(Peer { key, id: DEFAULT_ID, ephemeral }, MASTER_BYTES)
        .map_err(|_| Fault::illegal("an ephemeral key that agrees on nothing"))?;
    Ok((agreed.key, message))
}

/// The name to ask for; addresses are not asked for (RFC 6066, section 3).
fn host(name: &ServerName<'_>) -> Option<String> {
    match name {
        ServerName::DnsName(name) => Some(name.as_ref().to_ascii_lowercase()),
        ServerName::IpAddress(_) | _ => None,
    }
}
