//! The clocks of a machine that may have none of its own: time since the start, and a floor below
//! which the wall clock is never left. The floor is the image's build, then the last time that was
//! written down.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

/// Time since the kernel started.
#[must_use]
pub fn uptime() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Seconds since 1970.
#[must_use]
pub fn wall() -> u64 {
    u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or_default()
}

/// Sets the clock to `floor` when it is behind; whether it was.
///
/// # Errors
/// The kernel's.
pub fn raise_to(floor: u64) -> io::Result<bool> {
    if wall() >= floor {
        return Ok(false);
    }
    let tv_sec = i64::try_from(floor).map_err(io::Error::other)?;
    clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec: 0 })?;
    Ok(true)
}

/// The number in a file of one line, or in the line that begins with `key`; 0 when there is none.
#[must_use]
pub fn written(file: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let number = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    number.unwrap_or_default()
}

/// Writes the time down, under another name first.
///
/// # Errors
/// The disk's.
pub fn write_down(file: &Path) -> io::Result<()> {
    let fresh = file.with_extension("new");
    fs::write(&fresh, format!("{}\n", wall()))?;
    fs::rename(fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_read_from_both_kinds_of_file() {
        let file = std::env::temp_dir().join(format!("ph-clock-{}", std::process::id()));
        fs::write(&file, "ID=posthouse\nBUILD_EPOCH=1790000000\n").unwrap();
        assert_eq!(written(&file, "BUILD_EPOCH="), 1_790_000_000);
        assert_eq!(written(&file, ""), 0, "the first line is no number");
        write_down(&file).unwrap();
        assert!(written(&file, "").abs_diff(wall()) < 5);
        fs::remove_file(&file).unwrap();
        assert_eq!(written(&file, ""), 0);
        assert!(!raise_to(1).unwrap(), "the clock is never set back");
    }
}
