//! How wide a text is, and how it is written in XML.

/// A size of the font.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
}

pub(super) const TITLE: Font = Font { size: 15.0 };
pub(super) const STATE: Font = Font { size: 13.0 };
pub(super) const LABEL: Font = Font { size: 11.0 };

impl Font {
    pub(super) fn width(self, text: &str) -> f64 {
        cells(text) as f64 * self.size * CELL
    }
}

/// The width of a text in cells of a terminal.
fn cells(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Whether a character is about as wide as high: those of East Asia, and emoji.
const fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f000}'..='\u{3ffff}')
}

/// The text in lines, broken between words.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let text = cut_at(text, 2 * LONGEST);
    // As few lines as possible, of about the same length.
    let whole = cells(&text);
    let line_length = LINE.min(whole / whole.div_ceil(LINE).max(1) + 4);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = cut(word);
        match lines.last_mut() {
            Some(line) if cells(line) + 1 + cells(&word) <= line_length => *line += &format!(" {word}"),
            _ => lines.push(word),
        }
    }
    lines
}

/// The text in one line. Of a long one, both ends.
pub(super) fn cut(text: &str) -> String {
    cut_at(text, LONGEST)
}

fn cut_at(text: &str, longest: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if cells(&line) <= longest {
        return line;
    }
    let fits = |end: &mut usize, c: &char| {
        *end += if is_wide(*c) { 2 } else { 1 };
        Some((*end, *c))
    };
    let begin = line.chars().scan(0, |end, c| fits(end, &c)).take_while(|(end, _)| *end <= longest * 3 / 5);
    let behind = line.chars().rev().scan(0, |end, c| fits(end, &c)).take_while(|(end, _)| *end < longest * 2 / 5);
    let mut behind: Vec<_> = behind.map(|(_, c)| c).collect();
    behind.reverse();
    begin.map(|(_, c)| c).chain(['…']).chain(behind).collect()
}

/// The text with what XML reserves as entities.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The width of a cell, in sizes of the font. Of the usual fonts of fixed pitch it is between 0.55 and 0.61.
const CELL: f64 = 0.61;

/// Names of more cells than this are cut. Labels may be twice as long, in several lines.
const LONGEST: usize = 42;

/// A line of a label.
const LINE: usize = 28;
