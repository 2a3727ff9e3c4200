//! Whether the store takes new entries, and whether the database keeps up with the journal.

use super::{Check, Issue, Probe, mib};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check = Check { id: "store", title: Text { en: "Store", zh: "存储" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(store) = probe.store else { return Vec::new() };
    let mut issues = Vec::new();
    if let Some(cause) = store.read_only {
        issues.push(Issue::new(code::STORE_READ_ONLY, cause.name()));
    }
    // A healthy checkpointer starts long before three quarters of the ring are in use.
    if store.journal_used_bytes / 3 > store.journal_size_bytes / 4 {
        let about =
            format!("{} / {}", mib(store.journal_used_bytes), mib(store.journal_size_bytes));
        issues.push(Issue::new(code::JOURNAL_LAGS, about));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_refuses_and_a_journal_that_fills_are_told_apart() {
        let mut probe = Probe::sound();
        if let Some(store) = &mut probe.store {
            store.read_only = Some(code::READ_ONLY);
        }
        assert!(run(&probe)[0].is_fault());
        if let Some(store) = &mut probe.store {
            store.read_only = None;
            store.journal_used_bytes = 49 << 20;
        }
        assert_eq!(run(&probe)[0].code, code::JOURNAL_LAGS);
    }
}
