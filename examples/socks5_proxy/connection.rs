//! One connection: the handshake, the connection that the client asks for, and the bytes between the two.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Connection
//!     [*] --> Handshake
//!     Handshake --> Relaying
//!     Handshake --> Refused
//!     Handshake --> [*]
//!     Relaying --> [*]
//!     Refused --> [*]
//! ```
//!
//! The handshake's machine does no I/O: it yields what it wants done, and `drive` runs a coroutine that does it. A
//! connection runs over any byte stream, and connects through a function, so that a test needs no network.

use std::cell::RefCell;
use std::io::{Cursor, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{ConnectError, Linger, Relay};
use innermost::resolver::LookupError;
use innermost::server::StopToken;
use innermost::wait::{Race, Racing, TimeoutScope, Won, timeout};
use innermost::{
    Awaitable, Buffer, ByteRead, ByteStream, ByteWrite, CoroutineExt, Exception, Kind, Machine, Running, Step, drive,
    from_fn, machine, ready, yield_from,
};

use super::handshake::{Ended, Got, Want, handshake};
use super::message::{Reply, Target};
use super::users::{Seat, Users};

/// How long a handshake may take, including the client's messages and connecting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long connecting may take.
pub(crate) const CONNECTING: Duration = Duration::from_secs(10);

/// How long a relay may stay open while neither end sends anything.
pub(crate) const IDLE: Duration = Duration::from_secs(10 * 60);

/// Connects. Returns the stream, and this end's address.
pub(crate) type Dial<U> = Rc<dyn Fn(Target) -> Box<dyn Awaitable<Return = (U, SocketAddr)>>>;

type Handshaking = Racing<TimeoutScope<Box<dyn Awaitable<Return = Ended>>>>;

/// A client's connection over `S`, and the one that it asks for, over `U`.
pub(crate) struct Connection<S, U> {
    client: Rc<S>,
    desired: Option<U>,
    /// What the handshake has achieved so far.
    achieved: Rc<RefCell<Achieved<U>>>,
    stop: StopToken,
    race: Race,
    relay: Relay,
    linger: Linger,
}

struct Achieved<U> {
    /// The user of the connection. The client's address, until it has logged in.
    user: Vec<u8>,
    seat: Option<Seat>,
    desired: Option<U>,
}

machine!(
    impl<S: ByteStream, U: ByteStream> Machine for Connection<S, U> {
        pub(crate) type State = Phase;

        /// A stop ends the handshake at once.
        fn Handshake(&mut self, sent: Sent, handshake: &mut Handshaking) -> Next<Relaying, Refused, End> {
            match yield_from!(self.race.run((handshake, self.stop.wait())), sent)? {
                Won::A(Ended::Connected { early }) => {
                    self.desired = self.achieved.borrow_mut().desired.take();
                    self.relay = Relay::new().idle_limit(IDLE).already_read_from_a(&early);
                    to(Relaying)
                }
                Won::A(Ended::Refused) => to(Refused),
                Won::B(()) => end(()),
            }
        }

        fn Relaying(&mut self, sent: Sent) -> Next<End> {
            if let Some(desired) = &self.desired {
                yield_from!(self.relay.run(&self.client, desired), sent)?;
            }
            end(())
        }

        /// The client has been told why. Lingering lets it read that.
        fn Refused(&mut self, sent: Sent) -> Next<End> {
            yield_from!(self.linger.run(&self.client), sent)?;
            end(())
        }
    }
);

impl<S: ByteStream + 'static, U: ByteStream + 'static> Connection<S, U> {
    /// Serves `client`, which comes from the address `from`.
    pub(crate) fn new(client: S, from: String, users: Rc<Users>, dial: Dial<U>, stop: StopToken) -> Running<Self> {
        let client = Rc::new(client);
        let achieved = Rc::new(RefCell::new(Achieved { user: from.into_bytes(), seat: None, desired: None }));
        let (stream, achieving) = (Rc::clone(&client), Rc::clone(&achieved));
        let machine = handshake(users.need_password());
        let driven = drive(machine, move |want| answer(want, &stream, &achieving, &users, &dial));
        let handshaking = Racing::new(timeout(Box::new(driven) as Box<_>, PATIENCE));
        let (race, relay, linger) = (Race::new(), Relay::new(), Linger::new());
        Self { client, desired: None, achieved, stop, race, relay, linger }.start(Phase::Handshake(handshaking))
    }
}

/// Makes the coroutine that does what the handshake wants.
fn answer<S: ByteStream + 'static, U: ByteStream + 'static>(
    want: Want,
    client: &Rc<S>,
    achieved: &Rc<RefCell<Achieved<U>>>,
    users: &Rc<Users>,
    dial: &Dial<U>,
) -> Box<dyn Awaitable<Return = Got>> {
    match want {
        Want::Read => {
            let (client, mut incoming) = (Rc::clone(client), Buffer::new());
            Box::new(from_fn(move |mut sent| {
                yield_from!(client.read(&mut incoming), sent)?;
                Ok(Step::Return(Got::Bytes(incoming.bytes().to_vec())))
            }))
        }
        Want::Write(bytes) => {
            let (client, mut outgoing) = (Rc::clone(client), Cursor::new(bytes));
            Box::new(from_fn(move |mut sent| {
                yield_from!(client.write_all(&mut outgoing), sent)?;
                Ok(Step::Return(Got::Nothing))
            }))
        }
        Want::Check { user, password } => {
            let is_right = users.is_right(&user, &password);
            achieved.borrow_mut().user = user;
            Box::new(ready(Got::Right(is_right)))
        }
        Want::Connect(target) => {
            let seat = users.seat(&achieved.borrow().user);
            if seat.is_none() {
                return Box::new(ready(Got::Connected(Err(Reply::NotAllowed))));
            }
            achieved.borrow_mut().seat = seat;
            let achieved = Rc::clone(achieved);
            let dialling = timeout(dial(target), CONNECTING).map(move |(stream, bound)| {
                achieved.borrow_mut().desired = Some(stream);
                Got::Connected(Ok(bound))
            });
            Box::new(dialling.catch(|raised| match raised.kind() {
                Kind::CancelledError | Kind::GeneratorExit | Kind::KeyboardInterrupt => Err(raised),
                _ => Ok(Got::Connected(Err(reason(&raised)))),
            }))
        }
    }
}

/// Returns what to tell the client about a failure to connect.
fn reason(raised: &Exception) -> Reply {
    if let Some(error) = raised.downcast_ref::<ConnectError>() {
        // A refusal proves that the host exists, so the client is told that rather than another failure.
        let mut reasons = error.failures().iter().map(|(_, raised)| reason(raised));
        let first = reasons.next().unwrap_or(Reply::Failure);
        return if reasons.any(|reason| reason == Reply::Refused) { Reply::Refused } else { first };
    }
    if let Some(error) = raised.downcast_ref::<std::io::Error>() {
        return match error.kind() {
            ErrorKind::ConnectionRefused => Reply::Refused,
            ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => Reply::NetworkUnreachable,
            ErrorKind::HostUnreachable => Reply::HostUnreachable,
            ErrorKind::PermissionDenied => Reply::NotAllowed,
            ErrorKind::TimedOut => Reply::Expired,
            _ => Reply::Failure,
        };
    }
    match raised.kind() {
        Kind::TimeoutError => Reply::Expired,
        // The host is not a valid name.
        Kind::ValueError => Reply::HostUnreachable,
        _ if raised.downcast_ref::<LookupError>().is_some() => Reply::HostUnreachable,
        _ => Reply::Failure,
    }
}
