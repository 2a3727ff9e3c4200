//! The site itself: until somebody claims it, whoever has the one-time code could.

use super::{Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check = Check { id: "site", title: Text { en: "Site", zh: "站点" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let waiting = probe.up_ms.is_some_and(|up_ms| up_ms > limits::UNCLAIMED_MS);
    if probe.claimed == Some(false) && waiting {
        return vec![Issue::new(code::UNCLAIMED, "")];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unclaimed_site_is_a_finding_after_a_while() {
        let at = |up_ms| {
            let claimed = Some(false);
            run(&Probe { up_ms: Some(up_ms), claimed, ..Probe::sound() }).len()
        };
        assert_eq!(at(limits::UNCLAIMED_MS), 0);
        assert_eq!(at(limits::UNCLAIMED_MS + 1), 1);
    }
}
