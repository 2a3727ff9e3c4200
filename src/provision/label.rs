//! Labels as a PDF (ISO 32000-1): ten on a page of A4, 95 by 55 mm, each with name, address, setup
//! code and the QR code that has both. No font is embedded: Latin letters are Helvetica, others are
//! left to the reader's Song typeface.

use std::fmt::Write as _;

use super::Prepared;
use crate::base::qr::Qr;

/// Points of 1/72 inch: the page, the first label's corner, a label, and its inner margin.
const PAGE: (f64, f64) = (595.0, 842.0);
const CORNER: (f64, f64) = (28.0, 31.0);
const LABEL: (f64, f64) = (269.5, 156.0);
const INSIDE: f64 = 12.0;
const COLUMNS: usize = 2;
const PER_PAGE: usize = 10;
const QR_SIDE: f64 = 108.0;
/// Letters of a line before it leaves the label.
const LINE: usize = 26;

/// Objects before the pages: catalog, list of pages, fonts.
const FIRST_PAGE: usize = 8;

/// The whole file; the same labels give the same bytes.
pub fn pdf(labels: &[(&Prepared, Qr)]) -> Vec<u8> {
    let contents: Vec<String> = labels.chunks(PER_PAGE).map(page).collect();
    let kids: Vec<String> =
        (0..contents.len()).map(|n| format!("{} 0 R", FIRST_PAGE + 2 * n)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len()),
        latin("Helvetica"),
        latin("Helvetica-Bold"),
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H \
         /DescendantFonts [6 0 R] >>"
            .to_owned(),
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo \
         << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /DW 1000 /FontDescriptor 7 0 R >>"
            .to_owned(),
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] \
         /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>"
            .to_owned(),
    ];
    for (number, content) in contents.iter().enumerate() {
        let (width, height) = PAGE;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> >> >>",
            FIRST_PAGE + 2 * number + 1
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}endstream", content.len()));
    }
    file(&objects)
}

fn latin(name: &str) -> String {
    format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
}

/// Objects behind a head, then the table of where each begins.
fn file(objects: &[String]) -> Vec<u8> {
    let mut out = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in objects.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(table, "{:010} 00000 n ", out.len());
        let _ = writeln!(out, "{} 0 obj\n{object}\nendobj", number + 1);
    }
    let (begin, count) = (out.len(), objects.len() + 1);
    let _ = write!(
        out,
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n\
         {begin}\n%%EOF\n"
    );
    out.into_bytes()
}

fn page(labels: &[(&Prepared, Qr)]) -> String {
    let mut out = String::new();
    for (number, (prepared, qr)) in labels.iter().enumerate() {
        let column = if number % COLUMNS == 0 { 0.0 } else { LABEL.0 };
        let row = (0..number / COLUMNS).fold(0.0, |sum, _| sum + LABEL.1);
        draw(&mut out, (CORNER.0 + column, PAGE.1 - CORNER.1 - row), prepared, qr);
    }
    out
}

/// One label whose upper left corner is there.
fn draw(out: &mut String, (left, top): (f64, f64), prepared: &Prepared, qr: &Qr) {
    let (width, height) = LABEL;
    let _ = writeln!(out, "0.8 G 0.3 w {left} {} {width} {height} re S", top - height);
    let text = left + INSIDE;
    line(out, (text, top - 26.0), 14, 2, &prepared.name);
    line(out, (text, top - 44.0), 8, 1, &prepared.url);
    line(out, (text, top - 72.0), 7, 1, "Setup code");
    line(out, (text + 40.0, top - 72.0), 7, 3, "设置码");
    line(out, (text, top - 88.0), 11, 2, &prepared.code.0);
    let latin = prepared.note.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let length = if latin { LINE + 4 } else { LINE / 2 + 3 };
    let note: String = prepared.note.chars().take(length).collect();
    line(out, (text, top - 116.0), 8, if latin { 1 } else { 3 }, &note);
    let corner = left + width - INSIDE - QR_SIDE;
    modules(out, (corner, top - (height - QR_SIDE) / 2.0), qr);
}

/// Latin letters in fonts 1 and 2, UTF-16 in font 3.
fn line(out: &mut String, (x, y): (f64, f64), size: u32, font: u32, text: &str) {
    let digits: String = if font == 3 {
        text.encode_utf16().map(|unit| format!("{unit:04X}")).collect()
    } else {
        text.bytes().map(|byte| format!("{byte:02X}")).collect()
    };
    let _ = writeln!(out, "BT 0 g /F{font} {size} Tf {x} {y} Td <{digits}> Tj ET");
}

/// Dark modules of a row that touch are one rectangle, in a space whose unit is a module and whose
/// y points down.
fn modules(out: &mut String, (left, top): (f64, f64), qr: &Qr) {
    let side = u32::try_from(qr.size()).unwrap_or(1);
    let unit = QR_SIDE / f64::from(side);
    let _ = writeln!(out, "q 0 g {unit:.4} 0 0 -{unit:.4} {left} {top} cm");
    for y in 0..qr.size() {
        let row: Vec<bool> = (0..qr.size()).map(|x| qr.is_dark(x, y)).collect();
        let mut x = 0;
        for run in row.chunk_by(|one, next| one == next) {
            if run[0] {
                let _ = writeln!(out, "{x} {y} {} 1 re", run.len());
            }
            x += run.len();
        }
    }
    let _ = writeln!(out, "f Q");
}
