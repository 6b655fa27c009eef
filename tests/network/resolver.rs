//! Names: `getaddrinfo`, `getnameinfo`, who answers them, and connecting to names. E18, E20, V8.
//!
//! No network: what is looked up is in /etc/hosts, in a table, or unknown to both.
//!
//! These cannot arise here: a host, a port or flags of the wrong type; bytes for a host, which Rust has as text.

mod connecting;
mod lookups;
mod order;
mod queries;
