//! `posthouse serve`: runs the desk until it is told to stop.

use clap::Args;
#[cfg(feature = "test-peer")]
use posthouse_crypto::selftest::Algorithm;

use super::{Ending, Failure, Settings, report};
use crate::base::Language;
use crate::{config, node};

#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Address and port of the TLS listener.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Show where a new desk is set up as a QR code, too.
    #[arg(long)]
    qr: bool,
    /// Write a line for each entry of the site into this file, as a durable reader.
    #[cfg(feature = "test-peer")]
    #[arg(long, value_name = "FILE")]
    test_reader: Option<std::path::PathBuf>,
    /// Let that reader confirm before it writes.
    #[cfg(feature = "test-peer")]
    #[arg(long)]
    test_reader_careless: bool,
    /// Let an algorithm, by its name, give a wrong answer in the self-test.
    #[cfg(feature = "test-peer")]
    #[arg(long, value_name = "NAME", value_parser = algorithm)]
    test_wrong_answer: Option<Algorithm>,
}

#[cfg(feature = "test-peer")]
fn algorithm(name: &str) -> Result<Algorithm, String> {
    let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
    found.ok_or_else(|| "no such algorithm".to_owned())
}

impl Serve {
    pub fn run(self, language: Language) -> Result<Ending, Failure> {
        let mut inputs = self.settings.inputs();
        if let Some(listen) = self.listen {
            inputs.flags.push(("listen", "--listen", listen));
        }
        let loaded = config::load(&inputs).map_err(Failure::Config)?;
        let language = loaded.config.language.map_or(language, Language::from);
        for finding in &loaded.findings {
            report::print_lines(&mut std::io::stderr().lock(), &finding.lines(language))?;
        }
        let start = node::Start {
            loaded,
            inputs,
            language,
            qr: self.qr,
            #[cfg(feature = "test-peer")]
            test_reader: self.test_reader.map(|file| node::test_reader::TestReader {
                file,
                careless: self.test_reader_careless,
            }),
            #[cfg(feature = "test-peer")]
            test_wrong_answer: self.test_wrong_answer,
        };
        node::run(start).map_err(|fault| Failure::coded(fault.code, fault.detail))?;
        Ok(Ending::Done)
    }
}
