//! HTML from the part of Markdown that the manual uses: headings, paragraphs, lists, tables, fenced
//! code, and in a line `code`, **strong** and [links](/manual/en/start). Everything else is text.

/// Renders a page. The text is ours, and is escaped all the same.
pub fn html(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len() * 2);
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> =
                lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let class = if language.is_empty() { "text" } else { language };
            let code = escape(&code.join("\n"));
            out.push_str(&format!(
                "<pre><code class=\"{}\">{code}\n</code></pre>\n",
                escape(class)
            ));
        } else if line.trim().is_empty() {
        } else if line.starts_with('#') {
            heading(line, &mut out);
        } else {
            let mut block = vec![line];
            while let Some(next) = lines.next_if(|next| !ends_block(next)) {
                block.push(next);
            }
            match kind(line) {
                Block::Table => table(&block, &mut out),
                Block::Bullets => list("ul", &block, &mut out),
                Block::Steps => list("ol", &block, &mut out),
                Block::Paragraph => {
                    let text = block.iter().map(|line| line.trim()).collect::<Vec<_>>();
                    out.push_str(&format!("<p>{}</p>\n", inline(&joined(&text))));
                }
            }
        }
    }
    out
}

enum Block {
    Paragraph,
    Bullets,
    Steps,
    Table,
}

fn ends_block(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#') || line.starts_with("```")
}

fn kind(line: &str) -> Block {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    if line.starts_with("- ") {
        Block::Bullets
    } else if line.starts_with('|') {
        Block::Table
    } else if digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(". ")) {
        Block::Steps
    } else {
        Block::Paragraph
    }
}

fn heading(line: &str, out: &mut String) {
    let level = line.chars().take_while(|c| *c == '#').count().clamp(1, 6);
    let text = line.trim_start_matches('#').trim();
    let id: String = text.chars().filter(|c| c.is_alphanumeric() || "._-".contains(*c)).collect();
    out.push_str(&format!("<h{level} id=\"{}\">{}</h{level}>\n", escape(&id), inline(text)));
}

/// An item goes on in the lines below it that are indented.
fn list(tag: &str, block: &[&str], out: &mut String) {
    let mut items: Vec<Vec<&str>> = Vec::new();
    for line in block {
        match (line.starts_with(' '), items.last_mut()) {
            (true, Some(item)) => item.push(line.trim()),
            (false, _) | (true, None) => {
                let text = line.split_once(' ').map_or(*line, |(_, text)| text);
                items.push(vec![text]);
            }
        }
    }
    out.push_str(&format!("<{tag}>\n"));
    for item in items {
        out.push_str(&format!("<li>{}</li>\n", inline(&joined(&item))));
    }
    out.push_str(&format!("</{tag}>\n"));
}

/// The second line of a table is its rule.
fn table(block: &[&str], out: &mut String) {
    out.push_str("<table>\n");
    for (number, line) in block.iter().enumerate() {
        let tag = match number {
            0 => "th",
            1 => continue,
            _ => "td",
        };
        out.push_str("<tr>");
        for cell in line.trim().trim_matches('|').split('|') {
            out.push_str(&format!("<{tag}>{}</{tag}>", inline(cell.trim())));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

/// Lines of one paragraph; between Chinese characters a line break is no space.
fn joined(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let wide = |c: Option<char>| c.is_some_and(|c| c > '\u{2e80}');
        let tight = wide(text.chars().last()) && wide(line.chars().next());
        if !text.is_empty() && !tight {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        let (before, from) = rest.split_at(at);
        out.push_str(&escape(before));
        let taken = code(from).or_else(|| strong(from)).or_else(|| link(from));
        let (html, after) = taken.unwrap_or_else(|| {
            let (mark, after) = from.split_at(1);
            (mark.to_owned(), after)
        });
        out.push_str(&html);
        rest = after;
    }
    out.push_str(&escape(rest));
    out
}

fn code(text: &str) -> Option<(String, &str)> {
    let (code, after) = text.strip_prefix('`')?.split_once('`')?;
    Some((format!("<code>{}</code>", escape(code)), after))
}

fn strong(text: &str) -> Option<(String, &str)> {
    let (strong, after) = text.strip_prefix("**")?.split_once("**")?;
    Some((format!("<strong>{}</strong>", inline(strong)), after))
}

/// Only links within the manual; another address stays text that can be copied.
fn link(text: &str) -> Option<(String, &str)> {
    let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (path, after) = rest.split_once(')')?;
    let inside = path.starts_with("/manual/");
    inside.then(|| (format!("<a href=\"{}\">{}</a>", escape(path), inline(words)), after))
}

pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_the_manual_become_html() {
        let page =
            "# A `b`\n\nOne\ntwo.\n\n- x\n  y\n- **z**\n\n1. a\n2. b\n\n```sh\n<a> & b\n```\n";
        let html = html(page);
        assert!(html.contains("<h1 id=\"Ab\">A <code>b</code></h1>"), "{html}");
        assert!(html.contains("<p>One two.</p>"));
        assert!(html.contains("<ul>\n<li>x y</li>\n<li><strong>z</strong></li>\n</ul>"));
        assert!(html.contains("<ol>\n<li>a</li>\n<li>b</li>\n</ol>"));
        assert!(html.contains("<pre><code class=\"sh\">&lt;a&gt; &amp; b\n</code></pre>"));
        let rows = "| k | v |\n|---|---|\n| 1 | `2` |\n";
        let cells = "<tr><th>k</th><th>v</th></tr>\n<tr><td>1</td><td><code>2</code></td></tr>";
        assert!(super::html(rows).contains(cells));
    }

    #[test]
    fn chinese_lines_join_without_a_space_and_markup_in_text_is_inert() {
        assert_eq!(html("驿站\n手册\n"), "<p>驿站手册</p>\n");
        assert_eq!(html("<script>\n"), "<p>&lt;script&gt;</p>\n");
        assert_eq!(html("[x](javascript:1)\n"), "<p>[x](javascript:1)</p>\n");
        assert_eq!(html("2 * 3 `a\n"), "<p>2 * 3 `a</p>\n");
    }
}
