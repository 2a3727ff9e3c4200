//! `posthouse serve`: runs the desk until it is told to stop.

use clap::Args;

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
        node::run(node::Start { loaded, inputs, language })
            .map_err(|fault| Failure::coded(fault.code, fault.detail))?;
        Ok(Ending::Done)
    }
}
