//! Streams: TCP, Unix sockets and pipes.
//!
//! | file | holds |
//! |---|---|
//! | `handle.rs`       | what a program does with a [`Transport`] |
//! | `connection.rs`   | [`Transport`]: the life of a stream, and its reads |
//! | `writing.rs`      | writing |
//! | `write_buffer.rs` | bytes that wait to be written |
//! | `send_file.rs`    | [`SendFile`]: sending a file past the buffer |
//! | `io.rs`           | the descriptor of a stream |
//! | `layer_state.rs`  | what a transport with a layer keeps |
//! | `layered.rs`      | a layer between the protocol and the descriptor: TLS |
//! | `sealing.rs`      | writing through a layer, and its end |
//! | `connect.rs`      | `create_connection`, `create_unix_connection`, `connect_accepted_socket` |
//! | `accepted.rs`     | transports for connections that a server has accepted |
//! | `pipes.rs`        | `connect_read_pipe`, `connect_write_pipe` |

mod accepted;
pub(super) mod connect;
pub(super) mod connection;
mod handle;
pub(super) mod io;
pub(super) mod layer_state;
mod layered;
mod pipes;
mod sealing;
mod send_file;
mod write_buffer;
mod writing;

pub(crate) use self::accepted::open_accepted;
pub use self::connect::CreateConnection;
pub(crate) use self::connection::Group;
pub use self::connection::Transport;
pub use self::pipes::ConnectPipe;
pub use self::send_file::SendFile;
