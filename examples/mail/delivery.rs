//! The client's side of SMTP (RFC 5321), without I/O: a machine that says what it wants, and is told what came of it.

use std::error::Error;
use std::fmt;
use std::io;

use innermost::{Coroutine, Exception, Kind, Resumed, State, Step};

/// What the machine wants from whoever drives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Send all of these bytes. The answer is empty.
    Write(Vec<u8>),
    /// Receive some bytes. The answer is empty at the end of the stream.
    Read,
}

/// A message, its sender, and whom it is for.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    from: String,
    to: Vec<String>,
    text: Vec<u8>,
}

impl Mail {
    /// # Errors
    ///
    /// Refuses an address that would end its command early.
    pub(crate) fn new(from: String, to: Vec<String>, text: Vec<u8>) -> Result<Self, Exception> {
        for address in [&from].into_iter().chain(&to) {
            if address.contains(|c: char| c.is_control() || c == '<' || c == '>') {
                return Err(Exception::message(Kind::ValueError, format!("not an address: {address:?}")));
            }
        }
        Ok(Self { from, to, text })
    }

    /// The text as SMTP sends it: lines end with CR LF, a point at the beginning of a line is doubled, and a line with a
    /// single point is the end.
    fn body(&self) -> Vec<u8> {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let mut body = Vec::with_capacity(text.len() + 5);
        for line in text.split(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                body.push(b'.');
            }
            body.extend(line.strip_suffix(b"\r").unwrap_or(line));
            body.extend(b"\r\n");
        }
        body.extend(b".\r\n");
        body
    }
}

/// What became of a mail: who will get it, and who was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) accepted: Vec<String>,
    pub(crate) refused: Vec<(String, Reply)>,
}

/// A reply of the server: a number for machines, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Reply {
    fn is_good(&self) -> bool {
        self.code / 100 == 2
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Raised when the server refuses the mail for all recipients.
#[derive(Debug)]
pub(crate) struct Refused(Phase, Reply);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused ({:?}): {}", self.0, self.1)
    }
}

impl Error for Refused {}

/// The reply that the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Hello,
    Sender,
    Recipient,
    Data,
    Body,
    /// The server has the mail. Nothing that happens now changes that.
    Quit,
}

/// Delivers a mail.
pub(crate) struct Delivery {
    mail: Mail,
    phase: Phase,
    is_reading: bool,
    incoming: Vec<u8>,
    delivered: Delivered,
}

impl Delivery {
    pub(crate) fn new(mail: Mail) -> Self {
        let (incoming, delivered) = (Vec::new(), Delivered::default());
        Self { mail, phase: Phase::Greeting, is_reading: false, incoming, delivered }
    }

    /// Takes a complete reply out of the bytes that have arrived. All lines of a reply but the last have a hyphen after the
    /// code.
    fn take_reply(&mut self) -> Result<Option<Reply>, Exception> {
        let mut end = 0;
        while let Some(length) = self.incoming[end..].iter().position(|byte| *byte == b'\n') {
            let line = self.incoming[end..end + length].trim_ascii_end();
            let (code, text) = line.split_at_checked(3).unwrap_or((line, b""));
            let code = str::from_utf8(code).ok().and_then(|code| code.parse().ok());
            let code = code.filter(|code| (200..600).contains(code)).ok_or_else(|| broken("this is not SMTP"))?;
            end += length + 1;
            if !text.starts_with(b"-") {
                let text = String::from_utf8_lossy(text.trim_ascii_start()).into_owned();
                self.incoming.drain(..end);
                return Ok(Some(Reply { code, text }));
            }
        }
        match self.incoming.len() {
            ..=LONGEST_REPLY => Ok(None),
            _ => Err(broken("the reply is too long")),
        }
    }

    /// Returns the command that follows a reply. `None` after the last reply.
    fn next_command(&mut self, reply: Reply) -> Result<Option<Vec<u8>>, Exception> {
        let (next, command) = match self.phase {
            Phase::Greeting if reply.is_good() => (Phase::Hello, "EHLO localhost\r\n".into()),
            Phase::Hello if reply.is_good() => (Phase::Sender, format!("MAIL FROM:<{}>\r\n", self.mail.from)),
            Phase::Sender if reply.is_good() => self.next_recipient(),
            Phase::Recipient => {
                let Delivered { accepted, refused } = &mut self.delivered;
                let recipient = self.mail.to[accepted.len() + refused.len()].clone();
                match reply.is_good() {
                    true => accepted.push(recipient),
                    false => refused.push((recipient, reply)),
                }
                self.next_recipient()
            }
            Phase::Data if reply.code == 354 => {
                self.phase = Phase::Body;
                return Ok(Some(self.mail.body()));
            }
            Phase::Body if reply.is_good() => (Phase::Quit, "QUIT\r\n".into()),
            Phase::Quit => return Ok(None),
            phase => return Err(Refused(phase, reply).into()),
        };
        self.phase = next;
        Ok(Some(command.into_bytes()))
    }

    fn next_recipient(&self) -> (Phase, String) {
        let Delivered { accepted, refused } = &self.delivered;
        match self.mail.to.get(accepted.len() + refused.len()) {
            Some(recipient) => (Phase::Recipient, format!("RCPT TO:<{recipient}>\r\n")),
            None if accepted.is_empty() => (Phase::Quit, "QUIT\r\n".into()),
            None => (Phase::Data, "DATA\r\n".into()),
        }
    }
}

impl Coroutine for Delivery {
    type Yield = Want;
    type Input = Vec<u8>;
    type Return = Delivered;

    fn resume(&mut self, sent: Result<Vec<u8>, Exception>) -> Resumed<Self> {
        match sent {
            Ok(bytes) if self.is_reading && bytes.is_empty() && self.phase != Phase::Quit => {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            Ok(bytes) if !self.is_reading || !bytes.is_empty() => self.incoming.extend(bytes),
            Err(raised) if self.phase != Phase::Quit || raised.kind() != Kind::Error => return Err(raised),
            // The server closed the connection, or broke it, instead of saying goodbye.
            Ok(_) | Err(_) => return Ok(Step::Return(std::mem::take(&mut self.delivered))),
        }
        let Some(reply) = self.take_reply()? else {
            self.is_reading = true;
            return Ok(Step::Yield(Want::Read));
        };
        self.is_reading = false;
        Ok(match self.next_command(reply)? {
            Some(command) => Step::Yield(Want::Write(command)),
            None => Step::Return(std::mem::take(&mut self.delivered)),
        })
    }

    fn state(&self) -> State<'_> {
        State::new("Delivery", &self.phase)
    }
}

fn broken(text: &'static str) -> Exception {
    io::Error::new(io::ErrorKind::InvalidData, text).into()
}

const LONGEST_REPLY: usize = 64 * 1024;
