//! The size of an image by its header, pure: nothing is decoded, so a decompression bomb costs
//! nothing.
//!
//! PNG (ISO/IEC 15948, 11.2.2), JPEG (ITU-T T.81, B.2.2), GIF89a (section 18), WebP (RFC 9649),
//! AVIF (ISO/IEC 23008-12, `ispe`).

use crate::base::limits::{IMAGE_PIXELS, IMAGE_SIDE};

/// Width and height of the image that begins with `head`. `None` when the header does not say, or
/// says more than `IMAGE_SIDE` or `IMAGE_PIXELS`.
#[must_use]
pub fn measure(media_type: &str, head: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = match media_type {
        "image/png" => png(head)?,
        "image/jpeg" => jpeg(head)?,
        "image/gif" => gif(head)?,
        "image/webp" => webp(head)?,
        "image/avif" => avif(head)?,
        _ => return None,
    };
    let sane = (1..=IMAGE_SIDE).contains(&width) && (1..=IMAGE_SIDE).contains(&height);
    (sane && u64::from(width) * u64::from(height) <= IMAGE_PIXELS).then_some((width, height))
}

fn png(head: &[u8]) -> Option<(u32, u32)> {
    (head.get(12..16)? == b"IHDR").then(|| Some((big(head, 16)?, big(head, 20)?)))?
}

fn gif(head: &[u8]) -> Option<(u32, u32)> {
    let screen = head.get(6..10)?;
    let side = |at: usize| u32::from(u16::from_le_bytes([screen[at], screen[at + 1]]));
    Some((side(0), side(2)))
}

/// Walks the markers up to the frame header (SOF0 to SOF15 without DHT, JPG and DAC).
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        while *head.get(at)? == 0xff && *head.get(at + 1)? == 0xff {
            at += 1;
        }
        let &[0xff, marker, high, low] = head.get(at..at + 4)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let frame = head.get(at + 5..at + 9)?;
                let height = u16::from_be_bytes([frame[0], frame[1]]);
                let width = u16::from_be_bytes([frame[2], frame[3]]);
                return Some((width.into(), height.into()));
            }
            // Image data before a frame header, or a marker without a length: not a JPEG we know.
            0xda | 0x01 | 0xd0..=0xd9 => return None,
            _ if length < 2 => return None,
            _ => at += 2 + length,
        }
    }
}

fn webp(head: &[u8]) -> Option<(u32, u32)> {
    let body = head.get(20..)?;
    match head.get(12..16)? {
        b"VP8X" => {
            let side = |at: usize| {
                let three = body.get(at..at + 3)?;
                Some(1 + u32::from_le_bytes([three[0], three[1], three[2], 0]))
            };
            Some((side(4)?, side(7)?))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(body.get(1..5)?.try_into().ok()?);
            (*body.first()? == 0x2f).then_some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
        }
        b"VP8 " => {
            let frame = body.get(3..10)?;
            let side =
                |at: usize| u32::from(u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff);
            (frame.get(..3)? == [0x9d, 0x01, 0x2a]).then(|| (side(3), side(5)))
        }
        _ => None,
    }
}

/// The largest `ispe` property near the start: an image and its thumbnail each have one.
fn avif(head: &[u8]) -> Option<(u32, u32)> {
    let near = head.get(..head.len().min(16 * 1024))?;
    let boxes = near.windows(4).enumerate().filter(|(_, four)| *four == b"ispe");
    boxes
        .filter_map(|(at, _)| Some((big(near, at + 8)?, big(near, at + 12)?)))
        .max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

fn big(head: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    #[test]
    fn each_format_tells_its_size() {
        assert_eq!(measure("image/png", &png_of(640, 480)), Some((640, 480)));
        assert_eq!(measure("image/gif", b"GIF89a\x40\x01\xf0\x00\0\0\0"), Some((320, 240)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x0b\x08\x01\xe0\x02\x80\x03";
        assert_eq!(measure("image/jpeg", jpeg), Some((640, 480)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01";
        assert_eq!(measure("image/webp", lossy), Some((640, 480)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
        assert_eq!(measure("image/webp", extended), Some((640, 480)));
        let bits: u32 = 639 | 479 << 14;
        let mut lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".to_vec();
        lossless.extend(bits.to_le_bytes());
        assert_eq!(measure("image/webp", &lossless), Some((640, 480)));
        let mut avif = b"\0\0\0\x1cftypavif....\0\0\0\x14ispe\0\0\0\0".to_vec();
        avif.extend([0, 0, 2, 128, 0, 0, 1, 224]);
        assert_eq!(measure("image/avif", &avif), Some((640, 480)));
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        assert_eq!(measure("image/png", &png_of(IMAGE_SIDE + 1, 1)), None);
        assert_eq!(measure("image/png", &png_of(16_000, 16_000)), None);
        assert_eq!(measure("image/png", &png_of(0, 1)), None);
    }

    #[test]
    fn any_cut_or_flipped_header_is_refused_without_a_panic() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x0b\x08\x01\xe0\x02\x80\x03".as_slice();
        let webp = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01".as_slice();
        let png = png_of(64, 48);
        let kinds = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
        for image in [jpeg, webp, &png] {
            for cut in 0..image.len() {
                for kind in kinds {
                    let _ = measure(kind, &image[..cut]);
                    let mut flipped = image.to_vec();
                    flipped[cut] ^= 0xff;
                    let _ = measure(kind, &flipped);
                }
            }
        }
        assert_eq!(measure("image/jpeg", b"\xff\xd8\xff\xe0\0\0\xff\xc0"), None);
    }
}
