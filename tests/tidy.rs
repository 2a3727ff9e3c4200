//! The house rules: who may import whom, sizes, banned words, layout, crates. Each rule has a bad
//! sample that it must report, so that a rule that stopped working fails as loudly as a finding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/scan.rs"]
mod scan;

use scan::Source;

type Rule = fn(&Source) -> Vec<String>;

/// The files that spell out what they ban.
const OWN: &str = "tests/tidy";

fn check(rule: Rule) {
    let findings: Vec<String> =
        scan::tree().iter().filter(|file| !file.path.starts_with(OWN)).flat_map(rule).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    check(rules::imports);
}

#[test]
fn each_crate_is_named_only_in_its_room_and_pure_rooms_stay_pure() {
    check(rules::keepers);
}

#[test]
fn files_functions_and_lines_keep_their_size() {
    check(rules::shape);
}

#[test]
fn nothing_unfinished_or_unsafe_stands_in_the_code() {
    check(rules::bans);
}

#[test]
fn product_code_takes_its_time_as_an_argument_and_does_not_panic() {
    check(rules::product_code);
}

#[test]
fn no_word_tells_how_or_where_the_project_is_made() {
    check(rules::words);
}

#[test]
fn the_top_level_has_the_agreed_folders_and_no_bundle() {
    check(rules::layout);
}

#[test]
fn every_source_file_is_part_of_the_crate() {
    let findings = rules::orphans(&scan::tree());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_binary_has_few_crates_with_free_licences() {
    let metadata = crates::metadata();
    let linked = crates::linked(&metadata, "posthouse");
    let mut findings = crates::count(crates::in_binary());
    let packages = metadata["packages"].as_array().unwrap();
    for package in packages.iter().filter(|p| linked.contains(p["id"].as_str().unwrap())) {
        let licence = package["license"].as_str().unwrap_or_default();
        findings.extend(crates::package(package["name"].as_str().unwrap(), licence));
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn codes_have_both_languages_and_stand_on_their_side() {
    let mut names = std::collections::BTreeSet::new();
    for row in posthouse::base::code::table() {
        assert!(names.insert(row.name), "{} stands twice", row.name);
        assert!((1_000..9_000).contains(&row.code.0), "{} has no side", row.name);
        for text in [row.what, row.why, row.remedy] {
            assert!(text.en.is_ascii() || text.en.contains('…'), "{}: {}", row.name, text.en);
            assert!(text.zh.chars().any(|c| c > '\u{2e80}'), "{}: {}", row.name, text.zh);
        }
    }
}

/// A bad sample per rule: the rule, the path it pretends to have, its text, a word of the finding.
fn samples() -> Vec<(Rule, &'static str, String, &'static str)> {
    let long_line = format!("//! Head.\n{}\n", "a".repeat(101));
    let long_file = format!("//! Head.\n{}", "\n".repeat(601));
    let long_function = format!("//! Head.\nfn f() {{\n{}}}\n", "    f();\n".repeat(71));
    let lock = "{\n\"resolved\": \"http://mirror.example/a.tgz\"\n}";
    let s = str::to_owned;
    vec![
        (rules::imports, "src/desk/a.rs", s("use crate::store::Writer;"), "may not import store"),
        (rules::imports, "src/hub/a.rs", s("use crate::{base, desk::Entry};"), "import desk"),
        (rules::imports, "src/hub/a.rs", s("fn f() { crate::desk::x() }"), "import desk"),
        (rules::imports, "src/http/a.rs", s("use posthouse_crypto::x;"), "import crypto"),
        (rules::imports, "src/attic/a.rs", s(""), "not in the table"),
        (rules::keepers, "src/hub/a.rs", s("use prost::Message;"), "may not name prost"),
        (rules::keepers, "src/desk/a.rs", s("use std::fs::File;"), "values in"),
        (rules::shape, "src/a.rs", long_line, "101 columns"),
        (rules::shape, "src/a.rs", long_file, "602 lines"),
        (rules::shape, "src/a.rs", long_function, "function of 71 lines"),
        (rules::shape, "src/a.rs", s("fn f() {}"), "no //! head"),
        (rules::bans, "src/a.rs", s("// TODO later"), "TODO"),
        (rules::bans, "src/web/a.ts", s("// FIXME later"), "FIXME"),
        (rules::bans, "src/a.rs", s("fn f() { todo!() }"), "todo!"),
        (rules::bans, "src/a.rs", s("fn f() { dbg!(1); }"), "dbg!"),
        (rules::bans, "src/a.rs", s("fn f() { unsafe { g() } }"), "unsafe"),
        (rules::bans, "tests/a.rs", s("#[test]\n#[ignore]\nfn f() {}"), "say the reason"),
        (rules::product_code, "src/hub/a.rs", s("fn f() { g().unwrap() }"), ".unwrap()"),
        (rules::product_code, "src/hub/a.rs", s("fn f() { Instant::now(); }"), "Instant::now"),
        (rules::product_code, "crypto/src/a.rs", s("fn f() { panic!() }"), "panic!"),
        (rules::words, "README.md", s("Found in this session."), "this session"),
        (rules::words, "src/a.rs", s("// The LLM wrote it."), "LLM"),
        (rules::words, "scripts/a", s("cd /work/main"), "/work/"),
        (rules::words, "src/web/package-lock.json", s(lock), "registry"),
        (rules::layout, "docs/a.md", s(""), "top-level layout"),
        (rules::layout, "notes.txt", s(""), "top-level layout"),
        (rules::layout, "src/web/dist/a.js", s(""), "bundle"),
        (rules::layout, "src/web/a.js", "x".repeat(2_001), "bundle"),
    ]
}

#[test]
fn every_rule_reports_its_bad_sample() {
    for (rule, path, text, word) in samples() {
        let findings = rule(&Source::new(path, &text));
        assert!(findings.iter().any(|f| f.contains(word)), "{path} {text:?}: {findings:?}");
    }
    let orphan = [Source::new("src/hub/a.rs", ""), Source::new("src/hub/mod.rs", "mod b;")];
    assert!(rules::orphans(&orphan).iter().any(|f| f.contains("no `mod a;`")));
    assert_eq!(crates::count(220).len(), 1);
    assert_eq!(crates::package("a", "GPL-3.0-only").len(), 1);
    assert_eq!(crates::package("a", "MIT AND GPL-3.0-only").len(), 1);
    assert_eq!(crates::package("openssl-sys", "MIT").len(), 1);
}

#[test]
fn no_rule_reports_what_is_allowed() {
    let good: &[(Rule, &str, &str)] = &[
        (rules::imports, "src/hub/a.rs", "use crate::{base::{Feed, Index}, hub::outbox};"),
        (rules::imports, "src/hub/a.rs", "// crate::desk\nconst A: &str = \"crate::desk\";"),
        (rules::imports, "src/hub/a.rs", "#[cfg(test)]\nmod tests {\n use crate::desk::E;\n}"),
        (rules::keepers, "src/wire/a.rs", "use prost::Message;"),
        (rules::bans, "src/a.rs", "#![forbid(unsafe_code)]\nconst A: &str = r#\"dbg!(\"#;"),
        (rules::bans, "tests/a.rs", "#[ignore = \"needs root\"]\nfn f<'a>(b: &'a str) {}"),
        (rules::product_code, "src/net/a.rs", "fn f() { Instant::now(); }"),
        (rules::product_code, "src/hub/a.rs", "#[cfg(test)]\nmod t { fn f() { g().unwrap() } }"),
        (rules::words, "src/session/a.rs", "//! What this session owes its peer.\n"),
        (rules::layout, "tests/corpus/a.gz", ""),
    ];
    for (rule, path, text) in good {
        let findings = rule(&Source::new(path, text));
        assert!(findings.is_empty(), "{findings:?}");
    }
    let whole =
        [("src/hub/a.rs", ""), ("src/hub/mod.rs", "pub mod a;"), ("src/lib.rs", "mod hub;")];
    let whole = whole.map(|(path, text)| Source::new(path, text));
    assert!(rules::orphans(&whole).is_empty());
    assert!(crates::package("a", "(MIT OR Apache-2.0) AND Unicode-3.0").is_empty());
    assert!(crates::package("a", "MIT/Apache-2.0").is_empty());
}
