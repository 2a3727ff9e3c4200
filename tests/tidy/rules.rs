//! The rules: each takes one file and returns a line per finding.

use crate::scan::{Source, block_end, is_name};

/// The house: a room, the rooms it may import, and the crates that it alone may name.
/// `crypto` stands for the crate of that name. Rooms that have no folder yet are listed all the
/// same.
pub const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("desk", &["base"]),
    ("session", &["base", "desk"]),
    ("wire", &["base", "desk", "session"]),
    ("store", &["base", "desk", "wire", "crypto"]),
    ("config", &["base"]),
    ("cache", &["base", "wire", "config", "store"]),
    ("hub", &["base", "session", "wire", "config"]),
    ("net", &["base", "wire", "config", "crypto"]),
    ("plugin", &["base", "wire", "config"]),
    ("fabric", &["base", "desk", "wire", "store"]),
    ("bridge", &["base", "wire", "config", "net", "cache", "store"]),
    ("health", &["base"]),
    ("actors", ACTORS),
    ("http", &["base", "desk", "session", "wire", "config", "health", "web", "manual", "actors"]),
    ("web", &[]),
    ("manual", &["base", "config", "health"]),
    ("node", NODE),
    ("bundle", &["base", "crypto"]),
    ("provision", &["base", "config"]),
    ("appliance", &["base", "config", "node", "bundle"]),
    ("cli", CLI),
    ("main", &["cli", "base"]),
];
const ACTORS: &[&str] = &[
    "base", "desk", "session", "wire", "store", "config", "cache", "hub", "net", "plugin",
    "fabric", "bridge", "health", "crypto",
];
const NODE: &[&str] = &[
    "base", "desk", "session", "wire", "store", "config", "cache", "hub", "net", "plugin",
    "fabric", "bridge", "health", "crypto", "actors", "http", "web", "manual",
];
const CLI: &[&str] = &[
    "base",
    "desk",
    "session",
    "wire",
    "store",
    "config",
    "cache",
    "hub",
    "net",
    "plugin",
    "fabric",
    "bridge",
    "health",
    "crypto",
    "actors",
    "http",
    "web",
    "manual",
    "node",
    "appliance",
    "bundle",
    "provision",
];

/// Crates that only these rooms may name.
const KEEPERS: &[(&str, &[&str])] = &[
    ("prost", &["wire"]),
    ("redb", &["store"]),
    ("anyhow", &["cli", "main"]),
    ("clap", &["cli", "config", "main"]),
    ("axum", &["http", "node"]),
    ("tungstenite", &["net"]),
    ("tokio_rustls", &["net"]),
];
/// Rooms of values only, and what would break that.
const PURE: &[&str] = &["base", "desk", "session"];
const IMPURE: &[&str] =
    &["tokio", "std::fs", "std::thread", "std::process", "std::env", "getrandom"];

/// Rooms that own clocks and tasks.
const CLOCKED: &[&str] = &["node", "actors", "net"];

pub const FILE_LINES: usize = 600;
pub const FUNCTION_LINES: usize = 70;
pub const COLUMNS: usize = 100;

pub fn imports(file: &Source) -> Vec<String> {
    let Some(room) = file.room().filter(|_| file.is_rust() && file.path != "src/lib.rs") else {
        return Vec::new();
    };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![file.finding(0, format_args!("room {room} is not in the table"))];
    };
    let tests = file.test_ranges();
    let mut named: Vec<(usize, String)> = Vec::new();
    for prefix in ["crate::", "posthouse::"] {
        for at in file.words(prefix) {
            let start = at + prefix.len();
            named.extend(heads(&file.code, start).into_iter().map(|name| (at, name)));
        }
    }
    named.extend(file.words("posthouse_crypto").map(|at| (at, "crypto".to_owned())));
    named.retain(|(at, name)| {
        let in_test = tests.iter().any(|(from, to)| (from..to).contains(&at));
        let other = name != room && name != "self" && ROOMS.iter().any(|(r, _)| r == name);
        !in_test && !file.is_test() && (other || name == "crypto")
    });
    named.retain(|(_, name)| !allowed.contains(&name.as_str()));
    named
        .into_iter()
        .map(|(at, name)| file.finding(at, format_args!("{room} may not import {name}")))
        .collect()
}

/// First names of the path or of the braced group of paths at `start`.
fn heads(code: &str, start: usize) -> Vec<String> {
    let name = |from: usize| code[from..].bytes().take_while(|b| is_name(*b)).count();
    if code.as_bytes().get(start) != Some(&b'{') {
        return vec![code[start..start + name(start)].to_owned()];
    }
    let end = block_end(code, start);
    let mut depth = 0usize;
    let mut fresh = true;
    let mut found = Vec::new();
    let mut at = start;
    while at < end {
        match code.as_bytes()[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 1 => fresh = true,
            byte if fresh && depth == 1 && is_name(byte) => {
                let length = name(at);
                found.push(code[at..at + length].to_owned());
                fresh = false;
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

pub fn keepers(file: &Source) -> Vec<String> {
    let Some(room) = file.room().filter(|_| file.is_rust() && !file.is_generated()) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let tests = file.test_ranges();
    let mut ban = |word: &str, why: &str| {
        for at in file.words(word).filter(|at| file.code[at + word.len()..].starts_with("::")) {
            let path = at > 0 && file.code.as_bytes()[at - 1] == b':';
            if !path && !tests.iter().any(|(from, to)| (*from..*to).contains(&at)) {
                out.push(file.finding(at, format_args!("{room} may not name {word}: {why}")));
            }
        }
    };
    for (name, rooms) in KEEPERS {
        if !rooms.contains(&room) {
            ban(name, "another room keeps it");
        }
    }
    if PURE.contains(&room) {
        for name in IMPURE {
            ban(name, "values in, values out");
        }
    }
    out
}

pub fn shape(file: &Source) -> Vec<String> {
    let sized = ["rs", "ts", "tsx", "js", "mjs", "css", "py", "sh"];
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    let script = file.path.starts_with("scripts/");
    if file.is_generated() || !(script || sized.contains(&extension)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        out.push(file.finding(0, format_args!("{lines} lines; the hard stop is {FILE_LINES}")));
    }
    if !file.is_rust() {
        return out;
    }
    for (n, line) in file.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS {
            out.push(format!("{}:{}: {columns} columns", file.path, n + 1));
        }
    }
    if !file.text.starts_with("//!") {
        out.push(file.finding(0, "no //! head that says the duty and the invariant"));
    }
    out.extend(long_functions(file));
    out
}

fn long_functions(file: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for at in file.words("fn") {
        let Some(open) = body_start(&file.code, at) else { continue };
        let end = block_end(&file.code, open);
        let lines = file.line_of(end).saturating_sub(file.line_of(open) + 1);
        if lines > FUNCTION_LINES {
            let what = format!("a function of {lines} lines; the stop is {FUNCTION_LINES}");
            out.push(file.finding(at, what));
        }
    }
    out
}

/// The brace that opens the body of the function at `at`; `None` for a declaration or a type.
fn body_start(code: &str, at: usize) -> Option<usize> {
    let named = code[at + 2..].trim_start().bytes().next().is_some_and(is_name);
    if !named {
        return None;
    }
    let mut depth = 0i32;
    for (n, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(n),
            _ => {}
        }
    }
    None
}

/// Files in which `unsafe` may stand: one per instruction-set kernel, beside a safe twin.
const UNSAFE_FILES: &[&str] = &[
    "crypto/src/sm4/aesni.rs",
    "crypto/src/sm4/armv8_aes.rs",
    "crypto/src/sm4/armv8_sm4.rs",
    "crypto/src/sm4/gfni256.rs",
    "crypto/src/sm4/gfni512.rs",
    "crypto/src/sm4/neon.rs",
];

pub fn bans(file: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for word in ["TODO", "FIXME", "XXX", "HACK"] {
        out.extend(plain_word(file, word));
    }
    if !file.is_rust() || file.is_generated() {
        return out;
    }
    let mut code = |word: &str, why: &str| {
        out.extend(file.words(word).map(|at| file.finding(at, format_args!("{word}: {why}"))));
    };
    code("todo!", "unfinished");
    code("unimplemented!", "unfinished");
    code("dbg!", "debugging");
    code("#[ignore]", "say the reason: #[ignore = \"…\"]");
    code("#[allow(dead_code)]", "delete what is dead");
    if !UNSAFE_FILES.contains(&file.path.as_str()) {
        code("unsafe", "not in this file");
    }
    out
}

pub fn product_code(file: &Source) -> Vec<String> {
    let product = file.path.starts_with("src/") || file.path.starts_with("crypto/src/");
    if !file.is_rust() || !product || file.is_test() || file.is_generated() {
        return Vec::new();
    }
    let tests = file.test_ranges();
    let room = file.room().unwrap_or("crypto");
    let mut banned = vec![".unwrap()", ".expect(", "panic!"];
    if !CLOCKED.contains(&room) {
        banned.extend(["Instant::now", "SystemTime::now", "tokio::spawn", "thread_rng"]);
    }
    let mut out = Vec::new();
    for word in banned {
        for at in file.words(word) {
            if !tests.iter().any(|(from, to)| (*from..*to).contains(&at)) {
                out.push(file.finding(at, format_args!("{word} in product code")));
            }
        }
    }
    out
}

/// Words about how the project is made, and about machines it was made on.
const PROCESS: &[&str] = &[
    "LLM",
    "language model",
    "subagent",
    "sub-agent",
    "AI-generated",
    "generated by AI",
    "Claude",
    "Anthropic",
    "ChatGPT",
    "OpenAI",
    "Copilot",
    "this sandbox",
    "the sandbox machine",
    "in this session we",
    "previous session",
    "the brief",
    "as an AI",
    "/work/",
    "/tmp/notes",
    "/root/",
    "issue 2",
    "build machine",
];
/// Phrases that are words of the trade in code, and of the making in prose.
const PROCESS_PROSE: &[&str] = &["this session", "sandbox"];

pub fn words(file: &Source) -> Vec<String> {
    let mut out: Vec<String> = PROCESS.iter().flat_map(|word| plain_word(file, word)).collect();
    if file.path.ends_with(".md") || file.path.starts_with("scripts/") {
        out.extend(PROCESS_PROSE.iter().flat_map(|word| plain_word(file, word)));
    }
    if file.path.ends_with("package-lock.json") {
        for (n, line) in file.text.lines().enumerate() {
            let away = line.contains("\"resolved\"") && !line.contains("//registry.npmjs.org/");
            if away {
                out.push(format!("{}:{}: a registry that others cannot reach", file.path, n + 1));
            }
        }
    }
    out
}

fn plain_word(file: &Source, word: &str) -> Vec<String> {
    let bytes = file.text.as_bytes();
    let edge = |at: usize| bytes.get(at).is_none_or(|b| !is_name(*b));
    file.text
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| !is_name(word.as_bytes()[0]) || at == 0 || edge(at - 1))
        .filter(|&at| !is_name(word.as_bytes()[word.len() - 1]) || edge(at + word.len()))
        .map(|at| file.finding(at, format_args!("{word:?} does not belong here")))
        .collect()
}

const TOP_FOLDERS: &[&str] =
    &["src", "crypto", "image", "packaging", "scripts", ".cargo", "tests", ".ci", ".github"];
const TOP_FILES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "README.zh.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "clippy.toml",
    ".gitignore",
    ".gitattributes",
    ".editorconfig",
];

pub fn layout(file: &Source) -> Vec<String> {
    let known = match file.path.split_once('/') {
        Some((folder, _)) => TOP_FOLDERS.contains(&folder),
        None => TOP_FILES.contains(&file.path.as_str()),
    };
    let mut out = Vec::new();
    if !known {
        out.push(format!("{}: not part of the top-level layout", file.path));
    }
    let built = ["/dist/", ".min.js", ".min.css", ".js.map", ".wasm", ".br", ".gz"];
    let bundle = built.iter().any(|end| file.path.contains(end));
    let long = ["js", "mjs", "css", "html"].iter().any(|e| file.path.ends_with(&format!(".{e}")))
        && file.text.lines().any(|line| line.len() > 2_000);
    if !file.path.starts_with("tests/") && (bundle || long) {
        out.push(format!("{}: a built bundle is not committed", file.path));
    }
    out
}

/// Files in `src/` that no `mod` line names; `all` is the whole tree.
pub fn orphans(all: &[Source]) -> Vec<String> {
    let rust = |file: &&Source| file.is_rust() && file.path.starts_with("src/");
    let mut out = Vec::new();
    for file in all.iter().filter(rust).filter(|f| !f.is_generated()) {
        let path = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        if folder == "src" && (name == "lib" || name == "main") {
            continue;
        }
        let parents = [format!("{folder}/mod.rs"), format!("{folder}.rs"), "src/lib.rs".into()];
        let line = format!("mod {name};");
        let parents = if folder == "src" { &parents[2..] } else { &parents[..2] };
        let sibling = format!("#[path = \"{name}.rs\"]");
        let named = all.iter().any(|f| {
            let beside = f.path.rsplit_once('/').is_some_and(|(of, _)| of == folder);
            (parents.contains(&f.path) && f.words(&line).next().is_some())
                || (beside && f.text.contains(&sibling))
        });
        if !named {
            out.push(format!("{}: no `mod {name};` names this file", file.path));
        }
    }
    out
}
