//! Boxes for installers: from a table to settings, images and labels, each box with a setup code of
//! its own. Architecture invariant: nothing here is kept by the program; what is written is for the
//! boxes, and readable by its owner alone, because a label is the right to claim a new site.

mod csv;
mod image;
mod label;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::base::Language;
use crate::base::code::{self, Code};
use crate::base::limits::{PROVISION_BOXES, PROVISION_BYTES};
use crate::base::qr::Qr;
use crate::config::{self, Inputs, SetupCode};

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub name: String,
    /// Where the box answers: its fixed address, or its name on the network.
    pub url: String,
    pub code: SetupCode,
    /// Printed on the label.
    pub note: String,
    settings: String,
}

/// Why boxes were not prepared.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub code: Code,
    /// The line of the table, or the file.
    pub detail: String,
}

impl Fault {
    fn table(line: usize, what: impl std::fmt::Display) -> Self {
        Self { code: code::PROVISION_TABLE, detail: format!("line {line}: {what}") }
    }

    fn io(about: &Path, error: &io::Error) -> Self {
        Self { code: code::PROVISION_IO, detail: format!("{}: {error}", about.display()) }
    }
}

const COLUMNS: [&str; 8] =
    ["name", "address", "gateway", "dns", "language", "profile", "setup_code", "note"];

/// Reads the table: a first row with names of columns, then a row a box. `draw` makes a code for a
/// row that has none.
///
/// # Errors
/// `PROVISION_TABLE` with the line.
pub fn read(text: &str, draw: impl Fn() -> Option<SetupCode>) -> Result<Vec<Prepared>, Fault> {
    if text.len() > PROVISION_BYTES {
        return Err(Fault::table(1, format!("more than {PROVISION_BYTES} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = csv::rows(text).map_err(|line| Fault::table(line, "a quote is not closed"))?;
    rows.retain(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
    let mut rows = rows.into_iter();
    let (line, columns) = rows.next().ok_or_else(|| Fault::table(1, "the table is empty"))?;
    if let Some(strange) = columns.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let known = COLUMNS.join(", ");
        return Err(Fault::table(line, format!("column {strange:?}; known are {known}")));
    }
    let mut boxes: Vec<Prepared> = Vec::new();
    for (line, cells) in rows {
        if cells.len() > columns.len() {
            return Err(Fault::table(line, "more cells than columns"));
        }
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name);
            at.and_then(|at| cells.get(at)).map(|cell| cell.trim()).unwrap_or_default()
        };
        let prepared = prepare(&cell, &draw).map_err(|what| Fault::table(line, what))?;
        if boxes.iter().any(|other| other.name == prepared.name) {
            return Err(Fault::table(line, format!("{} stands twice", prepared.name)));
        }
        boxes.push(prepared);
        if boxes.len() > PROVISION_BOXES {
            return Err(Fault::table(line, format!("more than {PROVISION_BOXES} boxes")));
        }
    }
    Ok(boxes)
}

fn prepare<'a>(
    cell: &impl Fn(&str) -> &'a str,
    draw: &impl Fn() -> Option<SetupCode>,
) -> Result<Prepared, String> {
    // The name becomes a folder, so it is looked at before the settings are.
    let name = cell("name");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(plain) {
        return Err(format!("{name:?} is no name of a machine"));
    }
    let code = match cell("setup_code") {
        "" => draw().ok_or("no randomness")?,
        text => SetupCode::read(text).ok_or("no setup code: XXXX-XXXX-XXXX")?,
    };
    let address = cell("address");
    let host = match address.split_once('/') {
        Some((host, _)) => host.to_owned(),
        None => format!("{name}.local"),
    };
    // JSON strings are strings of YAML, too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut settings = format!("appliance:\n  name: {}\n", quoted(name));
    for key in ["address", "gateway"] {
        if !cell(key).is_empty() {
            settings += &format!("  {key}: {}\n", quoted(cell(key)));
        }
    }
    let servers: Vec<String> = cell("dns").split_whitespace().map(quoted).collect();
    if !servers.is_empty() {
        settings += &format!("  dns: [{}]\n", servers.join(", "));
    }
    settings += &format!("  setup_code: {}\n", quoted(&code.0));
    if !cell("language").is_empty() {
        settings += &format!("language: {}\n", quoted(cell("language")));
    }
    if !cell("profile").is_empty() {
        settings += &format!("crypto:\n  profile: {}\n", quoted(cell("profile")));
    }
    let url = format!("https://{host}/");
    let note = cell("note").to_owned();
    Ok(Prepared { name: name.to_owned(), url, code, note, settings })
}

impl Prepared {
    /// Where the site is claimed; the code stands behind the #, so no request carries it.
    fn setup_url(&self) -> String {
        format!("{}setup#code={}", self.url, &*self.code.0)
    }
}

/// Writes `OUT/NAME/posthouse.yaml` for each box, `OUT/NAME/posthouse.img` when there is an image,
/// and `OUT/labels.pdf`. A folder that is there already is refused: its labels may be printed.
///
/// # Errors
/// `PROVISION_TABLE`: settings that a box would not take. `PROVISION_IMAGE` or `PROVISION_IO`.
pub fn write(boxes: &[Prepared], image: Option<&Path>, out: &Path) -> Result<(), Fault> {
    let place = image.map(image::Place::find).transpose()?;
    fs::create_dir_all(out).map_err(|error| Fault::io(out, &error))?;
    for prepared in boxes {
        let folder = out.join(&prepared.name);
        fs::create_dir(&folder).map_err(|error| Fault::io(&folder, &error))?;
        let file = folder.join("posthouse.yaml");
        put(&file, prepared.settings.as_bytes()).map_err(|error| Fault::io(&file, &error))?;
        check(&prepared.name, file)?;
        if let Some(place) = &place {
            place.copy(&folder.join("posthouse.img"), &prepared.settings)?;
        }
    }
    let labels: Option<Vec<(&Prepared, Qr)>> =
        boxes.iter().map(|own| Some((own, Qr::encode(&own.setup_url())?))).collect();
    let labels = labels.ok_or_else(|| Fault::table(1, "an address is too long for a label"))?;
    let file = out.join("labels.pdf");
    put(&file, &label::pdf(&labels)).map_err(|error| Fault::io(&file, &error))
}

/// What the box will say to its settings.
fn check(name: &str, file: PathBuf) -> Result<(), Fault> {
    let loaded = config::load(&Inputs { file: Some(file), ..Inputs::default() });
    let Err(problems) = loaded else { return Ok(()) };
    let lines = problems.iter().flat_map(|problem| problem.lines(Language::En));
    let detail = format!("{name}: {}", lines.collect::<Vec<_>>().join(" "));
    Err(Fault { code: code::PROVISION_TABLE, detail })
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "name,address,gateway,dns,language,profile,note\n\
        counter,192.168.1.20/24,192.168.1.1,192.168.1.1 192.168.1.2,zh,both,\"门店 1, 柜台\"\n\
        \nback-room\n";

    fn draw() -> Option<SetupCode> {
        Some(SetupCode::of([7; 12]))
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ph-boxes-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn a_table_becomes_settings_that_boxes_take_and_labels() {
        let boxes = read(TABLE, draw).unwrap();
        assert_eq!(boxes[0].setup_url(), "https://192.168.1.20/setup#code=HHHH-HHHH-HHHH");
        assert_eq!(boxes[1].url, "https://back-room.local/");
        let out = folder("good");
        write(&boxes, None, &out).unwrap();
        let file = Some(out.join("counter/posthouse.yaml"));
        let config = config::load(&Inputs { file, ..Inputs::default() }).unwrap().config;
        assert_eq!(config.appliance.dns.len(), 2);
        assert_eq!(config.appliance.setup_code, draw());
        assert_eq!(config.language.map(Language::from), Some(Language::Zh));
        let pdf = fs::read(out.join("labels.pdf")).unwrap();
        assert!(pdf.starts_with(b"%PDF-1.4") && pdf.ends_with(b"%%EOF\n"));
        let again = write(&boxes, None, &out).unwrap_err();
        assert_eq!(again.code, code::PROVISION_IO);
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn a_mistake_in_the_table_is_named_by_its_line() {
        for (table, line) in [
            ("", "line 1"),
            ("name,colour\n", "line 1"),
            ("name\n../up\n", "line 2"),
            ("name\na\n\na\n", "line 4"),
            ("name\na,b\n", "line 2"),
            ("name,setup_code\na,ABCD\n", "line 2"),
            ("name\n\"a\n", "line 2"),
        ] {
            let fault = read(table, draw).unwrap_err();
            assert!(fault.detail.starts_with(line), "{table:?}: {}", fault.detail);
        }
        let out = folder("bad");
        let boxes = read("name,address\na,10.0.0.0/8\n", draw).unwrap();
        let fault = write(&boxes, None, &out).unwrap_err();
        assert!(fault.detail.contains("appliance.address"), "{}", fault.detail);
        fs::remove_dir_all(out).unwrap();
    }
}
