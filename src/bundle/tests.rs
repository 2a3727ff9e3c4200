//! Bundles that are taken, and the many that are not.

use std::fs;
use std::path::PathBuf;

use super::*;

/// Keys of both kinds, a kernel and a boot partition in a folder of its own.
struct Works {
    folder: PathBuf,
    secrets: Vec<SecretKey>,
    keys: Keys,
}

const TARGET: &str = "arm64-uefi";

impl Works {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ph-bundle-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("boot/EFI/Linux")).unwrap();
        let secret =
            |algorithm| SecretKey::from_pem(&SecretKey::generate(algorithm).unwrap()).unwrap();
        let secrets: Vec<SecretKey> = ALGORITHMS.into_iter().map(secret).collect();
        let lines: Vec<String> = secrets.iter().map(|key| key.public().to_string()).collect();
        let keys = Keys::read(&lines.join("\n")).unwrap();
        let works = Self { folder, secrets, keys };
        works.slot("posthouse_0.1.0.efi");
        works
    }

    fn slot(&self, name: &str) {
        fs::write(self.folder.join("boot/EFI/Linux").join(name), "a kernel").unwrap();
    }

    fn made(&self, version: &str, release: u64) -> PathBuf {
        let (kernel, out) = (self.folder.join("kernel"), self.folder.join("bundle"));
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        fs::write(&kernel, bytes).unwrap();
        make(TARGET, version, release, &kernel, &out).unwrap();
        out
    }

    fn signed(&self, version: &str, release: u64) -> PathBuf {
        let out = self.made(version, release);
        self.secrets.iter().for_each(|key| sign(&out, key).unwrap());
        out
    }

    fn install(&self, bundle: &Path) -> Result<PathBuf, Code> {
        let boot = self.folder.join("boot");
        let slots = Slots { boot: &boot, target: TARGET, version: "0.1.0", release: 100 };
        let mut bundle = Bundle::open(bundle, &self.keys).map_err(|fault| fault.code)?;
        install(&mut bundle, &slots).map_err(|fault| fault.code)
    }

    fn slots(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join("boot/EFI/Linux")).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Works {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_signed_bundle_becomes_a_slot_on_trial_and_the_running_one_stays() {
    let works = Works::new("good");
    works.slot("posthouse_0.0.9.efi");
    works.slot("posthouse_0.2.0+0-3.efi");
    let slot = works.install(&works.signed("0.2.0", 101)).unwrap();
    assert_eq!(works.slots(), ["posthouse_0.1.0.efi", "posthouse_0.2.0+3.efi"]);
    assert_eq!(fs::read(slot).unwrap(), fs::read(works.folder.join("kernel")).unwrap());
    let same = works.install(&works.signed("0.3.0", 100));
    assert!(same.is_ok(), "the same release under another name is no step back");
}

#[test]
fn older_same_and_foreign_releases_are_refused() {
    let works = Works::new("older");
    assert_eq!(works.install(&works.signed("0.2.0", 99)), Err(code::BUNDLE_OLDER));
    assert_eq!(works.install(&works.signed("0.1.0", 101)), Err(code::BUNDLE_OLDER));
    let bundle = works.signed("0.2.0", 101);
    let boot = works.folder.join("boot");
    let slots = Slots { boot: &boot, target: "amd64-uefi", version: "0.1.0", release: 100 };
    let mut bundle = Bundle::open(&bundle, &works.keys).unwrap();
    assert_eq!(install(&mut bundle, &slots).unwrap_err().code, code::BUNDLE_FOREIGN);
    assert_eq!(works.slots(), ["posthouse_0.1.0.efi"]);
}

#[test]
fn a_signature_of_each_kind_by_a_trusted_key_is_needed() {
    let works = Works::new("signatures");
    let none = works.made("0.2.0", 101);
    assert_eq!(works.install(&none), Err(code::BUNDLE_SIGNATURE));
    for alone in &works.secrets {
        let bundle = works.made("0.2.0", 101);
        sign(&bundle, alone).unwrap();
        sign(&bundle, alone).unwrap();
        assert_eq!(works.install(&bundle), Err(code::BUNDLE_SIGNATURE));
    }
    let stranger = Works::new("stranger");
    let bundle = works.made("0.2.0", 101);
    stranger.secrets.iter().for_each(|key| sign(&bundle, key).unwrap());
    assert_eq!(works.install(&bundle), Err(code::BUNDLE_SIGNATURE));
    // A bundle in the time of a rotation carries both.
    works.secrets.iter().for_each(|key| sign(&bundle, key).unwrap());
    assert!(works.install(&bundle).is_ok());
    assert_eq!(sign(&bundle, &works.secrets[0]).unwrap_err().code, code::BUNDLE_UNREADABLE);
}

#[test]
fn the_next_key_is_trusted_beside_the_present_one() {
    let (now, next) = (Works::new("now"), Works::new("next"));
    let lines = |keys: &Keys| keys.0.iter().map(|key| format!("{key}\n")).collect::<String>();
    let both = format!("# now, then next\n{}\n{}", lines(&now.keys), lines(&next.keys));
    let keys = Keys::read(&both).unwrap();
    for works in [&now, &next] {
        assert!(Bundle::open(&works.signed("0.2.0", 101), &keys).is_ok());
    }
    let three = format!("{both}{}", lines(&Works::new("third").keys));
    for text in ["", &lines(&now.keys)[..72], "rsa 00", &three] {
        assert_eq!(Keys::read(text).unwrap_err().code, code::BUNDLE_NO_KEYS, "{text}");
    }
}

/// Wherever one bit is another one, or the file ends early or late, nothing is installed.
#[test]
fn no_mutated_bundle_is_accepted() {
    let works = Works::new("mutants");
    let bundle = works.signed("0.2.0", 101);
    let whole = fs::read(&bundle).unwrap();
    let mut mutants: Vec<Vec<u8>> = Vec::new();
    let manifest = 16 + u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize;
    let steps = (0..manifest).step_by(5).chain((manifest..whole.len()).step_by(7_919));
    for at in steps.chain(whole.len() - 130..whole.len()) {
        let mut mutant = whole.clone();
        mutant[at] ^= 1 << (at % 8);
        mutants.push(mutant);
    }
    for cut in [0, 7, 15, 16, manifest - 1, manifest, 100_000, whole.len() - 65, whole.len() - 1] {
        mutants.push(whole[..cut].to_vec());
    }
    mutants.push([&whole[..], &[0]].concat());
    mutants.push([&whole[..], &whole[..]].concat());
    assert!(mutants.len() > 50, "{}", mutants.len());
    for (number, mutant) in mutants.iter().enumerate() {
        fs::write(&bundle, mutant).unwrap();
        assert!(works.install(&bundle).is_err(), "mutant {number}");
        assert_eq!(works.slots(), ["posthouse_0.1.0.efi"], "mutant {number}");
    }
    fs::write(&bundle, &whole).unwrap();
    assert!(works.install(&bundle).is_ok(), "the control");
}

#[test]
fn words_that_would_lead_out_of_the_folder_are_refused() {
    let works = Works::new("names");
    let kernel = works.folder.join("kernel");
    fs::write(&kernel, "a kernel").unwrap();
    let out = works.folder.join("bundle");
    for version in ["../0.2.0", "0/2", "", ".2", "a b", "0.2.0+9", &"9".repeat(33)] {
        let fault = make(TARGET, version, 1, &kernel, &out).unwrap_err();
        assert_eq!(fault.code, code::BUNDLE_UNREADABLE, "{version}");
    }
}

/// The plug is pulled while a slot is written: what is there then is no program, the old version
/// stays, and doing it again ends well.
#[test]
fn an_installation_that_was_cut_leaves_a_version_that_starts() {
    let works = Works::new("cut");
    let slot = works.folder.join("boot/EFI/Linux/posthouse_0.2.0+3.efi");
    let bundle = works.signed("0.2.0", 101);
    for length in [0, 1, 100_000, 200_000] {
        fs::write(&slot, vec![0; length]).unwrap();
        assert!(works.slots().contains(&"posthouse_0.1.0.efi".to_owned()));
        works.install(&bundle).unwrap();
        assert_eq!(works.slots(), ["posthouse_0.1.0.efi", "posthouse_0.2.0+3.efi"]);
        assert_eq!(fs::read(&slot).unwrap(), fs::read(works.folder.join("kernel")).unwrap());
    }
    // Content that is not what the manifest says is noticed before the first block is written.
    let mut changed = fs::read(&bundle).unwrap();
    let at = changed.len() - 1_000;
    changed[at] ^= 1;
    fs::write(&bundle, changed).unwrap();
    assert_eq!(works.install(&bundle), Err(code::BUNDLE_CHANGED));
    assert_eq!(works.slots(), ["posthouse_0.1.0.efi"]);
}
