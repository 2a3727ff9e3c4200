//! `posthouse audit list|verify|export|key`: reads the log's files; a running process goes on
//! writing meanwhile, and is told of what was asked.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use posthouse_crypto::audit::{Finding, Head, Verdict, verify_signed};
use serde_json::{Value, json};

use super::operate::{Absent, operate};
use super::{Ending, Failure, Settings, report};
use crate::base::code;
use crate::base::limits::AUDIT_ROWS;
use crate::base::{Clock as _, Language};
use crate::config::Loaded;
use crate::node::clock::SystemClock;
use crate::node::control::Request;
use crate::node::{self};
use crate::store::audit::{self, AuditKeys, FOLDER, Found, Located};

#[derive(Args, Debug)]
pub struct AuditCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print the newest lines, one JSON object each, newest first.
    List {
        #[command(flatten)]
        settings: Settings,
        /// How many.
        #[arg(long, default_value_t = 50)]
        count: usize,
    },
    /// Say whether the log is as it was written, and where it is not.
    Verify(Verify),
    /// Write the log with a fresh signed head into a file that verifies by itself.
    Export {
        #[command(flatten)]
        settings: Settings,
        /// The file; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Only the files that hold the last days.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Print the public key that verifies an export on another machine.
    Key {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Args, Debug)]
struct Verify {
    #[command(flatten)]
    settings: Settings,
    /// An export instead of this site's log.
    #[arg(long, value_name = "FILE", requires = "key")]
    from: Option<PathBuf>,
    /// The public key of the site that made the export.
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
    /// A file with signed heads that were kept elsewhere: shows an end that was cut off.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const DAY_MS: u64 = 86_400_000;

impl AuditCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::List { settings, count } => {
                let folder = settings.load()?.config.data.join(FOLDER);
                for record in audit::newest(&folder, count.min(AUDIT_ROWS)).map_err(unread)? {
                    writeln!(out, "{record}")?;
                }
                Ok(Ending::Done)
            }
            Action::Verify(verify) => verify.run(out, language),
            Action::Export { settings, out: file, days } => {
                let loaded = settings.load()?;
                let data = loaded.config.data.clone();
                note(loaded, "audit.export", file.display().to_string())?;
                let lines = export(&data, &file, days)?;
                writeln!(out, "{}", json!({ "lines": lines }))?;
                Ok(Ending::Done)
            }
            Action::Key { settings } => {
                writeln!(out, "{}", keys(&settings.load()?)?.public())?;
                Ok(Ending::Done)
            }
        }
    }
}

impl Verify {
    fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let mut kept = self.heads.as_deref().map(heads).transpose()?.unwrap_or_default();
        if let (Some(file), Some(key)) = (&self.from, &self.key) {
            let lines = BufReader::new(File::open(file)?).lines();
            let lines = lines.collect::<Result<Vec<String>, _>>()?;
            let verdict = verify_signed(lines.iter(), key, &kept);
            let place = |finding: &Finding| {
                let place = finding.line().map(|line| (file.clone(), line));
                Located { place, finding: finding.clone() }
            };
            let located: Vec<Located> = verdict.findings.iter().map(place).collect();
            return tell(&verdict, &located, self.json, out, language);
        }
        let loaded = self.settings.load()?;
        let folder = loaded.config.data.join(FOLDER);
        let keys = keys(&loaded)?;
        // Its answer is asked for first: a log that grows meanwhile is not shorter than its head.
        kept.extend(known_head(&loaded, &keys)?);
        let (verdict, located) = audit::verify(&folder, &keys, &kept).map_err(unread)?;
        let about = format!("{} lines, {} findings", verdict.last, located.len());
        note(loaded, "audit.verify", about)?;
        tell(&verdict, &located, self.json, out, language)
    }
}

/// Has the desk write down what a command did, and sign the log.
pub(super) fn note(loaded: Loaded, what: &str, about: String) -> Result<(), Failure> {
    let request = Request::Audited { what: what.to_owned(), about };
    operate(loaded, request, Absent::Refuse, &mut |_| Ok(())).map(drop)
}

fn keys(loaded: &Loaded) -> Result<AuditKeys, Failure> {
    let config = &loaded.config;
    let file = node::key_file(config, SystemClock::default().wall());
    file.and_then(|file| node::audit_keys(config, file.as_ref()))
        .map_err(|fault| Failure::coded(fault.code, fault.detail))
}

fn export(data: &Path, file: &Path, days: Option<u32>) -> Result<u64, Failure> {
    let now = SystemClock::default().wall();
    let since_ms = days.map_or(0, |days| now.ms.saturating_sub(u64::from(days) * DAY_MS));
    let mut out = BufWriter::new(File::create_new(file)?);
    let lines = audit::export(&data.join(FOLDER), since_ms, &mut out).map_err(unread)?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(lines)
}

/// The head that the site's own store knows: it shows that the log's folder is an older copy.
fn known_head(loaded: &Loaded, keys: &AuditKeys) -> Result<Option<Head>, Failure> {
    let answer = operate(loaded.clone(), Request::AuditHead, Absent::Refuse, &mut |_| Ok(()))?;
    let known = answer["head"].as_str().and_then(|text| Head::from_text(text).ok());
    Ok(known.filter(|(_, key)| *key == keys.public()).map(|(head, _)| head))
}

/// Every signed head in a file: an older export, or single lines of one.
fn heads(file: &Path) -> Result<Vec<Head>, Failure> {
    let text = fs::read_to_string(file)?;
    Ok(text.lines().filter_map(|line| Head::from_text(line).ok()).map(|(head, _)| head).collect())
}

fn unread(error: std::io::Error) -> Failure {
    Failure::coded(code::DISK_FAULT, format!("audit: {error}"))
}

fn tell(
    verdict: &Verdict,
    located: &[Located],
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    if json {
        let findings: Vec<Value> = located.iter().map(row).collect();
        let said = json!({
            "after": verdict.before,
            "last": verdict.last,
            "signed": verdict.signed,
            "findings": findings,
        });
        writeln!(out, "{said}")?;
    } else {
        let (last, signed) = (verdict.last, verdict.signed);
        match language {
            Language::En => writeln!(out, "{last} lines, signed up to {signed}")?,
            Language::Zh => writeln!(out, "共 {last} 行，已签名至第 {signed} 行")?,
        }
        for found in located {
            let row = row(found);
            let about = match found.place {
                Some(_) => format!("{}:{} {}", text(&row["file"]), row["line"], text(&row["kind"])),
                None => text(&row["kind"]).to_owned(),
            };
            let about = format!("{about} {}..{}", row["from"], row["to"]);
            report::print_lines(out, &report::lines(code::AUDIT_CHANGED, &about, language))?;
        }
    }
    Ok(if located.is_empty() { Ending::Done } else { Ending::Finding })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn row(found: &Located) -> Value {
    let Found { kind, file, line, from, to } = found.words();
    json!({ "kind": kind, "file": file, "line": line, "from": from, "to": to })
}
