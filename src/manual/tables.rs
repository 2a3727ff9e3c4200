//! Pages made from the code: settings from the configuration's schema, codes from the one table.

use crate::base::code::{self, Family};
use crate::base::{Language, Text};
use crate::config;
use crate::health;

/// Every setting with its default, its variable and when it applies.
pub fn settings(language: Language) -> String {
    let mut page = SETTINGS.get(language).to_owned();
    for setting in config::settings() {
        let default = match setting.default.to_string() {
            none if none == "null" => "—".to_owned(),
            some => format!("`{some}`"),
        };
        let (default_word, at_once) = match language {
            Language::En => {
                ("Default", if setting.reloads() { " Applies at a reload." } else { "" })
            }
            Language::Zh => ("默认值", if setting.reloads() { " 重新加载后生效。" } else { "" }),
        };
        page.push_str(&format!("\n## `{}`\n\n{}\n\n", setting.key, setting.sentence(language)));
        page.push_str(&format!("{default_word}: {default}."));
        if setting.has_variable {
            page.push_str(&format!(" `{}`.", setting.variable()));
        }
        page.push_str(&format!("{at_once}\n"));
    }
    page
}

/// Every code, and the checks of `doctor`.
pub fn codes(language: Language) -> String {
    let mut page = CODES.get(language).to_owned();
    for row in code::table() {
        let family = match row.family {
            Family::Refusal => Text { en: "refusal", zh: "拒绝" },
            Family::Fault => Text { en: "fault", zh: "故障" },
            Family::Finding => Text { en: "finding", zh: "提示" },
        };
        page.push_str(&format!(
            "\n## {} {}\n\n**{}** ({})\n\n{} {}\n",
            row.code.0,
            row.name,
            row.what.get(language),
            family.get(language),
            row.why.get(language),
            row.remedy.get(language),
        ));
    }
    page.push_str(CHECKS.get(language));
    for check in health::CATALOGUE {
        page.push_str(&format!("| `{}` | {} |\n", check.id, check.title.get(language)));
    }
    page
}

const SETTINGS: Text = Text {
    en: "Settings stand in `posthouse.yaml`, then in `conf.d/*.yaml` beside it in the order of \
         their names, then in environment variables, then in flags; the later one wins. Every \
         key may be left out. An unknown key is an error. `posthouse config check` reads \
         everything and starts nothing.\n\n\
         A relative path counts from the folder of the file it stands in. `credential:NAME` is a \
         file of the service manager's credentials folder. Lists in variables are written with \
         commas.\n\n\
         `systemctl reload posthouse` (SIGHUP) reads everything again: all of it is taken, or \
         none and the log says why. What does not apply at a reload applies at the next start.\n",
    zh: "设置先读取 `posthouse.yaml`，再按文件名顺序读取同目录下的 `conf.d/*.yaml`，然后是环境变量，最后是命令行参数；\
         后者优先。每个键都可以省略。未知的键是错误。`posthouse config check` 只检查，不启动。\n\n\
         相对路径以所在文件的目录为准。`credential:NAME` 指服务管理器凭据目录中的文件。环境变量中的列表用逗号分隔。\n\n\
         `systemctl reload posthouse`（SIGHUP）会重新读取全部设置：要么全部采用，要么全部不采用并在日志中说明原因。\
         不支持热加载的设置在下次启动时生效。\n",
};

const CODES: Text = Text {
    en: "A code stands behind every refusal, fault and finding; it never changes its meaning. \
         Thousands name the side: 1 desk and protocol, 2 HTTP and sign-in, 3 configuration, \
         4 storage, 5 network and certificates, 6 command line, 7 health.\n",
    zh: "每个拒绝、故障和提示都有一个错误码，含义永不改变。千位表示所属部分：1 服务台与协议，2 HTTP 与登录，3 配置，\
         4 存储，5 网络与证书，6 命令行，7 健康检查。\n",
};

const CHECKS: Text = Text {
    en: "\n## Checks of doctor\n\n| id | title |\n|---|---|\n",
    zh: "\n## doctor 的检查项\n\n| 标识 | 名称 |\n|---|---|\n",
};
