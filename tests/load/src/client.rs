//! A visitor: one connection with its place in one conversation, as the real clients keep it.

use std::collections::VecDeque;
use std::net::IpAddr;

use anyhow::{Result, bail};

use crate::socket::{Came, Socket, Target};
use crate::words::{self, Cursor, Id, Said};

pub struct Visitor {
    pub token: [u8; 32],
    pub conversation: Id,
    pub inbox_key: String,
    pub source: IpAddr,
    /// Last index of the public feed that was applied, in this epoch.
    pub index: u64,
    pub epoch: Vec<u8>,
    /// The conversation exists: its first ack came.
    pub opened: bool,
    said: VecDeque<Said>,
}

/// The connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

impl Visitor {
    /// Visitor `seed`: token, conversation and source address follow from it.
    #[must_use]
    pub fn new(seed: u64, inbox_key: &str) -> Self {
        Self {
            token: words::token(seed),
            conversation: words::id(seed),
            inbox_key: inbox_key.to_owned(),
            source: crate::socket::source(seed),
            index: 0,
            epoch: Vec::new(),
            opened: false,
            said: VecDeque::new(),
        }
    }

    /// The place to resume from.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            feed: Some(words::public(&self.conversation)),
            epoch: self.epoch.clone(),
            index: self.index,
        }
    }

    /// Dials, says hello with the visitor's place when `follow` and the conversation exists, and
    /// waits for the welcome.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses or closes.
    pub async fn connect(&mut self, target: &Target, follow: bool) -> Result<Socket> {
        self.said.clear();
        let mut socket = Socket::dial(target, self.source, None).await?;
        let cursors = if follow && self.opened { vec![self.cursor()] } else { Vec::new() };
        socket.send(&words::hello(self.token, &self.inbox_key, cursors)).await?;
        match self.next(&mut socket).await? {
            Ok(Said::Welcome { epoch }) => {
                if self.epoch != epoch {
                    self.index = 0;
                }
                self.epoch = epoch;
                Ok(socket)
            }
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// The next thing the server says; `Err` inside when it closed. Safe to cancel.
    ///
    /// # Errors
    /// When a frame cannot be decoded.
    pub async fn next(&mut self, socket: &mut Socket) -> Result<Result<Said, Closed>> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Ok(Ok(said));
            }
            match socket.next().await? {
                Came::Closed { code, reason } => return Ok(Err(Closed { code, reason })),
                Came::Frame(bytes) => {
                    let mut said = Vec::new();
                    words::read(bytes, &mut said)?;
                    self.said.extend(said);
                }
            }
        }
    }

    /// Sends a text and waits for its ack; opens the conversation with the first one.
    ///
    /// # Errors
    /// When it is refused or the connection ends.
    pub async fn say(&mut self, socket: &mut Socket, mark: u64, text: String) -> Result<u64> {
        let key = words::key(mark);
        let opening = (!self.opened).then_some(self.inbox_key.as_str());
        socket.send(&words::text(&self.conversation, key, opening, text)).await?;
        loop {
            match self.next(socket).await? {
                Ok(Said::Ack { key: of, index }) if of == key => {
                    self.opened = true;
                    return Ok(index);
                }
                Ok(Said::Refused { code, .. }) => bail!("refused with {code}"),
                Ok(_) => {}
                Err(closed) => bail!("closed before the ack: {closed:?}"),
            }
        }
    }

    /// Follows the conversation from the visitor's place and waits until it has caught up.
    ///
    /// # Errors
    /// When it is refused or the connection ends.
    pub async fn follow(&mut self, socket: &mut Socket) -> Result<()> {
        socket.send(&words::follow(vec![self.cursor()])).await?;
        self.catch_up(socket, |_| {}).await
    }

    /// Applies deliveries until the server says that there is nothing more; each entry is shown to
    /// `seen` once, in order.
    ///
    /// # Errors
    /// When an index is missing or doubled, or the connection ends.
    pub async fn catch_up(
        &mut self,
        socket: &mut Socket,
        mut seen: impl FnMut(&words::Entry),
    ) -> Result<()> {
        loop {
            match self.next(socket).await? {
                Ok(Said::Delivery { index, entry }) => {
                    if self.index != 0 && index != self.index + 1 {
                        bail!("index {index} after {}", self.index);
                    }
                    self.index = index;
                    seen(&entry);
                }
                Ok(Said::CaughtUp { index }) => {
                    if index < self.index {
                        bail!("caught up at {index}, but {} was delivered", self.index);
                    }
                    self.index = index;
                    return Ok(());
                }
                Ok(Said::Refused { code, .. }) => bail!("refused with {code}"),
                Ok(_) => {}
                Err(closed) => bail!("closed while catching up: {closed:?}"),
            }
        }
    }
}
