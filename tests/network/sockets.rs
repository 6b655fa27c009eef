//! Sockets, by machines small enough to be read at a glance.
//!
//! Both ends of a connection are in the test: one belongs to the loop, the other is the standard library's, or the
//! loop's as well. A test that would wait for ever fails: see [`support`].

mod buffers;
mod cancelling;
mod connecting;
mod fairness;
mod order;
mod talking;
