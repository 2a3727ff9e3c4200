//! What the store keeps for the audit log: lines that are owed, and the newest signed head.

use std::collections::BTreeMap;

use redb::ReadableTable;

use super::audit::HEAD;
use super::fault::Fault;
use super::reader::Reader;
use super::tables;
use super::tail::FactName;
use super::words::{AuditNote, Fact};

impl Reader {
    /// The audit log's newest signed head that this store was told of, and the lines that it may
    /// not have.
    ///
    /// # Errors
    /// The disk fails.
    pub fn audit_notes(&self) -> Result<(Option<String>, Vec<AuditNote>), Fault> {
        let range = FactName::AuditNote(0)..=FactName::AuditNote(u64::MAX);
        let newer: Vec<AuditNote> = {
            let tail = self.shared.tail();
            tail.facts(range).filter_map(note_of).collect()
        };
        let mut all = self.shared.database.read(|txn| {
            let mut rows = BTreeMap::new();
            for row in txn.open_table(tables::AUDIT)?.iter()? {
                let (act, text) = row?;
                rows.insert(act.value(), text.value().to_owned());
            }
            Ok(rows)
        })?;
        all.extend(newer.into_iter().map(|note| (note.act, note.text)));
        all.retain(|_, text| !text.is_empty());
        let head = all.remove(&HEAD);
        Ok((head, all.into_iter().map(|(act, text)| AuditNote { act, text }).collect()))
    }
}

fn note_of(fact: &Fact) -> Option<AuditNote> {
    match fact {
        Fact::AuditNote(note) => Some(note.clone()),
        Fact::Mark(_)
        | Fact::SignIn(_)
        | Fact::Secret(_)
        | Fact::ReaderCursor(_)
        | Fact::Blob(_) => None,
    }
}
