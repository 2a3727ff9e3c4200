//! A TLCP peer for the command line: an echo server and its client, for trying ours with others'.
//! No part of the product.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use posthouse_crypto::tlcp::{
    ClientAuth, ClientConfig, Connection, Fault, Identity, Presented, Roots, ServerConfig, State,
    Suite,
};
use posthouse_crypto::x509::read_key;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

const USAGE: &str = "tlcp_peer server ADDRESS --sign-cert F --sign-key F --enc-cert F --enc-key F
    [--pass WORD] [--ca F [--optional yes]] [--suites NAME,NAME] [--alpn A,B]
tlcp_peer client ADDRESS --name HOST --ca F [--sign-cert F --sign-key F --enc-cert F --enc-key F]
    [--suites …] [--alpn …] [--say TEXT] [--times N] [--bare-ecdhe yes] [--nameless yes]
A server echoes every byte. A client says TEXT, prints what comes back, and does so N times, from
the second time on with the session of the first.";

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Anyhow<()> {
    let mut words = std::env::args().skip(1);
    let (Some(role), Some(address)) = (words.next(), words.next()) else {
        return Err(USAGE.into());
    };
    let words: Vec<String> = words.collect();
    let options: HashMap<&str, &str> = words
        .chunks_exact(2)
        .map(|pair| (pair[0].trim_start_matches("--"), pair[1].as_str()))
        .collect();
    match role.as_str() {
        "server" => serve(&address, &options),
        "client" => call(&address, &options),
        _ => Err(USAGE.into()),
    }
}

type Options<'a> = HashMap<&'a str, &'a str>;

fn serve(address: &str, options: &Options<'_>) -> Anyhow<()> {
    let identity = identity(options)?.ok_or("a server needs certificates")?;
    let mut config = ServerConfig::new(Presented::new(Arc::new(identity)));
    config.suites = suites(options);
    config.alpn = alpn(options);
    if let Some(roots) = roots(options)? {
        config.client_auth = match options.get("optional") {
            Some(_) => ClientAuth::Optional(roots),
            None => ClientAuth::Required(roots),
        };
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind(address)?;
    say(&format!("listening {}", listener.local_addr()?));
    for tcp in listener.incoming() {
        let connection = Connection::server(Arc::clone(&config), now_s());
        let mut line = Line { tcp: tcp?, connection };
        let ended = line.shake().and_then(|()| line.echo());
        say(&format!("ended {ended:?}"));
    }
    Ok(())
}

fn call(address: &str, options: &Options<'_>) -> Anyhow<()> {
    let mut config = ClientConfig::new(roots(options)?.ok_or("a client needs --ca")?);
    config.identity = identity(options)?.map(Arc::new);
    config.suites = suites(options);
    config.alpn = alpn(options);
    config.server_name = !options.contains_key("nameless");
    config.bare_ecdhe = options.contains_key("bare-ecdhe");
    let config = Arc::new(config);
    let name = options.get("name").copied().unwrap_or("localhost").to_owned();
    let text = options.get("say").copied().unwrap_or("hello");
    let times: usize = options.get("times").map_or(Ok(1), |times| times.parse())?;
    let mut session = None;
    for _ in 0..times {
        let name = ServerName::try_from(name.clone())?;
        let connection = Connection::client(Arc::clone(&config), name, session.clone(), now_s())?;
        let mut line = Line { tcp: TcpStream::connect(address)?, connection };
        line.shake()?;
        line.write(format!("{text}\n").as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n") {
            let read = line.read()?;
            if read.is_empty() {
                break;
            }
            answer.extend(read);
        }
        say(&format!("answer {}", String::from_utf8_lossy(&answer).trim_end()));
        line.connection.close()?;
        line.send()?;
        session = line.connection.agreed().and_then(|agreed| agreed.session.clone());
    }
    Ok(())
}

/// A connection over a socket that blocks.
struct Line {
    tcp: TcpStream,
    connection: Connection,
}

impl Line {
    fn shake(&mut self) -> io::Result<()> {
        while self.connection.state() == State::Shaking {
            self.send()?;
            self.receive()?;
        }
        self.send()?;
        if let Some(agreed) = self.connection.agreed() {
            let alpn = agreed.alpn.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let (suite, resumed) = (agreed.suite.name(), agreed.resumed);
            let (peer, name) = (agreed.peer.len(), agreed.server_name.as_deref());
            let name = name.unwrap_or_default();
            say(&format!("shaken {suite} resumed={resumed} peer={peer} alpn={alpn} name={name}"));
        }
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        loop {
            let read = self.read()?;
            if read.is_empty() {
                self.connection.close().map_err(io::Error::other)?;
                return self.send();
            }
            self.write(&read)?;
        }
    }

    /// Some content; none when the peer closed.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let mut read = vec![0; 16_384];
            let length = self.connection.read(&mut read);
            let length = length.map_err(|fault| self.refuse(fault))?;
            if length > 0 || self.connection.state() == State::Over {
                read.truncate(length);
                return Ok(read);
            }
            self.receive()?;
        }
    }

    fn write(&mut self, mut plain: &[u8]) -> io::Result<()> {
        while !plain.is_empty() {
            let taken = self.connection.write(plain).map_err(io::Error::other)?;
            plain = &plain[taken..];
            self.send()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<()> {
        let length = self.tcp.read(self.connection.space())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.connection.received(length).map_err(|fault| self.refuse(fault))
    }

    fn send(&mut self) -> io::Result<()> {
        let mut wire = Vec::new();
        self.connection.drain(&mut wire);
        self.tcp.write_all(&wire)
    }

    /// The alert goes out before the connection is given up.
    fn refuse(&mut self, fault: Fault) -> io::Error {
        let _ = self.send();
        io::Error::other(fault)
    }
}

fn identity(options: &Options<'_>) -> Anyhow<Option<Identity>> {
    let Some(sign) = options.get("sign-cert") else { return Ok(None) };
    let file = |option: &str| Ok::<_, String>(*options.get(option).ok_or(USAGE)?);
    let mut sign = certificates(sign)?;
    let mut encrypt = certificates(file("enc-cert")?)?;
    let pass = options.get("pass").map(|pass| pass.as_bytes());
    let key = |path: &str| -> Anyhow<_> { Ok(read_key(&std::fs::read_to_string(path)?, pass)?) };
    let keys = (key(file("sign-key")?)?, key(file("enc-key")?)?);
    if sign.is_empty() || encrypt.is_empty() {
        return Err("a file holds no certificate".into());
    }
    let leaves = (sign.remove(0), encrypt.remove(0));
    Ok(Some(Identity::new((leaves.0, keys.0), (leaves.1, keys.1), sign)?))
}

fn roots(options: &Options<'_>) -> Anyhow<Option<Roots>> {
    let Some(path) = options.get("ca") else { return Ok(None) };
    let certificates = certificates(path)?;
    Ok(Some(Roots::new(certificates.iter().map(Vec::as_slice))?))
}

fn certificates(path: &str) -> Anyhow<Vec<Vec<u8>>> {
    let certificates = CertificateDer::pem_file_iter(path)?;
    Ok(certificates.map(|one| one.map(|one| one.to_vec())).collect::<Result<_, _>>()?)
}

fn suites(options: &Options<'_>) -> Vec<Suite> {
    let Some(names) = options.get("suites") else { return Suite::ALL.to_vec() };
    let named = |name: &str| Suite::ALL.into_iter().find(|suite| suite.name() == name);
    names.split(',').map(|name| named(name).expect("a suite's name")).collect()
}

fn alpn(options: &Options<'_>) -> Vec<Vec<u8>> {
    let names = options.get("alpn").copied().unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.into()).collect()
}

fn now_s() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

fn say(line: &str) {
    println!("{line}");
    let _ = io::stdout().flush();
}
