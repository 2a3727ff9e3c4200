//! Names of files, as they are kept and as a download carries them, pure.

use crate::base::limits::FILE_NAME_BYTES;

/// A name that is safe to show and to save: no path, no control characters, nothing that turns the
/// direction of text (which can make `exe.gpj` look like `jpg.exe`), cut off at a character.
#[must_use]
pub fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            && !matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut kept = String::new();
    for c in last.chars().filter(shown) {
        if kept.len() + c.len_utf8() > FILE_NAME_BYTES {
            break;
        }
        kept.push(c);
    }
    let kept = kept.trim().trim_start_matches('.').to_owned();
    if kept.is_empty() { "file".to_owned() } else { kept }
}

/// The value of Content-Disposition with the name for old and new readers (RFC 6266, RFC 8187).
#[must_use]
pub fn disposition(inline: bool, name: &str) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' })
        .collect();
    let coded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{coded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_paths_controls_and_turned_text() {
        assert_eq!(clean("../../etc/passwd"), "passwd");
        assert_eq!(clean("C:\\a\\photo.png"), "photo.png");
        assert_eq!(clean("a\r\nX-Evil: 1.png"), "aX-Evil: 1.png");
        assert_eq!(clean("gpj\u{202e}.exe"), "gpj.exe");
        assert_eq!(clean("..."), "file");
        assert_eq!(clean("驿站.pdf"), "驿站.pdf");
        assert!(clean(&"驿".repeat(500)).len() <= FILE_NAME_BYTES);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let value = disposition(false, "a\"; filename=evil.exe\r\n驿<script>.png");
        assert!(!value.contains(['\r', '\n', '<']));
        assert_eq!(value.matches('"').count(), 2);
        assert!(value.starts_with("attachment; "));
        assert!(value.contains("%E9%A9%BF"));
    }
}
