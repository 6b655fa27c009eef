//! The client's side of SMTP (RFC 5321), without I/O: a machine that says what it wants, and is told what came of it.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Delivery
//!     [*] --> Greeting
//!     Greeting --> Hello
//!     Hello --> Sender
//!     Sender --> NextRecipient
//!     NextRecipient --> Recipient
//!     NextRecipient --> Data
//!     NextRecipient --> Quit
//!     Recipient --> NextRecipient
//!     Data --> Body
//!     Body --> Quit
//!     Quit --> [*]
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;

use innermost::{Coroutine, Exception, Kind, Machine, Resumed, Running, Step, machine, yield_from};

/// What the machine asks of its driver.
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
    to: VecDeque<String>,
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
        Ok(Self { from, to: to.into(), text })
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

    fn good(self) -> Result<(), Exception> {
        if self.is_good() { Ok(()) } else { Err(Refused(self).into()) }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Raised when the server refuses the mail for all recipients.
#[derive(Debug)]
pub(crate) struct Refused(Reply);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

impl Error for Refused {}

/// The replies as they arrive. A child of the machine, which runs it again for each reply.
#[derive(Default)]
struct Replies {
    is_reading: bool,
    incoming: Vec<u8>,
}

impl Coroutine for Replies {
    type Yield = Want;
    type Input = Vec<u8>;
    type Return = Reply;

    fn resume(&mut self, sent: Result<Vec<u8>, Exception>) -> Resumed<Self> {
        let bytes = sent?;
        if self.is_reading && bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.incoming.extend(bytes);
        let reply = self.take_reply()?;
        self.is_reading = reply.is_none();
        Ok(reply.map_or(Step::Yield(Want::Read), Step::Return))
    }
}

impl Replies {
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
}

/// Delivers a mail. Begins in the state `Greeting`.
pub(crate) struct Delivery {
    mail: Mail,
    replies: Replies,
    delivered: Delivered,
}

/// Delivers `mail`.
pub(crate) fn delivery(mail: Mail) -> Running<Delivery> {
    Delivery { mail, replies: Replies::default(), delivered: Delivered::default() }.start(Phase::Greeting)
}

machine!(
    impl Machine for Delivery {
        type Yield = Want;
        type Input = Vec<u8>;
        type Return = Delivered;
        pub(crate) type State = Phase;

        fn Greeting(&mut self, sent: Sent) -> Next<Hello> {
            yield_from!(self.replies, sent)?.good()?;
            yield_to(say("EHLO localhost"), Hello)
        }

        fn Hello(&mut self, sent: Sent) -> Next<Sender> {
            yield_from!(self.replies, sent)?.good()?;
            yield_to(say(format_args!("MAIL FROM:<{}>", self.mail.from)), Sender)
        }

        fn Sender(&mut self, sent: Sent) -> Next<NextRecipient> {
            yield_from!(self.replies, sent)?.good()?;
            to(NextRecipient)
        }

        fn NextRecipient(&mut self) -> Next<Recipient, Data, Quit> {
            match self.mail.to.pop_front() {
                Some(recipient) => yield_to(say(format_args!("RCPT TO:<{recipient}>")), Recipient(recipient)),
                None if self.delivered.accepted.is_empty() => yield_to(say("QUIT"), Quit),
                None => yield_to(say("DATA"), Data),
            }
        }

        fn Recipient(&mut self, sent: Sent, recipient: &mut String) -> Next<NextRecipient> {
            let reply = yield_from!(self.replies, sent)?;
            let recipient = mem::take(recipient);
            match reply.is_good() {
                true => self.delivered.accepted.push(recipient),
                false => self.delivered.refused.push((recipient, reply)),
            }
            to(NextRecipient)
        }

        fn Data(&mut self, sent: Sent) -> Next<Body> {
            match yield_from!(self.replies, sent)? {
                Reply { code: 354, .. } => yield_to(Want::Write(self.mail.body()), Body),
                reply => Err(Refused(reply).into()),
            }
        }

        fn Body(&mut self, sent: Sent) -> Next<Quit> {
            yield_from!(self.replies, sent)?.good()?;
            yield_to(say("QUIT"), Quit)
        }

        /// The server has the mail. It may break the connection instead of saying goodbye.
        fn Quit(&mut self, sent: Sent) -> Next<End> {
            match yield_from!(self.replies, sent) {
                Err(raised) if raised.kind() != Kind::Error => Err(raised),
                _ => end(mem::take(&mut self.delivered)),
            }
        }
    }
);

fn say(command: impl fmt::Display) -> Want {
    Want::Write(format!("{command}\r\n").into_bytes())
}

fn broken(text: &'static str) -> Exception {
    io::Error::new(io::ErrorKind::InvalidData, text).into()
}

const LONGEST_REPLY: usize = 64 * 1024;
