//! The machine's clock: without it certificates look wrong and times on messages are flagged.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check = Check { id: "clock", title: Text { en: "Clock", zh: "时钟" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let known = probe.now.ms > 0;
    if known && !probe.now.trusted {
        return vec![Issue::new(code::CLOCK_UNSET, "")];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_set_is_found() {
        let mut probe = Probe::sound();
        probe.now.trusted = false;
        assert_eq!(run(&probe)[0].code, code::CLOCK_UNSET);
    }
}
