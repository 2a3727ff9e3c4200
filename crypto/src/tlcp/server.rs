//! The server's side of a handshake. Each state names the one message that may come next; any
//! other ends the connection.

use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::alert::{Alert, Fault};
use super::config::{ClientAuth, Identity, ServerConfig};
use super::hello::{ClientHello, ServerHello, SessionId};
use super::messages::{self, Kind, Message};
use super::record::{Fill, VERSION};
use super::schedule::{MASTER_BYTES, Random, Side, Transcript};
use super::session::{Agreed, Session};
use super::suite::{KeyExchange, Suite};
use super::tail::{Secrets, Terms};
use super::verify;
use super::wire::Wire;
use crate::sm2::exchange::{Exchange, Peer, Role};
use crate::sm2::{Cipher, DEFAULT_ID, PublicKey, Signature};

pub(super) struct Handshake {
    config: Arc<ServerConfig>,
    now_s: u64,
    /// The hello is one of TLS.
    switched: bool,
    transcript: Transcript,
    state: State,
}

enum State {
    Hello,
    Certificate(Chosen),
    KeyExchange(Chosen, Client),
    Verify(Secrets, PublicKey),
    Change(Secrets),
    Finished(Secrets),
    /// Between two states, and after the last one.
    Over,
}

/// What the hellos settled.
struct Chosen {
    suite: Suite,
    /// Of the client's hello.
    version: u16,
    client: Random,
    server: Random,
    session: SessionId,
    server_name: Option<String>,
    alpn: Option<Vec<u8>>,
    identity: Arc<Identity>,
    /// Of the ECDHE suites.
    exchange: Option<Exchange>,
}

/// What the client showed of itself.
#[derive(Default)]
struct Client {
    certificates: Vec<Vec<u8>>,
    sign: Option<PublicKey>,
    encrypt: Option<PublicKey>,
}

impl Chosen {
    fn terms(&self) -> Terms {
        Terms {
            suite: self.suite,
            session: self.session,
            server_name: self.server_name.clone(),
            alpn: self.alpn.clone(),
            client: self.client,
            server: self.server,
        }
    }
}

impl Handshake {
    pub(super) fn new(config: Arc<ServerConfig>, now_s: u64, switched: bool) -> Self {
        Self { config, now_s, switched, transcript: Transcript::new(), state: State::Hello }
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Takes the next message; the last one answers what was agreed.
    pub(super) fn take(
        &mut self,
        message: Message<'_>,
        wire: &mut Wire,
    ) -> Result<Option<Agreed>, Fault> {
        let state = std::mem::replace(&mut self.state, State::Over);
        if let (State::Finished(secrets), Kind::Finished) = (&state, message.kind) {
            secrets.check_finished(Side::Client, &self.transcript, message.body)?;
            let State::Finished(secrets) = state else { return Ok(None) };
            self.transcript.add(message.whole);
            return self.finish(secrets, wire).map(Some);
        }
        self.state = match (state, message.kind) {
            (State::Hello, Kind::ClientHello) => {
                self.transcript.add(message.whole);
                self.hello(message.body, wire)?
            }
            (State::Certificate(chosen), Kind::Certificate) => {
                self.transcript.add(message.whole);
                let client = self.certificates(message.body, chosen.suite)?;
                State::KeyExchange(chosen, client)
            }
            (State::KeyExchange(chosen, client), Kind::ClientKeyExchange) => {
                self.transcript.add(message.whole);
                key_exchange(chosen, client, message.body, wire.fill)?
            }
            (State::Verify(secrets, key), Kind::CertificateVerify) => {
                check_proof(&key, message.body, &self.transcript)?;
                self.transcript.add(message.whole);
                State::Change(secrets)
            }
            _ => return Err(Fault::unexpected("a handshake message out of turn")),
        };
        Ok(None)
    }

    /// The client announced that it uses its keys from now on.
    pub(super) fn change(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let State::Change(secrets) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Fault::unexpected("a change of keys out of turn"));
        };
        secrets.change_opener(Side::Client, wire);
        self.state = State::Finished(secrets);
        Ok(())
    }

    fn hello(&mut self, body: &[u8], wire: &mut Wire) -> Result<State, Fault> {
        let hello = ClientHello::read(body, self.switched)?;
        let alpn = self.config.protocol(hello.alpn())?;
        let mut random = [0; 32];
        (wire.fill)(&mut random)?;
        if let Some(session) = self.resumable(&hello) {
            return self.resume(&hello, &session, random, alpn, wire);
        }
        let suite = self.suite(&hello)?;
        let name = hello.server_name.as_deref();
        let identity = self
            .config
            .identity
            .resolve(name)
            .ok_or(Fault::new(Alert::UnrecognizedName, "a name that no certificate is for"))?;
        let mut session = SessionId::default();
        if self.config.sessions.is_some() {
            let mut id = [0; 32];
            (wire.fill)(&mut id)?;
            session = SessionId::new(id);
        }
        let exchange = match suite.key_exchange() {
            KeyExchange::Ecc => None,
            KeyExchange::Ecdhe => {
                Some(Exchange::begin(Role::Initiator, &identity.encrypt, DEFAULT_ID)?)
            }
        };
        let ClientHello { version, random: client, server_name, secure_renegotiation, .. } = hello;
        let answer =
            ServerHello { random, session, suite, alpn: alpn.clone(), secure_renegotiation };
        wire.say(&mut self.transcript, Kind::ServerHello, |out| answer.write(out))?;
        let chosen = Chosen {
            suite,
            version,
            client,
            server: random,
            session,
            server_name,
            alpn,
            identity,
            exchange,
        };
        self.present(&chosen, wire)?;
        Ok(match self.config.client_auth {
            ClientAuth::None => State::KeyExchange(chosen, Client::default()),
            ClientAuth::Optional(_) | ClientAuth::Required(_) => State::Certificate(chosen),
        })
    }

    /// Certificates, key exchange, the question for the client's certificates, and done.
    fn present(&mut self, chosen: &Chosen, wire: &mut Wire) -> Result<(), Fault> {
        let transcript = &mut self.transcript;
        let identity = &chosen.identity;
        wire.say(transcript, Kind::Certificate, |out| {
            messages::put_certificates(out, identity.certificates());
        })?;
        let certificate = identity.encrypt_certificate();
        let length = messages::length_of(certificate);
        let (client, server) = (&chosen.client, &chosen.server);
        let params = chosen
            .exchange
            .as_ref()
            .map(|exchange| messages::curve_params(&exchange.ephemeral().to_sec1()));
        let signature = match &params {
            None => {
                let signed = messages::signed_certificate(client, server, &length, certificate);
                identity.sign.sign(DEFAULT_ID, &signed)?
            }
            Some(params) => identity.sign.sign(DEFAULT_ID, &[client, server, params])?,
        };
        wire.say(transcript, Kind::ServerKeyExchange, |out| {
            out.extend_from_slice(params.as_deref().unwrap_or_default());
            messages::put_opaque(out, &signature.to_der());
        })?;
        if let Some(roots) = self.config.client_auth.roots() {
            let names = roots.names();
            wire.say(transcript, Kind::CertificateRequest, |out| {
                messages::put_request(out, names.iter().map(Vec::as_slice));
            })?;
        }
        wire.say(transcript, Kind::ServerHelloDone, |_| {})
    }

    fn suite(&self, hello: &ClientHello<'_>) -> Result<Suite, Fault> {
        let asks = self.config.client_auth.roots().is_some();
        let possible = |suite: Suite| suite.key_exchange() == KeyExchange::Ecc || asks;
        let mut ours = self.config.suites.iter().copied().filter(|suite| possible(*suite));
        ours.find(|suite| hello.offers_suite(*suite))
            .ok_or(Fault::new(Alert::HandshakeFailure, "no suite that both sides speak"))
    }

    /// The session that the client asks for, if it is one that it could make today.
    fn resumable(&self, hello: &ClientHello<'_>) -> Option<Arc<Session>> {
        let session = self.config.sessions.as_ref()?.find(&hello.session, self.now_s)?;
        let shown = match self.config.client_auth {
            ClientAuth::None | ClientAuth::Optional(_) => true,
            ClientAuth::Required(_) => !session.peer.is_empty(),
        };
        let same = hello.offers_suite(session.suite)
            && self.config.suites.contains(&session.suite)
            && session.server_name == hello.server_name;
        (shown && same).then_some(session)
    }

    /// The short handshake: our Finished comes first.
    fn resume(
        &mut self,
        hello: &ClientHello<'_>,
        session: &Session,
        random: Random,
        alpn: Option<Vec<u8>>,
        wire: &mut Wire,
    ) -> Result<State, Fault> {
        let answer = ServerHello {
            random,
            session: session.id,
            suite: session.suite,
            alpn: alpn.clone(),
            secure_renegotiation: hello.secure_renegotiation,
        };
        wire.say(&mut self.transcript, Kind::ServerHello, |out| answer.write(out))?;
        let terms = Terms {
            suite: session.suite,
            session: session.id,
            server_name: session.server_name.clone(),
            alpn,
            client: hello.random,
            server: random,
        };
        let secrets = Secrets::resume(terms, session);
        secrets.say_finished(Side::Server, &mut self.transcript, wire)?;
        Ok(State::Change(secrets))
    }

    fn certificates(&self, body: &[u8], suite: Suite) -> Result<Client, Fault> {
        let certificates = messages::read_certificates(body)?;
        let needed = match (&self.config.client_auth, suite.key_exchange()) {
            (ClientAuth::None | ClientAuth::Optional(_), KeyExchange::Ecc) => false,
            (ClientAuth::Required(_), _) | (_, KeyExchange::Ecdhe) => true,
        };
        if certificates.is_empty() {
            let why = "a client without the certificates that it needs";
            let refused = Err(Fault::new(Alert::HandshakeFailure, why));
            return if needed { refused } else { Ok(Client::default()) };
        }
        let roots = self.config.client_auth.roots().cloned().unwrap_or_default();
        let both = suite.key_exchange() == KeyExchange::Ecdhe;
        let (sign, encrypt) = verify::client(&roots, &certificates, both, self.now_s)?;
        let certificates = certificates.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Client { certificates, sign: Some(sign), encrypt })
    }

    fn finish(&mut self, secrets: Secrets, wire: &mut Wire) -> Result<Agreed, Fault> {
        let agreed = secrets.finish(Side::Server, &mut self.transcript, wire, self.now_s)?;
        if let Some(sessions) = self.config.sessions.as_ref().filter(|_| !agreed.resumed)
            && let Some(session) = &agreed.session
        {
            sessions.keep(Arc::clone(session));
        }
        Ok(agreed)
    }
}

fn key_exchange(chosen: Chosen, client: Client, body: &[u8], fill: Fill) -> Result<State, Fault> {
    let (terms, peer) = (chosen.terms(), client.certificates.into());
    let secrets = match (chosen.exchange, client.encrypt) {
        (Some(exchange), Some(key)) => {
            let off = |_| Fault::illegal("an ephemeral key that is no point");
            let point = messages::read_client_params(body)?;
            let ephemeral = PublicKey::from_sec1(point).map_err(off)?;
            let peer_keys = Peer { key: &key, id: DEFAULT_ID, ephemeral: &ephemeral };
            let agreed = exchange.finish(peer_keys, MASTER_BYTES).map_err(off)?;
            Secrets::new(terms, &agreed.key, peer)
        }
        _ => {
            let cipher = messages::read_opaque(body)?;
            let secret = pre_master(&chosen.identity, chosen.version, cipher, fill)?;
            Secrets::new(terms, secret.as_ref(), peer)
        }
    };
    Ok(match client.sign {
        Some(key) => State::Verify(secrets, key),
        None => State::Change(secrets),
    })
}

/// The pre-master secret that the client encrypted. One that does not decrypt, or was made for
/// another version, is exchanged for a random one: the client learns of it from its own Finished
/// alone, as it does when it just has another secret. What can fail before the decryption fails
/// on public bytes. The version in it is TLCP's or that of the hello, which is the same but for a
/// hello of TLS (RFC 5246, section 7.4.7.1: the one that was offered).
fn pre_master(
    identity: &Identity,
    hello: u16,
    cipher: &[u8],
    fill: Fill,
) -> Result<Zeroizing<[u8; MASTER_BYTES]>, Fault> {
    let mut secret = Zeroizing::new([0; MASTER_BYTES]);
    fill(secret.as_mut())?;
    let mut told = Zeroizing::new([0; MASTER_BYTES]);
    let mut right = Choice::from(0);
    // The cipher may be followed by bytes that mean nothing: some peers pad it.
    let plain =
        Cipher::from_der_prefix(cipher).and_then(|(cipher, _)| identity.encrypt.decrypt(&cipher));
    if let Ok(plain) = plain
        && plain.len() == MASTER_BYTES
    {
        told.copy_from_slice(&plain);
        let made_for = |version: u16| told[..2].ct_eq(&version.to_be_bytes());
        right = made_for(VERSION) | made_for(hello);
    }
    for (byte, told) in secret.iter_mut().zip(told.iter()) {
        byte.conditional_assign(told, right);
    }
    Ok(secret)
}

/// A client proves that it has its signing key: it signs the SM3 of all messages so far.
fn check_proof(key: &PublicKey, body: &[u8], transcript: &Transcript) -> Result<(), Fault> {
    let signature = Signature::from_der(messages::read_opaque(body)?);
    let hash = transcript.hash();
    let proved = signature.is_ok_and(|proof| key.verify(DEFAULT_ID, &[&hash], &proof));
    let fault = Fault::new(Alert::DecryptError, "a proof that is not of the certificate's key");
    if proved { Ok(()) } else { Err(fault) }
}
