//! Layer 3: names and addresses: [`getaddrinfo`](crate::LoopHandle::getaddrinfo),
//! [`getnameinfo`](crate::LoopHandle::getnameinfo), and who answers them.
//!
//! ```text
//!  getaddrinfo(host, service) -> checked -> an address already, or no host: answered at once
//!                                       \-> the name in ASCII -> the loop's Resolve: a thread, unless it is replaced
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `query.rs`      | [`Query`]: what is asked, checked |
//! | `addresses.rs`  | [`Addresses`]: where to connect, or to listen, by name or not; [`Hosts`] |
//! | `find.rs`       | the addresses that those stand for |
//! | `lookup.rs`     | the loop's methods, and [`Lookup`]: the machine that they make |
//! | `resolve.rs`    | [`Resolve`]: who answers; [`SystemResolver`], [`StaticResolver`] |
//! | `error.rs`      | [`LookupError`] |
//! | `interleave.rs` | [`interleave`](fn@interleave): in which order addresses are tried |
//!
//! Deliberately absent: a cache, and a resolver that speaks DNS itself. Both are a [`Resolve`] of the user's.
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
pub use crate::sys::names::{AddrInfo, Family, LookupErrorKind, LookupFlags, NameFlags, Protocol, SocketType};
