//! Sockets, by machines small enough to be read at a glance.
//!
//! Both ends of a connection are in the test: one belongs to the loop, the other is the standard library's, or the
//! loop's as well. A test that would wait for ever fails: see [`support`].

#![cfg(feature = "full")]

#[path = "sockets/buffers.rs"]
mod buffers;
#[path = "sockets/cancelling.rs"]
mod cancelling;
#[path = "sockets/connecting.rs"]
mod connecting;
#[path = "sockets/fairness.rs"]
mod fairness;
#[path = "support/loops.rs"]
mod loops;
#[path = "sockets/support.rs"]
mod support;
#[path = "sockets/talking.rs"]
mod talking;
