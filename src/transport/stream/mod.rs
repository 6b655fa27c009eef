//! Streams: TCP, Unix sockets and pipes.
//!
//! | file | holds |
//! |---|---|
//! | `handle.rs`       | [`Transport`]: the handle to a stream |
//! | `connection.rs`   | a stream from within: its life, its reads |
//! | `writing.rs`      | how it writes |
//! | `write_buffer.rs` | bytes that wait to be written |
//! | `send_file.rs`    | [`SendFile`]: a file, past the buffer |
//! | `io.rs`           | the descriptors under a stream |
//! | `connect.rs`      | `create_connection` and its like |
//! | `pipes.rs`        | `connect_read_pipe`, `connect_write_pipe` |

pub(super) mod connect;
pub(super) mod connection;
mod handle;
pub(super) mod io;
mod pipes;
mod send_file;
mod write_buffer;
mod writing;

pub use self::connect::CreateConnection;
pub use self::handle::Transport;
pub use self::pipes::ConnectPipe;
pub use self::send_file::SendFile;
