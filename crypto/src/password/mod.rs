//! Passwords: Argon2id (RFC 9106) or PBKDF2 with HMAC-SM3, kept as PHC strings. A sign-in costs the
//! same work whether the user exists or not, so answers do not tell names; while passwords of both
//! schemes are kept, it costs the work of both.

mod sm3;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory of one hash, in KiB. 19 MiB with two passes is OWASP's floor for Argon2id (Password
/// Storage Cheat Sheet): 40 ms on a PC, 150 ms on a Pi 4, and two at a time still fit a 512 MB
/// board.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most a kept string may ask for: a forged one must not take the machine's memory.
const MEMORY_KIB_MOST: u32 = 256 * 1024;
const PASSES_MOST: u32 = 16;
/// Longest password, in bytes: past it hashing the password itself would cost.
pub const PASSWORD_BYTES: usize = 1024;
/// What an unknown user's password is compared with: the same parameters, a salt of zeros.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How new passwords are kept. Those kept in another way are still known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Argon2id,
    /// Where only the national algorithms may be used.
    Pbkdf2Sm3,
}

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFault {
    #[error("the password is longer than {PASSWORD_BYTES} bytes")]
    TooLong,
    #[error("the system gave no random bytes")]
    NoRandomness,
    #[error("the system gave no random bytes or the hash failed: {0}")]
    Failed(argon2::password_hash::Error),
}

/// Hashes a new password with a random salt into a PHC string. Takes tens of milliseconds and
/// 19 MiB (Argon2id) or a few tenths of a second (PBKDF2): call it on a blocking thread, few at a
/// time.
///
/// # Errors
/// The password is too long, or the system has no randomness.
pub fn hash(scheme: Scheme, password: &str) -> Result<String, PasswordFault> {
    if password.len() > PASSWORD_BYTES {
        return Err(PasswordFault::TooLong);
    }
    if scheme == Scheme::Pbkdf2Sm3 {
        return sm3::hash(password);
    }
    let hasher = hasher(MEMORY_KIB).map_err(PasswordFault::Failed)?;
    let kept = hasher.hash_password(password.as_bytes()).map_err(PasswordFault::Failed)?;
    Ok(kept.to_string())
}

/// By which scheme a password is kept; `None` for a string that none made.
#[must_use]
pub fn kept_by(kept: &str) -> Option<Scheme> {
    if sm3::is_kept(kept) {
        return Some(Scheme::Pbkdf2Sm3);
    }
    readable(kept).map(|_| Scheme::Argon2id)
}

/// Whether `password` is the one behind `kept`, however it was kept. `None` stands for a user that
/// does not exist: the work of `scheme` is done and the answer is false. `mixed` says that some
/// passwords are kept by another scheme than `scheme`; then the work of both is done for everybody.
/// As costly as [`hash`].
#[must_use]
pub fn verify(scheme: Scheme, mixed: bool, kept: Option<&str>, password: &str) -> bool {
    if password.len() > PASSWORD_BYTES {
        return false;
    }
    let by = kept.and_then(kept_by);
    let check = |tried: Scheme| {
        if !mixed && tried != by.unwrap_or(scheme) {
            return false;
        }
        let known = kept.filter(|_| by == Some(tried));
        match tried {
            Scheme::Argon2id => verify_argon2(known, password),
            Scheme::Pbkdf2Sm3 => sm3::verify(known, password),
        }
    };
    // Neither saves the other's work.
    check(Scheme::Argon2id) | check(Scheme::Pbkdf2Sm3)
}

/// The work is done for every `kept`; none is nobody's.
fn verify_argon2(kept: Option<&str>, password: &str) -> bool {
    let real = kept.and_then(readable);
    let exists = real.is_some();
    let Some(against) = real.or_else(|| PasswordHash::new(NOBODY).ok()) else { return false };
    #[cfg(test)]
    tests::done(Scheme::Argon2id, against.params.get_decimal("m"));
    let same = Argon2::default().verify_password(password.as_bytes(), &against).is_ok();
    same && exists
}

/// Whether `kept` was made in another way or with other parameters than today's; hash anew at the
/// next sign-in.
#[must_use]
pub fn stale(scheme: Scheme, kept: &str) -> bool {
    if scheme == Scheme::Pbkdf2Sm3 {
        return sm3::stale(kept);
    }
    let today = hasher(MEMORY_KIB).ok().map(|hasher| hasher.params().clone());
    let then = PasswordHash::new(kept).ok().and_then(|hash| Params::try_from(&hash).ok());
    match (today, then) {
        (Some(today), Some(then)) => {
            (today.m_cost(), today.t_cost(), today.p_cost())
                != (then.m_cost(), then.t_cost(), then.p_cost())
        }
        (None, _) | (_, None) => true,
    }
}

fn readable(kept: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(kept).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let bearable = params.m_cost() <= MEMORY_KIB_MOST && params.t_cost() <= PASSES_MOST;
    bearable.then_some(hash)
}

fn hasher(memory_kib: u32) -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(memory_kib, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        /// Hashes that this thread computed, with KiB or rounds.
        static DONE: RefCell<Vec<(Scheme, Option<u32>)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn done(scheme: Scheme, cost: Option<u32>) {
        DONE.with_borrow_mut(|done| done.push((scheme, cost)));
    }

    /// The work of a sign-in with a wrong password.
    fn work(scheme: Scheme, mixed: bool, kept: Option<&str>) -> Vec<(Scheme, Option<u32>)> {
        DONE.take();
        assert!(!verify(scheme, mixed, kept, "wrong"));
        DONE.take()
    }

    #[test]
    fn while_both_schemes_are_kept_every_name_costs_the_work_of_both() {
        let both = [(Scheme::Argon2id, Some(MEMORY_KIB)), (Scheme::Pbkdf2Sm3, Some(300_000))];
        let [by_argon2, by_sm3] =
            [Scheme::Argon2id, Scheme::Pbkdf2Sm3].map(|scheme| hash(scheme, "right").unwrap());
        let names = [Some(&*by_argon2), Some(&*by_sm3), Some("garbage"), None];
        for (scheme, one, own, other) in [
            (Scheme::Argon2id, both[0], &by_argon2, &by_sm3),
            (Scheme::Pbkdf2Sm3, both[1], &by_sm3, &by_argon2),
        ] {
            for kept in names {
                assert_eq!(work(scheme, true, kept), both, "{scheme:?} {kept:?}");
            }
            for kept in [Some(own.as_str()), Some("garbage"), None] {
                assert_eq!(work(scheme, false, kept), [one], "{scheme:?} {kept:?}");
            }
            // What would be told if nobody said that it is mixed.
            assert_ne!(work(scheme, false, Some(other)), work(scheme, false, None));
            for kept in [own, other] {
                assert!(verify(scheme, true, Some(kept), "right"));
            }
        }
    }

    #[test]
    fn the_right_password_and_no_other_is_accepted() {
        let kept = hash(Scheme::Argon2id, "驿站 42").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify(Scheme::Argon2id, false, Some(&kept), "驿站 42"));
        assert!(!verify(Scheme::Argon2id, false, Some(&kept), "驿站 43"));
        assert!(!stale(Scheme::Argon2id, &kept));
        assert_ne!(
            kept,
            hash(Scheme::Argon2id, "驿站 42").unwrap(),
            "every hash has a salt of its own"
        );
    }

    #[test]
    fn a_password_is_known_however_it_was_kept_and_stale_when_the_scheme_changed() {
        let (one, other) = (Scheme::Argon2id, Scheme::Pbkdf2Sm3);
        for (kept_by, now) in [(one, other), (other, one)] {
            let kept = hash(kept_by, "驿站 42").unwrap();
            for scheme in [kept_by, now] {
                assert!(verify(scheme, false, Some(&kept), "驿站 42"));
                assert!(!verify(scheme, false, Some(&kept), "驿站 43"));
            }
            assert!(!stale(kept_by, &kept) && stale(now, &kept), "{kept}");
        }
    }

    #[test]
    fn the_string_of_pbkdf2_says_rounds_and_length_and_has_a_salt_of_its_own() {
        let kept = hash(Scheme::Pbkdf2Sm3, "x").unwrap();
        assert!(kept.starts_with("$pbkdf2-sm3$i=300000,l=32$"), "{kept}");
        assert_ne!(kept, hash(Scheme::Pbkdf2Sm3, "x").unwrap());
        let forged = kept.replace("i=300000", "i=4000000000");
        assert!(
            !verify(Scheme::Pbkdf2Sm3, false, Some(&forged), "x")
                && stale(Scheme::Pbkdf2Sm3, &forged)
        );
        let shorter = kept.replace("i=300000", "i=1000");
        assert!(stale(Scheme::Pbkdf2Sm3, &shorter));
    }

    #[test]
    fn a_forged_string_cannot_ask_for_the_machines_memory() {
        let forged = NOBODY.replace("m=19456", "m=4000000");
        assert!(!verify(Scheme::Argon2id, false, Some(&forged), "any"));
        assert!(stale(Scheme::Argon2id, &forged));
    }

    #[test]
    fn an_endless_password_is_refused_before_any_work() {
        let long = "x".repeat(PASSWORD_BYTES + 1);
        assert!(matches!(hash(Scheme::Argon2id, &long), Err(PasswordFault::TooLong)));
        assert!(!verify(Scheme::Argon2id, false, None, &long));
    }
}
