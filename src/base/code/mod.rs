//! The one table of codes: every refusal, fault and finding with its sentence, reason and remedy in
//! English and Chinese. It feeds wire, command line, console, metrics and manual.
//!
//! Numbers are for ever: a code may be retired, never reused. Thousands name the side: 1 desk and
//! protocol, 2 HTTP and sign-in, 3 configuration, 4 storage, 5 network and certificates, 6 command
//! line, 7 health, 8 the disk image.

use super::text::Text;

mod appliance;
mod bundle;
mod cli;
mod config;
mod desk;
mod health;
mod http;
mod net;
mod provision;
mod store;

pub use appliance::*;
pub use bundle::*;
pub use cli::*;
pub use config::*;
pub use desk::*;
pub use health::*;
pub use http::*;
pub use net::*;
pub use provision::*;
pub use store::*;

/// A stable number for one kind of refusal, fault or finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The peer's: answered with the code, logged at debug.
    Refusal,
    /// The world's: disk, network, clock.
    Fault,
    /// Something an operator should look at; nothing failed yet.
    Finding,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub code: Code,
    /// The constant's name in lower case: what metrics and JSON show.
    pub name: &'static str,
    pub family: Family,
    /// What happened.
    pub what: Text,
    /// Why it matters.
    pub why: Text,
    /// What to do next.
    pub remedy: Text,
}

/// Declares codes: `NUMBER NAME Family { what: en, zh; why: en, zh; remedy: en, zh; }`.
macro_rules! codes {
    ($($number:literal $name:ident $family:ident {
        what: $what_en:literal, $what_zh:literal;
        why: $why_en:literal, $why_zh:literal;
        remedy: $do_en:literal, $do_zh:literal;
    })*) => {
        $(
            #[doc = $what_en]
            pub const $name: crate::base::code::Code = crate::base::code::Code($number);
        )*
        pub(super) const ROWS: &[crate::base::code::Row] = &[$(
            crate::base::code::Row {
                code: $name,
                name: stringify!($name),
                family: crate::base::code::Family::$family,
                what: crate::base::text::Text { en: $what_en, zh: $what_zh },
                why: crate::base::text::Text { en: $why_en, zh: $why_zh },
                remedy: crate::base::text::Text { en: $do_en, zh: $do_zh },
            },
        )*];
    };
}
pub(crate) use codes;

/// Every row, in the order of the code.
pub fn table() -> impl Iterator<Item = &'static Row> {
    [
        desk::ROWS,
        http::ROWS,
        config::ROWS,
        store::ROWS,
        net::ROWS,
        cli::ROWS,
        health::ROWS,
        appliance::ROWS,
        bundle::ROWS,
        provision::ROWS,
    ]
    .into_iter()
    .flatten()
}

impl Code {
    /// The row of this code; `None` for a number that came from a newer peer.
    #[must_use]
    pub fn row(self) -> Option<&'static Row> {
        table().find(|row| row.code == self)
    }

    /// The code's name, or `UNKNOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("UNKNOWN", |row| row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_every_sentence_is_there() {
        let mut last = 0;
        for row in table() {
            assert!(row.code.0 > last, "{} is out of order", row.name);
            last = row.code.0;
            for text in [row.what, row.why, row.remedy] {
                assert!(!text.en.is_empty() && !text.zh.is_empty(), "{}", row.name);
                assert!(!text.zh.is_ascii(), "{} has no Chinese", row.name);
            }
        }
    }
}
