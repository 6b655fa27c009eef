//! [`Close`]: closing a file, and learning whether that has worked.

use core::fmt;

use super::file::File;
use super::operation::Operation;
use super::place::Place;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::sys::file::close;
use crate::task::Await;
use crate::yield_from;

impl File {
    /// Closes the file, and raises the error that dropping it would ignore. Some file systems, such as NFS, report only then
    /// that earlier writes have failed.
    ///
    /// It waits for an operation of the file that is still under way. For bytes on the disk, await
    /// [`sync_all`](Self::sync_all) before.
    ///
    /// ```
    /// use innermost::{EventLoop, fs};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let file = event_loop.run_until_complete(fs::temp_file())?;
    /// event_loop.run_until_complete(file.close())?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors. The file is closed all the same.
    pub fn close(self) -> Close {
        Close(Phase::Waiting(self))
    }
}

/// A coroutine that closes a file. Returned by [`File::close`]. If it is dropped, the file is closed all the same.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Close(Phase);

enum Phase {
    Waiting(File),
    Closing(Operation<()>),
    Over,
}

impl Coroutine for Close {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Waiting(file) = &mut self.0 {
            match file.wait(&mut sent, None)? {
                Step::Return(_) => take_sent(&mut sent)?,
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
            let Phase::Waiting(file) = core::mem::replace(&mut self.0, Phase::Over) else {
                unreachable!("just checked")
            };
            let (held, path) = file.into_parts();
            let closing = move |_: &_| held.take().map_or(Ok(()), |file| close(file.into()));
            self.0 = Phase::Closing(Operation::change(Place { operation: "closing", path, other: None }, closing));
        }
        let Phase::Closing(operation) = &mut self.0 else { return Err(Exception::reused()) };
        let closed = yield_from!(operation, sent);
        self.0 = Phase::Over;
        closed.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("close", self)
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Waiting(file) => write!(f, "Close({file:?})"),
            Phase::Closing(operation) => write!(f, "Close({operation:?})"),
            Phase::Over => f.write_str("Close(over)"),
        }
    }
}
