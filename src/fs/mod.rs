//! Files and directories, without blocking the event loop. Layer 3.
//!
//! ```
//! use innermost::fs::{self, File, Open, OpenOptions};
//! use innermost::{Buffer, Exception, Machine, machine, run, yield_from};
//!
//! /// Counts the lines of a file.
//! struct Count {
//!     buffer: Buffer,
//!     lines: usize,
//! }
//!
//! machine!(
//!     impl Machine for Count {
//!         type State = Phase;
//!         type Return = usize;
//!
//!         fn Opening(&mut self, opened: Outcome<Open>) -> Next<Reading> {
//!             to(Reading(opened?))
//!         }
//!
//!         fn Reading(&mut self, sent: Sent, file: &mut File) -> Next<End> {
//!             match yield_from!(file.read(&mut self.buffer), sent)? {
//!                 0 => end(self.lines),
//!                 _ => {
//!                     self.lines += self.buffer.bytes().iter().filter(|byte| **byte == b'\n').count();
//!                     self.buffer.clear();
//!                     stay()
//!                 }
//!             }
//!         }
//!     }
//! );
//!
//! let opening = fs::open("Cargo.toml", OpenOptions::new().read(true));
//! let lines = run(Count { buffer: Buffer::new(), lines: 0 }.start(Phase::Opening(opening)))?;
//! assert_eq!(lines, std::fs::read_to_string("Cargo.toml")?.lines().count());
//! # Ok::<(), Exception>(())
//! ```
//!
//! # Two shapes
//!
//! A *function* of this module, such as [`read`], [`rename`] or [`open`](fn@open), owns its paths. It returns a coroutine to
//! store: an [`Operation`], or an [`Open`] that gives a [`File`]. In a machine, it is the data of a state.
//!
//! An operation of an open [`File`], such as [`File::read`], borrows the file and a [`Buffer`](crate::Buffer). It is
//! stateless, like the operations of sockets: it is made afresh at each resume, and a machine reads the same whether bytes
//! come from a socket or from a disk.
//!
//! # Where the work is done
//!
//! Linux can read a file from the page cache without waiting for the disk (`preadv2(2)` with `RWF_NOWAIT`). So
//! [`File::read`] and [`File::read_at`] ask there first, and are over at once if they find something: no thread, and no
//! allocation. Everything else is done by threads: a read that misses the cache, every read on other systems and on
//! file systems without such reads, every write, and everything about paths, which may need the disk too.
//!
//! The threads are the loop's own, apart from its default executor, so that a slow disk does not delay name look-ups. They
//! start when they are first needed, and end with the loop.
//! [`LoopHandle::set_file_executor`](crate::LoopHandle::set_file_executor) replaces them. A file belongs to the loop that
//! opened it.
//!
//! # What is awaited is written
//!
//! Once a write returns, the system has the bytes. Nothing is kept in the process to be written later, so there is nothing to
//! flush, and no error that comes too late. [`File::sync_all`] brings the bytes to the disk.
//!
//! # Cancelling
//!
//! What no thread has begun never happens. A thread cannot be interrupted while it waits for a disk, so what has begun comes
//! to an end of some kind:
//!
//! - Looking (reads, metadata, a sync) is left alone. The exception is raised at once.
//! - Changing (writes, renames, removals) stops at the next point where it can, and the exception is raised then. So nothing
//!   goes on behind the back of a task that was cancelled, and a buffer holds exactly what was not written.
//!   [`Operation::abandon_on_cancel`] turns the wait off.
//!
//! # Errors
//!
//! An error of the system is raised whole, as an [`io::Error`](std::io::Error) with a note that says what was done to which
//! path. `Debug` prints the note, and [`Exception::notes`](crate::Exception::notes) returns it.
//!
//! What might wait for ever is refused with `InvalidInput`: pipes, FIFOs, sockets and terminals. Use
//! [`PipeReader`](crate::net::PipeReader) and [`PipeWriter`](crate::net::PipeWriter) for them. A path with a zero byte is
//! `InvalidInput` too. Names need not be UTF-8.
//!
//! | file | holds |
//! |---|---|
//! | `file.rs`      | [`File`]: an open file, and its one job |
//! | `operations.rs` | its operations |
//! | `attempts.rs`  | what they do when they are resumed |
//! | `request.rs`   | what a thread does with an open file |
//! | `open.rs`      | [`open`](fn@open), [`Open`] |
//! | `options.rs`   | [`OpenOptions`], and what is refused |
//! | `close.rs`     | [`Close`]: closing with a result |
//! | `held.rs`      | a descriptor that is closed in a thread |
//! | `operation.rs` | [`Operation`], [`blocking`]: functions on paths |
//! | `paths.rs`     | [`metadata`], [`rename`], [`remove_file`], [`create_dir_all`] and so on |
//! | `contents.rs`  | [`read`], [`write`](fn@write), [`copy`]: whole files |
//! | `atomic.rs`    | [`write_atomically`]: the old contents or the new ones |
//! | `lines.rs`     | [`Lines`], [`ByteLines`]: a file, line by line |
//! | `read_dir.rs`  | [`read_dir`](fn@read_dir), [`DirEntry`]: what is in a directory |
//! | `temp.rs`      | [`temp_file`], [`temp_dir`] |
//! | `work.rs`      | a job whose input comes back if it does not begin |
//! | `pool.rs`      | the threads of a loop's files |
//! | `place.rs`     | the note that says where an error happened |
//!
//! Deliberately absent: buffered writers, which would write behind; asynchronous system calls of the kernel (`io_uring`),
//! which gain nothing for files in the cache; functions for links and permissions, which [`blocking`] can call.

mod atomic;
mod attempts;
mod close;
mod contents;
mod file;
mod held;
mod lines;
mod open;
mod operation;
mod operations;
mod options;
mod paths;
mod place;
mod pool;
mod read_dir;
mod request;
mod temp;
mod work;

pub use self::atomic::write_atomically;
pub use self::close::Close;
pub use self::contents::{copy, read, read_to_string, write};
pub use self::file::File;
pub use self::lines::{ByteLines, Lines};
pub use self::open::{Open, open};
pub use self::operation::{Operation, blocking};
pub use self::options::OpenOptions;
pub use self::paths::{
    canonicalize, create_dir, create_dir_all, metadata, remove_dir, remove_dir_all, remove_file, rename,
    symlink_metadata,
};
pub use self::read_dir::{DirEntry, ReadDir, read_dir};
pub use self::temp::{MakeTempDir, TempDir, temp_dir, temp_file};
