//! Passwords: Argon2id (RFC 9106) or PBKDF2 with HMAC-SM3, kept as PHC strings. A sign-in costs the
//! same work whether the user exists or not, so answers do not tell names; but for an agent whose
//! password is still kept by the scheme of a former profile, until their next sign-in.

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

/// Whether `password` is the one behind `kept`, however it was kept. `None` stands for a user that
/// does not exist: the work of `scheme` is done and the answer is false. As costly as [`hash`].
#[must_use]
pub fn verify(scheme: Scheme, kept: Option<&str>, password: &str) -> bool {
    if password.len() > PASSWORD_BYTES {
        return false;
    }
    let known = kept.filter(|kept| sm3::is_kept(kept) || readable(kept).is_some());
    let by_sm3 = known.map_or(scheme == Scheme::Pbkdf2Sm3, sm3::is_kept);
    if by_sm3 {
        return sm3::verify(known, password);
    }
    let real = kept.and_then(readable);
    let exists = real.is_some();
    let Some(against) = real.or_else(|| PasswordHash::new(NOBODY).ok()) else { return false };
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
    use super::*;

    #[test]
    fn the_right_password_and_no_other_is_accepted() {
        let kept = hash(Scheme::Argon2id, "驿站 42").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify(Scheme::Argon2id, Some(&kept), "驿站 42"));
        assert!(!verify(Scheme::Argon2id, Some(&kept), "驿站 43"));
        assert!(!stale(Scheme::Argon2id, &kept));
        assert_ne!(
            kept,
            hash(Scheme::Argon2id, "驿站 42").unwrap(),
            "every hash has a salt of its own"
        );
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // the test measures real work
    fn an_unknown_user_costs_as_much_as_a_wrong_password() {
        for scheme in [Scheme::Argon2id, Scheme::Pbkdf2Sm3] {
            let kept = hash(scheme, "right").unwrap();
            let work = |kept: Option<&str>| {
                let start = std::time::Instant::now();
                (0..2).for_each(|_| assert!(!verify(scheme, kept, "wrong")));
                start.elapsed().as_secs_f64()
            };
            let (known, unknown, garbage) = (work(Some(&kept)), work(None), work(Some("garbage")));
            assert!((0.3..3.0).contains(&(unknown / known)), "{unknown} against {known}");
            assert!((0.3..3.0).contains(&(garbage / known)), "{garbage} against {known}");
        }
    }

    #[test]
    fn a_password_is_known_however_it_was_kept_and_stale_when_the_scheme_changed() {
        let (one, other) = (Scheme::Argon2id, Scheme::Pbkdf2Sm3);
        for (kept_by, now) in [(one, other), (other, one)] {
            let kept = hash(kept_by, "驿站 42").unwrap();
            for scheme in [kept_by, now] {
                assert!(verify(scheme, Some(&kept), "驿站 42"));
                assert!(!verify(scheme, Some(&kept), "驿站 43"));
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
            !verify(Scheme::Pbkdf2Sm3, Some(&forged), "x") && stale(Scheme::Pbkdf2Sm3, &forged)
        );
        let shorter = kept.replace("i=300000", "i=1000");
        assert!(stale(Scheme::Pbkdf2Sm3, &shorter));
    }

    #[test]
    fn a_forged_string_cannot_ask_for_the_machines_memory() {
        let forged = NOBODY.replace("m=19456", "m=4000000");
        assert!(!verify(Scheme::Argon2id, Some(&forged), "any"));
        assert!(stale(Scheme::Argon2id, &forged));
    }

    #[test]
    fn an_endless_password_is_refused_before_any_work() {
        let long = "x".repeat(PASSWORD_BYTES + 1);
        assert!(matches!(hash(Scheme::Argon2id, &long), Err(PasswordFault::TooLong)));
        assert!(!verify(Scheme::Argon2id, None, &long));
    }
}
