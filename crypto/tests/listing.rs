//! The machine code of the SM4 kernels reads no memory at an address made from data. The kernels
//! are compiled by themselves, optimised, for every installed target of the two architectures, and
//! the registers of each straight piece of code are followed: what was cut out of a word (a byte
//! or a half loaded or extended, a mask of a byte, a shift down to the last byte) or taken from a
//! vector is an index in the making, and so is what is computed from it; no address may contain
//! it. A cipher with tables must be found out by the same, or the check is worth nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn no_kernel_reads_memory_at_an_address_made_from_data() {
    for target in targets() {
        let code = listing("kernels", &target);
        let functions = functions(&target, &code);
        assert!(functions.len() >= 4, "{target}: the kernels are not in the listing");
        let found: Vec<String> = functions.iter().flat_map(|f| leaks(&target, f)).collect();
        assert!(found.is_empty(), "{target}:\n{}", found.join("\n"));
    }
}

#[test]
fn a_cipher_with_tables_is_found_out() {
    for target in targets() {
        let code = listing("leaky", &target);
        for name in ["byte_table", "word_table", "last_byte"] {
            let functions = functions(&target, &code);
            let function = functions.iter().find(|lines| lines[0].contains(name)).unwrap();
            assert!(!leaks(&target, function).is_empty(), "{target}: {name}");
        }
    }
}

/// The installed targets of the two architectures; the host is one of them.
fn targets() -> Vec<String> {
    let rustlib = PathBuf::from(printed(&["--print", "sysroot"])).join("lib/rustlib");
    let names = std::fs::read_dir(rustlib).unwrap().map(|entry| entry.unwrap());
    let mut targets: Vec<String> = names
        .filter(|entry| entry.path().join("lib").read_dir().is_ok_and(has_core))
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| {
            (name.starts_with("x86_64-") || name.starts_with("aarch64-")) && name.contains("linux")
        })
        .collect();
    targets.sort();
    assert!(!targets.is_empty() || cfg!(not(target_os = "linux")));
    targets
}

fn has_core(mut entries: std::fs::ReadDir) -> bool {
    entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("libcore-"))
}

/// The assembly of `tests/listing/NAME.rs` for `target`.
fn listing(name: &str, target: &str) -> String {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("listing-{name}-{target}"));
    std::fs::create_dir_all(&out).unwrap();
    // The kernels zero what they leave behind by way of this crate; how it does that is not asked.
    let zeroize = out.join("zeroize.rs");
    std::fs::write(
        &zeroize,
        "#![no_std] pub trait Zeroize { fn zeroize(&mut self) {} } impl<T> Zeroize for T {}",
    )
    .unwrap();
    let folder = out.to_str().unwrap();
    let common =
        ["--edition", "2024", "--target", target, "--crate-type", "lib", "-O", "--out-dir"];
    let stub = [&common[..], &[folder, zeroize.to_str().unwrap()]].concat();
    printed(&stub);
    let source = format!("{HERE}/tests/listing/{name}.rs");
    let place = format!("zeroize={folder}/libzeroize.rlib");
    let flags = ["--emit", "asm", "-C", "codegen-units=1", "-A", "dead_code", "--extern", &place];
    printed(&[&common[..], &[folder], &flags[..], &[&source]].concat());
    std::fs::read_to_string(out.join(format!("{name}.s"))).unwrap()
}

fn printed(arguments: &[&str]) -> String {
    // Another compiler than the one of this test may have the target: scripts/test names it.
    let named = ["POSTHOUSE_RUSTC", "RUSTC"].map(std::env::var);
    let rustc = named.into_iter().flatten().next().unwrap_or_else(|| "rustc".to_owned());
    let output = Command::new(rustc).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Each function: its label, and its instructions.
fn functions<'a>(target: &str, code: &'a str) -> Vec<Vec<&'a str>> {
    let comment = if target.starts_with("aarch64") { "//" } else { "#" };
    let mut functions: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in code.lines() {
        let line = line.split(comment).next().unwrap_or_default().trim_end();
        let words = line.trim_start();
        if line.starts_with("_R") || line.starts_with("_ZN") {
            functions.push(vec![line]);
            inside = true;
        } else if words.starts_with(".cfi_endproc") {
            inside = false;
        } else if inside && !words.is_empty() && (!words.starts_with('.') || words.ends_with(':')) {
            functions.last_mut().unwrap().push(words);
        }
    }
    functions.retain(|lines| lines.len() > 1);
    functions
}

/// The instructions that read or write at an address made from data.
fn leaks(target: &str, function: &[&str]) -> Vec<String> {
    let arm = target.starts_with("aarch64");
    let mut data: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for line in &function[1..] {
        if line.ends_with(':') {
            data.clear();
            continue;
        }
        let instruction = if arm { read_arm(line) } else { read_x86(line) };
        if instruction.address.iter().any(|register| data.contains(register)) {
            found.push(format!("{} {line}", function[0]));
        }
        let Some(register) = instruction.sets else { continue };
        let tainted = instruction.narrow
            || instruction.uses.iter().any(|register| data.contains(register))
            || (instruction.updates && data.contains(register));
        if tainted {
            data.insert(register);
        } else {
            data.remove(register);
        }
    }
    found
}

/// What the check must know of an instruction. Registers go by the name of all their 64 bits.
#[derive(Default)]
struct Instruction {
    /// Registers of which an address is made that is read or written.
    address: Vec<&'static str>,
    /// Registers that go into the result.
    uses: Vec<&'static str>,
    /// The general register that takes the result.
    sets: Option<&'static str>,
    /// It keeps what it held as a part of the result.
    updates: bool,
    /// The result is data by its kind.
    narrow: bool,
}

const X86: [[&str; 4]; 16] = [
    ["rax", "eax", "ax", "al"],
    ["rbx", "ebx", "bx", "bl"],
    ["rcx", "ecx", "cx", "cl"],
    ["rdx", "edx", "dx", "dl"],
    ["rsi", "esi", "si", "sil"],
    ["rdi", "edi", "di", "dil"],
    ["rbp", "ebp", "bp", "bpl"],
    ["rsp", "esp", "sp", "spl"],
    ["r8", "r8d", "r8w", "r8b"],
    ["r9", "r9d", "r9w", "r9b"],
    ["r10", "r10d", "r10w", "r10b"],
    ["r11", "r11d", "r11w", "r11b"],
    ["r12", "r12d", "r12w", "r12b"],
    ["r13", "r13d", "r13w", "r13b"],
    ["r14", "r14d", "r14w", "r14b"],
    ["r15", "r15d", "r15w", "r15b"],
];

fn x86_register(name: &str) -> Option<&'static str> {
    let name = name.trim().trim_start_matches('%');
    let high = matches!(name, "ah" | "bh" | "ch" | "dh").then(|| format!("{}x", &name[..1]));
    let name = high.as_deref().unwrap_or(name);
    X86.iter().find(|names| names.contains(&name)).map(|names| names[0])
}

/// AT&T order: the destination is last.
fn read_x86(line: &str) -> Instruction {
    let (mnemonic, operands) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let parts = split(operands);
    let mut out = Instruction::default();
    let memory = parts.iter().find(|part| part.contains('('));
    if let (Some(memory), false) = (memory, mnemonic.starts_with("lea")) {
        let inner = memory.split(['(', ')']).nth(1).unwrap_or_default();
        out.address = inner.split(',').filter_map(x86_register).collect();
    }
    let Some((last, rest)) = parts.split_last() else { return out };
    let reads_only = ["cmp", "test", "push", "j", "call", "bt", "ret"];
    if reads_only.iter().any(|start| mnemonic.starts_with(start)) {
        return out;
    }
    out.sets = x86_register(last);
    let address_sum = mnemonic.starts_with("lea");
    for part in rest {
        if address_sum || !part.contains('(') {
            let names = part.split(['(', ')', ',']);
            out.uses.extend(names.filter_map(x86_register));
        }
    }
    let moves = mnemonic.starts_with("mov") || address_sum || mnemonic.starts_with("set");
    let zeroes = mnemonic.starts_with("xor") && rest.first().copied() == Some(*last);
    out.updates = !(moves || zeroes || parts.len() > 2);
    if zeroes {
        out.uses.clear();
    }
    let from_vector = rest.iter().any(|part| part.contains("mm") && !part.contains('('));
    let cut = ["movzb", "movzw", "movsb", "movsw", "pextr", "vpextr", "bextr"];
    let immediate = rest.first().and_then(|part| part.strip_prefix('$')).map(number);
    let wide_shift = mnemonic.starts_with("shr") && immediate.is_some_and(|n| n == 24 || n == 56);
    let mask = mnemonic.starts_with("and") && immediate.is_some_and(|n| n == 0xff || n == 0x3fc);
    out.narrow =
        from_vector || wide_shift || mask || cut.iter().any(|start| mnemonic.starts_with(start));
    out
}

const ARM: [&str; 31] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

fn arm_register(name: &str) -> Option<&'static str> {
    let name = name.trim();
    let number = name.strip_prefix(['x', 'w'])?;
    ARM.iter().find(|known| known[1..] == *number).copied()
}

/// The destination is first; stores have none.
fn read_arm(line: &str) -> Instruction {
    let (mnemonic, operands) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let parts = split(operands);
    let mut out = Instruction::default();
    if let Some(memory) = parts.iter().find(|part| part.contains('[') && !part.starts_with('v')) {
        out.address = memory.split(['[', ']', ',', ' ']).filter_map(arm_register).collect();
    }
    let Some((first, rest)) = parts.split_first() else { return out };
    let reads_only = ["st", "cmp", "cmn", "tst", "ccmp", "b", "cb", "tb", "ret", "prfm"];
    let keeps = ["bic", "bfi", "bfxil"];
    if reads_only.iter().any(|start| mnemonic.starts_with(start))
        && !keeps.iter().any(|start| mnemonic.starts_with(start))
    {
        return out;
    }
    out.sets = arm_register(first);
    out.updates = mnemonic.starts_with("bf") || mnemonic == "movk";
    let load = mnemonic.starts_with("ld");
    if !load {
        out.uses = rest.iter().flat_map(|part| part.split(' ')).filter_map(arm_register).collect();
    }
    let from_vector = rest.iter().any(|part| {
        !load && part.starts_with(['v', 's', 'd', 'b', 'h', 'q']) && part[1..].starts_with(digit)
    });
    let narrow_load = load && mnemonic.ends_with(['b', 'h']);
    let cut = ["ubfx", "uxtb", "uxth", "sbfx", "umov", "smov", "sxtb"];
    let last = rest.last().and_then(|part| part.strip_prefix('#')).map(number);
    let wide_shift = mnemonic == "lsr" && last.is_some_and(|n| n == 24 || n == 56);
    out.narrow = from_vector
        || narrow_load
        || wide_shift
        || (mnemonic == "and" && last.is_some_and(|n| n == 0xff || n == 0xffff))
        || cut.contains(&mnemonic);
    out
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn number(text: &str) -> u64 {
    match text.trim().strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap_or(0),
        None => text.trim().parse().unwrap_or(0),
    }
}

/// Operands, split at commas outside of brackets.
fn split(operands: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0i32, 0);
    for (at, c) in operands.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(operands[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(operands[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}
