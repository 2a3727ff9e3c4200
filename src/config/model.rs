//! Every setting. The doc comments are the manual's settings page, `x-zh` is the same sentence in
//! Chinese; a key that is not here does not exist.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::appliance::Appliance;
use super::audit::Audit;
use super::backup::Backup;
use super::crypto::{ClientCertificates, Crypto, National, SmHint, TlsFamily};
use super::value::Network;
use crate::base::{Language, limits};

/// The whole configuration; every key may be left out.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port of the TLS listener: console, widget, WebSocket and HTTP/2. A request
    /// without TLS on the same port is redirected, or served when it comes from this machine.
    #[schemars(with = "String", extend("x-zh" = "TLS 监听地址和端口：控制台、组件、WebSocket 和 HTTP/2 \
        共用。同一端口上的明文请求会被重定向；来自本机的明文请求直接处理。"))]
    pub listen: SocketAddr,
    /// A second listener that speaks plain HTTP, for a reverse proxy on the same machine or
    /// network.
    #[schemars(with = "Option<String>", extend("x-zh" = "另一个明文 HTTP 监听地址，供同机或同网的反向代理使用。"))]
    pub plain_listen: Option<SocketAddr>,
    /// Folder of everything the desk keeps. Under systemd it is the unit's state folder
    /// (`/var/lib/posthouse`).
    #[schemars(extend("x-zh" = "数据文件夹。在 systemd 下默认为单元的状态目录（/var/lib/posthouse）。"))]
    pub data: PathBuf,
    pub site: Site,
    pub crypto: Crypto,
    pub tls: Tls,
    /// Networks (`10.0.0.0/8`) of reverse proxies whose `X-Forwarded-For` and
    /// `X-Forwarded-Proto` headers are believed. Empty: nobody's.
    #[schemars(extend("x-zh" = "可信反向代理所在网段（如 10.0.0.0/8），仅采信其 X-Forwarded-For 与 \
        X-Forwarded-Proto。留空则一概不信。"))]
    pub trusted_proxies: Vec<Network>,
    /// Base URLs under which clients reach this desk, best first; clients try the next one when
    /// one fails. Empty: the URL they came by.
    #[schemars(extend("x-zh" = "客户端可用的访问地址（URL），按优先顺序；一个失败时尝试下一个。留空则沿用当前地址。"))]
    pub endpoints: Vec<String>,
    pub store: Store,
    pub audit: Audit,
    pub backup: Backup,
    pub limits: Limits,
    pub metrics: Metrics,
    pub log: Log,
    /// Language of the command line and of messages to the operator: `en` or `zh`. Left out: LANG.
    #[schemars(extend("x-zh" = "命令行和运维提示的语言：en 或 zh。未设置时取 LANG。"))]
    pub language: Option<Tongue>,
    /// Plugins to load, in order.
    #[schemars(extend("x-zh" = "要加载的插件，按顺序。"))]
    pub plugins: Vec<Plugin>,
    pub appliance: Appliance,
}

/// What the site is called on the network.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// Host names and addresses in the site's own certificate. Empty: the machine's host name,
    /// its addresses, and localhost.
    #[schemars(extend("x-zh" = "站点证书中的主机名和地址。留空则使用本机主机名、本机地址和 localhost。"))]
    pub names: Vec<String>,
}

/// Where the certificate comes from. Left out: the site's own authority in the data folder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain, the server's own first.
    #[schemars(extend("x-zh" = "PEM 证书链文件，服务器证书在最前。"))]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate.
    #[schemars(extend("x-zh" = "证书私钥的 PEM 文件。"))]
    pub key: Option<PathBuf>,
    pub acme: Acme,
    pub national: National,
    /// What the TLS listener may speak: `international` (TLS 1.2 and 1.3), `rfc8998` (TLS 1.3 with
    /// SM2, SM3 and SM4), `tlcp`. Others are refused with an alert. Empty: all that
    /// `crypto.profile` has certificates for.
    #[schemars(extend("x-zh" = "TLS 监听端口允许的协议族：international（TLS 1.2 和 1.3）、rfc8998（使用 \
        SM2/SM3/SM4 的 TLS 1.3）、tlcp。其余一律以告警拒绝。留空则允许 crypto.profile 拥有证书的全部协议族。"))]
    pub families: Vec<TlsFamily>,
    /// What to do with a TLS hello that lists suites of TLCP, as some browsers send before they
    /// come back in TLCP: `ignore` the list, answer with an `alert`, or `switch` to TLCP on the
    /// spot, which browsers that do not expect it take for an error. Left out: `alert` when the
    /// listener does not speak `international`, `ignore` otherwise.
    #[schemars(extend("x-zh" = "收到列有 TLCP 套件的 TLS 握手时（部分浏览器以此试探，随后改用 TLCP）：\
        ignore 忽略，alert 以告警拒绝，switch 在同一连接上直接改用 TLCP（不支持此做法的浏览器会报错）。\
        未设置时，若不允许 international 则为 alert，否则为 ignore。"))]
    pub sm_hint: Option<SmHint>,
    /// Whether clients are asked for a certificate of the site's authorities, with which agents
    /// may sign in: `off`, `optional` or `required`.
    #[schemars(extend("x-zh" = "是否要求客户端出示站点 CA 签发的证书（客服可凭此登录）：off、optional 或 \
        required。"))]
    pub client_certificates: ClientCertificates,
}

/// A certificate from an ACME authority. Nothing is asked of anybody unless `directory` is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Acme {
    /// URL of the authority's directory.
    #[schemars(extend("x-zh" = "ACME 目录的 URL。未设置则不进行任何外部请求。"))]
    pub directory: Option<String>,
    /// Contact addresses, `mailto:somebody@shop.example`.
    #[schemars(extend("x-zh" = "联系地址，如 mailto:somebody@shop.example。"))]
    pub contact: Vec<String>,
    /// Domain names of the certificate.
    #[schemars(extend("x-zh" = "证书中的域名。"))]
    pub domains: Vec<String>,
    /// PEM file of the authority behind the directory's own certificate, for one inside the
    /// organisation. Left out: the system's list.
    #[schemars(extend("x-zh" = "ACME 服务器证书的签发机构（PEM 文件），用于内部机构。未设置则使用系统信任列表。"))]
    pub root: Option<PathBuf>,
}

/// How the disk is used.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Least time between two syncs, in milliseconds (0 to 10000). More spares an SD card and
    /// makes every acknowledgement wait that long.
    #[schemars(extend("x-zh" = "两次落盘之间的最短间隔，毫秒（0 到 10000）。数值大可减少 SD 卡磨损，但确认会相应变慢。"))]
    pub min_commit_interval_ms: u32,
    /// Size of one of the journal's segments, in MiB (1 to 1024). Applies to a new journal.
    #[schemars(extend("x-zh" = "日志每段的大小，MiB（1 到 1024）。仅对新建的日志生效。"))]
    pub journal_segment_mib: u32,
    /// Memory for database pages, in MiB (4 to 65536).
    #[schemars(extend("x-zh" = "数据库页缓存，MiB（4 到 65536）。"))]
    pub redb_cache_mib: u32,
}

/// Limits an operator may move; the fixed ones stand in the manual.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest attachment, in MiB (1 to 2048).
    #[schemars(extend("x-zh" = "单个附件的上限，MiB（1 到 2048）。"))]
    pub attachment_mib: u32,
    /// Connections held at a time (16 to 1000000). Left out: from memory and descriptors.
    #[schemars(extend("x-zh" = "同时保持的连接数上限（16 到 1000000）。未设置时按内存和文件描述符数量计算。"))]
    pub connections_max: Option<u32>,
}

/// Who may read the figures at `/metrics`. This machine always may.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// File whose first line is the bearer token for readers from other machines.
    #[schemars(extend("x-zh" = "文件首行是供其他机器读取指标的 Bearer 令牌。"))]
    pub token_file: Option<PathBuf>,
}

/// What is written to the log, and how.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Level, `error`, `warn`, `info`, `debug` or `trace`, or a list by room:
    /// `info,posthouse::net=debug`.
    #[schemars(extend("x-zh" = "级别：error、warn、info、debug、trace；可按模块：info,posthouse::net=debug。"))]
    pub level: String,
    /// `text`, `json`, or `auto`: text on a terminal, JSON otherwise.
    #[schemars(extend("x-zh" = "text、json 或 auto（终端上为文本，否则为 JSON）。"))]
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

/// A language as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tongue {
    En,
    Zh,
}

/// A plugin as the configuration names it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Name in logs and in the console.
    #[schemars(extend("x-zh" = "在日志和控制台中显示的名称。"))]
    pub name: String,
    /// WebAssembly module.
    #[serde(default)]
    #[schemars(extend("x-zh" = "WebAssembly 模块文件。"))]
    pub wasm: Option<PathBuf>,
    /// Handed to the plugin as it stands.
    #[serde(default)]
    #[schemars(extend("x-zh" = "原样交给插件的配置。"))]
    pub config: serde_json::Map<String, serde_json::Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            plain_listen: None,
            data: PathBuf::from("./data"),
            site: Site::default(),
            crypto: Crypto::default(),
            tls: Tls::default(),
            trusted_proxies: Vec::new(),
            endpoints: Vec::new(),
            store: Store::default(),
            audit: Audit::default(),
            backup: Backup::default(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            language: None,
            plugins: Vec::new(),
            appliance: Appliance::default(),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            min_commit_interval_ms: 0,
            journal_segment_mib: mib(limits::JOURNAL_SEGMENT_BYTES),
            redb_cache_mib: mib(limits::REDB_CACHE_BYTES as u64),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { attachment_mib: mib(limits::ATTACHMENT_BYTES), connections_max: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Store {
    #[must_use]
    pub fn journal_segment_bytes(&self) -> u64 {
        u64::from(self.journal_segment_mib) << 20
    }

    /// Saturates where a page cache of that size could not be addressed.
    #[must_use]
    pub fn redb_cache_bytes(&self) -> usize {
        usize::try_from(u64::from(self.redb_cache_mib) << 20).unwrap_or(usize::MAX)
    }
}

impl Limits {
    #[must_use]
    pub fn attachment_bytes(&self) -> u64 {
        u64::from(self.attachment_mib) << 20
    }
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::En => Self::En,
            Tongue::Zh => Self::Zh,
        }
    }
}

const fn mib(bytes: u64) -> u32 {
    let whole = bytes >> 20;
    assert!(whole <= u32::MAX as u64);
    #[allow(clippy::cast_possible_truncation, reason = "asserted in the line above")]
    let whole = whole as u32;
    whole
}
