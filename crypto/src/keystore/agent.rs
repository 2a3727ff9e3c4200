//! Both ends of the conversation with an agent: the client that Posthouse is, and the loop that a
//! reference agent runs per connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::wire::{self, Reply, Request};
use super::{KeyInfo, Software, StoreFault};

/// How long an agent may think: a token that asks a person for a touch is no use to a server.
const PATIENCE: Duration = Duration::from_secs(10);

/// An agent behind a Unix socket. A connection is made for each request: a device's answer takes
/// a thousand times longer than that.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
}

impl Agent {
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    pub(super) fn sign(&self, label: &str, digest: &[u8; 32]) -> Result<[u8; 64], StoreFault> {
        let signature = self.result(&Request::Sign { label, digest }, label)?;
        let signature = signature.as_slice().try_into();
        signature.map_err(|_| StoreFault::Protocol("a signature that has not 64 bytes"))
    }

    pub(super) fn decrypt(
        &self,
        label: &str,
        cipher: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        self.result(&Request::Decrypt { label, cipher }, label)
    }

    pub(super) fn wrap(&self, label: &str, key: &[u8]) -> Result<Vec<u8>, StoreFault> {
        Ok(self.result(&Request::Wrap { label, key }, label)?.to_vec())
    }

    pub(super) fn unwrap(
        &self,
        label: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        self.result(&Request::Unwrap { label, wrapped }, label)
    }

    pub(super) fn random(&self, count: u32) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let bytes = self.result(&Request::Random { count }, "")?;
        if u32::try_from(bytes.len()) != Ok(count) {
            return Err(StoreFault::Protocol("another number of random bytes"));
        }
        Ok(bytes)
    }

    pub(super) fn list(&self) -> Result<Vec<KeyInfo>, StoreFault> {
        let reply = self.ask(&Request::List).map_err(|source| self.unreachable(source))?;
        Ok(wire::decode_reply(&reply, "")?.1)
    }

    fn result(&self, request: &Request<'_>, label: &str) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let reply = self.ask(request).map_err(|source| self.unreachable(source))?;
        Ok(Zeroizing::new(wire::decode_reply(&reply, label)?.0))
    }

    fn ask(&self, request: &Request<'_>) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        wire::write_message(&mut stream, &request.encode())?;
        wire::read_message(&mut stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn unreachable(&self, source: io::Error) -> StoreFault {
        StoreFault::Unreachable { path: self.socket.display().to_string(), source }
    }
}

/// Answers the requests of one connection until its end.
///
/// # Errors
/// The connection fails, or its frames are no frames of this protocol.
pub fn serve(stream: &mut (impl Read + Write), store: &Software) -> io::Result<()> {
    while let Some(message) = wire::read_message(stream)? {
        let reply = answer(&message, store);
        wire::write_message(stream, &wire::encode_reply(&reply))?;
    }
    Ok(())
}

fn answer(message: &[u8], store: &Software) -> Result<Reply, StoreFault> {
    let request = Request::decode(message).ok_or(StoreFault::Protocol("no request"))?;
    Ok(Reply::Result(match request {
        Request::Sign { label, digest } => {
            let digest = digest.try_into();
            let digest = digest.map_err(|_| StoreFault::Protocol("a digest has 32 bytes"))?;
            Zeroizing::new(store.sign(label, digest)?.to_vec())
        }
        Request::Decrypt { label, cipher } => store.decrypt(label, cipher)?,
        Request::Wrap { label, key } if key.len() <= 1024 => {
            Zeroizing::new(store.wrap(label, key)?)
        }
        Request::Wrap { .. } => return Err(StoreFault::Protocol("a key has 1024 bytes at most")),
        Request::Unwrap { label, wrapped } => store.unwrap(label, wrapped)?,
        Request::Random { count } => store.random(count)?,
        Request::List => return Ok(Reply::Keys(store.list()?)),
    }))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::family::Family;
    use crate::keystore::{Ability, KeyStore};
    use crate::seal::key_file::{KeyFile, Kind, Opener};
    use crate::sm2::{PublicKey, Signature};

    fn software() -> Software {
        let opener = Opener::Passphrase(b"correct horse");
        let mut file = KeyFile::new(Family::National, opener, NonZeroU32::MIN).unwrap();
        for (kind, label) in [
            (Kind::Sm2, "site"),
            (Kind::Ed25519, "audit"),
            (Kind::Wrap, "store"),
            (Kind::Master, "hidden"),
        ] {
            file.add(kind, label, 0).unwrap();
        }
        Software::new(file)
    }

    /// An agent that serves `connections`, and the store that speaks with it.
    fn agent(name: &str, connections: usize) -> (KeyStore, std::thread::JoinHandle<()>) {
        let path = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let listener = UnixListener::bind(&path).unwrap();
        let store = KeyStore::Agent(Agent::new(&path));
        let thread = std::thread::spawn(move || {
            let software = software();
            for stream in listener.incoming().take(connections) {
                drop(serve(&mut stream.unwrap(), &software));
            }
            std::fs::remove_file(path).unwrap();
        });
        (store, thread)
    }

    /// What every store must do.
    fn work(store: &KeyStore) {
        let keys = store.list().unwrap();
        let labels: Vec<_> = keys.iter().map(|key| (key.label.as_str(), key.ability)).collect();
        let all = [("site", Ability::Sm2), ("audit", Ability::Ed25519), ("store", Ability::Wrap)];
        assert_eq!(labels, all);

        let public = PublicKey::from_sec1(&keys[0].public).unwrap();
        let signature = Signature::from_raw(&store.sign("site", &[5; 32]).unwrap()).unwrap();
        assert!(public.verify_digest(&[5; 32], &signature));
        assert!(!public.verify_digest(&[6; 32], &signature));
        let cipher = public.encrypt(b"pre-master").unwrap().to_der();
        assert_eq!(store.decrypt("site", &cipher).unwrap().as_slice(), b"pre-master");

        let signature = store.sign("audit", &[7; 32]).unwrap();
        let public =
            ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &keys[1].public);
        assert!(public.verify(&[7; 32], &signature).is_ok());

        let mut wrapped = store.wrap("store", &[9; 32]).unwrap();
        assert_eq!(store.unwrap("store", &wrapped).unwrap().as_slice(), [9; 32]);
        wrapped[20] ^= 1;
        assert!(matches!(store.unwrap("store", &wrapped), Err(StoreFault::DoesNotOpen)));

        assert_ne!(store.random(32).unwrap(), store.random(32).unwrap());
        assert!(matches!(store.random(5000), Err(StoreFault::Refused(_))));
        assert!(
            matches!(store.sign("none", &[0; 32]), Err(StoreFault::NoKey(label)) if label == "none")
        );
        assert!(matches!(store.sign("hidden", &[0; 32]), Err(StoreFault::NoKey(_))));
        assert!(matches!(store.sign("store", &[0; 32]), Err(StoreFault::WrongKey(_))));
        assert!(matches!(store.decrypt("audit", &cipher), Err(StoreFault::WrongKey(_))));
        assert!(matches!(store.wrap("site", &[1]), Err(StoreFault::WrongKey(_))));
        assert!(matches!(store.decrypt("site", b"no cipher"), Err(StoreFault::DoesNotOpen)));
    }

    #[test]
    fn the_software_store_signs_decrypts_and_wraps() {
        work(&KeyStore::Software(software()));
    }

    #[test]
    fn an_agent_does_the_same_over_its_socket() {
        let (store, thread) = agent("agent", 17);
        work(&store);
        // One more than `work` needs, so that the thread ends.
        store.random(1).unwrap();
        thread.join().unwrap();
        assert!(matches!(store.list(), Err(StoreFault::Unreachable { .. })));
    }

    #[test]
    fn a_peer_that_speaks_otherwise_ends_its_own_connection_only() {
        let (store, thread) = agent("hostile", 3);
        let KeyStore::Agent(Agent { socket }) = &store else { panic!("an agent") };
        let mut hostile = UnixStream::connect(socket).unwrap();
        hostile.write_all(&[0xff; 64]).unwrap();
        let mut rest = Vec::new();
        drop(hostile.read_to_end(&mut rest));
        assert_eq!(rest, b"");
        let mut odd = UnixStream::connect(socket).unwrap();
        wire::write_message(&mut odd, b"\x0a\x05junk").unwrap();
        let reply = wire::read_message(&mut odd).unwrap().unwrap();
        assert!(matches!(wire::decode_reply(&reply, ""), Err(StoreFault::Protocol(_))));
        drop(odd);
        assert_eq!(store.random(3).unwrap().len(), 3);
        thread.join().unwrap();
    }
}
