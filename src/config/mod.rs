//! The parsed configuration: one YAML file, then `conf.d/*.yaml` beside it, then the environment,
//! then flags. Architecture invariant: parsed once into typed settings; every mistake names its
//! file, line, key and value; nothing else in the house reads variables or files of settings.

mod appliance;
mod audit;
mod backup;
mod check;
mod crypto;
mod key;
mod load;
mod model;
mod print;
mod problem;
mod read;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use appliance::{Appliance, SetupCode};
pub use audit::Audit;
pub use backup::Backup;
pub use crypto::{ClientCertificates, Crypto, National, Profile, SmHint, TlsFamily};
pub use key::Key;
pub use load::{Inputs, Loaded, Reloaded, load, reload};
pub use model::{Acme, Config, Limits, Log, LogFormat, Metrics, Plugin, Site, Store, Tls, Tongue};
pub use print::{Change, Setting, diff, reloaded, schema, settings, yaml};
pub use problem::{Hint, Problem};
pub use tree::{Place, Source};
pub use value::{Network, is_base_url, is_host_name};
