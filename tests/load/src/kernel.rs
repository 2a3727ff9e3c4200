//! What the kernel says of a process and of a block device. Linux only.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// CPU time of all threads that live now, in nanoseconds (`/proc/PID/task/*/schedstat`).
///
/// # Errors
/// When the process is gone.
pub fn cpu_ns(pid: u32) -> Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        total += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(total)
}

/// Resident memory in bytes (`smaps_rollup`), shared pages of the binary included.
///
/// # Errors
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Rss:")).context("no Rss line")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no Rss value")?.parse()?;
    Ok(kib * 1024)
}

/// Descriptors of a process that are sockets.
///
/// # Errors
/// When the process is gone.
pub fn sockets(pid: u32) -> Result<usize> {
    let all = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let targets = all.filter_map(|fd| fs::read_link(fd.path()).ok());
    Ok(targets.filter(|to| to.to_string_lossy().starts_with("socket:")).count())
}

/// The block device under a folder, when it is one that nothing else writes to: a loop device.
#[derive(Clone, Debug)]
pub struct Device {
    stat: String,
}

impl Device {
    /// `None` when the folder is not on a loop device.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let row = |line: &str| -> Option<(String, String)> {
            let mut fields = line.split(' ');
            let number = fields.nth(2)?.to_owned();
            Some((fields.nth(1)?.to_owned(), number))
        };
        let (_, number) = mounts
            .lines()
            .filter_map(row)
            .filter(|(point, _)| folder.starts_with(point))
            .max_by_key(|(point, _)| point.len())?;
        let looped = number.starts_with("7:");
        looped.then(|| Self { stat: format!("/sys/dev/block/{number}/stat") })
    }

    /// Bytes written to the device since it was made.
    ///
    /// # Errors
    /// When the device is gone.
    pub fn written_bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(&self.stat)?;
        let sectors: u64 = text.split_whitespace().nth(6).context("a short stat line")?.parse()?;
        Ok(sectors * 512)
    }
}

/// Puts this thread and those it starts on one core.
///
/// # Errors
/// When the kernel refuses.
pub fn pin(core: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).context("cannot pin")
}

/// Raises the soft limit of descriptors to the hard one and returns it.
#[must_use]
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    if raised { limit.maximum.unwrap_or(u64::MAX) } else { 1024 }
}
