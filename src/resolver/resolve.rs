//! Who answers look-ups.

use core::fmt;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{LookupError, Query, Service};
use crate::coroutine::{CoroutineExt, Exception, ready};
use crate::event_loop::{running, to_thread};
use crate::executor::Executor;
use crate::sys::names::{self, AddrInfo, Family, LookupErrorKind, LookupFlags, NameFlags, SocketType};
use crate::task::Awaitable;

/// What a [`Resolve`] answers with: a coroutine that gives a `T`, or raises a [`LookupError`].
pub type Answer<T> = Box<dyn Awaitable<Return = T>>;

/// Looks names and addresses up: the system, a table, a cache, one that speaks DNS.
/// [`set_resolver`](crate::LoopHandle::set_resolver) puts it in the system's place.
///
/// It is asked only for what must be looked up: never for an address, nor for a name that cannot be one. Whoever waits for
/// an answer drops its coroutine when it is cancelled.
///
/// ```
/// use innermost::resolver::{AddrInfo, Answer, NameFlags, Query, Resolve, SystemResolver};
/// use innermost::{CoroutineExt, sleep};
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// /// The system's answers, after a while.
/// struct Slow(SystemResolver);
///
/// impl Resolve for Slow {
///     fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
///         let answer = self.0.getaddrinfo(query);
///         Box::new(sleep(Duration::from_secs(1)).then(move |()| answer))
///     }
///
///     fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
///         self.0.getnameinfo(address, flags)
///     }
/// }
/// ```
pub trait Resolve {
    /// Looks up the addresses of a host and a service. The host is ASCII.
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>>;

    /// Looks up the names of an address and of its port.
    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)>;
}

/// The system's `getaddrinfo(3)` and `getnameinfo(3)`, in threads: what a loop has unless it is given another one.
///
/// A look-up may take as long as the network likes, and holds its thread for so long, even when nobody waits for it any
/// more. [`on`](Self::on) gives look-ups threads of their own, so that nothing else waits behind them.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::executor::ThreadPool;
/// use innermost::resolver::SystemResolver;
///
/// let event_loop = EventLoop::new()?;
/// event_loop.set_resolver(SystemResolver::on(ThreadPool::with(4, "resolver")?));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Default)]
pub struct SystemResolver {
    /// `None` for the loop's default one.
    executor: Option<Arc<dyn Executor>>,
}

impl SystemResolver {
    /// One that uses the default executor of the loop that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that uses this executor.
    pub fn on(executor: impl Executor + 'static) -> Self {
        Self { executor: Some(Arc::new(executor)) }
    }

    fn run<T: Send + 'static>(&self, function: impl FnOnce() -> Result<T, Exception> + Send + 'static) -> Answer<T> {
        match self.executor.clone() {
            None => Box::new(to_thread(function)),
            Some(executor) => {
                Box::new(ready(()).then(move |()| running()?.run_in_executor(Some(&*executor), function)))
            }
        }
    }
}

impl Resolve for SystemResolver {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        self.run(move || query.ask_system())
    }

    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
        self.run(move || ask_system_for_name(address, flags))
    }
}

/// # Errors
///
/// A [`LookupError`].
pub(super) fn ask_system_for_name(address: SocketAddr, flags: NameFlags) -> Result<(String, String), Exception> {
    names::getnameinfo(address, flags).map_err(|failure| LookupError::of(failure, address.to_string()).into())
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.executor.is_some() { "SystemResolver(own executor)" } else { "SystemResolver" })
    }
}

/// A table of names and their addresses, which knows no other: for tests, which then need no network.
///
/// Names are compared without regard to case, or to a dot at the end. A service must be a port. Each address comes once,
/// for the sort of socket that is asked for, or for streams.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::resolver::{Query, SocketType, StaticResolver};
///
/// let event_loop = EventLoop::new()?;
/// event_loop.set_resolver(StaticResolver::new().with("db.internal", ["192.0.2.7".parse()?, "2001:db8::7".parse()?]));
/// let query = Query::new("db.internal", 5432).socket_type(SocketType::Stream);
/// let found = event_loop.run_until_complete(event_loop.getaddrinfo(query))?;
/// assert_eq!(found[0].address.to_string(), "192.0.2.7:5432");
/// assert_eq!(found[1].address.to_string(), "[2001:db8::7]:5432");
/// assert!(event_loop.run_until_complete(event_loop.getaddrinfo(("other.internal", 5432))).is_err());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StaticResolver(HashMap<String, Vec<IpAddr>>);

impl StaticResolver {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these addresses of a name, in the order in which they are to be given, after those that it has.
    #[must_use]
    pub fn with(mut self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.0.entry(key(name)).or_default().extend(addresses);
        self
    }

    fn find(&self, query: &Query) -> Result<Vec<AddrInfo>, Exception> {
        let unknown = |kind| Err(LookupError::new(kind, query.to_string()).into());
        let Service::Port(port) = *query.service() else { return unknown(LookupErrorKind::Service) };
        let Some(addresses) = query.host().and_then(|host| self.0.get(&key(host))) else {
            return unknown(LookupErrorKind::Unknown);
        };
        let wanted = addresses.iter().filter(|address| match query.wanted_family() {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        });
        let mut canonical_name =
            query.wanted_flags().contains(LookupFlags::CANONICAL_NAME).then(|| query.host()).flatten();
        let socket_type = match query.wanted_socket_type() {
            SocketType::Any => SocketType::Stream,
            wanted => wanted,
        };
        let found: Vec<_> = wanted
            .map(|address| AddrInfo {
                address: SocketAddr::new(*address, port),
                socket_type,
                protocol: query.wanted_protocol(),
                // With the first one.
                canonical_name: canonical_name.take().map(String::from),
            })
            .collect();
        if found.is_empty() { unknown(LookupErrorKind::Family) } else { Ok(found) }
    }

    fn name_of(&self, address: SocketAddr, flags: NameFlags) -> Result<(String, String), Exception> {
        let names = self.0.iter().filter(|(_, addresses)| addresses.contains(&address.ip()));
        // Always the same one of several.
        let name = names.map(|(name, _)| name).min().filter(|_| !flags.contains(NameFlags::NUMERIC_HOST));
        if name.is_none() && flags.contains(NameFlags::NAME_REQUIRED) {
            return Err(LookupError::new(LookupErrorKind::Unknown, address.to_string()).into());
        }
        Ok((name.cloned().unwrap_or_else(|| address.ip().to_string()), address.port().to_string()))
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl Resolve for StaticResolver {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        Box::new(self.find(&query).map(ready))
    }

    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
        Box::new(self.name_of(address, flags).map(ready))
    }
}
