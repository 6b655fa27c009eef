//! Names: `getaddrinfo`, `getnameinfo`, resolvers, and connecting to names. E18, E20, V8.
//!
//! The tests need no network: a name is in /etc/hosts, in a table, or unknown to both.
//!
//! These cannot arise here: a host, a port or flags of the wrong type, and a host in bytes.

mod connecting;
mod lookups;
mod order;
mod queries;
