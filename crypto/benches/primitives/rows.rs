//! What is measured: each row has its work and, for the peer, the same question.

use std::hint::black_box;

use posthouse_crypto::modes::{Cbc, Ccm, Ctr, Gcm};
use posthouse_crypto::sm4::{Kernel, Sm4};
use posthouse_crypto::{selftest, sm3};

use crate::sm2;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    /// The SM4 kernel that was forced, or whose code it is, or a dash.
    pub kernel: &'static str,
    /// Bytes worked on by a call; none where calls are counted.
    pub bytes: Option<usize>,
    /// One call.
    pub run: Box<dyn FnMut()>,
    pub question: Question,
}

/// What Tongsuo's `speed` is asked.
#[derive(Clone, PartialEq)]
pub enum Question {
    /// `-evp NAME`, in blocks of so many bytes, in the direction of `-decrypt` or not.
    Cipher {
        name: &'static str,
        bytes: usize,
        decrypt: bool,
    },
    Sm2Sign,
    Sm2Verify,
    /// It has no such row.
    Nothing,
}

pub fn all() -> Vec<Row> {
    let sizes = [16_384, 1_400, 64];
    let ciphers = Kernel::all().flat_map(|kernel| sizes.map(|bytes| ciphers(kernel, bytes)));
    let mut rows: Vec<Row> = ciphers.flatten().collect();
    let data = vec![1; 16_384];
    rows.push(Row {
        name: "sm3",
        kernel: "-",
        bytes: Some(data.len()),
        question: Question::Cipher { name: "sm3", bytes: data.len(), decrypt: false },
        run: Box::new(move || {
            black_box(sm3::sm3(&[&data]));
        }),
    });
    rows.extend(sm2::rows());
    rows.push(count("self-test", Question::Nothing, || {
        black_box(selftest::run().is_ok());
    }));
    rows
}

fn ciphers(kernel: Kernel, bytes: usize) -> Vec<Row> {
    let key = [7; 16];
    let sm4 = || Sm4::with_kernel(kernel, &key);
    let (nonce, aad) = ([0; 12], [1; 5]);
    let (gcm, ccm, mut ctr) = (Gcm::over(sm4()), Ccm::over(sm4()), Ctr::over(sm4(), &key));
    let (encrypt, decrypt) = (Cbc::over(sm4()), Cbc::over(sm4()));
    let whole = bytes / 16 * 16;
    let mut rows = vec![
        cipher("sm4-gcm", "sm4-gcm", bytes, move |data| {
            black_box(gcm.seal_in_place(&nonce, &aad, data));
        }),
        cipher("sm4-ctr", "sm4-ctr", bytes, move |data| ctr.apply(data)),
        cipher("sm4-cbc encrypt", "sm4-cbc", whole, move |data| encrypt.encrypt(&key, data)),
        cipher("sm4-cbc decrypt", "sm4-cbc", whole, move |data| decrypt.decrypt(&key, data)),
        cipher("sm4-ccm", "sm4-ccm", bytes, move |data| {
            black_box(ccm.seal_in_place(&nonce, &aad, data));
        }),
    ];
    rows.iter_mut().for_each(|row| row.kernel = kernel.name());
    rows
}

fn cipher(
    name: &'static str,
    evp: &'static str,
    bytes: usize,
    mut run: impl FnMut(&mut [u8]) + 'static,
) -> Row {
    let mut data = vec![1; bytes];
    let question = Question::Cipher { name: evp, bytes, decrypt: name.ends_with("decrypt") };
    let run = Box::new(move || run(&mut data));
    Row { name, kernel: "-", bytes: Some(bytes), run, question }
}

/// A row that counts calls.
pub fn count(name: &'static str, question: Question, run: impl FnMut() + 'static) -> Row {
    Row { name, kernel: "-", bytes: None, run: Box::new(run), question }
}
