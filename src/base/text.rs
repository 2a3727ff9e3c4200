//! A sentence in the two languages the product speaks, and text that must not reach a log.

use std::fmt;

/// One sentence in English and Chinese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: &'static str,
    pub zh: &'static str,
}

/// The language of an operator, an agent or a visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Language {
    /// Chinese for every tag that begins with `zh`, English for the rest.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let zh = tag.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("zh"));
        if zh { Self::Zh } else { Self::En }
    }
}

impl Text {
    #[must_use]
    pub fn get(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Zh => self.zh,
        }
    }
}

/// Text of or about a person: a message body, a name, an address. `Debug` prints `***`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Private(pub String);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Private {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::ops::Deref for Private {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}
