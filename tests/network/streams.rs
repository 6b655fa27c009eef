//! Streams: S1 to S20, the cases of CPython's own tests, and behaviour that only this library has.
//!
//! A comment above a test cites its case. Where no connection is needed, a test feeds a reader by hand, in a loop that runs
//! turn by turn. These cases cannot arise here, or differ on purpose:
//!
//! | case | in Python | here |
//! |---|---|---|
//! | S3 | `readexactly(-1)` | the types forbid it |
//! | S5 | an over-long line is thrown away | it stays to be read; the error's kind is the same, and says how much |
//! | S11 | an exception is raised whatever has come | what has come can be read before: a reset loses nothing |
//! | S14 | a pipe that cannot pause | all transports can |
//! | S15 | a `drain` that waits returns when the connection is closed | it raises: what it has waited for was not sent |
//! | S20 | an unclosed writer warns | dropping it closes it, as a file or a socket of the standard library |
//! | S20 | an unclosed server warns | the loop owns it, and closes it when it is closed itself |

mod byte_streams;
mod connections;
mod costs;
mod draining;
mod reading;
mod resets;
mod servers;
mod until;
