//! Transports, protocols and servers: X1 to X19, V1 to V8.
//!
//! Both ends of a connection are in the test: one is a transport, the other the standard library's, or a transport as
//! well. A comment above a test cites its rule. A test that would wait for ever fails: see [`support`]. These cannot
//! arise here, or are tested elsewhere:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | X4 | writing what is not bytes | the types forbid it |
//! | X5 | `IOV_MAX` | what waits is four pieces at the most |
//! | X7 | marks below 0 | the types forbid it |
//! | X12 | `EINTR` | tried again before anybody sees it |
//! | X19 | `sendfile` | `sendfile.rs` |
//! | X20 | TLS | there is none yet |
//! | V7 | `accept` without a free descriptor | `echo_protocol.rs`, in a process of its own; any other failure is here |
//! | V8 | equal errors become one | each has its address, so that none are equal; `staggered.rs` has the text |

#![cfg(feature = "full")]

#[path = "transports/circles.rs"]
mod circles;
#[path = "transports/closing.rs"]
mod closing;
#[path = "transports/datagrams.rs"]
mod datagrams;
#[path = "transports/edges.rs"]
mod edges;
#[path = "transports/lives.rs"]
mod lives;
#[path = "support/loops.rs"]
mod loops;
#[path = "transports/names.rs"]
mod names;
#[path = "support/no_threads.rs"]
mod no_threads;
#[path = "transports/options.rs"]
mod options;
#[path = "transports/order.rs"]
mod order;
#[path = "transports/paths.rs"]
mod paths;
#[path = "transports/pipes.rs"]
mod pipes;
#[path = "support/process.rs"]
mod process;
#[path = "transports/reading.rs"]
mod reading;
#[path = "transports/servers.rs"]
mod servers;
#[path = "transports/support.rs"]
mod support;
#[path = "support/tools.rs"]
mod tools;
#[path = "transports/unix_datagrams.rs"]
mod unix_datagrams;
#[path = "transports/writing.rs"]
mod writing;
