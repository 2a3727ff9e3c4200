//! What is wrong with a configuration, in three lines: what, why, what to do next.

use super::tree::{Place, Source};
use crate::base::code::{self, Code};
use crate::base::{Language, Text};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub code: Code,
    pub place: Place,
    /// The dotted key; empty when the whole file is meant.
    pub key: String,
    /// The value as it stands there; empty when there is none.
    pub value: Box<str>,
    pub hint: Hint,
}

/// What helps to put it right.
#[derive(Clone, Debug, PartialEq)]
pub enum Hint {
    None,
    /// The key or value that was probably meant.
    Nearest(String),
    /// All that would be right.
    Known(Vec<String>),
    /// The form that is asked for.
    Form(Text),
    /// Least and most.
    Range(u64, u64),
    /// The key it contradicts, or needs beside it.
    Partner(&'static str),
    /// The system's or the parser's own words.
    Detail(String),
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, place: Place) -> Self {
        Self { code, place, key: String::new(), value: Box::default(), hint: Hint::None }
    }

    #[must_use]
    pub fn at(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.key = key.into();
        self.value = value.into().into_boxed_str();
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: Hint) -> Self {
        self.hint = hint;
        self
    }

    /// What happened, why it matters, what to do next.
    #[must_use]
    pub fn lines(&self, language: Language) -> [String; 3] {
        let (what, why, remedy) = self.code.row().map_or(("", "", ""), |row| {
            (row.what.get(language), row.why.get(language), row.remedy.get(language))
        });
        let mut first = String::new();
        if self.place.source != Source::Default {
            first.push_str(&format!("{}: ", self.place));
        }
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => {}
            (false, true) => first.push_str(&format!("{}: ", self.key)),
            (false, false) => first.push_str(&format!("{}: {}: ", self.key, self.value)),
        }
        first.push_str(&format!("{what} ({})", self.code.0));
        let mut last = remedy.to_owned();
        if let Some(hint) = self.hint.sentence(language) {
            last.push_str(if language == Language::Zh { "" } else { " " });
            last.push_str(&hint);
        }
        [first, why.to_owned(), last]
    }
}

impl Hint {
    fn sentence(&self, language: Language) -> Option<String> {
        let zh = language == Language::Zh;
        Some(match self {
            Self::None => return None,
            Self::Nearest(name) if zh => format!("是否想写 {name}？"),
            Self::Nearest(name) => format!("Did you mean {name}?"),
            Self::Known(names) if zh => format!("可用的有：{}。", names.join("、")),
            Self::Known(names) => format!("Known here: {}.", names.join(", ")),
            Self::Form(form) if zh => format!("应为{}。", form.zh),
            Self::Form(form) => format!("Expected {}.", form.en),
            Self::Range(least, most) if zh => format!("应在 {least} 到 {most} 之间。"),
            Self::Range(least, most) => format!("Expected {least} to {most}."),
            Self::Partner(key) if zh => format!("另请查看 {key}。"),
            Self::Partner(key) => format!("See {key}."),
            Self::Detail(words) if zh => format!("（{words}）"),
            Self::Detail(words) => format!("({words})"),
        })
    }
}

/// The form a value must have, in both languages, from what the reader expected.
#[must_use]
pub fn form(expected: &str) -> Hint {
    FORMS
        .iter()
        .find(|(word, _)| expected.contains(word))
        .map_or_else(|| Hint::Detail(expected.to_owned()), |(_, text)| Hint::Form(*text))
}

/// The first that occurs in what the reader expected is taken: the narrow ones come first.
const FORMS: &[(&str, Text)] = &[
    (
        "socket address",
        Text {
            en: "an address and a port like 0.0.0.0:8443", zh: "地址和端口，如 0.0.0.0:8443"
        },
    ),
    ("a network", Text { en: "a network like 10.0.0.0/8", zh: "网段，如 10.0.0.0/8" }),
    ("a setup code", Text { en: "a code like ABCD-EFGH-JKLM", zh: "设置码，如 ABCD-EFGH-JKLM" }),
    (
        "a machine name",
        Text {
            en: "one word of letters, digits and hyphens",
            zh: "一个由字母、数字和连字符组成的词",
        },
    ),
    (
        "an address of a machine",
        Text { en: "an address like 192.168.1.20/24", zh: "地址，如 192.168.1.20/24" },
    ),
    ("IPv4 address", Text { en: "an address like 192.168.1.1", zh: "地址，如 192.168.1.1" }),
    ("a host name", Text { en: "a host name or an address", zh: "主机名或地址" }),
    (
        "a base URL",
        Text {
            en: "a URL without a path, like https://desk.example:8443",
            zh: "不含路径的 URL，如 https://desk.example:8443",
        },
    ),
    ("a URL", Text { en: "a URL like https://…", zh: "URL，如 https://…" }),
    (
        "a log level",
        Text {
            en: "error, warn, info, debug or trace", zh: "error、warn、info、debug 或 trace"
        },
    ),
    ("a boolean", Text { en: "true or false", zh: "true 或 false" }),
    ("a string", Text { en: "text", zh: "文本" }),
    ("path", Text { en: "a path", zh: "路径" }),
    ("a sequence", Text { en: "a list", zh: "列表" }),
    ("struct", Text { en: "keys below it", zh: "其下的键" }),
    ("a map", Text { en: "keys below it", zh: "其下的键" }),
    ("u32", Text { en: "a whole number", zh: "整数" }),
    ("u64", Text { en: "a whole number", zh: "整数" }),
];

/// The nearest of `known` to what was typed, if it is near enough to be a slip: at most a third
/// of its letters differ.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(typed, name), name))
        .filter(|(distance, name)| *distance <= 1.max(name.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to insert, remove, replace or swap with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().replace('-', "_").chars().collect();
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut rows = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let at = |i: usize, j: usize| rows[i * width + j];
            let least = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let step = (at(i - 1, j) + 1).min(at(i, j - 1) + 1).min(at(i - 1, j - 1) + same);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { step.min(at(i - 2, j - 2) + 1) } else { step }
            };
            rows[i * width + j] = least;
        }
    }
    rows[a.len() * width + b.len()]
}

/// A file that could not be read.
#[must_use]
pub fn unreadable(place: Place, key: &str, value: String, error: &std::io::Error) -> Problem {
    Problem::new(code::CONFIG_UNREADABLE, place)
        .at(key, value)
        .hint(Hint::Detail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_key_and_another_word_does_not() {
        let known = ["listen", "plain_listen", "store", "limits", "log"];
        assert_eq!(nearest("listne", known), Some("listen"));
        assert_eq!(nearest("plain-listen", known), Some("plain_listen"));
        assert_eq!(nearest("Limit", known), Some("limits"));
        assert_eq!(nearest("database", known), None);
    }
}
