//! `posthouse backup create|list|verify|restore`: a backup is made by the running process, or by
//! the command when none runs; backups are read by the command itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operate::{Absent, has_site, operate};
use super::{Ending, Failure, Settings, audit, report};
use crate::base::Language;
use crate::base::code;
use crate::config::{Config, Loaded};
use crate::node;
use crate::node::control::Request;
use crate::store::Fault;
use crate::store::backup::{self, Listed, Repository, Restored, Scratch, Target};
use crate::store::key::Source;

/// A command is ended by its signal.
static GO_ON: AtomicBool = AtomicBool::new(false);

#[derive(Args, Debug)]
pub struct BackupCommand {
    #[command(subcommand)]
    action: Action,
}

/// Which folder of backups; what is left out is as the configuration says.
#[derive(Args, Clone, Debug)]
struct Place {
    #[command(flatten)]
    settings: Settings,
    /// Folder of the backups instead of `backup.folder`.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// File with the recovery passphrase instead of `backup.passphrase_file`.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a backup, read it back, and keep it when it is good.
    Create {
        #[command(flatten)]
        place: Place,
    },
    /// List the backups, oldest first.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Read backups back into a scratch folder and check them.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Name of a backup; left out: the newest one.
        name: Option<String>,
        /// Every backup of the folder.
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Put a backup into the data folder; the service is stopped.
    Restore {
        #[command(flatten)]
        place: Place,
        /// Name of a backup; left out: the newest one.
        name: Option<String>,
        /// Keep the site that is there, in a folder `former-N` beside the new one.
        #[arg(long)]
        beside: bool,
        /// Read the backup back and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

impl BackupCommand {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        match self.action {
            Action::Create { place } => create(place, out, language),
            Action::List { place } => list(&place, out, language),
            Action::Verify { place, name, all } => verify(&place, name, all, out, language),
            Action::Restore { place, name, dry_run: true, .. } => {
                verify(&place, name, false, out, language)
            }
            Action::Restore { place, name, beside, dry_run: false } => {
                restore(&place, name, beside, out, language)
            }
        }
    }
}

impl Place {
    fn open(&self, config: &Config) -> Result<Repository, Failure> {
        let missing = |key: &str| Failure::coded(code::CONFIG_MISSING, key);
        let folder = self.folder.as_ref().or(config.backup.folder.as_ref());
        let folder = folder.ok_or_else(|| missing("backup.folder"))?;
        let recovery = self.passphrase_file.as_ref().or(config.backup.passphrase_file.as_ref());
        let recovery = recovery.ok_or_else(|| missing("backup.passphrase_file"))?;
        Repository::open(folder, &Source::Passphrase(recovery.clone())).map_err(|f| failed(&f))
    }
}

fn create(place: Place, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    let loaded = place.settings.load()?;
    let absolute = |path: Option<PathBuf>| path.map(std::path::absolute).transpose();
    let folder = absolute(place.folder)?;
    let passphrase_file = absolute(place.passphrase_file)?;
    let request = Request::BackupCreate { folder, passphrase_file };
    let made = operate(loaded, request, Absent::Refuse, &mut |_| Ok(()))?;
    if place.json {
        writeln!(out, "{made}")?;
        return Ok(Ending::Done);
    }
    let count = |key: &str| made[key].as_u64().unwrap_or_default();
    let (entries, attachments, missing) =
        (count("entries"), count("attachments"), count("missing"));
    let (written, bytes) = (mib(count("written")), mib(count("bytes")));
    let name = made["name"].as_str().unwrap_or_default();
    match language {
        Language::En => writeln!(
            out,
            "{name}: {entries} entries, {attachments} attachments; {written} of {bytes} MiB were \
             new. Read back and checked."
        )?,
        Language::Zh => writeln!(
            out,
            "{name}：{entries} 条记录，{attachments} 个附件；共 {bytes} MiB，新写入 {written} MiB。\
             已读回并检查。"
        )?,
    }
    if missing == 0 {
        return Ok(Ending::Done);
    }
    report::print_lines(out, &report::lines(code::BLOB_MISSING, &missing.to_string(), language))?;
    Ok(Ending::Finding)
}

fn list(place: &Place, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
    let home = place.open(&place.settings.load()?.config)?;
    let mut ending = Ending::Done;
    for Listed { name, head } in backup::list(&home).map_err(|fault| failed(&fault))? {
        match head {
            Ok(head) if place.json => {
                let mut row = serde_json::to_value(&head)?;
                row["name"] = name.into();
                writeln!(out, "{row}")?;
            }
            Ok(head) => {
                let sealed = if head.sealed { "sealed" } else { "plain" };
                writeln!(out, "{name}  {sealed}  {}", head.position)?;
            }
            Err(fault) => {
                ending = Ending::Finding;
                bad(&name, &fault, place.json, out, language)?;
            }
        }
    }
    Ok(ending)
}

fn verify(
    place: &Place,
    name: Option<String>,
    all: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let loaded = place.settings.load()?;
    let home = place.open(&loaded.config)?;
    let names = match name {
        _ if all => home.names().map_err(|fault| failed(&fault))?,
        name => vec![one(&home, name)?],
    };
    let data = loaded.config.data.clone();
    let made = !data.exists();
    let cache_bytes = loaded.config.store.redb_cache_bytes();
    let (mut ending, mut about) = (Ending::Done, Vec::new());
    for name in names {
        let scratch = Scratch::begin(&data).map_err(|fault| failed(&fault))?;
        match backup::verify(&home, (&name, true), &scratch, cache_bytes, &GO_ON) {
            Ok(restored) => {
                tell(&name, &restored, json!({}), place.json, out, language)?;
                about.push(format!("{name} ok"));
            }
            Err(fault) => {
                ending = Ending::Finding;
                bad(&name, &fault, place.json, out, language)?;
                about.push(format!("{name} {}", fault.code().name()));
            }
        }
    }
    if made {
        // It was made for the scratch folder, and is empty again.
        drop(std::fs::remove_dir(&data));
    }
    note(loaded, "backup.verify", about.join(", "))?;
    Ok(ending)
}

fn restore(
    place: &Place,
    name: Option<String>,
    beside: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let loaded = place.settings.load()?;
    let config = &loaded.config;
    let home = place.open(config)?;
    let name = one(&home, name)?;
    let source = node::key_source(config);
    let cache_bytes = config.store.redb_cache_bytes();
    let target = Target { data: &config.data, source: source.as_ref(), beside, cache_bytes };
    let restored = backup::restore(&home, &name, target, &GO_ON);
    let (restored, epoch, former) = restored.map_err(|fault| {
        let used = fault.code() == code::STORE_IN_USE;
        let stop = || Failure::coded(code::CLI_STOP_FIRST, config.data.display().to_string());
        if used { stop() } else { failed(&fault) }
    })?;
    let former = former.as_deref().map(Path::display).map(|path| path.to_string());
    let more = json!({ "epoch": epoch.to_string(), "former": former });
    tell(&name, &restored, more, place.json, out, language)?;
    if let (Some(former), false) = (&former, place.json) {
        match language {
            Language::En => writeln!(out, "The former site is in {former}.")?,
            Language::Zh => writeln!(out, "原站点保存在 {former}。")?,
        }
    }
    note(loaded, "backup.restore", format!("{name} epoch {epoch}"))?;
    Ok(Ending::Done)
}

/// The named backup, or the newest one.
fn one(home: &Repository, name: Option<String>) -> Result<String, Failure> {
    let mut names = home.names().map_err(|fault| failed(&fault))?;
    let found = match &name {
        Some(name) => names.into_iter().find(|known| known == name),
        None => names.pop(),
    };
    found.ok_or_else(|| Failure::coded(code::BACKUP_ABSENT, name.unwrap_or_default()))
}

/// Says in the site's audit log what was done, when there is a site.
fn note(loaded: Loaded, what: &str, about: String) -> Result<(), Failure> {
    if has_site(&loaded.config.data) { audit::note(loaded, what, about) } else { Ok(()) }
}

fn tell(
    name: &str,
    restored: &Restored,
    more: Value,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<(), Failure> {
    let Restored { entries, attachments, bytes, missing, .. } = restored;
    if json {
        let mut row = json!({
            "name": name,
            "good": true,
            "entries": entries,
            "attachments": attachments,
            "missing": missing,
            "bytes": bytes,
        });
        if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
            row.extend(more.clone());
        }
        writeln!(out, "{row}")?;
        return Ok(());
    }
    let bytes = mib(*bytes);
    match language {
        Language::En => {
            writeln!(
                out,
                "{name}: good; {entries} entries, {attachments} attachments, {bytes} MiB"
            )?;
        }
        Language::Zh => {
            writeln!(out, "{name}：完好；{entries} 条记录，{attachments} 个附件，{bytes} MiB")?;
        }
    }
    Ok(())
}

fn bad(
    name: &str,
    fault: &Fault,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<(), Failure> {
    let about = fault.to_string();
    if json {
        let code = fault.code();
        let row = json!({
            "name": name,
            "good": false,
            "code": code.0,
            "code_name": code.name(),
            "about": about,
        });
        writeln!(out, "{row}")?;
    } else {
        let about = format!("{name}: {about}");
        report::print_lines(out, &report::lines(fault.code(), &about, language))?;
    }
    Ok(())
}

fn failed(fault: &Fault) -> Failure {
    Failure::coded(fault.code(), fault.to_string())
}

/// As people read it; what is not nothing is not 0.
fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
