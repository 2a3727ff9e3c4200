//! `/ca`: the box's own certificate authority, and how each system learns to trust it.

use std::fmt::Write as _;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::answer::{Answer, Refused};
use super::caller::Caller;
use super::{App, body, pages};
use crate::base::{Language, Text, code};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    lang: Option<String>,
}

pub async fn page(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let asked: Asked = body::query(&parts)?;
    let language = asked.lang.as_deref().map_or(caller.language, Language::from_tag);
    let (international, national) =
        (&app.settings().authority_pem, &app.settings().national_authority_pem);
    if international.is_none() && national.is_none() {
        return Err(code::NO_AUTHORITY.into());
    }
    let say = |text: Text| text.get(language);
    let mut page = format!("<h1>{}</h1><p>{}</p>", say(TITLE), say(INTRODUCTION));
    if international.is_some() {
        page.push_str(
            "<p class=\"files\"><a href=\"/ca.crt\">posthouse-ca.crt</a>\
             <a href=\"/ca.pem\">posthouse-ca.pem</a></p>",
        );
    }
    if national.is_some() {
        let _ = write!(
            page,
            "<p>{}</p><p class=\"files\"><a href=\"/ca-sm.crt\">posthouse-ca-sm.crt</a>\
             <a href=\"/ca-sm.pem\">posthouse-ca-sm.pem</a></p>",
            say(NATIONAL),
        );
    }
    let _ = write!(page, "<p class=\"dim\">{}</p>", say(FINGERPRINT));
    for system in SYSTEMS {
        let _ = write!(page, "<h2>{}</h2><ol>", pages::escape(system.name));
        for step in system.steps {
            let _ = write!(page, "<li>{}</li>", say(*step));
        }
        page.push_str("</ol>");
    }
    page.push_str("<p><a href=\"/ca?lang=zh\">中文</a> · <a href=\"/ca?lang=en\">English</a></p>");
    Ok(pages::html(pages::frame(language, say(TITLE), &page)))
}

pub async fn file(State(app): State<App>) -> Answer {
    // Systems offer to install a certificate that has this type.
    give(&app.settings().authority_pem, "application/x-x509-ca-cert", "posthouse-ca.crt")
}

pub async fn pem(State(app): State<App>) -> Answer {
    give(&app.settings().authority_pem, "application/x-pem-file", "posthouse-ca.pem")
}

pub async fn national_file(State(app): State<App>) -> Answer {
    let pem = &app.settings().national_authority_pem;
    give(pem, "application/x-x509-ca-cert", "posthouse-ca-sm.crt")
}

pub async fn national_pem(State(app): State<App>) -> Answer {
    let pem = &app.settings().national_authority_pem;
    give(pem, "application/x-pem-file", "posthouse-ca-sm.pem")
}

fn give(pem: &Option<String>, kind: &'static str, name: &str) -> Answer {
    let pem = pem.clone().ok_or(Refused::new(code::NO_AUTHORITY))?;
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, pem).into_response())
}

struct System {
    name: &'static str,
    steps: &'static [Text],
}

const fn text(en: &'static str, zh: &'static str) -> Text {
    Text { en, zh }
}

const TITLE: Text = text("Trust this box", "信任本机");
const INTRODUCTION: Text = text(
    "This box made its own certificate authority, because no public one can vouch for a name \
     inside your network. Install it once on every computer and phone that uses the desk; the \
     browser's warning then goes away. Its key stays on the box: whoever stole it could pose as \
     any site before these devices, so look after the box.",
    "本机自建了证书颁发机构，因为公共机构无法为内网名称签发证书。请在每台使用服务台的电脑和手机上\
     安装一次，浏览器的警告即会消失。其私钥只保存在本机：一旦失窃，他人可向这些设备冒充任何网站，\
     请妥善保管本机。",
);
const NATIONAL: Text = text(
    "For browsers that know the national algorithms the box has a second authority, with SM2. \
     Install it in such a browser's own list of national authorities; other systems cannot use it.",
    "对于支持国密算法的浏览器，本机另有一个 SM2 证书颁发机构。请将其导入该浏览器自己的国密根证书列表；\
     其他系统无法使用它。",
);
const FINGERPRINT: Text = text(
    "Compare the fingerprint with the one that “posthouse cert show” prints on the box before you \
     trust it.",
    "信任之前，请将指纹与在本机运行 “posthouse cert show” 的输出进行比对。",
);
const SYSTEMS: &[System] = &[
    System {
        name: "Windows",
        steps: &[
            text("Download posthouse-ca.crt and open it.", "下载 posthouse-ca.crt 并打开。"),
            text(
                "Choose “Install Certificate”, then “Local Machine”.",
                "点击“安装证书”，选择“本地计算机”。",
            ),
            text(
                "Choose “Place all certificates in the following store”, browse to “Trusted Root \
                 Certification Authorities”, and finish.",
                "选择“将所有的证书都放入下列存储”，浏览到“受信任的根证书颁发机构”，然后完成。",
            ),
        ],
    },
    System {
        name: "macOS",
        steps: &[
            text(
                "Download posthouse-ca.crt and open it; Keychain Access adds it to “System”.",
                "下载并打开 posthouse-ca.crt，“钥匙串访问”会将其加入“系统”。",
            ),
            text(
                "Open the certificate there, unfold “Trust” and choose “Always Trust”.",
                "在其中打开该证书，展开“信任”，选择“始终信任”。",
            ),
        ],
    },
    System {
        name: "iPhone, iPad",
        steps: &[
            text(
                "Open this page in Safari, tap posthouse-ca.crt and allow the profile.",
                "用 Safari 打开本页，点按 posthouse-ca.crt 并允许下载描述文件。",
            ),
            text(
                "Settings → General → VPN &amp; Device Management: install the profile.",
                "设置 → 通用 → VPN 与设备管理：安装该描述文件。",
            ),
            text(
                "Settings → General → About → Certificate Trust Settings: turn it on.",
                "设置 → 通用 → 关于本机 → 证书信任设置：将其打开。",
            ),
        ],
    },
    System {
        name: "Android",
        steps: &[
            text("Download posthouse-ca.crt.", "下载 posthouse-ca.crt。"),
            text(
                "Settings → Security → Encryption &amp; credentials → Install a certificate → CA \
                 certificate, and choose the file.",
                "设置 → 安全 → 加密与凭据 → 安装证书 → CA 证书，选择该文件。",
            ),
        ],
    },
    System {
        name: "Debian, Ubuntu",
        steps: &[
            text(
                "<code>sudo cp posthouse-ca.crt /usr/local/share/ca-certificates/</code>",
                "执行 <code>sudo cp posthouse-ca.crt /usr/local/share/ca-certificates/</code>",
            ),
            text(
                "<code>sudo update-ca-certificates</code>",
                "执行 <code>sudo update-ca-certificates</code>",
            ),
            text(
                "Chromium keeps a list of its own: Settings → Privacy and security → Security → \
                 Manage certificates → Authorities → Import.",
                "Chromium 有自己的列表：设置 → 隐私和安全 → 安全 → 管理证书 → 授权机构 → 导入。",
            ),
        ],
    },
    System {
        name: "Fedora, openEuler, Anolis",
        steps: &[
            text(
                "<code>sudo cp posthouse-ca.pem /etc/pki/ca-trust/source/anchors/</code>",
                "执行 <code>sudo cp posthouse-ca.pem /etc/pki/ca-trust/source/anchors/</code>",
            ),
            text("<code>sudo update-ca-trust</code>", "执行 <code>sudo update-ca-trust</code>"),
        ],
    },
    System {
        name: "统信 UOS, 麒麟 Kylin",
        steps: &[
            text(
                "<code>sudo cp posthouse-ca.crt /usr/local/share/ca-certificates/</code> and \
                 <code>sudo update-ca-certificates</code>",
                "执行 <code>sudo cp posthouse-ca.crt /usr/local/share/ca-certificates/</code>，再执行 \
                 <code>sudo update-ca-certificates</code>",
            ),
            text(
                "In the system's browser: Settings → Privacy and security → Manage certificates → \
                 Authorities → Import, and trust it for websites.",
                "在系统浏览器中：设置 → 隐私与安全 → 管理证书 → 授权机构 → 导入，并勾选信任该机构标识网站。",
            ),
        ],
    },
    System {
        name: "Firefox",
        steps: &[
            text(
                "Settings → Privacy &amp; Security → View Certificates → Authorities → Import.",
                "设置 → 隐私与安全 → 查看证书 → 证书颁发机构 → 导入。",
            ),
            text(
                "Choose the file and tick “Trust this CA to identify websites”.",
                "选择文件，勾选“信任由此证书颁发机构来标识网站”。",
            ),
        ],
    },
];
