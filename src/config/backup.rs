//! Settings of backups.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Backups, sealed, into a folder.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// Folder of the backups, of this site alone: another disk, a mounted medium. The first one is
    /// made by `posthouse backup create`; then the desk makes them by itself whenever the folder
    /// is there. Left out: none.
    #[schemars(extend("x-zh" = "备份文件夹，仅供本站点使用：另一块磁盘或已挂载的介质。首份备份由 \
        posthouse backup create 创建，此后只要文件夹可用，服务台会自动备份。未设置则不备份。"))]
    pub folder: Option<PathBuf>,
    /// File with the recovery passphrase (12 bytes at least), which seals the backups and opens
    /// them on another machine. Keep it elsewhere, too.
    #[schemars(extend("x-zh" = "恢复口令文件（口令至少 12 字节），用于加密备份并在另一台机器上恢复。\
        请另行妥善保存。"))]
    pub passphrase_file: Option<PathBuf>,
    /// Hours between two backups (1 to 8760).
    #[schemars(extend("x-zh" = "两次备份的间隔，小时（1 到 8760）。"))]
    pub every_hours: u32,
    /// How many backups are kept (1 to 1000).
    #[schemars(extend("x-zh" = "保留的备份份数（1 到 1000）。"))]
    pub keep: u32,
    /// Days that a backup is kept (1 to 36500); the newest one always is.
    #[schemars(extend("x-zh" = "备份保留天数（1 到 36500）；最新一份始终保留。"))]
    pub keep_days: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: None, passphrase_file: None, every_hours: 24, keep: 30, keep_days: 30 }
    }
}
