//! Sockets, used by small machines.
//!
//! Both ends of a connection are in the test. One belongs to the loop, and the other to the loop or to the standard library.
//! A test that would wait for ever fails: see [`support`].

mod buffers;
mod cancelling;
mod connecting;
mod fairness;
mod order;
mod talking;
