//! A client that writes any bytes, and reads answers exactly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::process::DEADLINE;

pub(crate) struct Client(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A field of the head; `None` where it is not there.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("it is text")
    }
}

impl Client {
    /// Connects. An operation on the stream may not take longer than [`DEADLINE`].
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is a connection");
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("the server takes what it is sent");
    }

    /// Sends the head of a request, with these lines beside the host.
    pub(crate) fn ask(&mut self, line: &str, fields: &[&str]) {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        self.send(format!("{line} HTTP/1.1\r\nHost: here\r\n{fields}\r\n"));
    }

    /// The answer to a `GET` or the like.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_with(true)
    }

    /// The answer to a `HEAD`.
    pub(crate) fn answer_without_body(&mut self) -> Answer {
        self.answer_with(false)
    }

    fn answer_with(&mut self, has_body: bool) -> Answer {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {line:?}"));
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field in {line:?}"));
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, fields, body: Vec::new() };
        let length = answer.field("Content-Length").map_or(0, |length| length.parse().expect("it is a number"));
        if has_body {
            answer.body.resize(length, 0);
            self.0.read_exact(&mut answer.body).expect("all of it comes");
        }
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server says something");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("the stream ends within {line:?}")).to_owned()
    }

    /// Reads to the end of the stream, which must come at once.
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("it ends in good order");
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

/// Asks once, by a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str, fields: &[&str]) -> Answer {
    let mut client = Client::connect(address);
    client.ask(&format!("GET {path}"), fields);
    client.answer()
}
