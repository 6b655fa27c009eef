//! Sending files over sockets, pipes and transports. X19.
//!
//! Both ends of a connection are in the test. The content of a file repeats after a prime number of bytes, so that a lost or
//! repeated chunk is noticed. These cannot arise here:
//!
//! | in Python | why not here |
//! |---|---|
//! | a file in text mode, or an object that is like a file | the types forbid it |
//! | an offset or count that is negative, or not a number | the types forbid it |
//! | a socket that blocks, or is of datagrams | a stream is neither |

mod files;
mod properties;
mod sockets;
mod transports;
mod ways;
