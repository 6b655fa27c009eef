//! Answers.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use innermost::Buffer;
use innermost::net::FilePart;

use super::date::HttpDate;
use super::request::{Method, Request};
use super::resource::Resource;

/// A status code and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u16, &'static str);

impl Status {
    pub(crate) const OK: Self = Self(200, "OK");
    pub(crate) const PARTIAL_CONTENT: Self = Self(206, "Partial Content");
    pub(crate) const MOVED_PERMANENTLY: Self = Self(301, "Moved Permanently");
    pub(crate) const NOT_MODIFIED: Self = Self(304, "Not Modified");
    pub(crate) const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub(crate) const FORBIDDEN: Self = Self(403, "Forbidden");
    pub(crate) const NOT_FOUND: Self = Self(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub(crate) const REQUEST_TIMEOUT: Self = Self(408, "Request Timeout");
    pub(crate) const CONTENT_TOO_LARGE: Self = Self(413, "Content Too Large");
    pub(crate) const RANGE_NOT_SATISFIABLE: Self = Self(416, "Range Not Satisfiable");
    pub(crate) const HEAD_TOO_LARGE: Self = Self(431, "Request Header Fields Too Large");
    pub(crate) const INTERNAL_SERVER_ERROR: Self = Self(500, "Internal Server Error");
    pub(crate) const NOT_IMPLEMENTED: Self = Self(501, "Not Implemented");
    pub(crate) const VERSION_NOT_SUPPORTED: Self = Self(505, "HTTP Version Not Supported");
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// An answer: a status, header fields, and perhaps content.
pub(crate) struct Response {
    status: Status,
    /// Complete lines.
    fields: String,
    content: Content,
}

enum Content {
    Nothing,
    Page(String),
    File { file: File, range: Range<u64>, media_type: &'static str },
}

/// How to send an answer on this connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Whether the connection is closed after this answer.
    pub(crate) is_last: bool,
    /// Whether the peer uses HTTP/1.0, and so must be told that the connection stays open.
    pub(crate) is_http_10: bool,
    /// Whether to send only the head.
    pub(crate) without_body: bool,
}

/// The part of a file that is sent after the buffer.
pub(crate) struct Body {
    pub(crate) part: FilePart,
    /// The number of bytes that the head promises.
    pub(crate) length: u64,
}

impl Response {
    /// The answer to a request, given what was found.
    pub(crate) fn to(request: &Request, found: Resource) -> Self {
        match found {
            Resource::File { file, length, modified, media_type } => {
                Self::file(request, file, length, modified, media_type)
            }
            Resource::Listing(page) => Self::new(Status::OK, Content::Page(page)),
            Resource::Moved(path) => Self::about(Status::MOVED_PERMANENTLY).with("Location", path + &request.query),
            Resource::Nothing(status) => Self::about(status),
        }
    }

    /// A page that says only the status.
    pub(crate) fn about(status: Status) -> Self {
        let page = format!("<!DOCTYPE html>\n<title>{status}</title>\n<h1>{status}</h1>\n");
        let response = Self::new(status, Content::Page(page));
        if status == Status::METHOD_NOT_ALLOWED { response.with("Allow", "GET, HEAD") } else { response }
    }

    fn file(request: &Request, file: File, length: u64, modified: SystemTime, media_type: &'static str) -> Self {
        let version = Version::new(length, modified);
        let response = if version.is_known_to(request) {
            Self::new(Status::NOT_MODIFIED, Content::Nothing)
        } else {
            match wanted(request, length, &version) {
                Wanted::All => Self::new(Status::OK, Content::File { file, range: 0..length, media_type }),
                Wanted::Part(range) => {
                    let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                    let content = Content::File { file, range, media_type };
                    Self::new(Status::PARTIAL_CONTENT, content).with("Content-Range", place)
                }
                Wanted::Nothing => {
                    let place = format!("bytes */{length}");
                    return Self::about(Status::RANGE_NOT_SATISFIABLE).with("Content-Range", place);
                }
            }
        };
        response.with("ETag", version.tag).with("Last-Modified", version.modified).with("Accept-Ranges", "bytes")
    }

    const fn new(status: Status, content: Content) -> Self {
        Self { status, fields: String::new(), content }
    }

    fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        write!(self.fields, "{name}: {value}\r\n").expect("a string takes all");
        self
    }

    /// Writes the answer to `buffer`, except for the content of a file, which it returns.
    pub(crate) fn write(mut self, manner: Manner, buffer: &mut Buffer) -> Option<Body> {
        self = self.with("Date", HttpDate::from(SystemTime::now()));
        if manner.is_last {
            self = self.with("Connection", "close");
        } else if manner.is_http_10 {
            self = self.with("Connection", "keep-alive");
        }
        let (mut page, mut body) = (String::new(), None);
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Nothing => {}
            Content::Page(text) => {
                self = self.with("Content-Type", "text/html; charset=utf-8").with("Content-Length", text.len());
                page = text;
            }
            Content::File { file, range, media_type } => {
                let length = range.end - range.start;
                self = self.with("Content-Type", media_type).with("Content-Length", length);
                body = Some(Body { part: FilePart::new(file).offset(range.start).count(length), length });
            }
        }
        if manner.without_body {
            page.clear();
            body = None;
        }
        write!(buffer, "HTTP/1.1 {}\r\n{}\r\n{page}", self.status, self.fields).expect("a buffer takes all");
        body
    }
}

/// Distinguishes versions of a file.
struct Version {
    tag: String,
    modified: HttpDate,
}

impl Version {
    fn new(length: u64, modified: SystemTime) -> Self {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { tag: format!("\"{:x}-{length:x}\"", since.as_nanos()), modified: modified.into() }
    }

    /// Whether the peer already has this version.
    fn is_known_to(&self, request: &Request) -> bool {
        match (&request.if_none_match, request.if_modified_since) {
            (Some(tags), _) => tags.split(',').map(str::trim).any(|tag| {
                // Weak and strong tags mean the same here, because this server never transforms content.
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag
            }),
            (None, Some(date)) => self.modified <= date,
            (None, None) => false,
        }
    }

    /// Whether the peer wants a part of this version, not of another one.
    fn goes_on(&self, request: &Request) -> bool {
        request.if_range.as_ref().is_none_or(|text| *text == self.tag || *text == self.modified.to_string())
    }
}

/// The part of a file to send.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// The requested part does not exist.
    Nothing,
}

/// The part that the request asks for. Ignores a malformed range, and several ranges: sending everything is always allowed.
fn wanted(request: &Request, length: u64, version: &Version) -> Wanted {
    let range = request.range.as_deref().filter(|_| request.method == Method::Get && version.goes_on(request));
    range.and_then(|range| part(range, length)).unwrap_or(Wanted::All)
}

/// Parses `bytes=1-2`, `bytes=1-` or `bytes=-2`.
fn part(range: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (start, end) = match (number(first.trim())?, number(last.trim())?) {
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), last) => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
        (None, Some(count)) => (length.saturating_sub(count), length),
        (None, None) => return None,
    };
    Some(if start < end { Wanted::Part(start..end) } else { Wanted::Nothing })
}

/// Parses digits. `Some(None)` if there are none, and the largest number if it is too large. `None` for anything else.
fn number(digits: &str) -> Option<Option<u64>> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX)))
}
