//! Text from outside, made fit to store: lengths checked, control characters taken out. Nothing
//! here knows HTML: text stays text, and whoever shows it must not interpret it.

use super::command::Refusal;
use super::entry::Profile;
use crate::base::code::{self, Code};
use crate::base::{Private, limits};

type Checked<T> = Result<T, Refusal>;

/// A text of several lines: a message, a note, a comment, a greeting.
pub(super) fn lines(text: &str, max: usize, too_long: Code) -> Checked<Private> {
    if text.len() > max {
        return Err(Refusal::new(too_long));
    }
    let kept = text.replace("\r\n", "\n");
    let kept: String =
        kept.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    Ok(Private(kept.trim_matches(['\n', ' ', '\t']).to_owned()))
}

/// The same, and something must be left.
pub(super) fn some_lines(text: &str, max: usize, too_long: Code) -> Checked<Private> {
    let kept = lines(text, max, too_long)?;
    if kept.trim().is_empty() { Err(Refusal::new(code::EMPTY)) } else { Ok(kept) }
}

/// A name of one line. Characters that change the direction of text are dropped: `fdp.exe` would
/// otherwise show as `exe.pdf`.
pub(super) fn line(text: &str, max: usize) -> Checked<String> {
    if text.len() > max {
        return Err(Refusal::new(code::NAME_TOO_LONG));
    }
    Ok(one_line(text))
}

/// The same, and something must be left.
pub(super) fn some_line(text: &str, max: usize) -> Checked<String> {
    let kept = line(text, max)?;
    if kept.is_empty() { Err(Refusal::new(code::BAD_VALUE)) } else { Ok(kept) }
}

/// What a browser reports of itself: cut to its limit, never refused.
pub(super) fn cut(text: &str, max: usize) -> String {
    one_line(&text[..text.floor_char_boundary(max)])
}

fn one_line(text: &str) -> String {
    let kept =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns_text(*c));
    kept.collect::<String>().trim().to_owned()
}

fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

pub(super) fn profile(profile: &Profile) -> Checked<Profile> {
    Ok(Profile {
        name: line(&profile.name, limits::NAME_BYTES)?.into(),
        contact: line(&profile.contact, limits::NAME_BYTES)?.into(),
        page: cut(&profile.page, limits::URL_BYTES).into(),
        page_title: cut(&profile.page_title, limits::NAME_BYTES).into(),
        referrer: cut(&profile.referrer, limits::URL_BYTES).into(),
        device: cut(&profile.device, limits::FILE_NAME_BYTES),
        address: cut(&profile.address, limits::NAME_BYTES).into(),
        language: cut(&profile.language, limits::LANGUAGE_BYTES),
    })
}

/// `now` with the fields that `new` fills in replaced.
pub(super) fn merged(now: &Profile, new: Profile) -> Profile {
    let private = |new: Private, old: &Private| if new.is_empty() { old.clone() } else { new };
    let plain = |new: String, old: &String| if new.is_empty() { old.clone() } else { new };
    Profile {
        name: private(new.name, &now.name),
        contact: private(new.contact, &now.contact),
        page: private(new.page, &now.page),
        page_title: private(new.page_title, &now.page_title),
        referrer: private(new.referrer, &now.referrer),
        device: plain(new.device, &now.device),
        address: private(new.address, &now.address),
        language: plain(new.language, &now.language),
    }
}

/// A BCP 47 tag, as far as a desk must know.
pub(super) fn language(tag: &str) -> Checked<String> {
    let plain = tag.len() <= limits::LANGUAGE_BYTES
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && tag.starts_with(|c: char| c.is_ascii_alphabetic());
    if plain { Ok(tag.to_owned()) } else { Err(Refusal::new(code::BAD_VALUE)) }
}

/// `#rrggbb`
pub(super) fn color(text: &str) -> Checked<String> {
    let digits = text.strip_prefix('#').unwrap_or_default();
    let plain = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { Ok(text.to_ascii_lowercase()) } else { Err(Refusal::new(code::BAD_VALUE)) }
}

/// `scheme://host[:port]` as a browser's Origin header writes it, in lower case.
pub(super) fn origin(text: &str) -> Checked<String> {
    let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let bad = Err(Refusal::new(code::BAD_VALUE));
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return bad;
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    if rest.is_empty() || text.len() > limits::NAME_BYTES || !rest.bytes().all(plain) {
        return bad;
    }
    Ok(text)
}
