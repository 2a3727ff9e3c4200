//! The end of a handshake, which both sides reach in the same way: keys from the secret, the change
//! to them, the two Finished messages, and the session that may be taken up again.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::alert::{Alert, Fault};
use super::hello::SessionId;
use super::messages::Kind;
use super::schedule::{self, Keys, Master, Random, Side, Transcript};
use super::session::{Agreed, Certificates, Session};
use super::suite::Suite;
use super::wire::Wire;

/// What the hellos settled.
pub(super) struct Terms {
    pub(super) suite: Suite,
    pub(super) session: SessionId,
    /// The server's name by which the session is found again.
    pub(super) server_name: Option<String>,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) client: Random,
    pub(super) server: Random,
}

/// All that is needed once the secrets are there.
pub(super) struct Secrets {
    suite: Suite,
    session: SessionId,
    server_name: Option<String>,
    alpn: Option<Vec<u8>>,
    peer: Certificates,
    master: Master,
    client_keys: Keys,
    server_keys: Keys,
    resumed: bool,
}

impl Secrets {
    /// Of a full handshake.
    pub(super) fn new(terms: Terms, pre_master: &[u8], peer: Certificates) -> Self {
        let master = schedule::master(pre_master, &terms.client, &terms.server);
        Self::with_master(terms, master, peer, false)
    }

    /// Of a session that is taken up again.
    pub(super) fn resume(terms: Terms, session: &Session) -> Self {
        Self::with_master(terms, session.master.clone(), Arc::clone(&session.peer), true)
    }

    fn with_master(terms: Terms, master: Master, peer: Certificates, resumed: bool) -> Self {
        let Terms { suite, session, server_name, alpn, client, server } = terms;
        let (client_keys, server_keys) = schedule::keys(&master, suite.mode(), &client, &server);
        Self { suite, session, server_name, alpn, peer, master, client_keys, server_keys, resumed }
    }

    fn keys(&self, side: Side) -> &Keys {
        match side {
            Side::Client => &self.client_keys,
            Side::Server => &self.server_keys,
        }
    }

    /// The peer, which is `side`, uses its keys from now on.
    pub(super) fn change_opener(&self, side: Side, wire: &mut Wire) {
        wire.change_opener(self.suite.mode(), self.keys(side));
    }

    /// We, who are `side`, announce our keys and say with them what we saw of the handshake.
    pub(super) fn say_finished(
        &self,
        side: Side,
        transcript: &mut Transcript,
        wire: &mut Wire,
    ) -> Result<(), Fault> {
        wire.change_sealer(self.suite.mode(), self.keys(side))?;
        let data = schedule::finished(&self.master, side, transcript);
        wire.say(transcript, Kind::Finished, |out| out.extend_from_slice(&data))
    }

    /// Whether the peer, which is `side`, saw the same handshake.
    pub(super) fn check_finished(
        &self,
        side: Side,
        transcript: &Transcript,
        body: &[u8],
    ) -> Result<(), Fault> {
        #[cfg(test)]
        if super::tests::broken(super::tests::Check::Finished) {
            return Ok(());
        }
        let wanted = schedule::finished(&self.master, side, transcript);
        if bool::from(wanted.ct_eq(body)) {
            return Ok(());
        }
        Err(Fault::new(Alert::DecryptError, "a peer that saw another handshake"))
    }

    /// The peer has finished. We, who are `side`, are the last to say so when the peer was the
    /// first: the server of a full handshake, and the client of a short one.
    pub(super) fn finish(
        self,
        side: Side,
        transcript: &mut Transcript,
        wire: &mut Wire,
        now_s: u64,
    ) -> Result<Agreed, Fault> {
        if self.resumed == (side == Side::Client) {
            self.say_finished(side, transcript, wire)?;
        }
        let session = Session {
            id: self.session,
            suite: self.suite,
            master: self.master,
            server_name: self.server_name.clone(),
            peer: Arc::clone(&self.peer),
            made_s: now_s,
        };
        Ok(Agreed {
            suite: self.suite,
            alpn: self.alpn,
            server_name: self.server_name,
            peer: self.peer,
            resumed: self.resumed,
            session: (!session.id.is_empty()).then(|| Arc::new(session)),
        })
    }
}
