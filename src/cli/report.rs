//! Why a command failed, in three lines of the operator's language: what happened, why it
//! matters, what to type next.

use std::io::{self, Write};

use crate::base::Language;
use crate::base::code::{self, Code, Family};
use crate::config::Problem;

/// A command that did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// At least one problem of the configuration.
    Config(Vec<Problem>),
    /// A row of the table and what it is about.
    Coded { code: Code, about: String },
    /// Anything else the system reported.
    Other(anyhow::Error),
}

impl Failure {
    pub fn coded(code: Code, about: impl Into<String>) -> Self {
        Self::Coded { code, about: about.into() }
    }

    pub fn is_broken_pipe(&self) -> bool {
        let Self::Other(error) = self else { return false };
        let system = error.downcast_ref::<io::Error>();
        system.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Configuration and usage are the caller's to put right (2); the rest is the world's (3).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Coded { code, .. } if is_usage(*code) => 2,
            Self::Coded { .. } | Self::Other(_) => 3,
        }
    }

    pub fn print(&self, to: &mut dyn Write, language: Language) -> io::Result<()> {
        match self {
            Self::Config(problems) => {
                problems.iter().try_for_each(|problem| print_lines(to, &problem.lines(language)))
            }
            Self::Coded { code, about } => print_lines(to, &lines(*code, about, language)),
            Self::Other(error) => {
                print_lines(to, &lines(code::CLI_SYSTEM, &format!("{error:#}"), language))
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

/// What the desk refuses is wrong in what was asked, as are these.
fn is_usage(code: Code) -> bool {
    let refused = code.row().is_some_and(|row| row.family == Family::Refusal);
    let usage = [code::CLI_PASSWORD, code::CLI_CLAIMED, code::CLI_NO_SITE, code::CONFIG_KEPT];
    refused || usage.contains(&code)
}

/// The three lines of a code.
pub fn lines(code: Code, about: &str, language: Language) -> [String; 3] {
    let (what, why, remedy) = code.row().map_or(("", "", ""), |row| {
        (row.what.get(language), row.why.get(language), row.remedy.get(language))
    });
    let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
    [format!("{about}{what} ({})", code.0), why.to_owned(), remedy.to_owned()]
}

/// The first line stands out; the other two are indented under it.
pub fn print_lines(to: &mut dyn Write, lines: &[String; 3]) -> io::Result<()> {
    let [what, why, next] = lines;
    writeln!(to, "posthouse: {what}\n  {why}\n  {next}")
}

/// The language of the terminal, by the variables every program asks.
pub fn language() -> Language {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|tag| !tag.is_empty())
        .map_or(Language::En, |tag| Language::from_tag(&tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_told_from_other_failures() {
        let pipe = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(pipe.is_broken_pipe());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::NotFound)).is_broken_pipe());
    }

    #[test]
    fn a_failure_is_three_lines_in_the_operators_language() {
        let mut text = Vec::new();
        Failure::coded(code::CLI_PASSWORD, "/x").print(&mut text, Language::Zh).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("posthouse: /x: ") && !text.is_ascii());
    }
}
