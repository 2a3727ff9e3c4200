//! The peer: `openssl speed` of Tongsuo, which counts its own processor time.

use std::path::PathBuf;
use std::process::Command;

use crate::rows::Question;

/// Tongsuo's command line.
pub struct Tongsuo(PathBuf);

impl Tongsuo {
    /// The program that the environment variable TONGSUO names.
    pub fn from_environment() -> Option<Self> {
        let path = PathBuf::from(std::env::var_os("TONGSUO")?);
        assert!(path.is_file(), "TONGSUO names no file: {}", path.display());
        Some(Self(path))
    }

    /// Bytes or operations a second; `None` where it has no such row.
    pub fn per_second(&self, question: &Question) -> Option<f64> {
        match question {
            Question::Cipher { name, bytes, decrypt } => {
                let bytes = bytes.to_string();
                let mut arguments = vec!["-bytes", &bytes, "-evp", name];
                if *decrypt {
                    arguments.push("-decrypt");
                }
                self.field(&arguments, "+F:", 3)
            }
            // "+F7:0:256:CurveSM2:signs:verifies"
            Question::Sm2Sign => self.field(&["sm2"], "+F7:", 4),
            Question::Sm2Verify => self.field(&["sm2"], "+F7:", 5),
            Question::Nothing => None,
        }
    }

    fn field(&self, arguments: &[&str], line: &str, field: usize) -> Option<f64> {
        let output = Command::new(&self.0)
            .args(["speed", "-mr", "-seconds", "1"])
            .args(arguments)
            .env("OPENSSL_CONF", "/dev/null")
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find(|l| l.starts_with(line))?.split(':').nth(field)?.trim().parse().ok()
    }
}
