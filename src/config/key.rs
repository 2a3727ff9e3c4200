//! What opens the keys of a sealed site.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operator's secret. With one of them a new site is sealed: database, journal, attachments. A
/// plain site becomes one by `posthouse store seal`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// File with the passphrase (12 bytes at least) that opens the key file `DATA/keys`. A
    /// credential of the service manager is `credential:posthouse.key`.
    #[schemars(extend("x-zh" = "口令文件（口令至少 12 字节），用于打开密钥文件 DATA/keys。\
        服务管理器的凭据写作 credential:posthouse.key。"))]
    pub passphrase_file: Option<PathBuf>,
    /// Socket of a key store's agent that opens the key file instead of a passphrase.
    #[schemars(extend("x-zh" = "密钥库代理的套接字，代替口令打开密钥文件。"))]
    pub agent_socket: Option<PathBuf>,
    /// Label of the agent's wrapping key.
    #[schemars(extend("x-zh" = "代理中封装密钥的标签。"))]
    pub agent_key: Option<String>,
}
