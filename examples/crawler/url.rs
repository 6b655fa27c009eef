//! Addresses of pages: the part of RFC 3986 that a crawler of `http` needs.
//!
//! Deliberately absent: user names and passwords, which are refused; names that are not ASCII (`idna`); and normalizing
//! percent-encoding, so that two spellings of an address are two pages.

use std::fmt;

/// The longest address. A limit is needed because the crawler keeps every address that it has seen.
const LONGEST: usize = 2048;

/// The address of a page. Equal addresses are the same page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    secure: bool,
    /// In lower case. An IPv6 address has no brackets here.
    host: String,
    port: u16,
    /// The path, which begins with a `/`, and the query. The fragment is left out.
    target: String,
}

impl Url {
    /// Parses an absolute address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = clean(text)?;
        let (scheme, rest) = split_scheme(&text)?;
        Self::with_authority(scheme, rest.strip_prefix("//")?)
    }

    /// The target of a link on this page. `None` if that is not a page (`mailto:`, `javascript:`) or is malformed.
    pub(crate) fn join(&self, link: &str) -> Option<Self> {
        let link = clean(link)?;
        if let Some((scheme, rest)) = split_scheme(&link) {
            return Self::with_authority(scheme, rest.strip_prefix("//")?);
        }
        if let Some(rest) = link.strip_prefix("//") {
            return Self::with_authority(if self.secure { "https" } else { "http" }, rest);
        }
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let link = link.split('#').next().unwrap_or_default();
        let target = match link.chars().next() {
            None => return Some(self.clone()),
            Some('/') => link.to_owned(),
            Some('?') => format!("{path}{link}"),
            // Relative to this page.
            Some(_) => format!("{}{link}", &path[..=path.rfind('/').unwrap_or(0)]),
        };
        let target = normal(&target);
        (target.len() <= LONGEST).then(|| Self { target, ..self.clone() })
    }

    fn with_authority(scheme: &str, rest: &str) -> Option<Self> {
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if !port.is_empty() => return None,
            None | Some("") => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().ok()?,
        };
        let is_literal = authority.starts_with('[');
        let allowed = |byte: u8| match is_literal {
            true => byte.is_ascii_hexdigit() || byte == b':' || byte == b'.',
            false => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'),
        };
        if host.is_empty() || !host.bytes().all(allowed) {
            return None;
        }
        let target = target.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(Self { secure, host: host.to_ascii_lowercase(), port, target: normal(&format!("{slash}{target}")) })
    }

    /// Whether the page is served over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether both pages are on the same server.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query, for the request.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// The host, and the port if it is not the default: the value of the field `Host`.
    pub(crate) fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => format!("{open}{}{close}", self.host),
            (_, port) => format!("{open}{}{close}:{port}", self.host),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

/// Removes the characters that browsers remove, and encodes those that are not allowed in a request: a line break would begin
/// another field. `None` if the text is too long.
fn clean(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let mut cleaned = String::with_capacity(text.len());
    for byte in text.trim_matches(|letter: char| letter <= ' ').bytes() {
        match byte {
            b'\t' | b'\n' | b'\r' => {}
            b'\\' => cleaned.push('/'),
            b'!'..=b'~' if !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^') => {
                cleaned.push(char::from(byte));
            }
            _ => cleaned.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(cleaned)
}

/// Splits off the scheme. Leaves out its colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(allowed);
    is_scheme.then_some((scheme, rest))
}

/// Resolves `.` and `..` in a path (RFC 3986, section 5.2.4). Leaves the query as it is.
fn normal(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // The path names a directory.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}
