//! The catalogue of checks, one file each: what is wrong with this site, why, and what to do.
//! It feeds `doctor`, `/readyz` and the console. Architecture invariant: a check reads the values
//! it is handed and touches nothing; the same values always give the same issues.

use crate::base::code::{Code, Family};
use crate::base::{Language, Text};

mod audit;
mod backup;
mod board;
mod certificate;
mod clock;
mod data;
mod descriptors;
mod disk;
mod listener;
mod memory;
mod plugins;
mod probe;
mod site;
mod store;

pub use probe::{
    Authority, Backup, Board, Certificate, Descriptors, Disk, Folder, Listener, Memory, Probe,
    Store,
};

/// One thing that can be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Stands in JSON and in the manual; never changes.
    pub id: &'static str,
    pub title: Text,
    pub run: fn(&Probe) -> Vec<Issue>,
}

/// Something a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub code: Code,
    /// The figure, path or name it is about.
    pub about: String,
}

/// All checks, in the order they are printed.
pub const CATALOGUE: &[Check] = &[
    clock::CHECK,
    data::CHECK,
    disk::CHECK,
    store::CHECK,
    audit::CHECK,
    backup::CHECK,
    certificate::CHECK,
    listener::CHECK,
    descriptors::CHECK,
    memory::CHECK,
    board::CHECK,
    site::CHECK,
    plugins::CHECK,
];

/// Runs the catalogue; the check stands beside each of its issues.
#[must_use]
pub fn run(probe: &Probe) -> Vec<(&'static Check, Issue)> {
    CATALOGUE
        .iter()
        .flat_map(|check| (check.run)(probe).into_iter().map(move |issue| (check, issue)))
        .collect()
}

impl Issue {
    #[must_use]
    pub fn new(code: Code, about: impl Into<String>) -> Self {
        Self { code, about: about.into() }
    }

    /// Whether the desk cannot do its work; `/readyz` answers 503 then. Findings only ask for
    /// attention.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.code.row().is_some_and(|row| row.family == Family::Fault)
    }

    /// What, why, what to do.
    #[must_use]
    pub fn lines(&self, language: Language) -> [String; 3] {
        let (what, why, remedy) = self.code.row().map_or(("", "", ""), |row| {
            (row.what.get(language), row.why.get(language), row.remedy.get(language))
        });
        let about = if self.about.is_empty() { String::new() } else { format!("{}: ", self.about) };
        [format!("{about}{what} ({})", self.code.0), why.to_owned(), remedy.to_owned()]
    }
}

/// Bytes as people read them.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_site_has_no_issue_and_an_unknown_one_is_not_blamed() {
        assert_eq!(run(&Probe::sound()).len(), 0);
        let unknown = run(&Probe::default());
        assert!(unknown.iter().all(|(_, issue)| !issue.is_fault()), "{unknown:?}");
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<&str> = CATALOGUE.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CATALOGUE.len());
    }
}
