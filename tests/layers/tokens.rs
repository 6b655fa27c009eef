//! Splits Rust into tokens, so that comments and strings cannot break a rule.

#[derive(Debug, PartialEq)]
pub(crate) enum Token {
    /// An identifier, a keyword or a number.
    Ident(String),
    /// The content of a string or a character literal, with its escapes.
    Text(String),
    Punct(char),
}

/// The tokens of a source, each with its line. Comments and lifetimes are left out.
pub(crate) fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blanks_and_comments();
        let line = reader.line;
        let Some(c) = reader.rest.chars().next() else { return tokens };
        if c == '\'' {
            tokens.extend(reader.character().map(|text| (line, Token::Text(text))));
        } else if let Some(text) = reader.string() {
            tokens.push((line, Token::Text(text)));
        } else if c.is_alphanumeric() || c == '_' {
            if reader.rest.starts_with("r#") {
                reader.take(2);
            }
            let length = reader.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(reader.rest.len());
            tokens.push((line, Token::Ident(reader.take(length.max(1)).into())));
        } else {
            reader.take(c.len_utf8());
            tokens.push((line, Token::Punct(c)));
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let trimmed = self.rest.trim_start();
            self.take(self.rest.len() - trimmed.len());
            if trimmed.starts_with("//") {
                self.take(trimmed.find('\n').unwrap_or(trimmed.len()));
            } else if trimmed.starts_with("/*") {
                // They nest.
                let mut depth = 0;
                loop {
                    if self.rest.starts_with("/*") {
                        depth += 1;
                        self.take(2);
                    } else if self.rest.starts_with("*/") {
                        depth -= 1;
                        self.take(2);
                    } else if let Some(c) = self.rest.chars().next() {
                        self.take(c.len_utf8());
                    }
                    if depth == 0 || self.rest.is_empty() {
                        break;
                    }
                }
            } else {
                return;
            }
        }
    }

    /// The content of the string that starts here, if one does: `".."`, `r#".."#`, and either after `b` or `c`.
    fn string(&mut self) -> Option<String> {
        let prefix = self.rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
        let raw = self.rest[..prefix].contains('r');
        let hashes = self.rest[prefix..].find(|c| c != '#')?;
        if prefix > 2 || (hashes > 0 && !raw) || !self.rest[prefix + hashes..].starts_with('"') {
            return None;
        }
        self.take(prefix + hashes + 1);
        let end = if raw {
            self.rest.find(&format!("\"{}", "#".repeat(hashes)))
        } else {
            let mut escaped = false;
            self.rest.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })
        };
        let content = self.take(end.unwrap_or(self.rest.len()));
        self.take((1 + hashes).min(self.rest.len()));
        Some(content.into())
    }

    /// The content of the character literal that starts here. `None` for a lifetime, which is skipped.
    fn character(&mut self) -> Option<String> {
        self.take(1);
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        if first != '\\' && chars.next() != Some('\'') {
            let length = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            self.take(length);
            return None;
        }
        // Past an escaped quote.
        let skip = if first == '\\' { 1 + chars.next().map_or(0, char::len_utf8) } else { first.len_utf8() };
        let length = skip + self.rest.get(skip..)?.find('\'')?;
        let content = self.take(length);
        self.take(1);
        Some(content.into())
    }
}

#[test]
fn lifetimes_characters_and_strings_are_told_apart() {
    let ident = |name: &str| Token::Ident(name.into());
    let text = |text: &str| Token::Text(text.into());
    let read = |source| tokens(source).into_iter().map(|(_, token)| token).collect::<Vec<_>>();
    // `b'c'` is read as an identifier and a character: nothing here depends on that.
    let characters = [text("b"), ident("b"), text("c"), text("\\'"), text("\\u{1F600}"), text("ä")];
    assert_eq!(read("'a 'b' b'c' '\\'' '\\u{1F600}' 'ä'"), characters);
    assert_eq!(read("r#type br##\"a\"#b\"## r\"\\\" c"), [ident("type"), text("a\"#b"), text("\\"), ident("c")]);
    assert_eq!(read("&'static str"), [Token::Punct('&'), ident("str")]);
    assert_eq!(tokens("\"a\nb\"\nc").last(), Some(&(3, ident("c"))));
}
