//! File descriptors: each connection is one, and the rest of the process needs a few.

use super::{Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check =
    Check { id: "descriptors", title: Text { en: "File descriptors", zh: "文件描述符" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(descriptors) = probe.descriptors else { return Vec::new() };
    let left = descriptors.limit.saturating_sub(descriptors.used);
    let scarce =
        descriptors.limit < limits::DESCRIPTORS_LEAST || left < limits::RESERVED_DESCRIPTORS;
    let about = format!("{} / {}", descriptors.used, descriptors.limit);
    if scarce { vec![Issue::new(code::DESCRIPTORS_LOW, about)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Descriptors;

    #[test]
    fn a_low_limit_and_a_used_up_one_are_findings() {
        let with = |used, limit| {
            let descriptors = Some(Descriptors { used, limit });
            run(&Probe { descriptors, ..Probe::sound() }).len()
        };
        assert_eq!(with(10, 64), 1);
        assert_eq!(with(19_950, 20_000), 1);
        assert_eq!(with(19_000, 20_000), 0);
    }
}
