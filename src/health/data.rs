//! The data folder: the process must write to it and nobody else may read it.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check =
    Check { id: "data", title: Text { en: "Data folder", zh: "数据文件夹" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(folder) = &probe.folder else { return Vec::new() };
    let mut issues = Vec::new();
    if !folder.writable {
        issues.push(Issue::new(code::DATA_NOT_WRITABLE, folder.path.clone()));
    }
    if folder.mode & 0o007 != 0 {
        let about = format!("{} ({:o})", folder.path, folder.mode & 0o777);
        issues.push(Issue::new(code::DATA_OPEN, about));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_enter_is_a_finding_and_one_without_writing_a_fault() {
        let mut probe = Probe::sound();
        if let Some(folder) = &mut probe.folder {
            folder.mode = 0o755;
        }
        let issues = run(&probe);
        assert_eq!(issues[0].code, code::DATA_OPEN);
        assert!(!issues[0].is_fault() && issues[0].about.contains("755"));
        if let Some(folder) = &mut probe.folder {
            folder.mode = 0o750;
            folder.writable = false;
        }
        assert!(run(&probe)[0].is_fault());
    }
}
