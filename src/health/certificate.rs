//! The certificate in use: when it ends, and that its time has come.

use super::{Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check =
    Check { id: "certificate", title: Text { en: "Certificate", zh: "证书" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(certificate) = &probe.certificate else { return Vec::new() };
    if probe.now.ms == 0 || !probe.now.trusted {
        return Vec::new();
    }
    let names = certificate.names.join(", ");
    let left_ms = certificate.not_after_ms.saturating_sub(probe.now.ms);
    if left_ms == 0 {
        vec![Issue::new(code::CERTIFICATE_ENDED, names)]
    } else if certificate.not_before_ms > probe.now.ms {
        vec![Issue::new(code::CERTIFICATE_EARLY, names)]
    } else if left_ms < limits::CERTIFICATE_WARNING_MS {
        let days = left_ms / 86_400_000;
        vec![Issue::new(code::CERTIFICATE_ENDS, format!("{names} ({days} d)"))]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_seen_thirty_days_ahead() {
        let at = |now_ms| {
            let mut probe = Probe::sound();
            probe.now.ms = now_ms;
            run(&probe).first().map(|issue| issue.code)
        };
        let end = 1_810_000_000_000;
        assert_eq!(at(end - limits::CERTIFICATE_WARNING_MS), None);
        assert_eq!(at(end - limits::CERTIFICATE_WARNING_MS + 1), Some(code::CERTIFICATE_ENDS));
        assert_eq!(at(end), Some(code::CERTIFICATE_ENDED));
        assert_eq!(at(1_780_000_000_000), Some(code::CERTIFICATE_EARLY));
    }
}
