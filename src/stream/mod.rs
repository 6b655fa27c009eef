//! Streams: a connection as two objects, one to read from and one to write to, with operations that are awaited. Layer
//! 4.
//!
//! ```text
//!   Transport -- data_received --> channel: bytes -- read, read_line, .. --> StreamReader
//!   Transport <------------------- write ----------------------------------- StreamWriter
//!             -- resume_writing -> channel: waiters <--- drain ------------- StreamWriter
//! ```
//!
//! One object, the *channel*, stands between a transport and the tasks. The transport's protocol feeds it, and tasks wait on
//! it. Operations have no state of their own, because the channel remembers which bytes have arrived and how far they have
//! been searched. So an operation can be made afresh at each resume, as `yield_from!(reader.read_line(), sent)` does.
//!
//! | file | holds |
//! |---|---|
//! | `bytes.rs`    | bytes that have arrived and not been read |
//! | `separators.rs` | [`Separators`], and finding them |
//! | `channel.rs`  | the state that the two ends and the transport share |
//! | `others.rs`   | the tasks that wait until the stream is drained or closed |
//! | `reader.rs`   | [`StreamReader`] |
//! | `reading.rs`  | its operations |
//! | `writer.rs`   | [`StreamWriter`] |
//! | `byte_stream.rs` | both ends, for machines over any byte stream |
//! | `protocol.rs` | the protocol that feeds the channel |
//! | `open.rs`     | `open_connection`, `start_server` and their variants |
//! | `accepted.rs` | streams for connections that a server has accepted |
//! | `error.rs`    | [`IncompleteReadError`], [`LimitOverrunError`] |
//!
//! Source: `Lib/asyncio/streams.py` of CPython 3.13, for behaviour and order.

mod accepted;
mod byte_stream;
mod bytes;
mod channel;
mod error;
mod open;
mod others;
mod protocol;
mod reader;
mod reading;
mod separators;
mod writer;

pub(crate) use self::accepted::of_accepted;
pub use self::error::{IncompleteReadError, LimitOverrunError};
pub use self::open::OpenConnection;
pub use self::reader::StreamReader;
pub use self::reading::{Read, ReadExact, ReadLine, ReadToEnd, ReadUntil};
pub use self::separators::Separators;
pub use self::writer::{Drain, StreamWriter, WaitClosed};

/// The default limit: how many bytes are read ahead, and how long a line may be. asyncio's number.
const LIMIT: usize = 64 * 1024;
