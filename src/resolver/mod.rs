//! Looking up names and addresses: [`getaddrinfo`](crate::LoopHandle::getaddrinfo),
//! [`getnameinfo`](crate::LoopHandle::getnameinfo), and the resolvers that answer. Layer 3.
//!
//! ```text
//!  getaddrinfo(host, service) -> checked -> an address, or no host: answered at once
//!                                       \-> a name, in ASCII -> the loop's Resolve: a thread by default
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `query.rs`      | [`Query`]: a question, and its checks |
//! | `addresses.rs`  | [`Addresses`], [`Hosts`]: where to connect or listen, by name or by address |
//! | `find.rs`       | looking up the addresses that they stand for |
//! | `lookup.rs`     | the loop's methods, and [`Lookup`]: the coroutine that they return |
//! | `resolve.rs`    | [`Resolve`]: a resolver; [`SystemResolver`], [`StaticResolver`] |
//! | `error.rs`      | [`LookupError`] |
//! | `interleave.rs` | [`interleave`](fn@interleave): the order in which addresses are tried |
//!
//! Deliberately absent: a cache, and a resolver that speaks DNS itself. A program can add either as a [`Resolve`].
//!
//! Sources: `Lib/asyncio/base_events.py` of CPython 3.13, for behaviour; RFC 8305.

mod addresses;
mod error;
mod find;
mod interleave;
mod lookup;
mod query;
mod resolve;

pub use self::addresses::{Addresses, Hosts};
pub use self::error::LookupError;
pub(crate) use self::find::{Find, Side};
pub use self::interleave::interleave;
pub use self::lookup::{GetAddrInfo, GetNameInfo, Lookup};
pub use self::query::{Query, Service};
pub use self::resolve::{Answer, Resolve, StaticResolver, SystemResolver};
pub use crate::sys::names::{AddrInfo, Family, IpProtocol, LookupErrorKind, LookupFlags, NameFlags, SocketType};
