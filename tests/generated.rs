//! The generated code in `src/wire/gen` is what `src/wire/posthouse.proto` says.
//! `POSTHOUSE_UPDATE=1 cargo test --test generated` writes it anew (no protoc needed).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

#[test]
fn generated_code_matches_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wire = root.join("src/wire");
    let out = std::env::temp_dir().join(format!("posthouse-gen-{}", std::process::id()));
    std::fs::create_dir_all(&out).unwrap();

    let schema = protox::compile(["posthouse.proto"], [&wire]).expect("the schema compiles");
    prost_build::Config::new()
        .bytes([
            ".posthouse.v1.Delivery.entry",
            ".posthouse.v1.Record.entry",
            ".posthouse.v1.Sealed.text",
        ])
        .out_dir(&out)
        .compile_fds(schema)
        .unwrap();
    let fresh = std::fs::read_to_string(out.join("posthouse.v1.rs")).unwrap();
    std::fs::remove_dir_all(&out).unwrap();

    let kept = wire.join("gen/posthouse.v1.rs");
    if std::env::var_os("POSTHOUSE_UPDATE").is_some() {
        std::fs::write(&kept, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert!(kept == fresh, "run: POSTHOUSE_UPDATE=1 cargo test --test generated");
}
