//! Room on the disk, in bytes and in file entries.

use super::{Check, Issue, Probe, mib};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check =
    Check { id: "disk", title: Text { en: "Disk space", zh: "磁盘空间" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(disk) = probe.disk else { return Vec::new() };
    let about = format!("{} / {}", mib(disk.free_bytes), mib(disk.total_bytes));
    let mut issues = Vec::new();
    if disk.free_bytes < limits::DISK_FULL_BYTES {
        issues.push(Issue::new(code::NO_DISK_SPACE, about));
    } else if disk.free_bytes < limits::DISK_LOW_BYTES {
        issues.push(Issue::new(code::DISK_LOW, about));
    }
    if let Some(files) = disk.free_files.filter(|files| *files < limits::DISK_LOW_FILES) {
        issues.push(Issue::new(code::DISK_FILES_LOW, files.to_string()));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Disk;

    #[test]
    fn little_room_is_a_finding_and_none_a_fault() {
        let with = |free_bytes, free_files| {
            let disk = Some(Disk { free_bytes, total_bytes: 1 << 40, free_files });
            run(&Probe { disk, ..Probe::sound() })
        };
        assert_eq!(with(limits::DISK_LOW_BYTES, None), []);
        assert_eq!(with(limits::DISK_LOW_BYTES - 1, None)[0].code, code::DISK_LOW);
        assert!(with(limits::DISK_FULL_BYTES - 1, None)[0].is_fault());
        assert_eq!(with(1 << 40, Some(3))[0].code, code::DISK_FILES_LOW);
    }
}
