//! Layer 4: streams: a connection as two objects, one to read from and one to write to, whose operations are awaited.
//!
//! ```text
//!   Transport -- data_received --> channel: bytes -- read, read_line, .. --> StreamReader
//!   Transport <------------------- write ----------------------------------- StreamWriter
//!             -- resume_writing -> channel: who waits <-- drain ------------ StreamWriter
//! ```
//!
//! Between a transport and those who await stands one object, the *channel*. It is what the transport's protocol tells,
//! and what tasks wait for. Operations have no state of their own: one that is made afresh at each resume, as
//! `yield_from!(reader.read_line(), sent)` makes it, goes on where the former was, since what has come and how far it was
//! searched stands in the channel.
//!
//! | file | holds |
//! |---|---|
//! | `bytes.rs`    | what has come and is not read yet |
//! | `separators.rs` | [`Separators`], and how they are found |
//! | `channel.rs`  | what the two ends and the transport have in common |
//! | `others.rs`   | who waits until it is drained or closed |
//! | `reader.rs`   | [`StreamReader`] |
//! | `reading.rs`  | its operations |
//! | `writer.rs`   | [`StreamWriter`] |
//! | `protocol.rs` | the protocol that feeds the channel |
//! | `open.rs`     | `open_connection`, `start_server` and their like |
//! | `error.rs`    | [`IncompleteReadError`], [`LimitOverrunError`] |
//!
//! Source: `Lib/asyncio/streams.py` of CPython 3.13, for behaviour and order.

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

pub use self::error::{IncompleteReadError, LimitOverrunError};
pub use self::open::OpenConnection;
pub use self::reader::StreamReader;
pub use self::reading::{Read, ReadExactly, ReadLine, ReadToEnd, ReadUntil};
pub use self::separators::Separators;
pub use self::writer::{Drain, StreamWriter, WaitClosed};

/// How many bytes a reader takes ahead of who reads, and how long what `read_until` finds may be: asyncio's number.
const LIMIT: usize = 64 * 1024;
