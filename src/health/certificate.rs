//! The certificates in use: when each ends, and whether its time has come.

use super::{Certificate, Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check =
    Check { id: "certificate", title: Text { en: "Certificate", zh: "证书" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    if probe.now.ms == 0 || !probe.now.trusted {
        return Vec::new();
    }
    probe.certificates.iter().filter_map(|certificate| look(certificate, probe.now.ms)).collect()
}

fn look(certificate: &Certificate, now_ms: u64) -> Option<Issue> {
    let about = format!("{}: {}", certificate.kind, certificate.names.join(", "));
    let left_ms = certificate.not_after_ms.saturating_sub(now_ms);
    if left_ms == 0 {
        Some(Issue::new(code::CERTIFICATE_ENDED, about))
    } else if certificate.not_before_ms > now_ms {
        Some(Issue::new(code::CERTIFICATE_EARLY, about))
    } else if left_ms < limits::CERTIFICATE_WARNING_MS {
        let days = left_ms / 86_400_000;
        Some(Issue::new(code::CERTIFICATE_ENDS, format!("{about} ({days} d)")))
    } else {
        None
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

    #[test]
    fn each_certificate_is_looked_at_on_its_own() {
        let mut probe = Probe::sound();
        let mut encrypt = probe.certificates[0].clone();
        encrypt.kind = "encrypt";
        encrypt.not_after_ms = probe.now.ms + limits::CERTIFICATE_WARNING_MS / 2;
        probe.certificates.push(encrypt);
        let issues = run(&probe);
        assert_eq!(issues.len(), 1);
        assert_eq!(issues[0].code, code::CERTIFICATE_ENDS);
        assert!(issues[0].about.starts_with("encrypt: desk.example"), "{}", issues[0].about);
    }
}
