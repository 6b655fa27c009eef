//! Finding the links of a page. This scans for tags and their attributes, and accepts any text. It does not parse HTML, so it
//! does not repair broken markup as a browser does.

/// A link, as the page has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) text: String,
    /// Whether it leads to another page, rather than to a part of this one, such as a picture or a script.
    pub(crate) leads_on: bool,
}

/// The most links that are taken from a page. No page written by a person has more.
pub(crate) const LINKS: usize = 10_000;

/// Returns each `href` and `src`, in the order of the page, up to [`LINKS`].
pub(crate) fn links(page: &str) -> Vec<Link> {
    let (mut links, mut rest) = (Vec::new(), page);
    while let Some(start) = rest.find('<').filter(|_| links.len() < LINKS) {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let name_end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        if name.is_empty() {
            continue;
        }
        rest = attributes(&rest[name_end..], |attribute, value| {
            let leads_on = match attribute {
                "href" => name != "link",
                "src" => matches!(name.as_str(), "iframe" | "frame"),
                _ => return,
            };
            if links.len() == LINKS {
                return;
            }
            links.push(Link { text: unescaped(value), leads_on });
        });
        // The content is not markup, even if it looks like a tag.
        if matches!(name.as_str(), "script" | "style") {
            rest = behind_end_of(&name, rest);
        }
    }
    links
}

/// Calls `found` for each attribute of a tag, with its name in lower case. Returns the text after the tag.
fn attributes(mut rest: &str, mut found: impl FnMut(&str, &str)) -> &str {
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '='));
        if rest.is_empty() {
            return rest;
        }
        if let Some(behind) = rest.strip_prefix('>') {
            return behind;
        }
        let end = rest.find(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '=' | '>'));
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        let Some(value) = rest.trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        let (value, behind) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => {
                let end = value.find(|letter: char| letter.is_ascii_whitespace() || letter == '>');
                value.split_at(end.unwrap_or(value.len()))
            }
        };
        found(&name.to_ascii_lowercase(), value);
        rest = behind;
    }
}

/// The text after `</name`. Empty if there is none.
fn behind_end_of<'a>(name: &str, mut rest: &'a str) -> &'a str {
    while let Some(start) = rest.find("</") {
        rest = &rest[start + 2..];
        if rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return rest;
        }
    }
    ""
}

/// Replaces the character references that links use.
fn unescaped(value: &str) -> String {
    let known = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#38;", "&"), ("&amp;", "&")];
    known.iter().fold(value.to_owned(), |value, (name, letter)| value.replace(name, letter))
}
