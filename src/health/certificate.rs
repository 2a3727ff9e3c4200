//! The certificates in use and the site's own authorities: when each ends, and whether its time
//! has come.

use super::{Authority, Certificate, Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check =
    Check { id: "certificate", title: Text { en: "Certificate", zh: "证书" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    if probe.now.ms == 0 || !probe.now.trusted {
        return Vec::new();
    }
    let now_ms = probe.now.ms;
    let certificates = probe.certificates.iter().filter_map(|found| look(found, now_ms));
    let authorities = probe.authorities.iter().filter_map(|found| look_above(found, now_ms));
    certificates.chain(authorities).collect()
}

/// An authority is replaced by hand on each device, so its end is told in good time.
fn look_above(authority: &Authority, now_ms: u64) -> Option<Issue> {
    let left_ms = authority.not_after_ms.saturating_sub(now_ms);
    let about = format!("{} ({} d)", authority.name, left_ms / 86_400_000);
    let code = match left_ms {
        0 => code::AUTHORITY_ENDED,
        1..limits::AUTHORITY_WARNING_MS => code::AUTHORITY_ENDS,
        _ => return None,
    };
    Some(Issue::new(code, about))
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
    fn the_end_of_an_authority_is_seen_a_year_ahead() {
        let at = |left_ms| {
            let mut probe = Probe::sound();
            probe.authorities[0].not_after_ms = probe.now.ms + left_ms;
            run(&probe).first().map(|issue| issue.code)
        };
        assert_eq!(at(limits::AUTHORITY_WARNING_MS), None);
        assert_eq!(at(limits::AUTHORITY_WARNING_MS - 1), Some(code::AUTHORITY_ENDS));
        assert_eq!(at(0), Some(code::AUTHORITY_ENDED));
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
