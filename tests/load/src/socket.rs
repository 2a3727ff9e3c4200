//! A WebSocket to the server, plain or over a family of TLS, from a chosen source address, with
//! small buffers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::channel::{Channel, Wire};
use crate::frame;

/// Where to dial, and how.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub channel: Channel,
}

/// The source address of client `n`: 127.0.0.2 … 127.0.0.251, so that neither ports nor a limit per
/// address run out.
#[must_use]
pub fn source(n: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + (n % 250) as u8))
}

pub struct Socket {
    wire: Pin<Box<dyn Wire>>,
    input: BytesMut,
    output: Vec<u8>,
}

/// What came in.
#[derive(Debug)]
pub enum Came {
    Frame(Bytes),
    /// Closed by the server, with the code of its close frame; 1006 when there was none.
    Closed {
        code: u16,
        reason: String,
    },
}

impl Socket {
    /// Dials from `source` and upgrades; `receive_bytes` shrinks the kernel's receive buffer.
    ///
    /// # Errors
    /// When the server cannot be reached or does not switch protocols.
    pub async fn dial(target: &Target, source: IpAddr, receive_bytes: Option<u32>) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(SocketAddr::new(source, 0))?;
        let stream: TcpStream = socket.connect(target.address).await?;
        stream.set_nodelay(true)?;
        let wire = target.channel.shake(stream).await?.wire;
        let mut made = Self { wire, input: BytesMut::new(), output: Vec::new() };
        made.upgrade(target.address).await?;
        Ok(made)
    }

    async fn upgrade(&mut self, host: SocketAddr) -> Result<()> {
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: posthouse.v1\r\n\r\n"
        );
        self.wire.write_all(request.as_bytes()).await?;
        self.wire.flush().await?;
        loop {
            let end = self.input.windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.input.split_to(end + 4);
                let line = String::from_utf8_lossy(&head);
                if !line.starts_with("HTTP/1.1 101") {
                    bail!("no upgrade: {}", line.lines().next().unwrap_or_default());
                }
                return Ok(());
            }
            self.input.reserve(1024);
            if self.wire.read_buf(&mut self.input).await? == 0 {
                bail!("closed before the upgrade");
            }
        }
    }

    /// Sends one binary frame.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.queue(payload);
        self.flush().await
    }

    /// Puts one binary frame in the output, to go with the next [`Socket::flush`].
    pub fn queue(&mut self, payload: &[u8]) {
        frame::write(frame::BINARY, payload, &mut self.output);
    }

    /// # Errors
    /// When the connection is broken.
    pub async fn flush(&mut self) -> Result<()> {
        self.wire.write_all(&self.output).await?;
        self.output.clear();
        self.wire.flush().await?;
        Ok(())
    }

    /// The next binary frame; pings are answered on the way. Safe to cancel.
    ///
    /// # Errors
    /// When the server sends what it may not.
    pub async fn next(&mut self) -> Result<Came> {
        loop {
            while let Some((opcode, payload)) = frame::read(&mut self.input) {
                match opcode {
                    frame::BINARY => return Ok(Came::Frame(payload)),
                    frame::CLOSE => return Ok(closed(&payload)),
                    frame::PING => {
                        frame::write(frame::PONG, &payload, &mut self.output);
                        self.flush().await?;
                    }
                    frame::PONG => {}
                    other => bail!("opcode {other} of a server"),
                }
            }
            self.input.reserve(1024);
            match self.wire.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return Ok(Came::Closed { code: 1006, reason: String::new() }),
                Ok(_) => {}
            }
        }
    }
}

fn closed(payload: &[u8]) -> Came {
    let code =
        payload.get(..2).and_then(|two| two.try_into().ok()).map_or(1005, u16::from_be_bytes);
    let reason = payload.get(2..).unwrap_or_default();
    Came::Closed { code, reason: String::from_utf8_lossy(reason).into_owned() }
}

/// Reads a PEM file.
///
/// # Errors
/// When the file cannot be read.
pub fn read_pem(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
