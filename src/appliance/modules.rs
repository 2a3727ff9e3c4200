//! Kernel modules: those of `modules.load` at every start, the others when a device asks for them
//! by its modalias. Formats of the tables as depmod(8) writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The modules of the running kernel.
pub struct Modules {
    folder: PathBuf,
    /// What is loaded before a module, in that order.
    before: BTreeMap<String, Vec<String>>,
    /// Pattern and module.
    aliases: Vec<(String, String)>,
    /// Loaded or tried.
    seen: BTreeSet<String>,
}

impl Modules {
    /// Reads the tables of `folder`; an absent table is an empty one.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let mut before = BTreeMap::new();
        for line in text("modules.dep").lines() {
            let Some((file, needs)) = line.split_once(':') else { continue };
            // depmod's order: the last one comes first.
            let needs = needs.split_whitespace().rev().map(name_of).collect();
            before.insert(name_of(file), needs);
        }
        let alias = |line: &str| {
            let mut words = line.strip_prefix("alias ")?.rsplitn(2, ' ');
            let module = words.next()?.to_owned();
            Some((words.next()?.to_owned(), module))
        };
        let aliases = text("modules.alias").lines().filter_map(alias).collect();
        Self { folder: folder.to_owned(), before, aliases, seen: BTreeSet::new() }
    }

    /// Loads what is loaded at every start.
    pub fn load_always(&mut self) {
        let list = fs::read_to_string(self.folder.join("modules.load")).unwrap_or_default();
        for name in list.lines() {
            self.load(name);
        }
    }

    /// Loads what a device with this modalias asks for; how many modules that were.
    pub fn load_for(&mut self, modalias: &str) -> usize {
        let wanted: BTreeSet<String> = self
            .aliases
            .iter()
            .filter(|(pattern, _)| matches(pattern.as_bytes(), modalias.as_bytes()))
            .map(|(_, module)| module.clone())
            .collect();
        wanted.iter().filter(|name| self.load(name)).count()
    }

    /// Loads what the devices below `folder` (`/sys/devices`) ask for.
    pub fn load_for_all(&mut self, folder: &Path) -> usize {
        let mut loaded = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            if let Ok(modalias) = fs::read_to_string(folder.join("modalias")) {
                loaded += self.load_for(modalias.trim_end());
            }
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            // Links lead out of the tree or back into it.
            let real = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            folders.extend(entries.flatten().filter(real).map(|entry| entry.path()));
        }
        loaded
    }

    /// Whether it was loaded now. A module that fails is not tried again: its device stays dark,
    /// the others do not.
    fn load(&mut self, name: &str) -> bool {
        if !self.seen.insert(name.to_owned()) {
            return false;
        }
        for need in self.before.get(name).cloned().unwrap_or_default() {
            self.load(&need);
        }
        self.insert(name).is_ok()
    }

    fn insert(&self, name: &str) -> io::Result<()> {
        let file = File::open(self.folder.join(format!("{name}.ko")))?;
        match rustix::system::finit_module(&file, c"", 0) {
            Err(error) if error != rustix::io::Errno::EXIST => Err(error.into()),
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

fn name_of(file: &str) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// fnmatch(3) as far as aliases use it: `*`, `?` and `[…]` of letters and ranges.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: it takes one more letter.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            (None, None) => return true,
            (Some(b'['), Some(letter)) => class(&pattern[p + 1..], *letter),
            (Some(b'?'), Some(_)) => Some(1),
            (Some(own), Some(letter)) if own == letter => Some(1),
            (Some(_) | None, Some(_)) | (Some(_), None) => None,
        };
        match (step, star) {
            (Some(step), _) => {
                p += step;
                t += 1;
            }
            (None, Some((after, taken))) if taken < text.len() => {
                star = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
            (None, _) => return false,
        }
    }
}

/// Letters of the pattern that a class with this letter in it takes, its bracket included.
fn class(set: &[u8], letter: u8) -> Option<usize> {
    let end = set.iter().position(|own| *own == b']')?;
    let mut at = 0;
    while at < end {
        let range = at + 2 < end && set[at + 1] == b'-';
        let last = if range { set[at + 2] } else { set[at] };
        if (set[at]..=last).contains(&letter) {
            return Some(end + 2);
        }
        at += if range { 3 } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn patterns_match_as_the_shell_does() {
        let disk = "virtio:d00000002v00001AF4";
        assert!(fits("virtio:d00000002v*", disk));
        assert!(!fits("virtio:d00000001v*", disk));
        let adapter = "usb:v0BDAp8152d3000dc00dsc00dp00icFFiscFFip00in00";
        assert!(fits("usb:v0BDAp8152d*dc*dsc*dp*icFFiscFFip00in*", adapter));
        assert!(!fits("usb:v0BDAp8153d*dc*dsc*dp*icFFiscFFip00in*", adapter));
        assert!(fits("a*b*c", "a_b_b_c"));
        assert!(!fits("a*b*c", "a_b_b_"));
        assert!(fits("d0[1-3]*", "d02") && fits("d0[1-3]x", "d03x") && !fits("d0[1-3]*", "d04"));
        assert!(fits("[ab]", "b") && !fits("[ab]", "c") && !fits("[ab", "a"));
        assert!(fits("*", "") && fits("", "") && !fits("?", "") && !fits("", "a"));
    }

    #[test]
    fn tables_are_read_and_needs_come_first() {
        let folder = std::env::temp_dir().join(format!("ph-modules-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("modules.dep", "ext4.ko: mbcache.ko jbd2.ko\nkernel/a/net-x.ko.xz:\n");
        write("modules.alias", "# a line\nalias virtio:d00000001v* net_x\nalias fs-ext4 ext4\n");
        let mut modules = Modules::open(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(modules.before["ext4"], ["jbd2", "mbcache"]);
        assert!(modules.before.contains_key("net_x"));
        // Without the files nothing is loaded, but what was asked for is known.
        assert_eq!(modules.load_for("virtio:d00000001v00001AF4"), 0);
        assert!(modules.seen.contains("net_x"));
        assert!(!modules.load("ext4") && modules.seen.contains("mbcache"));
    }
}
