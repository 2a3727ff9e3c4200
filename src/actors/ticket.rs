//! Tickets: which owner waits for a journal outcome.

/// Who gets the outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The shard of this number.
    Shard(u8),
    /// A caller of `Ledger::append`.
    Ledger,
    /// Nobody waits: marks.
    Nobody,
}

const LEDGER: u64 = 0xfe;
const NOBODY: u64 = 0xff;

/// At most this many shards; the two owners above follow.
pub const SHARDS_MOST: u8 = 0xf0;

/// The owner in the highest byte, the owner's own number below.
#[must_use]
pub fn ticket(owner: Owner, number: u64) -> u64 {
    let owner = match owner {
        Owner::Shard(shard) => u64::from(shard),
        Owner::Ledger => LEDGER,
        Owner::Nobody => NOBODY,
    };
    owner << 56 | (number & 0x00ff_ffff_ffff_ffff)
}

#[must_use]
pub fn owner(ticket: u64) -> (Owner, u64) {
    let number = ticket & 0x00ff_ffff_ffff_ffff;
    match ticket >> 56 {
        LEDGER => (Owner::Ledger, number),
        NOBODY => (Owner::Nobody, number),
        // One byte is left of the ticket.
        shard => (Owner::Shard(shard.to_le_bytes()[0]), number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_leads_back_to_its_owner() {
        for who in [Owner::Shard(0), Owner::Shard(0xef), Owner::Ledger, Owner::Nobody] {
            assert_eq!(owner(ticket(who, 77)), (who, 77));
        }
    }
}
