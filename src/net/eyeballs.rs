//! [`happy_eyeballs`]: connecting to one of several addresses without waiting for those that do not answer. RFC 8305.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, drop_ended, take_sent};
use crate::task::{Await, Awaitable};
use crate::wait::{Raced, StaggeredRace, staggered_race};
use crate::yield_from;

/// Connects to one of several addresses. For each address, `connector` makes a coroutine that connects. The first to succeed
/// wins; the others are cancelled and awaited.
///
/// An address is tried once the one before has failed, or `delay` after the one before was started. With `None`, only a
/// failure starts the next one, and no task is needed.
///
/// [`connect`](fn@crate::connect) uses this for the addresses that it looks up; use it directly for other kinds of
/// connections. [`interleave`](crate::resolver::interleave) puts addresses into a suitable order.
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::net::happy_eyeballs;
/// use innermost::{CoroutineExt, sleep};
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// let addresses: [SocketAddr; 2] = ["[2001:db8::1]:80".parse()?, "192.0.2.1:80".parse()?];
/// let delay = Duration::from_millis(250);
/// // The first address does not answer, the second does.
/// let connector = |address: SocketAddr| {
///     sleep(if address.is_ipv6() { Duration::from_secs(3600) } else { Duration::ZERO }).map(move |()| address)
/// };
/// let connected = virtual_loop()?.run_until_complete(happy_eyeballs(addresses, Some(delay), connector))?;
/// assert_eq!(connected, addresses[1]);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// Raises a [`ConnectError`] with each address and its error, and `ValueError` if there are no addresses.
pub fn happy_eyeballs<F, C>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    delay: Option<Duration>,
    connector: F,
) -> HappyEyeballs<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    HappyEyeballs { addresses: addresses.into_iter().collect(), phase: Phase::Created { delay, connector } }
}

/// The coroutine returned by [`happy_eyeballs`].
#[must_use = "connecting does nothing until it is awaited"]
pub struct HappyEyeballs<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    addresses: Rc<[SocketAddr]>,
    phase: Phase<F, C>,
}

enum Phase<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    Created {
        delay: Option<Duration>,
        connector: F,
    },
    /// Each address is tried once the one before has failed, without a race or a task.
    InTurn {
        attempt: C,
        attempts: Attempts<F>,
        failures: Vec<(SocketAddr, Exception)>,
    },
    Racing(StaggeredRace<Attempts<F>>),
    Over,
}

/// Makes an attempt for each address when its turn comes.
struct Attempts<F> {
    addresses: Rc<[SocketAddr]>,
    next: usize,
    connector: F,
}

impl<F> Attempts<F> {
    /// The address of the latest attempt.
    fn latest(&self) -> SocketAddr {
        self.addresses[self.next - 1]
    }
}

impl<F: FnMut(SocketAddr) -> C, C> Iterator for Attempts<F> {
    type Item = C;

    fn next(&mut self) -> Option<C> {
        let address = *self.addresses.get(self.next)?;
        self.next += 1;
        Some((self.connector)(address))
    }
}

impl<F, C> Coroutine for HappyEyeballs<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                Phase::Created { .. } => {
                    take_sent(&mut sent)?;
                    let Phase::Created { delay, connector } = core::mem::replace(&mut self.phase, Phase::Over) else {
                        unreachable!("it was created")
                    };
                    self.phase = self.start(delay, connector)?;
                }
                Phase::InTurn { attempt, .. } => {
                    let connected = yield_from!(attempt, sent);
                    let Phase::InTurn { attempt: ended, mut attempts, mut failures } =
                        core::mem::replace(&mut self.phase, Phase::Over)
                    else {
                        unreachable!("one is tried when the other has failed")
                    };
                    drop_ended(move || drop(ended));
                    match connected {
                        Err(raised) if is_failure(&raised) => failures.push((attempts.latest(), raised)),
                        connected => return connected.map(Step::Return),
                    }
                    let Some(attempt) = attempts.next() else { return Err(ConnectError::of(failures)) };
                    self.phase = Phase::InTurn { attempt, attempts, failures };
                }
                Phase::Racing(race) => {
                    let raced = yield_from!(race, sent);
                    self.phase = Phase::Over;
                    let Raced { winner, exceptions } = raced?;
                    let failures = self.addresses.iter().copied().zip(exceptions.into_iter().flatten());
                    return match winner {
                        Some((_, connected)) => Ok(Step::Return(connected)),
                        None => Err(ConnectError::of(failures)),
                    };
                }
                Phase::Over => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("happy_eyeballs", &self.addresses);
        match &self.phase {
            Phase::InTurn { attempt, .. } => own.delegating_to(attempt.state()),
            Phase::Racing(race) => own.delegating_to(race.state()),
            Phase::Created { .. } | Phase::Over => own,
        }
    }
}

impl<F, C> HappyEyeballs<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    fn start(&self, delay: Option<Duration>, connector: F) -> Result<Phase<F, C>, Exception> {
        let mut attempts = Attempts { addresses: Rc::clone(&self.addresses), next: 0, connector };
        if delay.is_some() && self.addresses.len() > 1 {
            return Ok(Phase::Racing(staggered_race(attempts).delay(delay)));
        }
        let none = || Exception::message(Kind::ValueError, "there is no address to connect to");
        let attempt = attempts.next().ok_or_else(none)?;
        Ok(Phase::InTurn { attempt, attempts, failures: Vec::new() })
    }
}

/// Returns `true` if an attempt has failed by itself, rather than been cancelled or closed.
fn is_failure(raised: &Exception) -> bool {
    !matches!(raised.kind(), Kind::CancelledError | Kind::GeneratorExit | Kind::KeyboardInterrupt)
}

impl<F, C> fmt::Debug for HappyEyeballs<F, C>
where
    F: FnMut(SocketAddr) -> C + 'static,
    C: Awaitable + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "happy_eyeballs({:?})", self.addresses)
    }
}

/// None of several addresses could be connected to. Holds each address that was tried, and its exception.
///
/// Its text lists all of them. If all texts are the same, it appears once, as in asyncio.
#[derive(Clone, Debug)]
pub struct ConnectError(Vec<(SocketAddr, Exception)>);

impl ConnectError {
    fn of(failures: impl IntoIterator<Item = (SocketAddr, Exception)>) -> Exception {
        Exception::new(Self(failures.into_iter().collect()))
    }

    /// The addresses that were tried and their exceptions, in the order of the attempts.
    pub fn failures(&self) -> &[(SocketAddr, Exception)] {
        &self.0
    }

    /// The kind of the system's error, if all attempts failed with the same kind; `Other` otherwise.
    pub fn kind(&self) -> io::ErrorKind {
        let mut kinds = self.0.iter().map(|(_, raised)| raised.downcast_ref().map(io::Error::kind));
        let first = kinds.next().flatten().unwrap_or(io::ErrorKind::Other);
        if kinds.all(|kind| kind == Some(first)) { first } else { io::ErrorKind::Other }
    }
}

impl Error for ConnectError {
    /// The system's error, if only one address was tried.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            [(_, raised)] => raised.downcast_ref::<io::Error>().map(|error| error as _),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> =
            self.0.iter().map(|(address, raised)| format!("cannot connect to {address}: {raised}")).collect();
        match &*texts {
            [first, others @ ..] if others.iter().all(|text| text == first) => f.write_str(first),
            texts => write!(f, "Multiple exceptions: {}", texts.join(", ")),
        }
    }
}
