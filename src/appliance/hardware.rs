//! The hardware watchdog and the power button. The watchdog resets the machine when it is not fed;
//! it is fed as long as the caller sees the desk do its work.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running hardware watchdog.
pub struct Watchdog {
    device: File,
    /// Longest pause between two feeds that is safe.
    pub period: Duration,
}

/// Taken when the driver does not say: the shortest time of usual ones is ten seconds.
const USUAL_TIMEOUT_S: u64 = 10;

impl Watchdog {
    /// Starts the first one; `None` when the machine has none.
    #[must_use]
    pub fn start() -> Option<Self> {
        let device = OpenOptions::new().write(true).open("/dev/watchdog0").ok()?;
        let text = fs::read_to_string("/sys/class/watchdog/watchdog0/timeout").unwrap_or_default();
        let timeout = text.trim().parse().unwrap_or(USUAL_TIMEOUT_S).max(2);
        Some(Self { device, period: Duration::from_secs(timeout) / 3 })
    }

    pub fn feed(&mut self) {
        // A driver that fails resets the machine, which is what it is for.
        let _ = self.device.write_all(b".");
    }

    /// Stops it (the "magic close" of the kernel's watchdog API), for an orderly end.
    pub fn stop(mut self) {
        let _ = self.device.write_all(b"V");
    }
}

/// Input devices below `class` (`/sys/class/input`) that have a power key, as their files in
/// `/dev`.
#[must_use]
pub fn power_buttons(class: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(class) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("event"))
        .filter(|name| {
            let keys = class.join(name).join("device/capabilities/key");
            fs::read_to_string(keys).is_ok_and(|keys| has_key(&keys, POWER))
        })
        .map(|name| Path::new("/dev/input").join(name))
        .collect()
}

/// Code of the power key (linux/input-event-codes.h).
const POWER: u32 = 116;
const KEY_EVENT: u16 = 1;

/// Whether bit `key` is set in words of 64 bits, the highest first.
fn has_key(words: &str, key: u32) -> bool {
    let word = words.split_whitespace().rev().nth((key / 64) as usize);
    let word = word.and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or_default();
    word >> (key % 64) & 1 == 1
}

/// Waits until the button is pressed; false when the device went away.
#[must_use]
pub fn pressed(device: &Path) -> bool {
    // struct input_event of 64-bit systems: two times of 8 bytes, type, code, value.
    let mut event = [0; 24];
    let Ok(mut file) = File::open(device) else { return false };
    while file.read_exact(&mut event).is_ok() {
        if is_power(&event) {
            return true;
        }
    }
    false
}

fn is_power(event: &[u8; 24]) -> bool {
    let kind = u16::from_ne_bytes([event[16], event[17]]);
    let code = u16::from_ne_bytes([event[18], event[19]]);
    kind == KEY_EVENT && u32::from(code) == POWER && event[20] == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_key_is_known_by_its_bit_and_a_press_by_its_event() {
        assert!(has_key("10000000000000 0", POWER));
        assert!(!has_key("8000000000000 0", POWER));
        assert!(!has_key("", POWER) && !has_key("zz 0", POWER));
        let mut event = [0; 24];
        event[16] = 1;
        event[18] = 116;
        assert!(!is_power(&event), "let go");
        event[20] = 1;
        assert!(is_power(&event));
        event[18] = 30;
        assert!(!is_power(&event));
    }
}
