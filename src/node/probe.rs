//! Gathers what the checks look at: from the machine, and from the running site when there is one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use posthouse_crypto::certificate::Facts;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use super::board;
use super::identity::{self, Shown};
use crate::actors::Aged;
use crate::base::Wall;
use crate::config::Config;
use crate::health::{
    Authority, Backup, Certificate, Descriptors, Disk, Folder, Memory, Probe, Store,
};
use crate::store::backup::last;

/// What only the running site knows.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub up_ms: u64,
    pub claimed: bool,
    pub store: Option<Store>,
    /// The audit log takes nothing.
    pub audit_behind: bool,
    /// Which of audit log and site's log was an older copy at the start.
    pub aged: Aged,
}

/// Reads everything that can be read; what cannot is left out.
#[must_use]
pub fn gather(config: &Config, now: Wall, certificates: &[Shown], live: Option<Live>) -> Probe {
    // A command speaks of the machine, the running process of itself.
    let descriptors = live.is_some().then(descriptors).flatten();
    let running = live.is_some();
    let live = live.unwrap_or_default();
    Probe {
        now,
        up_ms: running.then_some(live.up_ms),
        folder: folder(&config.data),
        disk: disk(&config.data),
        store: live.store,
        audit_behind: live.audit_behind,
        audit_older: live.aged.audit,
        store_older: live.aged.store,
        backup: backup(config),
        certificates: certificates.iter().map(certificate).collect(),
        authorities: identity::own_authorities(config).iter().map(authority).collect(),
        listeners: Vec::new(),
        descriptors,
        memory: memory(),
        board: board::read(Path::new("/sys"), &config.data),
        claimed: running.then_some(live.claimed),
        plugins: config.plugins.len(),
    }
}

fn backup(config: &Config) -> Option<Backup> {
    let folder = config.backup.folder.as_ref()?.display().to_string();
    let every_ms = u64::from(config.backup.every_hours) * 3_600_000;
    Some(Backup { folder, every_ms, last_ms: last(&config.data) })
}

fn certificate(shown: &Shown) -> Certificate {
    Certificate {
        kind: shown.kind.name(),
        not_before_ms: shown.facts.not_before_s.saturating_mul(1000),
        not_after_ms: shown.facts.not_after_s.saturating_mul(1000),
        names: shown.facts.names.clone(),
        own: shown.own,
    }
}

fn authority(facts: &Facts) -> Authority {
    let not_after_ms = facts.not_after_s.saturating_mul(1000);
    Authority { name: facts.subject.clone(), not_after_ms }
}

fn folder(data: &Path) -> Option<Folder> {
    let mode = std::fs::metadata(data).ok()?.permissions().mode();
    let writable = access(data, Access::WRITE_OK).is_ok();
    Some(Folder { path: data.display().to_string(), mode, writable })
}

fn disk(data: &Path) -> Option<Disk> {
    let found = statvfs(data).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk {
        free_bytes: bytes(found.f_bavail),
        total_bytes: bytes(found.f_blocks),
        // Some file systems make file entries as they go and report none.
        free_files: (found.f_files > 0).then_some(found.f_favail),
    })
}

fn descriptors() -> Option<Descriptors> {
    let used = std::fs::read_dir("/proc/self/fd").ok()?.count();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Some(Descriptors { used: u64::try_from(used).ok()?, limit })
}

fn memory() -> Option<Memory> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Some(Memory {
        available_bytes: kib("MemAvailable")?.saturating_mul(1024),
        total_bytes: kib("MemTotal")?.saturating_mul(1024),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_disk_memory_and_descriptors() {
        let config = Config { data: std::env::temp_dir(), ..Config::default() };
        let now = Wall { ms: 1_800_000_000_000, trusted: true };
        let probe = gather(&config, now, &[], Some(Live::default()));
        assert!(probe.disk.unwrap().total_bytes > 0);
        assert!(probe.memory.unwrap().total_bytes > 0);
        assert!(probe.descriptors.unwrap().used > 2);
        assert_eq!(probe.folder.unwrap().mode & 0o777, 0o777);
        assert_eq!(gather(&config, now, &[], None).claimed, None);
    }
}
