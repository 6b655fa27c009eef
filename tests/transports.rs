//! Transports, protocols and servers: X1 to X19, V1 to V8.
//!
//! Both ends of a connection are in the test: one is a transport, the other the standard library's, or a transport as
//! well. A comment above a test cites its rule. A test that would wait for ever fails: see [`support`].

#[path = "support/counting.rs"]
mod counting;
#[path = "transports/datagrams.rs"]
mod datagrams;
#[path = "transports/faults.rs"]
mod faults;
#[path = "transports/lives.rs"]
mod lives;
#[path = "transports/order.rs"]
mod order;
#[path = "transports/pipes.rs"]
mod pipes;
#[path = "transports/reading.rs"]
mod reading;
#[path = "transports/servers.rs"]
mod servers;
#[path = "transports/support.rs"]
mod support;
#[path = "transports/writing.rs"]
mod writing;
