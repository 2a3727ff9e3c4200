//! `posthouse setup`: claims the site from the command line, before the first start or while it
//! runs.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::operate::{Absent, operate, password};
use super::{Ending, Failure, Settings};
use crate::base::Language;
use crate::node::control::Request;

#[derive(Args, Debug)]
pub struct Setup {
    #[command(flatten)]
    settings: Settings,
    /// Sign-in name of the owner.
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// File whose first line is the owner's password.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Name of the site.
    #[arg(long, value_name = "NAME")]
    site: String,
    /// Language of the site: `en` or `zh`.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Setup {
    pub fn run(self, out: &mut dyn Write, language: Language) -> Result<Ending, Failure> {
        let password = password(&self.password_file)?;
        let spoken = match language {
            Language::En => "en",
            Language::Zh => "zh",
        };
        let request = Request::Setup {
            owner: self.owner,
            password,
            site: self.site,
            language: self.language.unwrap_or_else(|| spoken.to_owned()),
        };
        let done = operate(self.settings.load()?, request, Absent::Make, &mut |_| Ok(()))?;
        if self.json {
            writeln!(out, "{done}")?;
            return Ok(Ending::Done);
        }
        let word = |key: &str| done.get(key).and_then(|value| value.as_str()).unwrap_or("-");
        let (url, inbox, authority) = match language {
            Language::En => ("Address", "Inbox key", "Certificate of the site's authority"),
            Language::Zh => ("地址", "收件箱密钥", "站点 CA 证书"),
        };
        writeln!(out, "{url}: {}", word("url"))?;
        writeln!(out, "{inbox}: {}", word("inbox_key"))?;
        writeln!(out, "{authority}: {}", word("ca"))?;
        Ok(Ending::Done)
    }
}
