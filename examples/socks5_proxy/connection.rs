//! One connection: the handshake, the connection that the client asks for, and the bytes between the two.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Connection
//!     [*] --> Handshake
//!     [*] --> TurnedAway
//!     Handshake --> Relaying: connected
//!     Handshake --> Refused
//!     Handshake --> [*]: the server stops
//!     Relaying --> [*]
//!     Refused --> [*]
//!     TurnedAway --> [*]
//! ```
//!
//! The handshake's machine does no I/O: it yields what it wants done, and `drive` runs a coroutine that does it. A
//! connection runs over any byte stream, and connects through a function, so that a test needs no network.

use std::cell::RefCell;
use std::io::{self, Cursor, ErrorKind};
use std::mem;
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
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// How long connecting may take.
pub(crate) const CONNECTING: Duration = Duration::from_secs(10);

/// How many bytes are read from a client that does not wait for the connection.
pub(crate) const EARLY: usize = 64 * 1024;

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
    /// The address's, and from the request on the user's.
    seat: Option<Seat>,
    desired: Option<U>,
    /// What the client sent while the proxy was connecting.
    early: Vec<u8>,
}

machine!(
    impl<S: ByteStream, U: ByteStream> Machine for Connection<S, U> {
        pub(crate) type State = Phase;

        /// A stop ends the handshake at once.
        fn Handshake(&mut self, sent: Sent, handshake: &mut Handshaking) -> Next<Relaying, Refused, End> {
            match yield_from!(self.race.run((handshake, self.stop.wait())), sent)? {
                Won::A(Ended::Connected { early }) => {
                    let mut achieved = self.achieved.borrow_mut();
                    self.desired = achieved.desired.take();
                    let relay = Relay::new().idle_limit(IDLE).already_read_from_a(&early);
                    self.relay = relay.already_read_from_a(&mem::take(&mut achieved.early));
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

        /// Too many clients at this address have not yet asked for a connection. Closing costs them nothing and frees a
        /// place for others.
        fn TurnedAway(&mut self) -> Next<End> {
            end(())
        }
    }
);

impl<S: ByteStream + 'static, U: ByteStream + 'static> Connection<S, U> {
    /// Serves `client`, which comes from the address `from`.
    pub(crate) fn new(client: S, from: String, users: Rc<Users>, dial: Dial<U>, stop: StopToken) -> Running<Self> {
        let client = Rc::new(client);
        let user = from.into_bytes();
        let seat = users.begin(&user);
        let is_turned_away = seat.is_none();
        let achieved = Rc::new(RefCell::new(Achieved { user, seat, desired: None, early: Vec::new() }));
        let (stream, achieving) = (Rc::clone(&client), Rc::clone(&achieved));
        let machine = handshake(users.need_password());
        let driven = drive(machine, move |want| answer(want, &stream, &achieving, &users, &dial));
        let handshaking = Racing::new(timeout(Box::new(driven) as Box<_>, PATIENCE));
        let (race, relay, linger) = (Race::new(), Relay::new(), Linger::new());
        let phase = if is_turned_away { Phase::TurnedAway } else { Phase::Handshake(handshaking) };
        Self { client, desired: None, achieved, stop, race, relay, linger }.start(phase)
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
            let Some(seat) = users.connect(&achieved.borrow().user) else {
                return Box::new(ready(Got::Connected(Err(Reply::NotAllowed))));
            };
            let address_seat = achieved.borrow_mut().seat.replace(seat);
            drop(address_seat);
            Box::new(connecting(dial(target), Rc::clone(client), Rc::clone(achieved)))
        }
    }
}

/// Connects, unless the client leaves meanwhile. What it sends meanwhile is kept for the other end.
fn connecting<S: ByteStream + 'static, U: ByteStream + 'static>(
    dialling: impl Awaitable<Return = (U, SocketAddr)> + 'static,
    client: Rc<S>,
    achieved: Rc<RefCell<Achieved<U>>>,
) -> impl Awaitable<Return = Got> {
    let dialling = timeout(dialling, CONNECTING).map(Ok).catch(|raised| match raised.kind() {
        Kind::CancelledError | Kind::GeneratorExit | Kind::KeyboardInterrupt => Err(raised),
        _ => Ok(Err(reason(&raised))),
    });
    let (mut dialling, mut race) = (Racing::new(dialling), Race::new());
    let (mut early, mut has_ended) = (Buffer::with_limit(EARLY), false);
    from_fn(move |mut sent| {
        loop {
            // A client that has sent so much has not left. The kernel keeps the rest.
            let read = (!has_ended && early.len() < EARLY).then(|| client.read(&mut early));
            match yield_from!(race.run((&mut dialling, read)), sent)? {
                Won::A(Ok((stream, bound))) => {
                    let mut achieved = achieved.borrow_mut();
                    (achieved.desired, achieved.early) = (Some(stream), early.bytes().to_vec());
                    return Ok(Step::Return(Got::Connected(Ok(bound))));
                }
                Won::A(Err(reply)) => return Ok(Step::Return(Got::Connected(Err(reply)))),
                // It has left. One that has sent a question first may still read the answer.
                Won::B(0) if early.is_empty() => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Won::B(0) => has_ended = true,
                Won::B(_) => {}
            }
        }
    })
}

/// Returns what to tell the client about a failure to connect.
fn reason(raised: &Exception) -> Reply {
    if let Some(error) = raised.downcast_ref::<ConnectError>() {
        // A refusal proves that the host exists, so the client is told that rather than another failure.
        let mut reasons = error.failures().iter().map(|(_, raised)| reason(raised));
        let first = reasons.next().unwrap_or(Reply::Failure);
        return if reasons.any(|reason| reason == Reply::Refused) { Reply::Refused } else { first };
    }
    if let Some(error) = raised.downcast_ref::<io::Error>() {
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
