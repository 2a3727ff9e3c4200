//! Whether the audit log takes what must be written down, and whether it and the site's log are of
//! one time.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check =
    Check { id: "audit", title: Text { en: "Audit log", zh: "审计日志" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let issues = [
        (probe.audit_behind, code::AUDIT_STOPPED),
        (probe.audit_older, code::AUDIT_OLDER),
        (probe.store_older, code::STORE_OLDER),
    ];
    issues.into_iter().filter(|(told, _)| *told).map(|(_, code)| Issue::new(code, "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_takes_nothing_is_told_and_is_no_reason_to_send_visitors_away() {
        let probe = Probe { audit_behind: true, ..Probe::sound() };
        assert!(!run(&probe)[0].is_fault());
    }

    #[test]
    fn an_older_copy_of_either_log_is_told_by_its_own_code() {
        let codes = |probe: &Probe| run(probe).iter().map(|issue| issue.code).collect::<Vec<_>>();
        let audit = Probe { audit_older: true, ..Probe::sound() };
        let store = Probe { store_older: true, ..Probe::sound() };
        assert_eq!(codes(&audit), [code::AUDIT_OLDER]);
        assert_eq!(codes(&store), [code::STORE_OLDER]);
        assert_eq!(codes(&Probe::sound()), []);
    }
}
