//! The handshake, without I/O: a machine that says what it wants done, and is sent the result.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Handshake
//!     [*] --> Greeting
//!     Greeting --> Login
//!     Greeting --> Request
//!     Greeting --> Refusing
//!     Login --> Checking
//!     Login --> Refusing
//!     Checking --> Request
//!     Checking --> Refusing
//!     Request --> Connecting
//!     Request --> Refusing
//!     Connecting --> Accepting
//!     Connecting --> Refusing
//!     Accepting --> [*]
//!     Refusing --> [*]
//! ```

use std::io;
use std::net::SocketAddr;

use innermost::coroutine::Stateless;
use innermost::{Coroutine, Exception, Machine, Resumed, Running, Step, machine, take_sent, yield_from};

use super::message::{self, Broken, CONNECT, LOGGED_IN, NOT_LOGGED_IN, Parsed, Reply, Target, method};

/// What the machine asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Receive some bytes. The answer is [`Got::Bytes`], without bytes at the end of the stream.
    Read,
    /// Send all of these bytes.
    Write(Vec<u8>),
    /// Compare the password. The answer is [`Got::Right`].
    Check { user: Vec<u8>, password: Vec<u8> },
    /// Connect. The answer is [`Got::Connected`].
    Connect(Target),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Got {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    Right(bool),
    /// This end's address of the new connection, or why there is none.
    Connected(Result<SocketAddr, Reply>),
}

/// How a handshake has ended. The client has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// These bytes have come behind the request, and are meant for the other end.
    Connected {
        early: Vec<u8>,
    },
    Refused,
}

/// A handshake with a client. It ends in an exception if the client sends anything but SOCKS5, or ends its stream.
pub(crate) struct Handshake {
    needs_password: bool,
    incoming: Incoming,
}

pub(crate) fn handshake(needs_password: bool) -> Running<Handshake> {
    Handshake { needs_password, incoming: Incoming::default() }.start(Phase::Greeting)
}

machine!(
    impl Machine for Handshake {
        type Yield = Want;
        type Input = Got;
        type Return = Ended;
        pub(crate) type State = Phase;

        fn Greeting(&mut self, sent: Sent) -> Next<Login, Request, Refusing> {
            let offered = yield_from!(self.incoming.message(message::greeting), sent)??;
            let wanted = if self.needs_password { method::PASSWORD } else { method::NONE };
            let choose = |method| Want::Write(vec![5, method]);
            match (offered.contains(&wanted), self.needs_password) {
                (false, _) => yield_to(choose(method::UNACCEPTABLE), Refusing),
                (true, true) => yield_to(choose(wanted), Login),
                (true, false) => yield_to(choose(wanted), Request),
            }
        }

        fn Login(&mut self, sent: Sent) -> Next<Checking, Refusing> {
            match yield_from!(self.incoming.message(message::login), sent)? {
                Ok((user, password)) => yield_to(Want::Check { user, password }, Checking),
                Err(_broken) => yield_to(Want::Write(NOT_LOGGED_IN.into()), Refusing),
            }
        }

        fn Checking(&mut self, sent: Sent) -> Next<Request, Refusing> {
            match take_sent(sent)? {
                Got::Right(true) => yield_to(Want::Write(LOGGED_IN.into()), Request),
                _ => yield_to(Want::Write(NOT_LOGGED_IN.into()), Refusing),
            }
        }

        fn Request(&mut self, sent: Sent) -> Next<Connecting, Refusing> {
            let refusal = match yield_from!(self.incoming.message(message::request), sent)? {
                Ok(request) if request.command == CONNECT => {
                    return yield_to(Want::Connect(request.target), Connecting);
                }
                Ok(_) => Reply::CommandNotSupported,
                Err(Broken::AddressType) => Reply::AddressTypeNotSupported,
                Err(Broken::Version) => Reply::Failure,
            };
            yield_to(Want::Write(refusal.refusal()), Refusing)
        }

        fn Connecting(&mut self, sent: Sent) -> Next<Accepting, Refusing> {
            match take_sent(sent)? {
                Got::Connected(Ok(bound)) => yield_to(Want::Write(Reply::Succeeded.message(bound)), Accepting),
                Got::Connected(Err(reply)) => yield_to(Want::Write(reply.refusal()), Refusing),
                _ => yield_to(Want::Write(Reply::Failure.refusal()), Refusing),
            }
        }

        /// The client is told that it is connected.
        fn Accepting(&mut self, sent: Sent) -> Next<End> {
            take_sent(sent)?;
            end(Ended::Connected { early: self.incoming.take_rest() })
        }

        /// The client is told that it is not.
        fn Refusing(&mut self, sent: Sent) -> Next<End> {
            take_sent(sent)?;
            end(Ended::Refused)
        }
    }
);

/// The bytes that have come and are not parsed yet.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    is_reading: bool,
}

impl Incoming {
    /// Reads the next message. Made again at each resume.
    fn message<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> Message<'_, T> {
        Message { incoming: self, parse }
    }

    fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

struct Message<'a, T> {
    incoming: &'a mut Incoming,
    parse: fn(&[u8]) -> Parsed<T>,
}

impl<T> Stateless for Message<'_, T> {}

impl<T> Coroutine for Message<'_, T> {
    type Yield = Want;
    type Input = Got;
    type Return = Result<T, Broken>;

    fn resume(&mut self, sent: Result<Got, Exception>) -> Resumed<Self> {
        let Incoming { bytes, is_reading } = &mut *self.incoming;
        match sent? {
            Got::Bytes(more) if *is_reading && !more.is_empty() => bytes.extend(more),
            _ if *is_reading => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            // What the machine wanted before is done.
            _ => {}
        }
        *is_reading = false;
        match (self.parse)(bytes) {
            Ok(None) => {
                *is_reading = true;
                Ok(Step::Yield(Want::Read))
            }
            Ok(Some((message, length))) => {
                bytes.drain(..length);
                Ok(Step::Return(Ok(message)))
            }
            Err(broken) => Ok(Step::Return(Err(broken))),
        }
    }
}
