//! Opening streams: `open_connection`, `start_server` and their variants.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use super::channel::{Channel, Input};
use super::protocol::Feeding;
use super::{StreamReader, StreamWriter};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::LoopHandle;
use crate::resolver::Addresses;
use crate::task::{Await, Awaitable, ErrorContext};
use crate::transport::{CreateConnection, CreateServer, Transport};

/// Streams.
impl LoopHandle {
    /// Connects by TCP, and returns a reader and a writer. Names are looked up, and several addresses are tried. asyncio's
    /// `open_connection`.
    ///
    /// Raises the errors of [`create_connection`](Self::create_connection). See [`start_server`](Self::start_server) for an
    /// example.
    pub fn open_connection(&self, addresses: impl Into<Addresses>) -> OpenConnection {
        let channel = Channel::new();
        let connecting = self.create_connection(factory(&channel), addresses);
        OpenConnection::new(connecting, &channel)
    }

    /// Connects to the Unix socket at `path`, and returns a reader and a writer. asyncio's `open_unix_connection`.
    ///
    /// Raises the system's error, in an [`AddressError`](crate::net::AddressError).
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`](crate::net::AddressError), for a path that no socket can have: it is empty,
    /// too long, or has a zero byte in it.
    pub fn open_unix_connection(&self, path: impl AsRef<Path>) -> io::Result<OpenConnection> {
        let channel = Channel::new();
        let connecting = self.create_unix_connection(factory(&channel), path)?;
        Ok(OpenConnection::new(connecting, &channel))
    }

    /// Takes over a connected stream socket, and returns a reader and a writer. asyncio's `open_connection(sock=…)`.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket that is not a stream, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn open_connection_at(&self, socket: impl Into<OwnedFd>) -> io::Result<OpenConnection> {
        let channel = Channel::new();
        let connecting = self.connect_accepted_socket(factory(&channel), socket)?;
        Ok(OpenConnection::new(connecting, &channel))
    }

    /// Listens at each of `addresses`. For each connection, calls `handler` and runs the coroutine that it returns as a task.
    /// Returns the [`Server`](crate::Server) once it listens. asyncio's `start_server`.
    ///
    /// If a task raises, the exception is reported to the loop's exception handler, and the connection is closed. If a task
    /// is cancelled, the connection is closed.
    ///
    /// Raises the errors of [`create_server`](Self::create_server).
    ///
    /// ```
    /// use innermost::stream::{StreamReader, StreamWriter};
    /// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};
    ///
    /// /// Sends each line back.
    /// struct Echo {
    ///     reader: StreamReader,
    ///     writer: StreamWriter,
    ///     written: bool,
    /// }
    ///
    /// impl Coroutine for Echo {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         loop {
    ///             if self.written {
    ///                 yield_from!(self.writer.drain(), sent)?;
    ///                 self.written = false;
    ///             }
    ///             let line = yield_from!(self.reader.read_line(), sent)?;
    ///             if line.is_empty() {
    ///                 return Ok(Step::Return(()));
    ///             }
    ///             self.writer.write(&line)?;
    ///             self.written = true;
    ///         }
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let echo = |reader, writer| Echo { reader, writer, written: false };
    /// let server = event_loop.run_until_complete(event_loop.start_server(echo, ([127, 0, 0, 1], 0)))?;
    ///
    /// let connecting = event_loop.open_connection(("localhost", server.local_addrs()[0].port()));
    /// let (reader, writer) = event_loop.run_until_complete(connecting)?;
    /// writer.write(b"hello\n")?;
    /// assert_eq!(event_loop.run_until_complete(reader.read_line())?, b"hello\n");
    /// writer.close();
    /// event_loop.run_until_complete(writer.wait_closed())?;
    /// server.close();
    /// event_loop.run_until_complete(server.wait_closed())?;
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn start_server<C>(
        &self,
        handler: impl Fn(StreamReader, StreamWriter) -> C + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateServer
    where
        C: Awaitable<Return = ()> + 'static,
    {
        self.create_server(serving(self, handler), addresses)
    }

    /// Listens at a Unix socket. For each connection, calls `handler` and runs the coroutine that it returns as a task.
    /// asyncio's `start_unix_server`.
    ///
    /// Handles failures of the tasks as [`start_server`](Self::start_server) does. Raises the errors of
    /// [`create_unix_server`](Self::create_unix_server).
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`](crate::net::AddressError), for a path that no socket can have: it is empty,
    /// too long, or has a zero byte in it.
    pub fn start_unix_server<C>(
        &self,
        handler: impl Fn(StreamReader, StreamWriter) -> C + 'static,
        path: impl AsRef<Path>,
    ) -> io::Result<CreateServer>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        self.create_unix_server(serving(self, handler), path)
    }

    /// Takes over a stream socket that is bound to an address, and listens there. For each connection, calls `handler` and
    /// runs the coroutine that it returns as a task. asyncio's `start_server(sock=…)`.
    ///
    /// Handles failures of the tasks as [`start_server`](Self::start_server) does.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket that is not a stream, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn start_server_at<C>(
        &self,
        handler: impl Fn(StreamReader, StreamWriter) -> C + 'static,
        socket: impl Into<OwnedFd>,
    ) -> io::Result<CreateServer>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        self.create_server_at(serving(self, handler), socket)
    }
}

fn factory(channel: &Rc<Channel>) -> impl FnOnce() -> Feeding + 'static {
    let channel = Rc::clone(channel);
    || Feeding::new(channel)
}

pub(super) fn ends(channel: &Rc<Channel>, transport: &Transport) -> (StreamReader, StreamWriter) {
    (StreamReader(Input::new(channel)), StreamWriter::new(channel, transport))
}

/// A factory of protocols that each start a task.
fn serving<C>(
    event_loop: &LoopHandle,
    handler: impl Fn(StreamReader, StreamWriter) -> C + 'static,
) -> impl FnMut() -> Feeding + 'static
where
    C: Awaitable<Return = ()> + 'static,
{
    let (event_loop, handler) = (event_loop.clone(), Rc::new(handler));
    move || {
        let (event_loop, handler) = (event_loop.clone(), Rc::clone(&handler));
        Feeding::serving(move |channel, transport| {
            let (reader, writer) = ends(channel, transport);
            let transport = transport.clone();
            match event_loop.create_task(handler(reader, writer)) {
                Ok(task) => {
                    let of = event_loop.clone();
                    task.add_done_callback(move |task| ended(&of, &transport, task.exception()));
                }
                Err(refused) => ended(&event_loop, &transport, Ok(Some(refused))),
            }
        })
    }
}

/// Called when a handler's task has ended.
fn ended(event_loop: &LoopHandle, transport: &Transport, outcome: Result<Option<Exception>, Exception>) {
    match outcome {
        Ok(None) => {}
        Err(_cancelled) => transport.close(),
        Ok(Some(raised)) => {
            let context = ErrorContext::new("Unhandled exception in client_connected_cb").caused_by(raised);
            event_loop.call_exception_handler(context.about(transport));
            transport.close();
        }
    }
}

/// The coroutine returned by [`LoopHandle::open_connection`], [`open_unix_connection`](LoopHandle::open_unix_connection) and
/// [`open_connection_at`](LoopHandle::open_connection_at). Its methods set options before it is awaited. If it is dropped
/// before its end, it closes what it has opened.
#[must_use = "a connection is not made until this is awaited"]
pub struct OpenConnection {
    connecting: CreateConnection,
    /// Keeps the bytes that arrive before there is a reader. Afterwards the reader alone does.
    input: Option<Input>,
}

impl OpenConnection {
    fn new(connecting: CreateConnection, channel: &Rc<Channel>) -> Self {
        Self { connecting, input: Some(Input::new(channel)) }
    }

    /// Connects from an address of this machine: the first of `local` that can be had. Port 0 lets the system choose the
    /// port. A name is looked up. Has no effect on Unix sockets.
    pub fn local_addr(mut self, local: impl Into<Addresses>) -> Self {
        self.connecting = self.connecting.local_addr(local);
        self
    }

    /// Tries the next address after `delay` without an answer, beside the ones before. With `None`, the default, the next
    /// address is tried only once the one before has failed. Has no effect on Unix sockets.
    pub fn happy_eyeballs_delay(mut self, delay: Option<Duration>) -> Self {
        self.connecting = self.connecting.happy_eyeballs_delay(delay);
        self
    }

    /// Sets how many addresses of the first family are tried before the first address of the other family. Zero keeps the
    /// order of the look-up. The default is one if there is a delay, and zero otherwise. Has no effect on Unix sockets.
    pub fn interleave(mut self, first_family_count: usize) -> Self {
        self.connecting = self.connecting.interleave(first_family_count);
        self
    }

    /// Changes how the connection is made.
    #[cfg(feature = "tls")]
    pub(crate) fn with_connecting(mut self, change: impl FnOnce(CreateConnection) -> CreateConnection) -> Self {
        self.connecting = change(self.connecting);
        self
    }
}

impl Coroutine for OpenConnection {
    type Yield = Await;
    type Input = ();
    type Return = (StreamReader, StreamWriter);

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match self.connecting.resume(sent)? {
            Step::Return(transport) => {
                let input = self.input.take().expect("it is connected once");
                Step::Return(ends(&input, &transport))
            }
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn state(&self) -> State<'_> {
        State::new("open_connection", self).delegating_to(self.connecting.state())
    }
}

impl fmt::Debug for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenConnection({:?})", self.connecting)
    }
}
