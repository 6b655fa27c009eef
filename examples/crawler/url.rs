//! Addresses of pages: as much of RFC 3986 as a crawler of `http` needs.
//!
//! Deliberately absent: user names and passwords, which are refused; names that are not ASCII (`idna`); percent-encoding
//! that is equal but written differently, which makes two pages of one.

use std::fmt;

/// How long an address may be: each link of a page is kept with those of the page and of what it leads to.
const LONGEST: usize = 2048;

/// Where a page is. Two that are equal are the same page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    secure: bool,
    /// In small letters; an IPv6 address without its brackets.
    host: String,
    port: u16,
    /// Begins with a `/`; with what follows a `?`, without what follows a `#`.
    target: String,
}

impl Url {
    /// Reads an absolute address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = clean(text)?;
        let (scheme, rest) = split_scheme(&text)?;
        Self::with_authority(scheme, rest.strip_prefix("//")?)
    }

    /// What a link on this page leads to; `None` where that is no page (`mailto:`, `javascript:`) or makes no sense.
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
            // Beside this page.
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

    /// Whether it is served over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the same server has both.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What a server is asked for.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// The host and, where it is not the usual one, the port: what the field `Host` says.
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

/// Leaves out what browsers leave out, and writes with `%` what must not stand in a request: a line break from a page
/// would begin another field of it. `None` for what is too long.
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

/// The scheme, without its colon, and the rest.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(allowed);
    is_scheme.then_some((scheme, rest))
}

/// Follows `.` and `..` in a path (RFC 3986, section 5.2.4), and leaves what is behind a `?` alone.
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
        // A directory.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}
