//! Tables as spreadsheets write them (RFC 4180): commas, quotes, lines of either kind.

/// Rows with the number of the line they begin on; the line of a quote that is never closed.
pub fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begin, mut quote) = (1, 1, None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        line += usize::from(letter == '\n');
        match (letter, quote) {
            ('"', Some(_)) if letters.peek() == Some(&'"') => cell.extend(letters.next()),
            ('"', Some(_)) => quote = None,
            (letter, Some(_)) => cell.push(letter),
            ('"', None) if cell.is_empty() => quote = Some(line),
            (',', None) => cells.push(std::mem::take(&mut cell)),
            ('\r', None) if letters.peek() == Some(&'\n') => {}
            ('\n', None) => {
                cells.push(std::mem::take(&mut cell));
                rows.push((begin, std::mem::take(&mut cells)));
                begin = line;
            }
            (letter, None) => cell.push(letter),
        }
    }
    if let Some(line) = quote {
        return Err(line);
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((begin, cells));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_hold_commas_quotes_and_lines() {
        let found = rows("a,\"b \"\"c\"\", d\"\r\n\"e\nf\",\ng").unwrap();
        let row = |line, cells: &[&str]| (line, cells.iter().map(ToString::to_string).collect());
        assert_eq!(found, [row(1, &["a", "b \"c\", d"]), row(2, &["e\nf", ""]), row(4, &["g"])]);
        assert_eq!(rows(""), Ok(vec![]));
        assert_eq!(rows("a\n\"b"), Err(2));
    }
}
