//! A client made by hand that says hello in TLS, lists ECC_SM4_GCM_SM3, and goes on in TLCP when it
//! is answered so. It shares with the product the algorithms alone.

use std::net::SocketAddr;

use posthouse_crypto::modes::Gcm;
use posthouse_crypto::sm2::{DEFAULT_ID, PublicKey, Signature};
use posthouse_crypto::sm3::{Hmac, Sm3};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

const CHANGE: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Sends `hello`, a record of TLS, believes to have sent `believed`, and writes `version` into its
/// secret. Answers the response to a request.
pub async fn ask(
    address: SocketAddr,
    hello: &[u8],
    believed: &[u8],
    version: [u8; 2],
) -> Result<String, String> {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(hello).await.unwrap();
    let client: [u8; 32] = hello[11..43].try_into().unwrap();
    let mut transcript = believed[5..].to_vec();

    // Hello, certificates, key exchange, the question for ours, done.
    let (mut server, mut certificates, mut asked) = ([0; 32], Vec::new(), false);
    loop {
        let message = record(&mut tcp, HANDSHAKE).await?;
        transcript.extend_from_slice(&message);
        let body = &message[4..];
        match message[0] {
            2 => {
                assert_eq!(body[..2], [1, 1], "the version of TLCP");
                server = body[2..34].try_into().unwrap();
                let suite = 35 + usize::from(body[34]);
                assert_eq!(body[suite..suite + 2], [0xe0, 0x53]);
            }
            11 => certificates = list(&body[3..]),
            12 => {
                let length = u32::try_from(certificates[1].len()).unwrap().to_be_bytes();
                let signed = [&client, &server, &length[1..], &certificates[1]];
                let signature = Signature::from_der(&body[2..]).unwrap();
                assert!(key_of(&certificates[0]).verify(DEFAULT_ID, &signed, &signature));
            }
            13 => asked = true,
            14 => break,
            other => panic!("an unexpected message {other}"),
        }
    }

    // No certificates, key exchange, Finished.
    if asked {
        say(&mut tcp, &mut transcript, 11, &[0, 0, 0]).await;
    }
    let secret = [&version[..], &[7; 46]].concat();
    let cipher = key_of(&certificates[1]).encrypt(&secret).unwrap().to_der();
    let length = u16::try_from(cipher.len()).unwrap().to_be_bytes();
    say(&mut tcp, &mut transcript, 16, &[&length[..], &cipher].concat()).await;
    let master = prf(&secret, b"master secret", &[client, server].concat(), 48);
    let block = prf(&master, b"key expansion", &[server, client].concat(), 40);
    let mut ours = Half::new(&block[..16], &block[32..36]);
    let mut theirs = Half::new(&block[16..32], &block[36..40]);
    tcp.write_all(&[CHANGE, 1, 1, 0, 1, 1]).await.unwrap();
    let data = prf(&master, b"client finished", &hash(&transcript), 12);
    let finished = [&[20, 0, 0, 12], &data[..]].concat();
    tcp.write_all(&ours.seal(HANDSHAKE, &finished)).await.unwrap();
    transcript.extend_from_slice(&finished);
    assert_eq!(record(&mut tcp, CHANGE).await?, [1]);
    let theirs_finished = theirs.open(HANDSHAKE, record(&mut tcp, HANDSHAKE).await?);
    assert_eq!(theirs_finished[4..], prf(&master, b"server finished", &hash(&transcript), 12));

    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    tcp.write_all(&ours.seal(DATA, request)).await.unwrap();
    let mut answer = Vec::new();
    while let Ok(part) = record(&mut tcp, DATA).await {
        answer.extend(theirs.open(DATA, part));
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// The content of the next record, which must be of this kind.
async fn record(tcp: &mut TcpStream, kind: u8) -> Result<Vec<u8>, String> {
    let mut header = [0; 5];
    tcp.read_exact(&mut header).await.map_err(|fault| fault.to_string())?;
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    tcp.read_exact(&mut body).await.map_err(|fault| fault.to_string())?;
    match header {
        [_, 3, ..] => Err("an answer in TLS".to_owned()),
        [ALERT, 1, 1, ..] => Err(format!("an alert {body:?}")),
        [found, 1, 1, ..] if found == kind => Ok(body),
        _ => panic!("an unexpected record {header:?}"),
    }
}

async fn say(tcp: &mut TcpStream, transcript: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[kind, 0], &length[..], body].concat();
    transcript.extend_from_slice(&message);
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    tcp.write_all(&[&[HANDSHAKE, 1, 1], &length[..], &message].concat()).await.unwrap();
}

/// Certificates, each behind three bytes of length.
fn list(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some(([high, middle, low], rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        out.push(rest[..length].to_vec());
        bytes = &rest[length..];
    }
    out
}

fn key_of(der: &[u8]) -> PublicKey {
    let certificate = Certificate::from_der(der).unwrap();
    let key = certificate.tbs_certificate().subject_public_key_info();
    PublicKey::from_sec1(key.subject_public_key.as_bytes().unwrap()).unwrap()
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sm3::new();
    hash.update(bytes);
    hash.finish()
}

/// RFC 5246, section 5, over HMAC-SM3.
fn prf(secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let mac = |parts: &[&[u8]]| {
        let mut mac = Hmac::new(secret);
        parts.iter().for_each(|part| mac.update(part));
        mac.finish()
    };
    let seed = [label, seed].concat();
    let (mut link, mut out) = (mac(&[&seed]), Vec::new());
    while out.len() < length {
        out.extend(mac(&[&link, &seed]));
        link = mac(&[&link]);
    }
    out.truncate(length);
    out
}

/// One direction of sealed records.
struct Half {
    gcm: Gcm,
    salt: Vec<u8>,
    sequence: u64,
}

impl Half {
    fn new(key: &[u8], salt: &[u8]) -> Self {
        let gcm = Gcm::new(key.try_into().unwrap());
        Self { gcm, salt: salt.to_vec(), sequence: 0 }
    }

    /// What is authenticated with the next record, of so many bytes.
    fn head(&mut self, kind: u8, length: usize) -> Vec<u8> {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        let head = [&self.sequence.to_be_bytes()[..], &[kind, 1, 1], &length].concat();
        self.sequence += 1;
        head
    }

    fn seal(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let head = self.head(kind, plain.len());
        let nonce = [&self.salt[..], &head[..8]].concat();
        let mut data = plain.to_vec();
        let tag = self.gcm.seal_in_place(&nonce.try_into().unwrap(), &head, &mut data);
        let length = u16::try_from(8 + data.len() + 16).unwrap().to_be_bytes();
        [&[kind, 1, 1], &length[..], &head[..8], &data, &tag].concat()
    }

    fn open(&mut self, kind: u8, mut record: Vec<u8>) -> Vec<u8> {
        let end = record.len() - 16;
        let head = self.head(kind, end - 8);
        let nonce = [&self.salt[..], &record[..8]].concat();
        let tag = record[end..].try_into().unwrap();
        let data = &mut record[8..end];
        self.gcm.open_in_place(&nonce.try_into().unwrap(), &head, data, &tag).unwrap();
        data.to_vec()
    }
}
