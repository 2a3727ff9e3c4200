//! The dependency tree: how many crates, whose licences, and none that is banned.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::scan::root;

/// Crates of the default features, normal dependencies, on the host: what ends up in the binary.
pub const CRATES: usize = 220;
/// Licences that may be linked into an Apache-2.0 binary without further duties than a notice.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "CDLA-Permissive-2.0",
];
/// Runs inside the compiler only (a path of the embed macro); nothing of it is in the binary.
const AT_BUILD_TIME: &[&str] = &["option-ext"];
/// C libraries in disguise and a second TLS stack: the binary is static and has one of each.
const BANNED: &[&str] = &["openssl", "openssl-sys", "native-tls", "aws-lc-sys", "libsqlite3-sys"];

/// `cargo metadata` of the host target, from the lockfile and without a network.
pub fn metadata() -> Value {
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Package ids that the package `name` links, itself included.
pub fn linked(metadata: &Value, name: &str) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let deps = list(&node["deps"])
            .into_iter()
            .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()));
        edges.insert(text(&node["id"]), deps.map(|dep| text(&dep["pkg"])).collect());
    }
    let packages = list(&metadata["packages"]);
    let root = packages.iter().find(|p| p["name"] == name).expect("the package is there");
    let mut todo = vec![text(&root["id"])];
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if seen.insert(id.clone()) {
            todo.extend(edges.get(&id).cloned().unwrap_or_default());
        }
    }
    seen
}

/// Crates in the tree as a build of the binary alone resolves it: features that only tests or
/// other members of the workspace turn on do not count.
pub fn in_binary() -> usize {
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--package", "posthouse", "--edges", "normal", "--prefix", "none"])
        .args(["--locked", "--offline", "--target", &host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    // A line is `name version`, then remarks.
    let names = text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    names.filter(|name| !name.is_empty()).collect::<BTreeSet<_>>().len()
}

pub fn count(linked: usize) -> Vec<String> {
    let over = linked >= CRATES;
    over.then(|| format!("{linked} crates; the ceiling is {CRATES}")).into_iter().collect()
}

/// Findings of one package: its licence, and whether it is banned.
pub fn package(name: &str, licence: &str) -> Vec<String> {
    let mut out = Vec::new();
    if BANNED.contains(&name) {
        out.push(format!("{name}: banned"));
    }
    if !allowed(licence) && !AT_BUILD_TIME.contains(&name) {
        out.push(format!("{name}: licence {licence:?} is not on the list"));
    }
    out
}

/// Evaluates an SPDX expression: any side of OR, every side of AND.
fn allowed(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ");
    let plain = plain.trim();
    for (word, any) in [(" OR ", true), (" AND ", false)] {
        let parts = split(plain, word);
        if parts.len() > 1 {
            let mut parts = parts.into_iter();
            return if any { parts.any(allowed) } else { parts.all(allowed) };
        }
    }
    match plain.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => allowed(inner),
        None => LICENCES.contains(&plain),
    }
}

/// Splits at `word` outside brackets.
fn split<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && at >= start && text[at..].starts_with(word) {
            parts.push(&text[start..at]);
            start = at + word.len();
        }
    }
    parts.push(&text[start..]);
    parts
}
