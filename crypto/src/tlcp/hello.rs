//! The two hellos (GB/T 38636-2020, 6.4.5.2). Extensions that we know are server name, ALPN,
//! supported groups and renegotiation info; every other one is read over, and so are unknown
//! suites.

use super::alert::{Alert, Fault};
use super::codec::{Malformed, Prefix, Reader, nest, put_u16, put_vec};
use super::record::VERSION;
use super::schedule::Random;
use super::suite::{KeyExchange, Suite};

/// Most extensions that anybody sends is about twenty.
const EXTENSIONS_MAX: usize = 64;
/// RFC 5746: the suite that says "no renegotiation by the old way".
const SCSV: u16 = 0x00ff;
const NO_COMPRESSION: u8 = 0;
/// Major version of every TLS (RFC 8446, section 5.1).
const TLS_MAJOR: u16 = 3;
/// The curve's number among the named groups (RFC 8998), which TLCP's peers use too.
pub(super) const CURVE_SM2: u16 = 41;

mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const GROUPS: u16 = 10;
    pub(super) const ALPN: u16 = 16;
    pub(super) const RENEGOTIATION: u16 = 0xff01;
}

/// A session's name, 32 bytes at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SessionId {
    bytes: [u8; 32],
    length: u8,
}

impl SessionId {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, length: 32 }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let told = reader.vec8()?;
        let mut bytes = [0; 32];
        bytes.get_mut(..told.len()).ok_or(Malformed)?.copy_from_slice(told);
        let length = u8::try_from(told.len()).map_err(|_| Malformed)?;
        Ok(Self { bytes, length })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// What a client asks for.
pub(super) struct ClientHello<'a> {
    /// TLCP's own, or that of the TLS hello it came in.
    pub(super) version: u16,
    pub(super) random: Random,
    pub(super) session: SessionId,
    suites: &'a [u8],
    /// In lower case.
    pub(super) server_name: Option<String>,
    alpn: Option<&'a [u8]>,
    /// The client knows RFC 5746.
    pub(super) secure_renegotiation: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads a hello of TLCP; with `switched` one of TLS, whose major version is 3.
    pub(super) fn read(body: &'a [u8], switched: bool) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let version = reader.u16()?;
        let right = if switched { version >> 8 == TLS_MAJOR } else { version == VERSION };
        if !right {
            return Err(Fault::new(Alert::ProtocolVersion, "a hello of another version"));
        }
        let random = reader.array()?;
        let session = SessionId::read(&mut reader)?;
        let suites = reader.vec16()?;
        if suites.is_empty() || !suites.len().is_multiple_of(2) {
            return Err(Malformed.into());
        }
        if !reader.vec8()?.contains(&NO_COMPRESSION) {
            return Err(Fault::illegal("a hello that insists on compression"));
        }
        let mut hello = Self {
            version,
            random,
            session,
            suites,
            server_name: None,
            alpn: None,
            secure_renegotiation: false,
        };
        hello.secure_renegotiation = hello.offers(SCSV);
        extensions(reader, |code, data| hello.extension(code, data))?;
        Ok(hello)
    }

    fn extension(&mut self, code: u16, data: &'a [u8]) -> Result<(), Fault> {
        match code {
            extension::SERVER_NAME => self.server_name = server_name(data)?,
            extension::ALPN => {
                let mut reader = Reader::new(data);
                let names = reader.vec16()?;
                reader.end()?;
                check_protocols(names)?;
                self.alpn = Some(names);
            }
            extension::RENEGOTIATION => {
                check_renegotiation(data)?;
                self.secure_renegotiation = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn offers(&self, code: u16) -> bool {
        self.suites.chunks_exact(2).any(|pair| pair == code.to_be_bytes())
    }

    pub(super) fn offers_suite(&self, suite: Suite) -> bool {
        self.offers(suite.code())
    }

    /// Protocols that the client speaks, its favourite first; `None` when it does not say.
    pub(super) fn alpn(&self) -> Option<impl Iterator<Item = &'a [u8]> + Clone> {
        let mut reader = Reader::new(self.alpn?);
        Some(std::iter::from_fn(move || reader.vec8().ok()))
    }
}

/// A client's hello as it is written.
pub(super) struct Offer<'a> {
    pub(super) random: &'a Random,
    pub(super) session: SessionId,
    pub(super) suites: &'a [Suite],
    pub(super) server_name: Option<&'a str>,
    pub(super) alpn: &'a [Vec<u8>],
}

impl Offer<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_u16(out, VERSION);
        out.extend_from_slice(self.random);
        put_vec(out, Prefix::One, self.session.as_bytes());
        nest(out, Prefix::Two, |out| {
            self.suites.iter().for_each(|suite| put_u16(out, suite.code()));
            put_u16(out, SCSV);
        });
        put_vec(out, Prefix::One, &[NO_COMPRESSION]);
        let mut extensions = Vec::new();
        self.write_extensions(&mut extensions);
        // Some servers refuse a hello with extensions, even with none in their place.
        if !extensions.is_empty() {
            put_vec(out, Prefix::Two, &extensions);
        }
    }

    fn write_extensions(&self, out: &mut Vec<u8>) {
        if let Some(name) = self.server_name {
            put_extension(out, extension::SERVER_NAME, |out| {
                nest(out, Prefix::Two, |out| {
                    out.push(0);
                    put_vec(out, Prefix::Two, name.as_bytes());
                });
            });
        }
        // Some servers do ECDHE only for those who name the curve.
        if self.suites.iter().any(|suite| suite.key_exchange() == KeyExchange::Ecdhe) {
            put_extension(out, extension::GROUPS, |out| {
                nest(out, Prefix::Two, |out| put_u16(out, CURVE_SM2));
            });
        }
        if !self.alpn.is_empty() {
            put_extension(out, extension::ALPN, |out| put_protocols(out, self.alpn));
        }
    }
}

/// What a server chose.
#[derive(Debug)]
pub(super) struct ServerHello {
    pub(super) random: Random,
    pub(super) session: SessionId,
    pub(super) suite: Suite,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) secure_renegotiation: bool,
}

impl ServerHello {
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        if reader.u16()? != VERSION {
            return Err(Fault::new(Alert::ProtocolVersion, "a server of another version"));
        }
        let random = reader.array()?;
        let session = SessionId::read(&mut reader)?;
        let suite = Suite::from_code(reader.u16()?)
            .ok_or(Fault::illegal("a server that chose an unknown suite"))?;
        if reader.u8()? != NO_COMPRESSION {
            return Err(Fault::illegal("a server that chose compression"));
        }
        let mut hello = Self { random, session, suite, alpn: None, secure_renegotiation: false };
        extensions(reader, |code, data| hello.extension(code, data))?;
        Ok(hello)
    }

    fn extension(&mut self, code: u16, data: &[u8]) -> Result<(), Fault> {
        match code {
            extension::ALPN => {
                let mut reader = Reader::new(data);
                let mut names = Reader::new(reader.vec16()?);
                let name = names.vec8()?;
                names.end()?;
                reader.end()?;
                self.alpn = Some(name.to_vec());
            }
            extension::RENEGOTIATION => {
                check_renegotiation(data)?;
                self.secure_renegotiation = true;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_u16(out, VERSION);
        out.extend_from_slice(&self.random);
        put_vec(out, Prefix::One, self.session.as_bytes());
        put_u16(out, self.suite.code());
        out.push(NO_COMPRESSION);
        // Only what the client asked about is answered, so that one that knows no extensions
        // sees none.
        if self.alpn.is_none() && !self.secure_renegotiation {
            return;
        }
        nest(out, Prefix::Two, |out| {
            if self.secure_renegotiation {
                put_extension(out, extension::RENEGOTIATION, |out| out.push(0));
            }
            if let Some(name) = &self.alpn {
                let one = std::slice::from_ref(name);
                put_extension(out, extension::ALPN, |out| put_protocols(out, one));
            }
        });
    }
}

/// Gives each extension to `take`; none may come twice.
fn extensions<'a>(
    mut reader: Reader<'a>,
    mut take: impl FnMut(u16, &'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if reader.is_empty() {
        return Ok(());
    }
    let mut list = Reader::new(reader.vec16()?);
    reader.end()?;
    let mut seen = Vec::new();
    while !list.is_empty() {
        let code = list.u16()?;
        let data = list.vec16()?;
        if seen.contains(&code) || seen.len() == EXTENSIONS_MAX {
            return Err(Fault::illegal("an extension that comes twice, or too many of them"));
        }
        seen.push(code);
        take(code, data)?;
    }
    Ok(())
}

/// The host name of RFC 6066, section 3. What is no name that a certificate could hold counts as
/// none given.
fn server_name(data: &[u8]) -> Result<Option<String>, Malformed> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(reader.vec16()?);
    reader.end()?;
    let mut found = None;
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = list.vec16()?;
        let plain = name.iter().all(|byte| byte.is_ascii_graphic());
        if kind == 0 && found.is_none() && plain && (1..=253).contains(&name.len()) {
            found = Some(String::from_utf8_lossy(name).to_ascii_lowercase());
        }
    }
    Ok(found)
}

fn check_protocols(names: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(names);
    if reader.is_empty() {
        return Err(Malformed);
    }
    while !reader.is_empty() {
        if reader.vec8()?.is_empty() {
            return Err(Malformed);
        }
    }
    Ok(())
}

/// RFC 5746, section 3.4: in a first handshake there is nothing to prove.
fn check_renegotiation(data: &[u8]) -> Result<(), Fault> {
    if data == [0] {
        return Ok(());
    }
    Err(Fault::new(Alert::HandshakeFailure, "a first hello that speaks of an earlier one"))
}

fn put_extension(out: &mut Vec<u8>, code: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    put_u16(out, code);
    nest(out, Prefix::Two, fill);
}

fn put_protocols(out: &mut Vec<u8>, names: &[Vec<u8>]) {
    nest(out, Prefix::Two, |out| {
        names.iter().for_each(|name| put_vec(out, Prefix::One, name));
    });
}
