//! [`Incoming`]: the connections of a listener, one by one.

use std::os::fd::{AsFd, BorrowedFd};

use super::Stream;
use super::listener::{Accept, Listener};
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Exception, Step};
use crate::task::Progress;
use crate::yield_from;

/// The connections of a listener, each with its peer's address. Returned by [`Listener::incoming`].
///
/// It never ends. If accepting fails, it raises the error and can be asked again. [`for_each`](AsyncIterator::for_each)
/// ends with that error, so a server that must survive a lack of descriptors calls [`next`](AsyncIterator::next) itself.
#[derive(Debug)]
#[must_use = "nothing is accepted until the iterator is asked for a connection"]
pub struct Incoming<L>(L);

impl<L: AsFd> Listener<L> {
    /// Its connections, one by one, each with its peer's address. A connection is [accepted](Self::accept) when it is asked
    /// for.
    ///
    /// ```
    /// use innermost::async_iter::AsyncIterator;
    /// use innermost::{EventLoop, TcpListener, TcpStream, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let address = listener.local_addr()?;
    /// // `for_each` runs each coroutine to its end before it accepts the next connection.
    /// // To serve many at once, create a task for each.
    /// let greeting = listener.incoming().for_each(|(_stream, peer)| {
    ///     println!("{peer} has connected");
    ///     ready(())
    /// });
    /// event_loop.create_task(greeting)?;
    /// event_loop.run_until_complete(TcpStream::connect(address))?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub const fn incoming(self) -> Incoming<Self> {
        Incoming(self)
    }
}

impl<L> Incoming<L> {
    /// The listener, for example to ask for its address.
    pub const fn listener(&self) -> &L {
        &self.0
    }
}

impl<L: Accept> AsyncIterator for Incoming<Listener<L>> {
    type Item = (Stream<L::Stream>, L::Address);

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<Self::Item>> {
        Ok(Step::Return(Some(yield_from!(self.0.accept(), sent)?)))
    }
}

impl<L: AsFd> AsFd for Incoming<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
