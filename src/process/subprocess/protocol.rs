//! [`SubprocessProtocol`]: the callbacks of a child process.

use core::any::Any;

use super::SubprocessTransport;
use crate::coroutine::Exception;

/// One of a child's three standard streams. asyncio's `fd`, which is 0, 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildPipe {
    /// The child reads from it.
    Stdin,
    /// The child writes its output to it.
    Stdout,
    /// The child writes its errors to it.
    Stderr,
}

/// The callbacks of a child process. asyncio's `SubprocessProtocol`.
///
/// `connection_made` comes first, and `connection_lost` last, once the child has ended and all pipes are closed. For each
/// pipe, its data come before its `pipe_connection_lost`. `process_exited` may come before or after these.
///
/// Each callback is called from the ready queue, never inside another one. If one panics, the panic goes to the loop's
/// exception handler, and the transport is closed.
///
/// ```
/// use innermost::process::{ChildPipe, Command, SubprocessProtocol, SubprocessTransport};
/// use innermost::{EventLoop, Exception, Future};
///
/// /// Collects the output.
/// struct Collect {
///     output: Vec<u8>,
///     over: Future<Vec<u8>>,
/// }
///
/// impl SubprocessProtocol for Collect {
///     fn pipe_data_received(&mut self, _: &SubprocessTransport, pipe: ChildPipe, data: &[u8]) {
///         assert_eq!(pipe, ChildPipe::Stdout);
///         self.output.extend(data);
///     }
///
///     fn connection_lost(&mut self, transport: &SubprocessTransport, _: Option<Exception>) {
///         assert_eq!(transport.returncode(), Some(0));
///         self.over.set_result(core::mem::take(&mut self.output)).expect("this is called once");
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let over = event_loop.create_future();
/// let collect = Collect { output: Vec::new(), over: over.clone() };
/// let starting = event_loop.subprocess_exec(move || collect, Command::new("echo").arg("hello"));
/// event_loop.run_until_complete(starting)?;
/// assert_eq!(event_loop.run_until_complete(over)?, b"hello\n");
/// # Ok::<(), Exception>(())
/// ```
pub trait SubprocessProtocol: Any {
    /// The child was started, and its pipes are connected. Called before every other callback.
    fn connection_made(&mut self, transport: &SubprocessTransport) {
        let _ = transport;
    }

    /// The child has written to a pipe.
    fn pipe_data_received(&mut self, transport: &SubprocessTransport, pipe: ChildPipe, data: &[u8]) {
        let _ = (transport, pipe, data);
    }

    /// A pipe is closed. `error` is `None` if either side has closed it properly.
    fn pipe_connection_lost(&mut self, transport: &SubprocessTransport, pipe: ChildPipe, error: Option<Exception>) {
        let _ = (transport, pipe, error);
    }

    /// Too many bytes wait to be written to the child's standard input. Stop writing until
    /// [`resume_writing`](Self::resume_writing).
    fn pause_writing(&mut self, transport: &SubprocessTransport) {
        let _ = transport;
    }

    /// The child has read enough of its standard input.
    fn resume_writing(&mut self, transport: &SubprocessTransport) {
        let _ = transport;
    }

    /// The child has ended. Its [`returncode`](SubprocessTransport::returncode) is known.
    fn process_exited(&mut self, transport: &SubprocessTransport) {
        let _ = transport;
    }

    /// The child has ended, and all its pipes are closed. Called after every other callback.
    fn connection_lost(&mut self, transport: &SubprocessTransport, error: Option<Exception>) {
        let _ = (transport, error);
    }
}
