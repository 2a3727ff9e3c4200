//! Handshake messages other than the hellos (GB/T 38636-2020, 6.4.5), and the joining of what
//! records carry of them.

use super::alert::{Alert, Fault};
use super::codec::{Malformed, Prefix, Reader, nest, put_u16, put_vec};
use super::hello::CURVE_SM2;
use super::schedule::Random;

/// Longest handshake message that is read: ten certificates and room to spare.
pub(super) const MESSAGE_MAX: usize = 1 << 16;
/// Longest list of certificates that is read.
pub(super) const CERTIFICATES_MAX: usize = 10;

/// `CertificateRequest`: the only kind of certificate that SM2 knows is a signing one
/// (`ecdsa_sign`, as peers number it).
const ECDSA_SIGN: u8 = 64;
const NAMED_CURVE: u8 = 3;

/// What a handshake message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    HelloRequest = 0,
    ClientHello = 1,
    ServerHello = 2,
    Certificate = 11,
    ServerKeyExchange = 12,
    CertificateRequest = 13,
    ServerHelloDone = 14,
    CertificateVerify = 15,
    ClientKeyExchange = 16,
    Finished = 20,
}

impl Kind {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::HelloRequest,
            1 => Self::ClientHello,
            2 => Self::ServerHello,
            11 => Self::Certificate,
            12 => Self::ServerKeyExchange,
            13 => Self::CertificateRequest,
            14 => Self::ServerHelloDone,
            15 => Self::CertificateVerify,
            16 => Self::ClientKeyExchange,
            20 => Self::Finished,
            _ => return None,
        })
    }
}

/// One whole message.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) kind: Kind,
    pub(super) body: &'a [u8],
    /// With its header, as it goes into the transcript.
    pub(super) whole: &'a [u8],
}

const HEAD_BYTES: usize = 4;

/// Joins messages out of records. It holds one message and what one record brought more.
#[derive(Default)]
pub(super) struct Joiner {
    bytes: Vec<u8>,
    taken: usize,
}

impl Joiner {
    pub(super) fn push(&mut self, fragment: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(fragment);
    }

    /// The message at the front, once it is all there.
    pub(super) fn front(&self) -> Result<Option<Message<'_>>, Fault> {
        let bytes = &self.bytes[self.taken..];
        let Some(&code) = bytes.first() else { return Ok(None) };
        let kind = Kind::from_code(code)
            .ok_or(Fault::unexpected("a handshake message of an unknown type"))?;
        let Some(head) = bytes.get(1..HEAD_BYTES) else { return Ok(None) };
        let length = Reader::new(head).u24()?;
        if length > MESSAGE_MAX {
            return Err(Fault::illegal("a handshake message longer than any may be"));
        }
        let Some(whole) = bytes.get(..HEAD_BYTES + length) else { return Ok(None) };
        Ok(Some(Message { kind, body: &whole[HEAD_BYTES..], whole }))
    }

    /// Passes over `length` bytes, the front message.
    pub(super) fn consume(&mut self, length: usize) {
        self.taken += length;
        if self.taken == self.bytes.len() {
            *self = Self::default();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Appends a message whose body `fill` writes.
pub(super) fn write(out: &mut Vec<u8>, kind: Kind, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind as u8);
    nest(out, Prefix::Three, fill);
}

/// The certificates of a `Certificate` message.
pub(super) fn read_certificates(body: &[u8]) -> Result<Vec<&[u8]>, Fault> {
    let mut reader = Reader::new(body);
    let mut list = Reader::new(reader.vec24()?);
    reader.end()?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        if certificates.len() == CERTIFICATES_MAX {
            return Err(Fault::new(Alert::BadCertificate, "more certificates than are read"));
        }
        certificates.push(list.vec24()?);
    }
    Ok(certificates)
}

pub(super) fn put_certificates<'a>(
    out: &mut Vec<u8>,
    certificates: impl Iterator<Item = &'a [u8]>,
) {
    nest(out, Prefix::Three, |out| {
        certificates.for_each(|certificate| put_vec(out, Prefix::Three, certificate));
    });
}

/// A vector of two length bytes that is all of a message: signatures and encrypted secrets.
pub(super) fn read_opaque(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    let opaque = reader.vec16()?;
    reader.end()?;
    Ok(opaque)
}

pub(super) fn put_opaque(out: &mut Vec<u8>, opaque: &[u8]) {
    put_vec(out, Prefix::Two, opaque);
}

/// What the server signs in ECC suites: the randoms, and its encryption certificate behind its
/// length (6.4.5.4).
pub(super) fn signed_certificate<'a>(
    client: &'a Random,
    server: &'a Random,
    length: &'a [u8; 3],
    certificate: &'a [u8],
) -> [&'a [u8]; 4] {
    [client, server, length, certificate]
}

/// A certificate's length in three bytes.
pub(super) fn length_of(certificate: &[u8]) -> [u8; 3] {
    let [.., a, b, c] = certificate.len().to_be_bytes();
    [a, b, c]
}

/// The parameters of the key exchange with an ephemeral point (RFC 4492, section 5.4).
pub(super) fn curve_params(point: &[u8; 65]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + point.len());
    out.push(NAMED_CURVE);
    put_u16(&mut out, CURVE_SM2);
    put_vec(&mut out, Prefix::One, point);
    out
}

/// The point out of parameters. The curve they name is not looked at: the standard has the peer
/// ignore it (6.4.5.4), and the implementations number it differently.
pub(super) fn read_curve_params<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    reader.take(3)?;
    reader.vec8()
}

/// A server's ephemeral key as it came.
pub(super) struct ServerParams<'a> {
    /// All bytes that are signed.
    pub(super) signed: &'a [u8],
    pub(super) point: &'a [u8],
    pub(super) signature: &'a [u8],
}

pub(super) fn read_server_params(body: &[u8]) -> Result<ServerParams<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let point = read_curve_params(&mut reader)?;
    let signed = &body[..body.len() - reader.rest().len()];
    let signature = read_opaque(reader.rest())?;
    Ok(ServerParams { signed, point, signature })
}

/// A client's ephemeral point. The standard puts the parameters behind a length of two bytes;
/// Tongsuo leaves it out.
pub(super) fn read_client_params(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(read_opaque(body).unwrap_or(body));
    let point = read_curve_params(&mut reader)?;
    reader.end()?;
    Ok(point)
}

/// Asks for a client's certificate from one of these authorities, by their encoded names.
pub(super) fn put_request<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a [u8]>) {
    put_vec(out, Prefix::One, &[ECDSA_SIGN]);
    nest(out, Prefix::Two, |out| names.for_each(|name| put_vec(out, Prefix::Two, name)));
}

/// Checks the shape of a request; which certificate we send does not depend on it.
pub(super) fn check_request(body: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(body);
    reader.vec8()?;
    let mut names = Reader::new(reader.vec16()?);
    while !names.is_empty() {
        names.vec16()?;
    }
    reader.end()
}
