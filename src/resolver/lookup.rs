//! The loop's look-ups: `getaddrinfo`, `getnameinfo`, `set_resolver`.

use core::fmt;
use core::mem;
use std::net::SocketAddr;
use std::rc::Rc;

use super::resolve::ask_system_for_name;
use super::{Answer, Query, Resolve, SystemResolver};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::sys::names::{AddrInfo, NameFlags};
use crate::task::Await;
use crate::yield_from;

/// The loop's resolver, if it is not the system's.
struct Chosen(Box<dyn Resolve>);

/// Names and addresses.
impl LoopHandle {
    /// Looks up the addresses of a host and a service, in the order in which they should be tried. asyncio's `getaddrinfo`.
    ///
    /// By default, the system looks them up, in a thread of the loop's default executor; [`set_resolver`](Self::set_resolver)
    /// changes that. An address with a port is not looked up and needs no thread. If the task is cancelled, it continues at
    /// once. The thread finishes in its own time, and its answer is dropped.
    ///
    /// With the feature `idna`, a host that is not ASCII is looked up by its international name (IDNA).
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use innermost::resolver::{Family, Query, SocketType};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let query = Query::new("localhost", 80).family(Family::V4).socket_type(SocketType::Stream);
    /// let found = event_loop.run_until_complete(event_loop.getaddrinfo(query))?;
    /// assert_eq!(found[0].address, ([127, 0, 0, 1], 80).into());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// Raises a [`LookupError`](super::LookupError) if the look-up fails. Raises `ValueError` if the host cannot be a name: it is
    /// empty, too long, has a zero byte, or is not ASCII and the feature is off. Raises `RuntimeError` if the executor has been
    /// shut down.
    pub fn getaddrinfo(&self, query: impl Into<Query>) -> GetAddrInfo {
        let query = match query.into().checked() {
            Ok(query) => query,
            Err(raised) => return Lookup(Phase::Known(Err(raised))),
        };
        if query.is_numeric() {
            return Lookup(Phase::Known(query.ask_system()));
        }
        Lookup(Phase::Asked(match self.extension::<Chosen>() {
            Some(chosen) => chosen.0.getaddrinfo(query),
            None => SystemResolver::new().getaddrinfo(query),
        }))
    }

    /// Looks up the name of an address and of its port. asyncio's `getnameinfo`.
    ///
    /// The look-up runs in a thread, unless only numbers are asked for.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use innermost::resolver::NameFlags;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let numbers = NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE;
    /// let names = event_loop.getnameinfo("[::1]:80".parse()?, numbers);
    /// assert_eq!(event_loop.run_until_complete(names)?, ("::1".into(), "80".into()));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// Raises a [`LookupError`](super::LookupError) if the look-up fails, and `RuntimeError` if the executor has been shut down.
    pub fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> GetNameInfo {
        if flags.contains(NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE) {
            return Lookup(Phase::Known(ask_system_for_name(address, flags)));
        }
        Lookup(Phase::Asked(match self.extension::<Chosen>() {
            Some(chosen) => chosen.0.getnameinfo(address, flags),
            None => SystemResolver::new().getnameinfo(address, flags),
        }))
    }

    /// Replaces the resolver that answers look-ups. Look-ups in progress keep theirs.
    pub fn set_resolver(&self, resolver: impl Resolve + 'static) {
        let former = self.set_extension(Rc::new(Chosen(Box::new(resolver))));
        drop(former);
    }
}

/// The coroutine returned by [`getaddrinfo`](LoopHandle::getaddrinfo).
pub type GetAddrInfo = Lookup<Vec<AddrInfo>>;

/// The coroutine returned by [`getnameinfo`](LoopHandle::getnameinfo).
pub type GetNameInfo = Lookup<(String, String)>;

/// A look-up.
#[must_use = "a look-up does nothing until it is awaited"]
pub struct Lookup<T>(Phase<T>);

enum Phase<T> {
    Known(Result<T, Exception>),
    Asked(Answer<T>),
    Over,
}

impl<T> Coroutine for Lookup<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let outcome = match &mut self.0 {
            Phase::Asked(answer) => yield_from!(answer, sent),
            _ => take_sent(&mut sent).and_then(|()| match mem::replace(&mut self.0, Phase::Over) {
                Phase::Known(outcome) => outcome,
                _ => Err(Exception::reused()),
            }),
        };
        self.0 = Phase::Over;
        outcome.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        let own = State::new("Lookup", self);
        match &self.0 {
            Phase::Asked(answer) => own.delegating_to(answer.state()),
            _ => own,
        }
    }
}

impl<T> fmt::Debug for Lookup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Phase::Known(_) => "Lookup(known)",
            Phase::Asked(_) => "Lookup(asked)",
            Phase::Over => "Lookup(over)",
        })
    }
}
