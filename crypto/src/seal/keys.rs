//! The masters of a site in memory and the keys below them. The newest master seals, all of them
//! open. A master is replaced by rotation; what it sealed stays readable until it was written anew.

use std::fmt;

use super::aead::{Aead, BadSeal};
use crate::family::{Family, Secret};

/// The number of a master; 1, 2, 3 … in the order they were made.
pub type KeyId = u16;

/// What a key below a master is for. Each purpose has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Database pages. The second number counts page keys of one master (see [`super::Budget`]).
    Page(u16),
    /// Journal records.
    Record,
    /// Wraps the keys of attachments, and other small secrets.
    Wrap,
    /// Authenticates what stays in the clear.
    Clear,
    /// Seals the state of the audit log.
    Audit,
    /// Wraps the keys of conversations.
    Body,
}

impl Purpose {
    fn info(self) -> [u8; 4] {
        let (kind, number) = match self {
            Self::Page(number) => (1, number),
            Self::Record => (2, 0),
            Self::Wrap => (3, 0),
            Self::Clear => (4, 0),
            Self::Audit => (5, 0),
            Self::Body => (6, 0),
        };
        let [high, low] = number.to_be_bytes();
        [kind, 0, high, low]
    }
}

/// The masters of a site.
#[derive(Clone)]
pub struct Keys {
    family: Family,
    /// By rising id, never empty.
    masters: Vec<(KeyId, Secret)>,
}

impl Keys {
    /// `None` without any master.
    #[must_use]
    pub fn new(family: Family, mut masters: Vec<(KeyId, Secret)>) -> Option<Self> {
        masters.sort_by_key(|(id, _)| *id);
        (!masters.is_empty()).then_some(Self { family, masters })
    }

    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The master that seals.
    #[must_use]
    pub fn newest(&self) -> KeyId {
        self.masters.last().map_or(0, |(id, _)| *id)
    }

    /// The newest master alone: what the others sealed does not open any more.
    #[must_use]
    pub fn without_old(mut self) -> Self {
        self.masters.drain(..self.masters.len() - 1);
        self
    }

    /// All masters, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.masters.iter().map(|(id, _)| *id)
    }

    /// The key below a master.
    ///
    /// # Errors
    /// [`BadSeal`]: there is no such master.
    pub fn aead(&self, id: KeyId, purpose: Purpose) -> Result<Aead, BadSeal> {
        Ok(Aead::new(self.family, &*self.secret(id, purpose)?))
    }

    /// As [`Keys::aead`], as bytes.
    ///
    /// # Errors
    /// [`BadSeal`]: there is no such master.
    pub fn secret(&self, id: KeyId, purpose: Purpose) -> Result<Secret, BadSeal> {
        let master = self.masters.iter().find(|(known, _)| *known == id).ok_or(BadSeal)?;
        Ok(self.family.derive(&master.1, &[b"posthouse at rest 1", &purpose.info()]))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
pub(crate) fn test_keys(family: Family, ids: &[KeyId]) -> Keys {
    let master = |id: &KeyId| (*id, Secret::new([u8::try_from(*id).unwrap(); 32]));
    Keys::new(family, ids.iter().map(master).collect()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_and_every_master_has_a_key_of_its_own() {
        use Purpose::{Audit, Body, Clear, Page, Record, Wrap};
        let mut seen = Vec::new();
        for family in [Family::National, Family::International] {
            let keys = test_keys(family, &[2, 1]);
            assert_eq!((keys.newest(), keys.ids().collect::<Vec<_>>()), (2, vec![1, 2]));
            for id in [1, 2] {
                for purpose in [Page(0), Page(1), Page(256), Record, Wrap, Clear, Audit, Body] {
                    seen.push(*keys.secret(id, purpose).unwrap());
                }
            }
            assert_eq!(keys.secret(3, Record).err(), Some(BadSeal));
            assert_eq!(format!("{keys:?}"), "***");
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
        assert!(Keys::new(Family::National, Vec::new()).is_none());
    }
}
