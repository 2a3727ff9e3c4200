//! Session tickets sealed with SM4-GCM. The keys live in memory, are replaced every six hours, and
//! open tickets for as long again.

use std::sync::Arc;

use rustls::Error;
use rustls::crypto::GetRandomFailed;
use rustls::server::ProducesTickets;
use rustls::ticketer::TicketRotator;
use zeroize::Zeroizing;

use crate::modes::{Gcm, NONCE_BYTES, TAG_BYTES};
use crate::token::{fill_random, same};

/// A key seals for this long, in seconds.
const ROTATION_S: u32 = 6 * 60 * 60;
/// What stands before a ticket's text: which key sealed it.
const NAME_BYTES: usize = 16;
/// The longest ticket that is looked at: state, client certificate chain and what seals them.
const TICKET_MOST: usize = 16 * 1024;

pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, Error> {
    Ok(Arc::new(TicketRotator::new(ROTATION_S, || Ok(Box::new(Ticketer::new()?)))?))
}

/// One key. A ticket is: name ‖ nonce ‖ sealed state ‖ tag, with the name as associated data.
pub(super) struct Ticketer {
    name: [u8; NAME_BYTES],
    key: Gcm,
}

impl Ticketer {
    pub(super) fn new() -> Result<Self, GetRandomFailed> {
        let mut name = [0; NAME_BYTES];
        let mut key = Zeroizing::new([0; 16]);
        fill_random(&mut name).map_err(|_| GetRandomFailed)?;
        fill_random(&mut key[..]).map_err(|_| GetRandomFailed)?;
        Ok(Self { name, key: Gcm::new(&key) })
    }
}

impl std::fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticketer")
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        ROTATION_S
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > TICKET_MOST - NAME_BYTES - NONCE_BYTES - TAG_BYTES {
            return None;
        }
        // Random, not counted: a counter would tell how many sign in.
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce).ok()?;
        let mut ticket = [&self.name[..], &nonce, plain].concat();
        let state = &mut ticket[NAME_BYTES + NONCE_BYTES..];
        let tag = self.key.seal_in_place(&nonce, &self.name, state);
        ticket.extend(tag);
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_MOST {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        if !same(name, &self.name) {
            return None;
        }
        let mut state = sealed.to_vec();
        self.key.open_in_place(nonce, name, &mut state, tag).ok()?;
        Some(state)
    }
}
