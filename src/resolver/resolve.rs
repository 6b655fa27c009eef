//! [`Resolve`]: resolvers, which answer look-ups.

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

/// The answer of a [`Resolve`]: a coroutine that returns a `T` or raises a [`LookupError`].
pub type Answer<T> = Box<dyn Awaitable<Return = T>>;

/// A resolver, which looks up names and addresses: the system, a table, a cache, a DNS client.
/// [`set_resolver`](crate::LoopHandle::set_resolver) installs it in a loop.
///
/// It is asked only for names that must be looked up, never for addresses or malformed names. If a task that waits for an
/// answer is cancelled, the coroutine is dropped.
///
/// ```
/// use innermost::resolver::{AddrInfo, Answer, NameFlags, Query, Resolve, SystemResolver};
/// use innermost::{CoroutineExt, sleep};
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// /// Delays the system's answers.
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

    /// Looks up the name of an address and of its port.
    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)>;
}

/// The default resolver: the system's `getaddrinfo(3)` and `getnameinfo(3)`, in threads.
///
/// A look-up occupies its thread for as long as the network takes, even if nobody waits for it any more. [`on`](Self::on)
/// gives look-ups threads of their own, so that nothing else has to wait behind them.
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
    /// `None` for the loop's default executor.
    executor: Option<Arc<dyn Executor>>,
}

impl SystemResolver {
    /// Makes a resolver that uses the default executor of the running loop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a resolver that uses this executor.
    pub fn on(executor: impl Executor + 'static) -> Self {
        Self { executor: Some(Arc::new(executor)) }
    }

    fn run<T: Send + 'static>(&self, function: impl FnOnce() -> Result<T, Exception> + Send + 'static) -> Answer<T> {
        // A failure is a result here. Otherwise the loop would report it if nobody waits for the answer any more.
        let function = move || Ok(function());
        match self.executor.clone() {
            None => Box::new(to_thread(function).try_map(|outcome| outcome)),
            Some(executor) => {
                let call = ready(()).then(move |()| running()?.run_in_executor(Some(&*executor), function));
                Box::new(call.try_map(|outcome| outcome))
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

/// A resolver with a fixed table of names and addresses, for tests without a network.
///
/// It ignores the case of names and a dot at their end. A service must be a port. Each address is returned once, for the type
/// of socket asked for, or for streams.
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
    /// Makes an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds addresses to a name, after those that it already has.
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
            .map(|address| {
                let mut info = AddrInfo::new(SocketAddr::new(*address, port), socket_type, query.wanted_protocol());
                // The first address carries it.
                info.canonical_name = canonical_name.take().map(String::from);
                info
            })
            .collect();
        if found.is_empty() { unknown(LookupErrorKind::Family) } else { Ok(found) }
    }

    fn name_of(&self, address: SocketAddr, flags: NameFlags) -> Result<(String, String), Exception> {
        let names = self.0.iter().filter(|(_, addresses)| addresses.contains(&address.ip()));
        // If there are several, always the same one.
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
