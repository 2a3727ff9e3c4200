//! What kind of file this is, by its first bytes: the list of what an attachment may be, pure.
//! Architecture invariant: the sender's word for the type is never used.

/// A kind of file that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub media_type: &'static str,
    /// A raster image that browsers may show in place.
    pub image: bool,
}

/// The kind of the file that begins with `head`; `whole` when that is all of it. `name` only tells
/// apart what shares one container (office documents are ZIP files). `None` = not accepted.
#[must_use]
pub fn sniff(head: &[u8], whole: bool, name: &str) -> Option<Kind> {
    if let Some(media_type) = image(head) {
        return Some(Kind { media_type, image: true });
    }
    let media_type = container(head, name).or_else(|| sound(head)).or_else(|| text(head, whole))?;
    Some(Kind { media_type, image: false })
}

/// Whether a stored type may be shown in place instead of being saved.
#[must_use]
pub fn safe_inline(media_type: &str) -> bool {
    matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif")
}

fn image(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => matches!(brand(head)?, b"avif" | b"avis").then_some("image/avif"),
    }
}

fn container(head: &[u8], name: &str) -> Option<&'static str> {
    let tail = name.rsplit_once('.').map_or("", |(_, tail)| tail).to_ascii_lowercase();
    match head {
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(match tail.as_str() {
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "odt" => "application/vnd.oasis.opendocument.text",
            "ods" => "application/vnd.oasis.opendocument.spreadsheet",
            "odp" => "application/vnd.oasis.opendocument.presentation",
            "ofd" => "application/ofd",
            _ => "application/zip",
        }),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Some(match tail.as_str() {
            "xls" | "et" => "application/vnd.ms-excel",
            "ppt" | "dps" => "application/vnd.ms-powerpoint",
            _ => "application/msword",
        }),
        [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("application/x-7z-compressed"),
        [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => Some("application/vnd.rar"),
        [0x1f, 0x8b, 8, ..] => Some("application/gzip"),
        _ => None,
    }
}

fn sound(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'I', b'D', b'3', ..] => Some("audio/mpeg"),
        // Eleven bits of frame sync, MPEG 1 or 2, layer III (ISO/IEC 11172-3, 2.4.2.3).
        [0xff, second, third, ..] if second & 0xe6 == 0xe2 && third & 0xf0 != 0xf0 => {
            Some("audio/mpeg")
        }
        [b'O', b'g', b'g', b'S', ..] => Some("audio/ogg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("audio/wav"),
        [b'#', b'!', b'A', b'M', b'R', ..] => Some("audio/amr"),
        [b'f', b'L', b'a', b'C', ..] => Some("audio/flac"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            let kind = head.get(..64.min(head.len()))?;
            kind.windows(4).any(|four| four == b"webm").then_some("video/webm")
        }
        _ => match brand(head)? {
            b"M4A " | b"M4B " => Some("audio/mp4"),
            b"qt  " => Some("video/quicktime"),
            b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1"
            | b"M4V " | b"MSNV" | b"dash" | b"3gp4" | b"3gp5" | b"3gp6" => Some("video/mp4"),
            _ => None,
        },
    }
}

/// The major brand of an ISO base media file (ISO/IEC 14496-12, 4.3).
fn brand(head: &[u8]) -> Option<&[u8; 4]> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    head.get(8..12)?.try_into().ok()
}

/// Plain text: UTF-8 without control characters other than white space. What a browser could take
/// for a page is text all the same, because it is only ever served as `text/plain` to save.
fn text(head: &[u8], whole: bool) -> Option<&'static str> {
    let good = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The cut may lie in the middle of a character, never earlier.
        Err(error) if !whole && error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    (!good.is_empty() && good.chars().all(plain)).then_some("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &[u8], name: &str) -> Option<&'static str> {
        sniff(head, true, name).map(|kind| kind.media_type)
    }

    #[test]
    fn kinds_are_found_by_bytes_and_not_by_names() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n....", "a.html"), Some("image/png"));
        assert_eq!(kind(b"\xff\xd8\xff\xe0", "x"), Some("image/jpeg"));
        assert_eq!(kind(b"GIF89a", "x"), Some("image/gif"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 ", "x"), Some("image/webp"));
        assert_eq!(kind(b"\0\0\0\x1cftypavif", "x"), Some("image/avif"));
        assert_eq!(kind(b"%PDF-1.7", "x.png"), Some("application/pdf"));
        assert_eq!(kind(b"ID3\x04", "x"), Some("audio/mpeg"));
        assert_eq!(kind(b"\0\0\0\x18ftypmp42", "x"), Some("video/mp4"));
        assert!(kind(b"PK\x03\x04", "a.DOCX").unwrap().ends_with("wordprocessingml.document"));
        assert_eq!(kind(b"PK\x03\x04", "a.jar"), Some("application/zip"));
    }

    #[test]
    fn programs_and_unknown_bytes_are_refused() {
        for head in [
            b"\x7fELF\x02\x01\x01".as_slice(),
            b"MZ\x90\x00",
            b"\xca\xfe\xba\xbe",
            b"\0\0\0\x18ftypevil",
            b"\x1a\x45\xdf\xa3\x01\x02matroska",
            b"<a>\0",
            b"abc\xff",
            b"",
        ] {
            assert_eq!(kind(head, "photo.png"), None, "{head:?}");
        }
    }

    #[test]
    fn markup_is_plain_text_and_never_a_page() {
        assert_eq!(kind(b"<script>alert(1)</script>", "a.html"), Some("text/plain"));
        assert_eq!(kind(b"<svg onload=alert(1)>", "a.svg"), Some("text/plain"));
        assert!(!safe_inline("text/plain") && !safe_inline("image/svg+xml"));
    }

    #[test]
    fn a_character_cut_at_the_end_of_the_head_is_still_text() {
        let head = &"驿站".as_bytes()[..4];
        assert!(sniff(head, false, "x").is_some());
        assert!(sniff(head, true, "x").is_none());
    }
}
