//! Whether the audit log takes what must be written down.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check =
    Check { id: "audit", title: Text { en: "Audit log", zh: "审计日志" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    if probe.audit_behind { vec![Issue::new(code::AUDIT_STOPPED, "")] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_takes_nothing_is_told_and_is_no_reason_to_send_visitors_away() {
        let probe = Probe { audit_behind: true, ..Probe::sound() };
        assert!(!run(&probe)[0].is_fault());
    }
}
