//! The echo servers as their users meet them: a process, a port, signals, the kernel's limits. One is made of machines,
//! one of protocols, one of streams; each test runs with each of them.
//!
//! The clients are ordinary blocking sockets, so that nothing of the crate checks itself. What a connection sends is a
//! [`Pattern`](client::Pattern): either end can make it, and every byte that comes back is compared.

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
