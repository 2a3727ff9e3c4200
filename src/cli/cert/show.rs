//! `posthouse cert show`.

use std::io::Write;

use posthouse_crypto::certificate::Facts;
use serde_json::{Value, json};

use super::from_node;
use crate::base::{Language, Text, code};
use crate::cli::{Ending, Failure};
use crate::config::Loaded;
use crate::node::identity::{self, Kind, Shown};

pub fn show(
    loaded: &Loaded,
    json: bool,
    out: &mut dyn Write,
    language: Language,
) -> Result<Ending, Failure> {
    let found = identity::present(&loaded.config).map_err(from_node)?;
    if found.is_empty() {
        return Err(Failure::coded(code::CLI_NO_SITE, loaded.config.data.display().to_string()));
    }
    for (number, shown) in found.iter().enumerate() {
        let authority = shown.own.then(|| shown.kind.authority_path(&loaded.config.data));
        if json {
            let mut row = row(&shown.facts);
            row["kind"] = json!(shown.kind.name());
            row["authority"] = json!(authority);
            writeln!(out, "{row}")?;
            continue;
        }
        if number > 0 {
            writeln!(out)?;
        }
        for (word, value) in lines(shown, language) {
            writeln!(out, "{word}: {value}")?;
        }
        if let Some(authority) = authority {
            let word = Text { en: "Site's authority", zh: "站点 CA" }.get(language);
            writeln!(out, "{word}: {}", authority.display())?;
        }
    }
    Ok(Ending::Done)
}

fn lines(shown: &Shown, language: Language) -> [(&'static str, String); 6] {
    let day = |seconds: u64| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |at| at.to_string())
    };
    let kind = match shown.kind {
        Kind::International => Text { en: "international TLS", zh: "国际 TLS" },
        Kind::Sign => Text {
            en: "national, signing (TLS 1.3 and TLCP)",
            zh: "国密签名（TLS 1.3 与 TLCP）",
        },
        Kind::Encrypt => Text { en: "national, encryption (TLCP)", zh: "国密加密（TLCP）" },
    };
    let zh = language == Language::Zh;
    let facts = &shown.facts;
    [
        (if zh { "用途" } else { "For" }, kind.get(language).to_owned()),
        (if zh { "名称" } else { "Names" }, facts.names.join(", ")),
        (if zh { "签发者" } else { "Issuer" }, facts.issuer.clone()),
        (if zh { "生效" } else { "Valid from" }, day(facts.not_before_s)),
        (if zh { "到期" } else { "Valid until" }, day(facts.not_after_s)),
        ("SHA-256", facts.fingerprint.clone()),
    ]
}

fn row(facts: &Facts) -> Value {
    json!({
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": facts.names,
        "not_before_s": facts.not_before_s,
        "not_after_s": facts.not_after_s,
        "sha256": facts.fingerprint,
    })
}
