//! Memory of the machine.

use super::{Check, Issue, Probe, mib};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check = Check { id: "memory", title: Text { en: "Memory", zh: "内存" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(memory) = probe.memory else { return Vec::new() };
    if memory.available_bytes >= limits::MEMORY_LOW_BYTES {
        return Vec::new();
    }
    let about = format!("{} / {}", mib(memory.available_bytes), mib(memory.total_bytes));
    vec![Issue::new(code::MEMORY_LOW, about)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Memory;

    #[test]
    fn little_memory_is_a_finding() {
        let memory = Some(Memory { available_bytes: 60 << 20, total_bytes: 1 << 30 });
        let issues = run(&Probe { memory, ..Probe::sound() });
        assert_eq!(issues, [Issue::new(code::MEMORY_LOW, "60 MiB / 1024 MiB")]);
    }
}
