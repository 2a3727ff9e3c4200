//! What is said to the person at the machine: on every console that the kernel has, screen and
//! serial line alike, and in a log that is kept. Secrets go to the consoles alone.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::clock;
use crate::base::Language;
use crate::base::code::Code;

/// The consoles and the log.
#[derive(Default)]
pub struct Console {
    open: Vec<File>,
    log: Option<Log>,
    /// What was said before there was a place for the log.
    early: Vec<String>,
}

/// Files of the log, the newest first: `log`, `log.1`, …
struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// One file of the log, and how many are kept: what fits on any stick and goes back for days.
const LOG_BYTES: u64 = 1024 * 1024;
const LOGS: u32 = 4;
/// Lines kept while there is no log.
const EARLY_LINES: usize = 200;

impl Console {
    /// Opens what `/sys/class/tty/console/active` names.
    #[must_use]
    pub fn open() -> Self {
        let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
        let mut names: Vec<&str> = active.split_whitespace().collect();
        if names.is_empty() {
            names.push("console");
        }
        // A serial line whose other end holds it up must not hold us up.
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
        let open = |name: &&str| {
            let mut options = OpenOptions::new();
            options.write(true).custom_flags(flags).open(Path::new("/dev").join(name)).ok()
        };
        Self { open: names.iter().filter_map(open).collect(), ..Self::default() }
    }

    /// Says a line and writes it down.
    pub fn say(&mut self, line: &str) {
        self.show(line);
        self.keep(line);
    }

    /// Says a line that is not written down.
    pub fn show(&mut self, line: &str) {
        for console in &mut self.open {
            // Nobody can be told that nobody can be told.
            let _ = console.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// The three lines of a code, about something. In English: the kernel's screen has no Chinese
    /// letters. The manual has them all in both languages, by number.
    pub fn report(&mut self, code: Code, about: &str) {
        let Some(row) = code.row() else { return };
        let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
        self.say(&format!("{about}{} ({})", row.what.get(Language::En), code.0));
        self.say(&format!("  {}", row.why.get(Language::En)));
        self.say(&format!("  {}", row.remedy.get(Language::En)));
    }

    /// Writes a line down.
    pub fn keep(&mut self, line: &str) {
        let Some(log) = &mut self.log else {
            if self.early.len() < EARLY_LINES {
                self.early.push(line.to_owned());
            }
            return;
        };
        // A log on a full disk is no reason to stop.
        let _ = log.write(&format!("{} {line}\n", clock::wall()));
    }

    /// Keeps the log in `folder` from now on.
    pub fn keep_in(&mut self, folder: &Path) {
        let opened = fs::create_dir_all(folder).and_then(|()| Log::open(folder.join("log")));
        match opened {
            Ok(log) => self.log = Some(log),
            Err(error) => self.show(&format!("no log: {}: {error}", folder.display())),
        }
        for line in std::mem::take(&mut self.early) {
            self.keep(&line);
        }
    }

    /// Lets go of the log, so that its file system can be unmounted.
    pub fn close_log(&mut self) {
        self.log = None;
    }
}

impl Log {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes })
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        if self.bytes > LOG_BYTES {
            self.turn()?;
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line.as_bytes())
    }

    fn turn(&mut self) -> std::io::Result<()> {
        let numbered = |number: u32| self.path.with_extension(number.to_string());
        for number in (1..LOGS - 1).rev() {
            // The first times there are fewer.
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
        fs::rename(&self.path, numbered(1))?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_takes_what_was_said_early_and_turns_over() {
        let folder = std::env::temp_dir().join(format!("ph-console-{}", std::process::id()));
        let mut console = Console::default();
        console.say("early");
        console.show("secret");
        console.keep_in(&folder);
        let long = "x".repeat(100_000);
        for _ in 0..60 {
            console.keep(&long);
        }
        console.close_log();
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), LOGS as usize);
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(!text.contains("secret"));
        fs::remove_dir_all(&folder).unwrap();
        let mut console = Console::default();
        console.say("early");
        console.keep_in(&folder);
        assert!(fs::read_to_string(folder.join("log")).unwrap().ends_with(" early\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
