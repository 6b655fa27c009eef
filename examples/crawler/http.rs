//! Fetching a page over HTTP/1.1, as an explicit state machine.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Exchange
//!     [*] --> Asking
//!     Asking --> Heading
//!     Heading --> Heading: a part of the head
//!     Heading --> Reading: a page
//!     Heading --> [*]: nothing to read, or a redirect
//!     Reading --> [*]
//! ```
//!
//! It raises an error status, and what is not HTTP, is cut off, or is too large.
//!
//! A connection serves for one page. Closing it tells the server that nothing more is wanted, even in the middle of a page.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (messages: section 6 for the length of a body, 7 for chunks).

use std::fmt;

use httparse::{Header, Status};
use innermost::{
    Await, Buffer, ByteStream, Coroutine, CoroutineExt, Exception, Machine, Running, connect, machine, yield_from,
};

use super::body::{Body, BodyError, Chunk, Length};
use super::https::Https;
use super::url::Url;

/// The most bytes of a page.
pub(crate) const PAGE: usize = 4 << 20;

/// The most fields in the head of an answer. The buffer limits its bytes.
const FIELDS: usize = 100;

/// A successful answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Page(String),
    /// A redirect, with its target as the server wrote it.
    Moved(String),
    /// Something other than a page, such as a picture. Its body was not read.
    NoPage,
}

/// Why a page could not be fetched.
#[derive(Debug)]
pub(crate) enum HttpError {
    Status(u16, String),
    Malformed(&'static str),
    TooLarge,
    EndsEarly,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code, reason) => write!(f, "{code} {reason}"),
            Self::Malformed(what) => write!(f, "malformed HTTP: {what}"),
            Self::TooLarge => write!(f, "larger than {PAGE} bytes"),
            Self::EndsEarly => f.write_str("the connection ends before the answer does"),
        }
    }
}

impl std::error::Error for HttpError {}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::Malformed("a chunk without its size"),
            BodyError::TooLarge => Self::TooLarge,
        }
    }
}

/// The coroutine that [`fetch`] returns. Its type has no name.
pub(crate) type Fetching = dyn Coroutine<Yield = Await, Input = (), Return = Answer>;

/// Fetches one page. Dropping or cancelling the coroutine closes the connection.
pub(crate) fn fetch(url: &Url, https: Option<&Https>) -> Box<Fetching> {
    let connecting = connect((url.host(), url.port()));
    if let Some(https) = https.filter(|_| url.is_secure()) {
        return https.fetch(url, connecting);
    }
    let url = url.clone();
    Box::new(connecting.then(move |stream| Exchange::new(stream, url.target(), &url.authority())))
}

/// Asks for a page on a connection, and reads the answer.
pub(crate) struct Exchange<S> {
    stream: S,
    /// The request; later the bytes that have arrived and are not parsed yet.
    buffer: Buffer,
}

impl<S: ByteStream> Exchange<S> {
    pub(crate) fn new(stream: S, target: &str, authority: &str) -> Running<Self> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: innermost-crawler\r\nAccept: text/html\r\n\
             Connection: close\r\n\r\n"
        );
        Self { stream, buffer: Buffer::from(request.into_bytes()) }.start(Phase::Asking)
    }
}

machine!(
    impl<S: ByteStream> Machine for Exchange<S> {
        type Return = Answer;
        pub(crate) type State = Phase;

        fn Asking(&mut self, sent: Sent) -> Next<Heading> {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            to(Heading)
        }

        fn Heading(&mut self, sent: Sent) -> Next<Heading, Reading, End> {
            if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
                return Err(Exception::new(HttpError::EndsEarly));
            }
            match head(&mut self.buffer).map_err(Exception::new)? {
                Head::Partial => to(Heading),
                Head::Done(answer) => end(answer),
                Head::Page(body) => to(Reading(body)),
            }
        }

        fn Reading(&mut self, sent: Sent, body: &mut Body) -> Next<End> {
            let taken = body.take(self.buffer.bytes()).map_err(HttpError::from).map_err(Exception::new)?;
            self.buffer.consume(taken);
            if let Some(page) = body.whole(false) {
                return end(Answer::Page(page));
            }
            if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
                let page = body.whole(true).ok_or_else(|| Exception::new(HttpError::EndsEarly))?;
                return end(Answer::Page(page));
            }
            stay()
        }
    }
);

/// The result of parsing the head of an answer.
enum Head {
    /// The head is incomplete.
    Partial,
    /// There is no need to read the body.
    Done(Answer),
    Page(Body),
}

/// Parses a head, and removes it from the buffer.
fn head(buffer: &mut Buffer) -> Result<Head, HttpError> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let size = match response.parse(buffer.bytes()) {
            Ok(Status::Complete(size)) => size,
            Ok(Status::Partial) if buffer.len() >= buffer.limit() => {
                return Err(HttpError::Malformed("a head without end"));
            }
            Ok(Status::Partial) => return Ok(Head::Partial),
            Err(_) => return Err(HttpError::Malformed("an unreadable head")),
        };
        let code = response.code.unwrap_or_default();
        // An interim answer: the real one follows. 101 would switch to another protocol, which this client never asks for.
        if (100..200).contains(&code) && code != 101 {
            buffer.consume(size);
            continue;
        }
        let said = understand(code, response.reason.unwrap_or_default(), response.headers)?;
        buffer.consume(size);
        return Ok(said);
    }
}

fn understand(code: u16, reason: &str, fields: &[Header<'_>]) -> Result<Head, HttpError> {
    match (code, text(fields, "location")) {
        (301 | 302 | 303 | 307 | 308, Some(location)) => return Ok(Head::Done(Answer::Moved(location))),
        (204 | 205, _) => return Ok(Head::Done(Answer::NoPage)),
        (200..=299, _) => {}
        _ => return Err(HttpError::Status(code, reason.to_owned())),
    }
    let is_page = text(fields, "content-type").is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "text/html" | "application/xhtml+xml")
    });
    match is_page {
        true => Ok(Head::Page(Body::new(length(fields)?)?)),
        false => Ok(Head::Done(Answer::NoPage)),
    }
}

/// How the body says where it ends. Refuses fields that two servers could understand in two ways.
fn length(fields: &[Header<'_>]) -> Result<Length, HttpError> {
    if let Some(coding) = text(fields, "transfer-encoding") {
        return match coding.eq_ignore_ascii_case("chunked") {
            true => Ok(Length::Chunked(Chunk::Size)),
            false => Err(HttpError::Malformed("an unknown transfer coding")),
        };
    }
    let mut lengths = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length"));
    let Some(first) = lengths.next() else { return Ok(Length::UntilClosed) };
    let number = std::str::from_utf8(first.value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|text| text.parse().ok()) {
        Some(length) if lengths.all(|other| other.value == first.value) => Ok(Length::Known(length)),
        _ => Err(HttpError::Malformed("an invalid length")),
    }
}

/// The text of a field, if it is there.
fn text(fields: &[Header<'_>], name: &str) -> Option<String> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8_lossy(field.value).trim().to_owned())
}
