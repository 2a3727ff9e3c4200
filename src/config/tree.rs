//! The configuration before it has a meaning: a tree whose every value knows the line, variable or
//! flag it came from. Files, environment and flags are laid over each other here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, Options, Spanned};

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(Arc<Path>),
    /// Name of the environment variable.
    Variable(String),
    /// The flag as it is typed, `--listen`.
    Flag(&'static str),
    Default,
}

/// Where a value stands. `line` and `column` count from 1; 0 = there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Source,
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Truth(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Pair>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    pub node: Node,
}

impl Place {
    #[must_use]
    pub fn whole(source: Source) -> Self {
        Self { source, line: 0, column: 0 }
    }

    #[must_use]
    pub fn of(file: &Arc<Path>, location: Location) -> Self {
        let whole = |number: u64| u32::try_from(number).unwrap_or(0);
        Self {
            source: Source::File(Arc::clone(file)),
            line: whole(location.line()),
            column: whole(location.column()),
        }
    }

    /// The folder relative paths of this place count from; `None` = the working folder.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.source {
            Source::File(file) => file.parent().map(Path::to_path_buf),
            Source::Variable(_) | Source::Flag(_) | Source::Default => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(file) => file.display().fmt(f)?,
            Source::Variable(name) => write!(f, "${name}")?,
            Source::Flag(flag) => f.write_str(flag)?,
            Source::Default => f.write_str("default")?,
        }
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

impl Node {
    #[must_use]
    pub fn empty() -> Self {
        Self { place: Place::whole(Source::Default), kind: Kind::Map(Vec::new()) }
    }

    /// Reads YAML; an empty text is an empty map.
    pub fn parse(yaml: &str, file: &Path) -> Result<Self, Error> {
        let file: Arc<Path> = file.into();
        let mut options = Options::default();
        options.with_snippet = false;
        options.strict_booleans = true;
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(yaml, options)?;
        Ok(raw_to_node(raw, &file))
    }

    /// Lays `other` over this tree: maps are joined key by key, everything else is replaced.
    pub fn lay(&mut self, other: Self) {
        if let Kind::Null = other.kind {
            return;
        }
        match (&mut self.kind, other.kind) {
            (Kind::Map(own), Kind::Map(new)) => {
                for pair in new {
                    match own.iter_mut().find(|own| own.name == pair.name) {
                        Some(old) => {
                            old.place = pair.place;
                            old.node.lay(pair.node);
                        }
                        None => own.push(pair),
                    }
                }
            }
            (own, new) => {
                *own = new;
                self.place = other.place;
            }
        }
    }

    /// A tree that holds one value at a dotted key.
    #[must_use]
    pub fn single(key: &str, value: &str, source: Source) -> Self {
        let place = Place::whole(source);
        let leaf = Self { place: place.clone(), kind: Kind::Text(value.to_owned()) };
        key.rsplit('.').fold(leaf, |node, name| Self {
            place: place.clone(),
            kind: Kind::Map(vec![Pair { name: name.to_owned(), place: place.clone(), node }]),
        })
    }

    /// The node at a dotted key (`tls.acme.directory`).
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Self> {
        key.split('.').try_fold(self, |node, name| match &node.kind {
            Kind::Map(pairs) => pairs.iter().find(|pair| pair.name == name).map(|pair| &pair.node),
            Kind::List(items) => items.get(name.parse::<usize>().ok()?),
            Kind::Null | Kind::Truth(_) | Kind::Whole(_) | Kind::Real(_) | Kind::Text(_) => None,
        })
    }

    /// The value as an error message shows it: short, on one line.
    #[must_use]
    pub fn shown(&self) -> String {
        let whole = match &self.kind {
            Kind::Null => "~".to_owned(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Whole(number) => number.to_string(),
            Kind::Real(number) => number.to_string(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::List(items) => format!("[{} …]", items.len()),
            Kind::Map(_) => "{…}".to_owned(),
        };
        match whole.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
            None => whole,
        }
    }

    /// The text of a variable or flag: outside a file everything is text.
    #[must_use]
    pub fn untyped(&self) -> Option<&str> {
        match (&self.place.source, &self.kind) {
            (Source::Variable(_) | Source::Flag(_), Kind::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// Longest value an error message repeats: it must fit a line.
const SHOWN_CHARS: usize = 60;

fn raw_to_node(raw: Spanned<Raw>, file: &Arc<Path>) -> Node {
    let place = Place::of(file, raw.referenced);
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Truth(truth) => Kind::Truth(truth),
        Raw::Whole(number) => Kind::Whole(number),
        Raw::Real(number) => Kind::Real(number),
        Raw::Text(text) => Kind::Text(text),
        Raw::List(items) => {
            Kind::List(items.into_iter().map(|item| raw_to_node(item, file)).collect())
        }
        Raw::Map(pairs) => Kind::Map(
            pairs
                .into_iter()
                .map(|(key, value)| Pair {
                    place: Place::of(file, key.referenced),
                    name: key.value,
                    node: raw_to_node(value, file),
                })
                .collect(),
        ),
    };
    Node { place, kind }
}

/// What the YAML reader hands over.
enum Raw {
    Null,
    Truth(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Whole(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Whole(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(yaml: &str) -> Node {
        Node::parse(yaml, Path::new("p.yaml")).unwrap()
    }

    #[test]
    fn every_value_knows_its_line() {
        let tree = tree("# head\nlisten: 0.0.0.0:80\nstore:\n  redb_cache_mib: 8\n");
        assert_eq!(tree.find("listen").unwrap().place.to_string(), "p.yaml:2:9");
        assert_eq!(tree.find("store.redb_cache_mib").unwrap().place.line, 4);
        assert_eq!(tree.find("store.redb_cache_mib").unwrap().kind, Kind::Whole(8));
    }

    #[test]
    fn a_later_tree_replaces_values_and_keeps_what_it_does_not_name() {
        let mut low = tree("store: {redb_cache_mib: 8, journal_segment_mib: 1}\nendpoints: [a, b]");
        low.lay(tree("store: {redb_cache_mib: 9}\nendpoints: [c]\ntls:\n"));
        assert_eq!(low.find("store.redb_cache_mib").unwrap().kind, Kind::Whole(9));
        assert_eq!(low.find("store.journal_segment_mib").unwrap().kind, Kind::Whole(1));
        assert_eq!(low.find("endpoints.0").unwrap().kind, Kind::Text("c".to_owned()));
        assert!(low.find("endpoints.1").is_none());
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_with_its_line() {
        let error = Node::parse("listen: a\nlisten: b\n", Path::new("p.yaml")).unwrap_err();
        assert_eq!(error.location().unwrap().line(), 2);
    }

    #[test]
    fn an_alias_bomb_and_a_deep_nest_are_refused() {
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for i in 1..9 {
            let names = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{names}]\n"));
        }
        assert!(Node::parse(&bomb, Path::new("p.yaml")).is_err());
        let nest = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(Node::parse(&nest, Path::new("p.yaml")).is_err());
    }
}
