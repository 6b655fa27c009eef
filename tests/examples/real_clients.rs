//! Clients and servers written by others. Between two ends of our own, the same mistake on both sides would go unnoticed.
//!
//! `nc` and `socat` talk to the echo examples and to small servers made of the library, and they serve its clients. No test
//! sleeps: a server is ready when it says that it listens, or when its socket file exists.

mod clients;
mod datagrams;
mod echo_examples;
mod pipes;
mod processes;
mod programs;
mod servers;
