//! From the tree to typed settings: a serde reader whose errors carry the place, the key and the
//! value they are about.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};

use super::problem::{self, Hint, Problem, nearest};
use super::tree::{Kind, Node, Pair, Place};
use crate::base::code;

/// Reads a whole tree.
pub fn read<T: DeserializeOwned>(root: &Node) -> Result<T, Problem> {
    T::deserialize(Reader(root)).map_err(|wrong| wrong.into_problem(root))
}

#[derive(Clone, Copy)]
struct Reader<'a>(&'a Node);

/// What serde reports, and where it happened as far as is known on the way up.
#[derive(Debug)]
struct Wrong {
    what: What,
    path: Vec<String>,
    found: Option<(Place, String)>,
}

#[derive(Debug)]
enum What {
    Unknown { name: String, known: &'static [&'static str] },
    Variant { known: &'static [&'static str], typed: String },
    Missing(&'static str),
    Form(String),
}

impl Wrong {
    fn new(what: What) -> Self {
        Self { what, path: Vec::new(), found: None }
    }

    /// The error happened below `name`, at the latest in `node`.
    fn below(mut self, name: &str, node: &Node) -> Self {
        self.path.insert(0, name.to_owned());
        self.found.get_or_insert_with(|| (node.place.clone(), node.shown()));
        self
    }

    fn into_problem(self, root: &Node) -> Problem {
        let (place, value) = self.found.unwrap_or_else(|| (root.place.clone(), root.shown()));
        let mut key = self.path.join(".");
        let (code, hint) = match self.what {
            What::Unknown { name, known } => {
                let hint = nearest(&name, known.iter().copied()).map_or_else(
                    || Hint::Known(known.iter().map(|&name| name.to_owned()).collect()),
                    |near| Hint::Nearest(near.to_owned()),
                );
                if key.is_empty() {
                    key = name;
                }
                (code::CONFIG_UNKNOWN_KEY, hint)
            }
            What::Variant { known, typed } => {
                let hint = nearest(&typed, known.iter().copied()).map_or_else(
                    || Hint::Known(known.iter().map(|&name| name.to_owned()).collect()),
                    |near| Hint::Nearest(near.to_owned()),
                );
                (code::CONFIG_WRONG_VALUE, hint)
            }
            What::Missing(field) => (code::CONFIG_MISSING, Hint::Known(vec![field.to_owned()])),
            What::Form(expected) => (code::CONFIG_WRONG_VALUE, problem::form(&expected)),
        };
        Problem::new(code, place).at(key, value).hint(hint)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.what, self.path.join("."))
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Form(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Form(expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Form(expected.to_string()))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::Unknown { name: name.to_owned(), known })
    }

    fn unknown_variant(typed: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::Variant { known, typed: typed.to_owned() })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }
}

/// Numbers and truths typed outside a file arrive as text.
macro_rules! from_text {
    ($($method:ident $visit:ident $type:ty, $form:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self.0.untyped().map(|text| text.trim().parse::<$type>()) {
                Some(Ok(value)) => visitor.$visit(value),
                Some(Err(_)) => Err(Wrong::new(What::Form($form.to_owned()))),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Truth(truth) => visitor.visit_bool(*truth),
            Kind::Whole(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (Err(_), Ok(number)) => visitor.visit_i64(number),
                (Err(_), Err(_)) => visitor.visit_i128(*number),
            },
            Kind::Real(number) => visitor.visit_f64(*number),
            Kind::Text(text) => visitor.visit_str(text),
            Kind::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Kind::Map(pairs) => visitor.visit_map(Pairs { pairs, next: 0 }),
        }
    }

    from_text! {
        deserialize_bool visit_bool bool, "a boolean";
        deserialize_u8 visit_u8 u8, "u32";
        deserialize_u16 visit_u16 u16, "u32";
        deserialize_u32 visit_u32 u32, "u32";
        deserialize_u64 visit_u64 u64, "u64";
        deserialize_i64 visit_i64 i64, "u64";
        deserialize_f64 visit_f64 f64, "u64";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.kind == Kind::Null || self.0.untyped() == Some("") {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// A list in a variable or flag is written with commas. A key whose children are all
    /// commented out is an empty list, or an empty section.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let texts = match self.0.untyped() {
            Some(text) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
            None if self.0.kind == Kind::Null => Vec::new(),
            None => return self.deserialize_any(visitor),
        };
        let node =
            |text: &str| Node { place: self.0.place.clone(), kind: Kind::Text(text.to_owned()) };
        let items: Vec<Node> = texts.into_iter().map(node).collect();
        visitor.visit_seq(Items { items: &items, next: 0 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.kind == Kind::Null {
            return visitor.visit_map(Pairs { pairs: &[], next: 0 });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let Kind::Text(text) = &self.0.kind else {
            return Err(Wrong::new(What::Form("a string".to_owned())));
        };
        let variant: StrDeserializer<'_, Wrong> = text.as_str().into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let name = self.next.to_string();
        self.next += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|wrong| wrong.below(&name, item))
    }
}

struct Pairs<'a> {
    pairs: &'a [Pair],
    next: usize,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some(pair) = self.pairs.get(self.next) else { return Ok(None) };
        let name: StrDeserializer<'_, Wrong> = pair.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|mut wrong| {
            wrong.path.insert(0, pair.name.clone());
            wrong.found = Some((pair.place.clone(), pair.node.shown()));
            wrong
        })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let pair = self
            .pairs
            .get(self.next)
            .ok_or_else(|| Wrong::new(What::Form("a value after its key".to_owned())))?;
        self.next += 1;
        seed.deserialize(Reader(&pair.node)).map_err(|wrong| wrong.below(&pair.name, &pair.node))
    }
}
