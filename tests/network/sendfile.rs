//! Files that are sent: over sockets and pipes, and by transports. X19.
//!
//! Both ends of a connection are in the test. What a file holds repeats after a prime number of bytes, so that a chunk
//! that is lost or comes twice is seen. These cannot arise here:
//!
//! | in Python | why not here |
//! |---|---|
//! | a file in text mode, or an object that is like a file | the types forbid it |
//! | a negative offset or count; one that is no number | the types forbid it |
//! | a socket that blocks, or is of datagrams | a stream is neither |

mod files;
mod properties;
mod sockets;
mod transports;
mod ways;
