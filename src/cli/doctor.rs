//! `posthouse doctor`: runs every check, in the running process or, without one, on the machine.

use std::io::Write;

use clap::Args;
use posthouse_crypto::selftest;
use serde_json::Value;

use super::{Ending, Failure, Settings, report};
use crate::base::Language;
use crate::base::code::{self, Code};
use crate::health::{self, Issue};
use crate::node::control::{self, Called, Request};
use crate::node::operator::issue_row;

#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    settings: Settings,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let loaded = self.settings.load()?;
        let mut found = 0;
        match selftest::run() {
            // A program asks for findings; a person also wants to know what runs here.
            Ok(_) if self.json => {}
            Ok(algorithms) => writeln!(out, "{algorithms}")?,
            Err(failed) => return Err(Failure::coded(code::SELF_TEST_FAILED, failed.to_string())),
        }
        for finding in &loaded.findings {
            found += 1;
            if self.json {
                let [what, ..] = finding.lines(Language::En);
                let row = serde_json::json!({
                    "check": "config",
                    "code": finding.code.0,
                    "name": finding.code.name(),
                    "fault": false,
                    "about": what,
                });
                writeln!(out, "{row}")?;
            } else {
                report::print_lines(out, &finding.lines(language))?;
            }
        }
        let mut row = |row: Value| {
            found += 1;
            if self.json { writeln!(out, "{row}") } else { print(out, &row, language) }
        };
        match control::call(&loaded.config.data, &Request::Doctor, &mut row)? {
            Called::Done(_) => {}
            Called::Refused { code, about } => return Err(Failure::coded(code, about)),
            Called::Nobody => {
                let probe = crate::node::probe_offline(&loaded.config);
                for (check, issue) in health::run(&probe) {
                    row(issue_row(check, &issue))?;
                }
            }
        }
        Ok(if found == 0 { Ending::Done } else { Ending::Finding })
    }
}

fn print(out: &mut dyn Write, row: &Value, language: Language) -> std::io::Result<()> {
    let number = row.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let about = row.get("about").and_then(Value::as_str).unwrap_or_default();
    let issue = Issue::new(Code(number.unwrap_or_default()), about);
    report::print_lines(out, &issue.lines(language))
}
