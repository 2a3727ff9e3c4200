//! Reading the tree: every source file, its text, and the same text with comments and literals
//! blanked (same length, same lines), so that rules look at code and never at prose.

use std::path::{Path, PathBuf};

pub struct Source {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    pub text: String,
    /// `text` with comments and the insides of literals turned into spaces; Rust files only.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blank(text) } else { text.to_owned() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Made by a program or a table: exempt from the rules of shape.
    pub fn is_generated(&self) -> bool {
        self.path.contains("/gen/")
    }

    /// True for a file that holds only tests.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
    }

    /// The room of a file in `src/`: `src/desk/entry.rs` and `src/desk.rs` are in `desk`.
    pub fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        Some(rest.split('/').next()?.trim_end_matches(".rs"))
    }

    pub fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
    }

    pub fn finding(&self, offset: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{}: {what}", self.path, self.line_of(offset))
    }

    /// Byte ranges of the items under `#[cfg(test)]`.
    pub fn test_ranges(&self) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        for (start, _) in self.code.match_indices("#[cfg(test)]") {
            let open = self.code[start..].find(['{', ';']).map(|n| start + n);
            let end = match open {
                Some(at) if self.code.as_bytes()[at] == b'{' => block_end(&self.code, at),
                Some(at) => at,
                None => self.code.len(),
            };
            ranges.push((start, end));
        }
        ranges
    }

    /// Offsets of `word` in the code, where it is not part of a longer name.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let code = self.code.as_bytes();
        self.code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
            let starts = !is_name(word.as_bytes()[0]) || at == 0 || !is_name(code[at - 1]);
            let last = word.as_bytes()[word.len() - 1];
            let after = code.get(at + word.len()).copied().unwrap_or(b' ');
            starts && (!is_name(last) || !is_name(after))
        })
    }
}

pub fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Offset of the brace that closes the one at `open`.
pub fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (n, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return n;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the insides of literals; keeps every newline and every offset.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            let quoted = bytes[at] != b'/';
            for byte in &mut out[at + usize::from(quoted)..end - usize::from(quoted)] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// End of the comment or literal that starts at `at`; `at` itself when none does.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let named = at > 0 && is_name(bytes[at - 1]);
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment(rest);
    }
    match rest[0] {
        b'"' => at + quoted(rest),
        b'r' if !named || bytes[at - 1] == b'b' => at + raw_string(rest),
        b'\'' => at + character(rest),
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut n) = (0, 0);
    while n < rest.len() {
        if rest[n..].starts_with(b"/*") {
            depth += 1;
            n += 2;
        } else if rest[n..].starts_with(b"*/") {
            depth -= 1;
            n += 2;
            if depth == 0 {
                return n;
            }
        } else {
            n += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8]) -> usize {
    let mut n = 1;
    while n < rest.len() {
        match rest[n] {
            b'\\' => n += 2,
            b'"' => return n + 1,
            _ => n += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = &rest[2 + hashes..];
    let end = body.windows(close.len()).position(|w| w == close);
    end.map_or(rest.len(), |n| 2 + hashes + n + close.len())
}

/// A character literal, not a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|b| *b == b'\'');
        return end.map_or(0, |n| n + 4);
    }
    let window = &rest[1..rest.len().min(6)];
    match window.iter().position(|b| *b == b'\'') {
        Some(n) if n == 1 || (n > 1 && !window[0].is_ascii()) => n + 2,
        _ => 0,
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the tree except what is built or installed; binary files have an empty text.
pub fn tree() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(root())];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if matches!(name.as_str(), "target" | "node_modules" | ".git") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                files.push(Source::new(&relative, &text));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
