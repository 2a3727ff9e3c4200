//! `posthouse store seal|unseal`: turns a site that no process uses into a sealed one and back.

use std::io::Write;

use serde_json::json;

use super::operate::has_site;
use super::{Ending, Failure, Settings, audit, report};
use crate::base::code;
use crate::base::{Clock as _, Language};
use crate::config::Key;
use crate::node;
use crate::node::clock::SystemClock;
use crate::store::{self, Converted};

pub fn run(
    settings: &Settings,
    seal: bool,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let mut loaded = settings.load()?;
    let config = &mut loaded.config;
    let data = config.data.display().to_string();
    if !has_site(&config.data) {
        return Err(Failure::coded(code::CLI_NO_SITE, data));
    }
    let missing = || Failure::coded(code::CONFIG_MISSING, "crypto.key.passphrase_file");
    let source = node::key_source(config).ok_or_else(missing)?;
    let options = node::plain_options(config);
    let converted = if seal {
        store::seal(&options, &source, node::family(config), SystemClock::default().wall())
    } else {
        let converted = store::unseal(&options, &source);
        // What follows speaks to the plain site.
        config.crypto.key = Key::default();
        converted
    };
    let converted = converted.map_err(|fault| {
        let (code, about) = (fault.code(), fault.to_string());
        let used = code == code::STORE_IN_USE;
        if used { Failure::coded(code::CLI_STOP_FIRST, data) } else { Failure::coded(code, about) }
    })?;
    let (entries, conversations, attachments) = match converted {
        Converted::Unsound(findings) => {
            for finding in findings {
                let lines = report::lines(finding.code, &finding.place, language);
                report::print_lines(out, &lines)?;
            }
            return Ok(Ending::Finding);
        }
        Converted::Nothing => (0, 0, 0),
        Converted::Done { entries, conversations, attachments } => {
            let about = format!("{conversations} conversations, {attachments} attachments");
            audit::note(loaded, if seal { "store.seal" } else { "store.unseal" }, about)?;
            (entries, conversations, attachments)
        }
    };
    if json {
        let row = json!({
            "sealed": seal,
            "entries": entries,
            "conversations": conversations,
            "attachments": attachments,
        });
        writeln!(out, "{row}")?;
        return Ok(Ending::Done);
    }
    let words = match (seal, language) {
        (true, Language::En) => {
            "The site is sealed. Free space of the disk may hold what was in the clear until it is \
             used again; older copies and backups do."
        }
        (true, Language::Zh) => {
            "站点已密封。磁盘空闲空间在被覆盖之前可能仍有明文残留；较早的副本和备份中也有。"
        }
        (false, Language::En) => {
            "The site is not sealed any more. Take crypto.key out of the configuration before the \
             service starts."
        }
        (false, Language::Zh) => "站点已解除密封。启动服务前请从配置中删除 crypto.key。",
    };
    writeln!(out, "{words}")?;
    Ok(Ending::Done)
}
