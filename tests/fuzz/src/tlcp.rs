//! TLCP: both sides of a handshake, and what follows one.

use std::sync::{Arc, LazyLock};

use posthouse_crypto::tlcp::{
    ClientAuth, ClientConfig, Connection, Fault, Presented, Roots, ServerConfig, ServerName,
    Session, State, Suite,
};
use posthouse_crypto::token::NoRandomness;
use posthouse_crypto::x509::Authority;

/// When the corpus was recorded; its certificates are valid then.
const NOW_S: u64 = 1_795_600_000;
/// The authority of the servers that the corpus recorded.
const RECORDED: &[u8] = include_bytes!("tlcp_authority.der");

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::create("Site", NOW_S).unwrap());

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let pair = AUTHORITY.issue(&["desk.example".to_owned()], NOW_S).unwrap();
    let mut config = ServerConfig::new(Presented::new(pair.identity().unwrap()));
    let roots = Roots::new([RECORDED, AUTHORITY.certificate()]).unwrap();
    config.client_auth = ClientAuth::Optional(roots);
    config.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
});

static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let pair = AUTHORITY.issue_client("agent", NOW_S).unwrap();
    let roots = Roots::new([RECORDED, AUTHORITY.certificate()]).unwrap();
    let mut config = ClientConfig::new(roots);
    config.identity = Some(pair.identity().unwrap());
    config.alpn = vec![b"h2".to_vec()];
    config.random = sevens;
    Arc::new(config)
});

/// The recorded servers signed for a client with this randomness.
fn sevens(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    bytes.fill(7);
    Ok(())
}

fn name() -> ServerName<'static> {
    "desk.example".try_into().unwrap()
}

/// What a client says to a server. However it is cut, it ends alike.
pub fn server(bytes: &[u8]) {
    let whole = end(Connection::server(Arc::clone(&SERVER), NOW_S), bytes, bytes.len());
    let cut = end(Connection::server(Arc::clone(&SERVER), NOW_S), bytes, 3);
    assert_eq!(whole, cut);
}

/// What a server says to a client.
pub fn client(bytes: &[u8]) {
    let client = || Connection::client(Arc::clone(&CLIENT), name(), None, NOW_S).unwrap();
    assert_eq!(end(client(), bytes, bytes.len()), end(client(), bytes, 5));
}

/// How a connection ends that hears `bytes` in pieces of this length. Nobody gets through a
/// handshake with bytes that were written beforehand.
fn end(mut connection: Connection, bytes: &[u8], piece: usize) -> (Option<Fault>, State) {
    let mut fault = None;
    for piece in bytes.chunks(piece.max(1)) {
        if let Err(why) = connection.feed(piece) {
            fault = Some(why);
            break;
        }
        connection.rest();
    }
    let state = connection.state();
    assert_ne!(state, State::Open);
    assert!(connection.held_bytes() < 200_000);
    (fault, state)
}

/// A session of each way to seal records, made once.
static SESSIONS: LazyLock<[Arc<Session>; 2]> = LazyLock::new(|| {
    [Suite::EccGcm, Suite::EccCbc].map(|suite| {
        let mut config = ClientConfig::new(Roots::new([AUTHORITY.certificate().as_ref()]).unwrap());
        config.suites = vec![suite];
        let client = Connection::client(Arc::new(config), name(), None, NOW_S).unwrap();
        let (client, _) = shaken(client);
        client.agreed().unwrap().session.clone().unwrap()
    })
});

fn shaken(mut client: Connection) -> (Connection, Connection) {
    let mut server = Connection::server(Arc::clone(&SERVER), NOW_S);
    while client.state() == State::Shaking || server.state() == State::Shaking {
        let mut wire = Vec::new();
        client.drain(&mut wire);
        server.feed(&wire).unwrap();
        wire.clear();
        server.drain(&mut wire);
        client.feed(&wire).unwrap();
    }
    (client, server)
}

/// Content over a connection that stands. The bytes tell, three at a time, how much is written,
/// how it is cut, and which byte of it is changed, if any. What is read is the beginning of what
/// was written, always.
pub fn stream(bytes: &[u8]) {
    let Some((first, script)) = bytes.split_first() else { return };
    let session = Arc::clone(&SESSIONS[usize::from(first & 1)]);
    let client = Connection::client(Arc::clone(&CLIENT), name(), Some(session), NOW_S).unwrap();
    let (mut client, mut server) = shaken(client);
    let (mut written, mut read) = (Vec::new(), Vec::new());
    let mut whole = true;
    for step in script.chunks_exact(3).take(64) {
        let length = usize::from(step[0]) * 7;
        let content = vec![step[0] ^ 0x55; length];
        let taken = client.write(&content).unwrap();
        written.extend_from_slice(&content[..taken]);
        let mut wire = Vec::new();
        client.drain(&mut wire);
        if let Some(byte) = wire.get_mut(usize::from(step[2])).filter(|_| step[2] > 0) {
            *byte ^= 1;
            whole = false;
        }
        for piece in wire.chunks(usize::from(step[1]).max(1)) {
            let fed = server.feed(piece);
            let mut buffer = vec![0; 300];
            while let Ok(length @ 1..) = server.read(&mut buffer) {
                read.extend_from_slice(&buffer[..length]);
            }
            if fed.is_err() {
                assert!(!whole);
                break;
            }
            server.rest();
        }
    }
    assert!(written.starts_with(&read));
    assert!(!whole || written == read);
}
