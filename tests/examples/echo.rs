//! The echo servers as their users see them: a process, a port, signals, the kernel's limits. One uses machines, one
//! protocols, and one streams. Each test runs with all three.
//!
//! The clients are ordinary blocking sockets, so that the crate does not check itself. A connection sends a
//! [`Pattern`](client::Pattern), which both ends can compute, and every byte that comes back is compared.

/// Makes tests of functions that take the name of an example: one for each server.
macro_rules! with_each_server {
    ($($test:ident),+ $(,)?) => {
        mod echo_server {
            $(#[test] fn $test() { super::$test("echo_server"); })+
        }
        mod echo_protocol {
            $(#[test] fn $test() { super::$test("echo_protocol"); })+
        }
        mod echo_streams {
            $(#[test] fn $test() { super::$test("echo_streams"); })+
        }
    };
}

mod client;
mod connections;
mod limits;
mod server;
mod signals;
mod starting;
mod system_calls;
