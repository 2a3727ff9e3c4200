//! Pages: the console, the demo, and what stands where there is nothing.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::answer::{Answer, Refused};
use super::assets::{self, Keep};
use super::caller::Caller;
use super::{App, dress};
use crate::base::{Language, code};
use crate::{manual, web};

/// The console's one page; it knows by its address what to show.
pub async fn console(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    if web::file("console/index.html").is_none() {
        return Ok(unbuilt(caller.language));
    }
    assets::serve("console/index.html", &parts.headers, Keep::Ask)
}

/// A page of a shop that does not exist, with the widget of the first inbox in it.
pub async fn demo(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let site = app.desk().site();
    let Some(file) = web::file("demo.html") else { return Ok(unbuilt(caller.language)) };
    let inbox = site.inboxes.values().find(|inbox| !inbox.disabled);
    let inbox = inbox.ok_or(Refused::new(code::NOT_CLAIMED))?;
    let page = String::from_utf8_lossy(&file.bytes)
        .replace("{inbox}", &escape(&inbox.key))
        .replace("{language}", &escape(&site.row.language))
        .replace("{name}", &escape(&site.row.name));
    Ok(html(page))
}

pub async fn nothing() -> Refused {
    code::NO_PAGE.into()
}

pub async fn method() -> Refused {
    code::METHOD.into()
}

/// The offline manual, in the language its address names.
pub async fn manual(State(app): State<App>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let path = parts.uri.path().trim_start_matches("/manual").trim_start_matches('/');
    match manual::answer(path, caller.language).ok_or(Refused::new(code::NO_PAGE))? {
        manual::Answer::Page(page) => Ok(html(page)),
        manual::Answer::Style(style) => Ok(css(style)),
        manual::Answer::Moved(path) => Ok(Redirect::temporary(&path).into_response()),
    }
}

/// Style of the pages that are written here and not built.
pub async fn style() -> Response {
    css(include_str!("page.css"))
}

fn css(style: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, style).into_response()
}

fn unbuilt(language: Language) -> Response {
    let row = code::NO_WEB.row();
    let words = |text: Option<crate::base::Text>| text.map_or("", |text| text.get(language));
    let body = format!(
        "<h1>Posthouse 驿站</h1><p>{}</p><p>{}</p><p><code>scripts/start</code></p>",
        words(row.map(|row| row.what)),
        words(row.map(|row| row.remedy)),
    );
    html(frame(language, "Posthouse 驿站", &body))
}

/// A whole page around a body that is HTML already.
#[must_use]
pub fn frame(language: Language, title: &str, body: &str) -> String {
    let tag = match language {
        Language::En => "en",
        Language::Zh => "zh-CN",
    };
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><link rel=\"stylesheet\" href=\"/page.css\"></head>\
         <body><main>{body}</main></body></html>",
        escape(title)
    )
}

#[must_use]
pub fn html(page: String) -> Response {
    let mut headers = HeaderMap::new();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, fixed("no-cache"));
    headers.insert(header::VARY, fixed("Accept-Language"));
    headers.insert(header::CONTENT_SECURITY_POLICY, fixed(dress::PAGE_POLICY));
    (headers, page).into_response()
}

/// Text as HTML, also inside quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_in_a_page() {
        let page = frame(Language::En, "</title><script>alert(1)</script>", "");
        assert!(!page.contains("<script"));
        assert_eq!(escape("'\"&<>"), "&#39;&quot;&amp;&lt;&gt;");
    }
}
