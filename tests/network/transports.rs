//! Transports, protocols and servers: X1 to X19, V1 to V8.
//!
//! Both ends of a connection are in the test. One is a transport, and the other a transport or a socket of the standard
//! library. A comment above a test cites its rule. A test that would wait for ever fails: see [`support`]. These cannot arise
//! here, or are tested elsewhere:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | X4 | writing something other than bytes | the types forbid it |
//! | X5 | `IOV_MAX` | the write buffer has at most four pieces |
//! | X7 | marks below 0 | the types forbid it |
//! | X12 | `EINTR` | the system call is repeated internally |
//! | X19 | `sendfile` | `sendfile.rs` |
//! | X20 | TLS | there is none yet |
//! | V7 | `accept` without a free descriptor | `echo_protocol.rs`, in a process of its own; any other failure is here |
//! | V8 | equal errors become one | each has its address, so that none are equal; `staggered.rs` has the text |

mod circles;
mod closing;
mod datagrams;
mod edges;
mod lives;
mod names;
mod options;
mod order;
mod paths;
mod pipes;
pub(crate) mod protocols;
mod reading;
mod servers;
mod unix_datagrams;
mod writing;
