//! Speed of the national algorithms, on every kernel that this processor can run.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used)]

mod sm2;

use std::hint::black_box;

use posthouse_crypto::modes::{Cbc, Ccm, Ctr, Gcm};
use posthouse_crypto::sm4::{Kernel, Sm4};

fn main() {
    sm2::rows();
    let key = [7; 16];
    for kernel in Kernel::all() {
        for bytes in [16_384, 1_400, 64] {
            let sm4 = Sm4::with_kernel(kernel, &key);
            let mut data = vec![1; bytes];
            let whole = bytes / 16 * 16;
            let gcm = Gcm::over(sm4.clone());
            let ccm = Ccm::over(sm4.clone());
            let cbc = Cbc::over(sm4.clone());
            let mut ctr = Ctr::over(sm4, &key);
            let nonce = [0; 12];
            print(
                kernel,
                "gcm",
                bytes,
                speed(|| {
                    black_box(gcm.seal_in_place(&nonce, &[1; 5], &mut data));
                }),
            );
            print(kernel, "ctr", bytes, speed(|| ctr.apply(&mut data)));
            print(kernel, "cbc-e", whole, speed(|| cbc.encrypt(&key, &mut data[..whole])));
            print(kernel, "cbc-d", whole, speed(|| cbc.decrypt(&key, &mut data[..whole])));
            print(
                kernel,
                "ccm",
                bytes,
                speed(|| {
                    black_box(ccm.seal_in_place(&nonce, &[1; 5], &mut data));
                }),
            );
        }
    }
}
fn print(k: Kernel, what: &str, bytes: usize, ns: f64) {
    println!(
        "{:12} {what:6} {bytes:6} {:8.1} MB/s {ns:8.0} ns",
        k.name(),
        bytes as f64 * 1000.0 / ns
    );
}
fn speed(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    let mut n = 1u32;
    for _ in 0..40 {
        let t = std::time::Instant::now();
        for _ in 0..n {
            f();
        }
        let e = t.elapsed().as_nanos() as f64;
        best = best.min(e / f64::from(n));
        if e < 1e6 {
            n *= 2;
        }
    }
    best
}
