//! Parsing a request.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::date::HttpDate;
use super::response::Status;

/// The most fields in the head of a request.
const FIELDS: usize = 64;

/// No file has a longer name or a longer path.
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 2048;

/// The methods that this server supports. Others are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
}

/// The parts of a request that matter for files.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Relative to the root, without `..`. `None` if no file can have this path.
    pub(crate) path: Option<PathBuf>,
    /// Whether the requested path ends with a slash.
    pub(crate) as_directory: bool,
    /// The query, with its question mark. Files do not depend on it, but a redirect keeps it.
    pub(crate) query: String,
    pub(crate) is_http_10: bool,
    /// Whether to keep the connection open after the answer.
    pub(crate) keep_alive: bool,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<HttpDate>,
}

/// Parses the head of the first request in `bytes`. Returns the request and the head's length, or `None` if the head is
/// incomplete.
///
/// # Errors
///
/// The status with which to refuse it. The connection must then be closed, because the end of the request is unknown.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Status> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::HEAD_TOO_LARGE),
        Err(httparse::Error::Version) => return Err(Status::VERSION_NOT_SUPPORTED),
        Err(_) => return Err(Status::BAD_REQUEST),
    };
    let method = method(head.method.unwrap_or_default())?;
    let wanted = head.path.unwrap_or_default().split('#').next().unwrap_or_default();
    let (wanted, query) = wanted.split_at(wanted.find('?').unwrap_or(wanted.len()));
    let (path, as_directory) = target(wanted)?;
    let is_http_10 = head.version == Some(0);
    let mut request = Request {
        method,
        path,
        as_directory,
        query: query.to_owned(),
        is_http_10,
        keep_alive: !is_http_10,
        range: None,
        if_range: None,
        if_none_match: None,
        if_modified_since: None,
    };
    let (mut hosts, mut close) = (0, false);
    for field in head.headers.iter() {
        hosts += usize::from(field.name.eq_ignore_ascii_case("host"));
        close |= request.take_field(field.name, field.value)?;
    }
    if hosts > 1 || hosts == 0 && !is_http_10 {
        return Err(Status::BAD_REQUEST);
    }
    request.keep_alive &= !close;
    Ok(Some((request, length)))
}

impl Request {
    /// Returns whether this field asks to close the connection.
    fn take_field(&mut self, name: &str, value: &[u8]) -> Result<bool, Status> {
        let value = std::str::from_utf8(value).unwrap_or_default().trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("connection") {
            let has = |wanted: &str| value.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted));
            self.keep_alive |= has("keep-alive");
            return Ok(has("close"));
        } else if is("content-length") {
            // No request needs a body here, and reading one would only waste time. `parse` alone would also accept a sign.
            match value.parse::<u64>().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit())) {
                Some(0) => {}
                Some(_) => return Err(Status::CONTENT_TOO_LARGE),
                None => return Err(Status::BAD_REQUEST),
            }
        } else if is("transfer-encoding") {
            return Err(Status::CONTENT_TOO_LARGE);
        } else if is("range") {
            self.range = Some(value.to_owned());
        } else if is("if-range") {
            self.if_range = Some(value.to_owned());
        } else if is("if-none-match") {
            self.if_none_match = Some(value.to_owned());
        } else if is("if-modified-since") {
            self.if_modified_since = HttpDate::parse(value);
        }
        Ok(false)
    }
}

fn method(name: &str) -> Result<Method, Status> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Err(Status::METHOD_NOT_ALLOWED),
        _ => Err(Status::NOT_IMPLEMENTED),
    }
}

/// Turns `/a%20b/c` or `http://host/a%20b/c` into the path `a b/c`. Also returns whether the target ends with a slash.
fn target(target: &str) -> Result<(Option<PathBuf>, bool), Status> {
    let target = match target.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => {
            rest.find('/').map_or("/", |start| &rest[start..])
        }
        _ => target,
    };
    let segments = target.strip_prefix('/').ok_or(Status::BAD_REQUEST)?.split('/');
    let mut path = Some(PathBuf::new());
    for segment in segments {
        // Decodes each segment by itself, because an encoded slash does not separate segments. No file has one in its name.
        match decoded(segment).ok_or(Status::BAD_REQUEST)? {
            name if name.contains(&0) => return Err(Status::BAD_REQUEST),
            name if name.contains(&b'/') || name == b".." || name.len() > LONGEST_NAME => path = None,
            name if name.is_empty() || name == b"." => {}
            name => path = path.map(|path| path.join(OsString::from_vec(name))),
        }
    }
    let path = path.filter(|path| path.as_os_str().len() <= LONGEST_PATH);
    Ok((path, target.ends_with('/')))
}

/// Decodes percent-encoding. `None` if it is malformed.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut result = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        result.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (16 * digit()? + digit()?) as u8
            }
            byte => byte,
        });
    }
    Some(result)
}
