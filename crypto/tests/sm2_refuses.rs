//! What SM2 must refuse: signatures, ciphers and keys that are wrong in one way each, beside the
//! right one that passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posthouse_crypto::sm2::{
    BadCipher, BadKey, BadSignature, Cipher, DEFAULT_ID, MAX_ID, MAX_PLAIN, PublicKey, SecretKey,
    Signature,
};

const N: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
const P: &str = "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A number of 32 bytes and a little added to it or taken away.
fn near(number: &str, by: i8) -> [u8; 32] {
    let mut bytes: [u8; 32] = hex(number).try_into().unwrap();
    bytes[31] = bytes[31].checked_add_signed(by).unwrap();
    bytes
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match u8::try_from(length).unwrap() {
        short @ ..0x80 => vec![tag, short],
        long => vec![tag, 0x81, long],
    };
    [&head[..], content].concat()
}

/// An INTEGER of least size.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len() - 1);
    let digits = &number[zeros..];
    let sign: &[u8] = if digits[0] < 0x80 { &[] } else { &[0] };
    element(2, &[sign, digits].concat())
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[0x35; 32]).unwrap()
}

#[test]
fn signatures_that_are_no_strict_der_are_refused() {
    let half = [&[0x11; 31][..], &[0x22]].concat();
    let (r, s) = (integer(&half), integer(&[5]));
    let good = element(0x30, &[&r[..], &s].concat());
    assert!(Signature::from_der(&good).is_ok());

    let pair = |r: &[u8], s: &[u8]| element(0x30, &[r, s].concat());
    let mut long_length = good.clone();
    long_length.splice(1..2, [0x81, good[1]]);
    let mut longer_length = good.clone();
    longer_length.splice(1..2, [0x82, 0, good[1]]);
    let mut indefinite = good.clone();
    indefinite[1] = 0x80;
    indefinite.extend([0, 0]);
    let mut set = good.clone();
    set[0] = 0x31;
    let table: &[(&str, Vec<u8>)] = &[
        ("nothing", vec![]),
        ("an empty sequence", element(0x30, &[])),
        ("one half", element(0x30, &r)),
        ("three parts", element(0x30, &[&r[..], &s, &s].concat())),
        ("a byte after it", [&good[..], &[0]].concat()),
        ("a long form of a short length", long_length),
        ("a length with a leading zero", longer_length),
        ("an indefinite length", indefinite),
        ("a set", set),
        ("cut off", good[..good.len() - 1].to_vec()),
        ("a bit string for r", pair(&element(3, &half), &s)),
        ("an empty integer", pair(&r, &element(2, &[]))),
        ("a leading zero too many", pair(&r, &element(2, &[0, 5]))),
        ("two leading zeros", pair(&r, &element(2, &[0, 0, 0x85]))),
        ("a negative integer", pair(&r, &element(2, &[0x85]))),
        ("-1", pair(&r, &element(2, &[0xff]))),
        ("33 significant bytes", pair(&element(2, &[0x11; 33]), &s)),
        ("34 bytes", pair(&element(2, &[&[0][..], &[0x81; 33]].concat()), &s)),
    ];
    for (what, bytes) in table {
        assert_eq!(Signature::from_der(bytes), Err(BadSignature), "{what}: {bytes:02x?}");
    }
}

#[test]
fn halves_of_a_signature_are_from_1_to_n_less_1() {
    let five = near(&"00".repeat(32), 5);
    let table = [
        ("zero", [0; 32], false),
        ("one", near(&"00".repeat(32), 1), true),
        ("n - 1", near(N, -1), true),
        ("n", near(N, 0), false),
        ("n + 1", near(N, 1), false),
        ("p", near(P, 0), false),
        ("2^256 - 1", [0xff; 32], false),
    ];
    for (what, half, good) in table {
        for (r, s) in [(half, five), (five, half)] {
            let der = element(0x30, &[integer(&r), integer(&s)].concat());
            assert_eq!(Signature::from_der(&der).is_ok(), good, "{what}");
            let raw: [u8; 64] = [r, s].concat().try_into().unwrap();
            assert_eq!(Signature::from_raw(&raw).is_ok(), good, "{what}");
            if good {
                let signature = Signature::from_raw(&raw).unwrap();
                assert_eq!((signature.to_der(), signature.to_raw()), (der, raw), "{what}");
            }
        }
    }
}

#[test]
fn a_signature_holds_for_its_key_signer_message_and_bits_alone() {
    let key = key();
    let message: &[&[u8]] = &[b"a message", b" in parts"];
    let signature = key.sign(DEFAULT_ID, message).unwrap();
    let public = key.public();
    assert!(public.verify(DEFAULT_ID, message, &signature));
    assert!(public.verify(DEFAULT_ID, &[b"a message in parts"], &signature));

    assert!(!public.verify(b"somebody else", message, &signature));
    assert!(!public.verify(&[7; MAX_ID + 1], message, &signature));
    assert!(!public.verify(DEFAULT_ID, &[b"a message", b" in part"], &signature));
    let other = SecretKey::from_bytes(&[0x36; 32]).unwrap();
    assert!(!other.public().verify(DEFAULT_ID, message, &signature));
    for bit in 0..512 {
        let mut raw = signature.to_raw();
        raw[bit / 8] ^= 1 << (bit % 8);
        let wrong = Signature::from_raw(&raw);
        assert!(!wrong.is_ok_and(|wrong| public.verify(DEFAULT_ID, message, &wrong)), "{bit}");
    }
    // r + s = n.
    let raw: [u8; 64] = [near(N, -1), near(&"00".repeat(32), 1)].concat().try_into().unwrap();
    assert!(!public.verify(DEFAULT_ID, message, &Signature::from_raw(&raw).unwrap()));
}

#[test]
fn the_longest_identity_signs() {
    let key = key();
    let signature = key.sign(&[7; MAX_ID], &[]).unwrap();
    assert!(key.public().verify(&[7; MAX_ID], &[], &signature));
}

#[test]
fn public_keys_are_points_of_the_curve_in_a_known_form() {
    let good = key().public().to_sec1();
    let (x, y) = (&good[1..33], &good[33..]);
    let compressed = [&[2 | (y[31] & 1)], x].concat();
    assert_eq!(PublicKey::from_sec1(&good), Ok(*key().public()));
    assert_eq!(PublicKey::from_sec1(&compressed), Ok(*key().public()));
    assert_eq!(PublicKey::from_raw(good[1..].try_into().unwrap()), Ok(*key().public()));
    let opposite = PublicKey::from_sec1(&[&[2 | (!y[31] & 1)], x].concat()).unwrap();
    assert_eq!(opposite.to_sec1()[1..33], *x);
    assert_ne!(opposite.to_sec1()[33..], *y);

    let mut off = good;
    off[64] ^= 1;
    let form = |first: u8| [&[first], &good[1..]].concat();
    // y² = x³ - 3x + b has a point at x = 0, whose twin is x = p.
    let zero = PublicKey::from_sec1(&[&[2][..], &[0; 32]].concat()).unwrap().to_sec1();
    let unreduced = [&[4][..], &near(P, 0), &zero[33..]].concat();
    let no_point = (0..=u8::MAX)
        .map(|last| [&[2][..], &[0x44; 31], &[last]].concat())
        .find(|bytes| PublicKey::from_sec1(bytes).is_err());
    let table: &[(&str, &[u8])] = &[
        ("nothing", &[]),
        ("infinity", &[0]),
        ("infinity, long", &form(0)),
        ("all zeros", &[0; 65]),
        ("04 and zeros", &[&[4][..], &[0; 64]].concat()),
        ("off the curve", &off),
        ("x = p", &unreduced),
        ("x = p, compressed", &[&[2][..], &near(P, 0)].concat()),
        ("y = 2^256 - 1", &[&good[..33], &[0xff; 32]].concat()),
        ("hybrid", &form(6)),
        ("hybrid", &form(7)),
        ("a compressed form of the wrong length", &form(2)),
        ("an uncompressed form of the wrong length", &[&[4], x].concat()),
        ("cut off", &good[..64]),
        ("a byte after it", &[&good[..], &[0]].concat()),
        ("an x without a point", &no_point.unwrap()),
    ];
    for (what, bytes) in table {
        assert_eq!(PublicKey::from_sec1(bytes), Err(BadKey), "{what}");
    }
}

#[test]
fn secret_keys_are_from_1_to_n_less_2() {
    let one = near(&"00".repeat(32), 1);
    let g = "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7";
    let key = SecretKey::from_bytes(&one).unwrap();
    assert_eq!(key.public().to_sec1()[1..33], hex(g));
    assert_eq!(*SecretKey::from_bytes(&near(N, -2)).unwrap().to_bytes(), near(N, -2));
    let table: &[(&str, &[u8])] = &[
        ("nothing", &[]),
        ("zero", &[0; 32]),
        ("n - 1", &near(N, -1)),
        ("n", &near(N, 0)),
        ("2^256 - 1", &[0xff; 32]),
        ("31 bytes", &[1; 31]),
        ("33 bytes", &[1; 33]),
    ];
    for (what, bytes) in table {
        assert!(SecretKey::from_bytes(bytes).is_err(), "{what}");
    }
    assert_eq!(format!("{:?}", SecretKey::generate().unwrap()), "***");
}

#[test]
fn ciphers_that_were_changed_or_meant_for_another_key_do_not_open() {
    let key = key();
    for plain in [&b"x"[..], b"pre-master", &[9; 48], &[3; 1000], &vec![1; MAX_PLAIN]] {
        let cipher = key.public().encrypt(plain).unwrap();
        assert_eq!(key.decrypt(&cipher).unwrap()[..], *plain);
        let der = cipher.to_der();
        assert_eq!(Cipher::from_der(&der).as_ref(), Ok(&cipher));
        assert_eq!(Cipher::from_raw(&cipher.to_raw()).as_ref(), Ok(&cipher));
        let padded = [&der[..], b"tail"].concat();
        assert_eq!(Cipher::from_der_prefix(&padded), Ok((cipher, &b"tail"[..])));
        assert_eq!(Cipher::from_der(&padded), Err(BadCipher));
    }
    let cipher = key.public().encrypt(&[9; 48]).unwrap();
    let other = SecretKey::from_bytes(&[0x36; 32]).unwrap();
    assert_eq!(other.decrypt(&cipher), Err(BadCipher));
    // Any byte of C1, C3 or C2.
    let raw = cipher.to_raw();
    for at in 0..raw.len() {
        let mut wrong = raw.clone();
        wrong[at] ^= 0x10;
        let opened = Cipher::from_raw(&wrong).and_then(|cipher| key.decrypt(&cipher));
        assert_eq!(opened, Err(BadCipher), "byte {at}");
    }
    // C2 longer and shorter than it was.
    for wrong in [[&raw[..], &[0]].concat(), raw[..raw.len() - 1].to_vec()] {
        assert_eq!(key.decrypt(&Cipher::from_raw(&wrong).unwrap()), Err(BadCipher));
    }
    // The opposite of C1 has the same x, and so the same x of the shared point.
    let mut opposite = raw.clone();
    let form = 2 | (!raw[64] & 1);
    let point = PublicKey::from_sec1(&[&[form], &raw[1..33]].concat()).unwrap();
    opposite[..65].copy_from_slice(&point.to_sec1());
    assert_eq!(key.decrypt(&Cipher::from_raw(&opposite).unwrap()), Err(BadCipher));
}

#[test]
fn ciphers_of_a_wrong_shape_are_refused() {
    let raw = key().public().encrypt(&[9; 48]).unwrap().to_raw();
    for length in 0..=97 {
        assert_eq!(Cipher::from_raw(&raw[..length]), Err(BadCipher), "{length}");
    }
    let long = [&raw[..97], &vec![0; MAX_PLAIN + 1]].concat();
    assert_eq!(Cipher::from_raw(&long), Err(BadCipher));
    assert!(Cipher::from_raw(&long[..long.len() - 1]).is_ok());

    let (x, y) = (integer(&raw[1..33]), integer(&raw[33..65]));
    let (hash, text) = (element(4, &raw[65..97]), element(4, &raw[97..]));
    let whole = |parts: &[&[u8]]| element(0x30, &parts.concat());
    assert!(Cipher::from_der(&whole(&[&x, &y, &hash, &text])).is_ok());
    let zero = integer(&[0]);
    let table: &[(&str, Vec<u8>)] = &[
        ("infinity", whole(&[&zero, &zero, &hash, &text])),
        ("off the curve", whole(&[&y, &x, &hash, &text])),
        ("x = p", whole(&[&integer(&near(P, 0)), &y, &hash, &text])),
        ("x with a leading zero", whole(&[&element(2, &[&[0], &x[2..]].concat()), &y, &hash])),
        ("no text", whole(&[&x, &y, &hash])),
        ("an empty text", whole(&[&x, &y, &hash, &element(4, &[])])),
        ("a hash of 31 bytes", whole(&[&x, &y, &element(4, &raw[65..96]), &text])),
        ("a hash of 33 bytes", whole(&[&x, &y, &element(4, &raw[65..98]), &text])),
        ("C2 before C3", whole(&[&x, &y, &text, &hash])),
        ("a fifth part", whole(&[&x, &y, &hash, &text, &zero])),
        ("bits for octets", whole(&[&x, &y, &hash, &element(3, &raw[97..])])),
    ];
    for (what, bytes) in table {
        assert_eq!(Cipher::from_der(bytes), Err(BadCipher), "{what}");
    }
}
