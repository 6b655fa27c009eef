//! Clients and servers that we did not write: what is right between our own ends could be wrong twice.
//!
//! `nc` and `socat` talk to the echo examples, to small servers made of the library, and serve its clients. Nothing
//! sleeps: a server of theirs is ready when it says that it listens, or when its socket file is there.

mod clients;
mod datagrams;
mod echo_examples;
mod pipes;
mod processes;
mod programs;
mod servers;
