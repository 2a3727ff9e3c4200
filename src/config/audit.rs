//! Settings of the audit log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::limits::AUDIT_DAYS_LEAST;

/// The audit log.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Days that lines of the audit log are kept (180 to 36500); whole files of a month go.
    #[schemars(extend("x-zh" = "审计日志保留天数（180 到 36500）；按月整文件清理。"))]
    pub keep_days: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_days: AUDIT_DAYS_LEAST }
    }
}
