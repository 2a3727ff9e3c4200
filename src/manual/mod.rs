//! The offline manual, Chinese and English, embedded in the binary. Its tables of settings, codes
//! and checks are made from the code itself. Architecture invariant: no page names anything outside
//! this server except as text.

use crate::base::{Language, Text};

mod render;
mod tables;

/// An answer to a request below `/manual/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Page(String),
    Style(&'static str),
    /// Go to this path.
    Moved(String),
}

/// Answers the path after `/manual/`: `en/settings`, `style.css`, or nothing, which leads to the
/// first page in the reader's language. `None` = no such page.
#[must_use]
pub fn answer(path: &str, reader: Language) -> Option<Answer> {
    if path == "style.css" {
        return Some(Answer::Style(STYLE));
    }
    let first = |language| format!("/manual/{}/{}", tag(language), PAGES[0].name);
    let (language, name) = match path.trim_end_matches('/').split_once('/') {
        Some(("en", name)) => (Language::En, name),
        Some(("zh", name)) => (Language::Zh, name),
        Some(_) => return None,
        None => match path.trim_end_matches('/') {
            "" => return Some(Answer::Moved(first(reader))),
            "en" => return Some(Answer::Moved(first(Language::En))),
            "zh" => return Some(Answer::Moved(first(Language::Zh))),
            _ => return None,
        },
    };
    let page = PAGES.iter().find(|page| page.name == name)?;
    Some(Answer::Page(whole(page, language)))
}

struct Page {
    name: &'static str,
    title: Text,
    body: Body,
}

enum Body {
    /// Markdown in both languages.
    Written(Text),
    /// Markdown that is made from the code.
    Made(fn(Language) -> String),
}

macro_rules! written {
    ($name:literal, $en:literal, $zh:literal) => {
        Page {
            name: $name,
            title: Text { en: $en, zh: $zh },
            body: Body::Written(Text {
                en: include_str!(concat!("en/", $name, ".md")),
                zh: include_str!(concat!("zh/", $name, ".md")),
            }),
        }
    };
}

const PAGES: &[Page] = &[
    written!("start", "Getting started", "快速开始"),
    written!("install", "Installing", "安装"),
    written!("appliance", "The disk image", "磁盘映像"),
    written!("widget", "Putting the widget on a page", "在网页中嵌入组件"),
    written!("certificates", "Certificates and the site's authority", "证书与站点 CA"),
    written!("backup", "Backup and repair", "备份与修复"),
    written!("audit", "Audit log", "审计日志"),
    written!("monitoring", "Monitoring", "监控"),
    written!("commands", "Commands", "命令行"),
    Page {
        name: "settings",
        title: Text { en: "Settings", zh: "设置" },
        body: Body::Made(tables::settings),
    },
    Page {
        name: "codes",
        title: Text { en: "Codes", zh: "错误码" },
        body: Body::Made(tables::codes),
    },
];

const STYLE: &str = include_str!("style.css");

const fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Zh => "zh",
    }
}

/// A page with its head and the list of all pages.
fn whole(page: &Page, language: Language) -> String {
    let other = match language {
        Language::En => Language::Zh,
        Language::Zh => Language::En,
    };
    let product = match language {
        Language::En => "Posthouse manual",
        Language::Zh => "驿站手册",
    };
    let markdown = match &page.body {
        Body::Written(text) => text.get(language).to_owned(),
        Body::Made(make) => make(language),
    };
    let mut links = String::new();
    for link in PAGES {
        let here = if link.name == page.name { " aria-current=\"page\"" } else { "" };
        let title = render::escape(link.title.get(language));
        let path = format!("/manual/{}/{}", tag(language), link.name);
        links.push_str(&format!("<li><a href=\"{path}\"{here}>{title}</a></li>\n"));
    }
    let (lang, other_lang) = (tag(language), tag(other));
    let other_name = if other == Language::Zh { "中文" } else { "English" };
    let title = render::escape(page.title.get(language));
    let body = render::html(&markdown);
    format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · {product}</title>\n\
         <link rel=\"stylesheet\" href=\"/manual/style.css\">\n</head>\n<body>\n\
         <nav><p>{product}</p>\n<ul>\n{links}</ul>\n\
         <p><a hreflang=\"{other_lang}\" href=\"/manual/{other_lang}/{name}\">\
         {other_name}</a></p>\n\
         </nav>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        name = page.name,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str) -> String {
        match answer(path, Language::En) {
            Some(Answer::Page(html)) => html,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn every_page_is_there_in_both_languages_and_its_links_lead_somewhere() {
        for language in ["en", "zh"] {
            for known in PAGES {
                let html = page(&format!("{language}/{}", known.name));
                for link in html.split("href=\"").skip(1) {
                    let link = link.split('"').next().unwrap();
                    let path = link.strip_prefix("/manual/");
                    let path = path.unwrap_or_else(|| panic!("{} links to {link}", known.name));
                    let path = path.split('#').next().unwrap();
                    assert!(answer(path, Language::En).is_some(), "{} → {link}", known.name);
                }
                let chinese = html.chars().filter(|c| *c > '\u{2e80}').count();
                assert_eq!(language == "zh", chinese > 60, "{language}/{}", known.name);
            }
        }
    }

    #[test]
    fn the_first_page_is_in_the_readers_language_and_others_are_not_found() {
        let moved = Answer::Moved("/manual/zh/start".to_owned());
        assert_eq!(answer("", Language::Zh), Some(moved));
        for path in ["en/nothing", "fr/start", "../../etc/passwd", "en/../../start", "x"] {
            assert_eq!(answer(path, Language::En), None, "{path}");
        }
    }

    #[test]
    fn the_tables_name_every_code_and_every_setting() {
        let codes = page("en/codes");
        for row in crate::base::code::table() {
            assert!(codes.contains(row.name), "{}", row.name);
        }
        let settings = page("zh/settings");
        for setting in crate::config::settings() {
            assert!(settings.contains(&setting.key), "{}", setting.key);
        }
    }
}
