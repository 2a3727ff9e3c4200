//! PBKDF2 with HMAC-SM3 (GM/T 0091), as PHC strings `$pbkdf2-sm3$i=ROUNDS,l=32$SALT$HASH`.

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};

use super::PasswordFault;
use crate::sm3::pbkdf2;
use crate::token::{fill_random, same};

const NAME: &str = "pbkdf2-sm3";
/// 0.1 to 0.2 s on a PC. PBKDF2 needs no memory, so only rounds make guessing dear.
const ROUNDS: u32 = 300_000;
/// The most a kept string may ask for: a forged one must not take the machine's time.
const ROUNDS_MOST: u32 = 2_000_000;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// What is kept of a password.
struct Kept {
    rounds: u32,
    salt: Salt,
    hash: Output,
}

pub(super) fn is_kept(kept: &str) -> bool {
    read(kept).is_some()
}

pub(super) fn hash(password: &str) -> Result<String, PasswordFault> {
    let mut salt = [0; SALT_BYTES];
    fill_random(&mut salt).map_err(|_| PasswordFault::NoRandomness)?;
    let mut hash = [0; HASH_BYTES];
    pbkdf2(password.as_bytes(), &salt, ROUNDS, &mut hash);
    let failed = |fault: argon2::password_hash::phc::Error| PasswordFault::Failed(fault.into());
    let mut params = ParamsString::new();
    params.add_decimal("i", ROUNDS).map_err(failed)?;
    params.add_decimal("l", 32).map_err(failed)?;
    let kept = PasswordHash {
        algorithm: Ident::new(NAME).map_err(failed)?,
        version: None,
        params,
        salt: Some(Salt::new(&salt).map_err(failed)?),
        hash: Some(Output::new(&hash).map_err(failed)?),
    };
    Ok(kept.to_string())
}

/// The work is done for every `kept`; one that cannot be read is nobody's.
pub(super) fn verify(kept: Option<&str>, password: &str) -> bool {
    let kept = kept.and_then(read);
    let (rounds, salt) =
        kept.as_ref().map_or((ROUNDS, &[0; SALT_BYTES][..]), |kept| (kept.rounds, &kept.salt[..]));
    #[cfg(test)]
    super::tests::done(super::Scheme::Pbkdf2Sm3, Some(rounds));
    let mut hash = [0; HASH_BYTES];
    pbkdf2(password.as_bytes(), salt, rounds, &mut hash);
    kept.is_some_and(|kept| same(kept.hash.as_bytes(), &hash))
}

pub(super) fn stale(kept: &str) -> bool {
    read(kept).is_none_or(|kept| kept.rounds != ROUNDS)
}

fn read(kept: &str) -> Option<Kept> {
    let kept = PasswordHash::new(kept).ok()?;
    let rounds = kept.params.get_decimal("i")?;
    let length = kept.params.get_decimal("l")?;
    let (salt, hash) = (kept.salt?, kept.hash?);
    let ours = kept.algorithm.as_str() == NAME
        && (1..=ROUNDS_MOST).contains(&rounds)
        && usize::try_from(length) == Ok(HASH_BYTES)
        && hash.len() == HASH_BYTES;
    ours.then_some(Kept { rounds, salt, hash })
}
