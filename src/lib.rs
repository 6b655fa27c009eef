//! Generator-style coroutines as explicit state machines, and an event loop shaped like asyncio's that resumes the
//! innermost coroutine when the thing it awaits is ready.
//!
//! The crate needs stable Rust, and neither `async`/`await` nor `Pin` nor `Waker`.
//!
//! ```text
//!  L4   stream       server       a connection as a reader and a writer with awaitable operations; a server that ends well
//!       tls                       TLS over any byte stream
//!  L3   net          resolver     sockets whose operations are coroutines; names and addresses
//!       transport                 protocols with callbacks, their transports, servers
//!       process      fs           child processes, their pipes and their ends; files
//!       runner       signal       run, Ctrl-C; names of signals
//!  L2   event_loop   time         one turn, timers, descriptors; sleep
//!       sync         queue        locks, events, semaphores, conditions, barriers; queues
//!       wait                      gather, wait, timeouts, task groups
//!       scope        async_iter   async context managers; async iterators and generators
//!  L1   task         sys          futures and tasks; the operating system (all `unsafe` code)
//!       executor                  thread pools and futures for threads
//!       context                   context variables
//!  L0   coroutine                 the contract, exceptions, yield_from!, machine!, Call, Generator: no_std
//! ```
//!
//! A module imports only from its own layer or from layers below. [`testing`] is above all of them: it gives tests a
//! loop with virtual time, and repeats a protocol with every fault of a network. Without any [feature](#features), the
//! crate is layer 0 alone.
//!
//! The root has the names that most programs import. Every other public name is in its module.
//!
//! # A first program
//!
//! Two tasks take turns:
//!
//! ```
//! use innermost::{Await, Coroutine, Exception, Resumed, Sleep, Step, gather, run, sleep, yield_from};
//! use std::time::Duration;
//!
//! /// Prints its name `left` times, and lets the other task run in between.
//! struct Speaker {
//!     name: &'static str,
//!     left: u32,
//!     pause: Sleep,
//! }
//!
//! impl Coroutine for Speaker {
//!     type Yield = Await;
//!     type Input = ();
//!     type Return = &'static str;
//!
//!     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
//!         while self.left > 0 {
//!             yield_from!(self.pause, sent)?;
//!             println!("{}", self.name);
//!             self.pause = sleep(Duration::ZERO);
//!             self.left -= 1;
//!         }
//!         Ok(Step::Return(self.name))
//!     }
//! }
//!
//! let speaker = |name| Speaker { name, left: 3, pause: sleep(Duration::ZERO) };
//! let said = run(gather([speaker("ping"), speaker("pong")]))?;
//! assert_eq!(said, ["ping", "pong"]);
//! # Ok::<(), Exception>(())
//! ```
//!
//! [`machine!`] declares a machine of several states, and checks its transitions when it compiles. The module
//! [`coroutine::machine`](mod@coroutine::machine) shows one machine both ways.
//!
//! # What a machine stores
//!
//! A machine keeps whatever it is waiting for in a field or in a variant of its enum. This table names the types of such
//! fields. Operations of sockets, such as [`TcpStream::read`](ByteRead::read), are
//! [stateless](coroutine::Stateless): create them afresh at each resume, and store nothing. Rows marked "or afresh" are
//! stateless too.
//!
//! | made by | the type to store |
//! |---|---|
//! | **coroutines** | |
//! | [`Call::new`] | [`Call`] |
//! | [`Machine::start`] | [`Running<M>`](Running) |
//! | [`ready`], [`lazy`], [`from_fn`], [`from_iter`], [`yield_once`] | [`Ready`](coroutine::Ready), [`Lazy`](coroutine::Lazy), [`FromFn`](coroutine::FromFn), [`FromIter`](coroutine::FromIter), [`YieldOnce`](coroutine::YieldOnce) |
//! | [`drive`](fn@drive) | [`Drive`](coroutine::Drive) |
//! | [`CoroutineExt::map`], [`try_map`](CoroutineExt::try_map), [`then`](CoroutineExt::then), [`catch`](CoroutineExt::catch) | [`Map`](coroutine::Map), [`TryMap`](coroutine::TryMap), [`Then`](coroutine::Then), [`Catch`](coroutine::Catch) |
//! | **futures, tasks, time, threads** | |
//! | [`LoopHandle::create_future`], [`spawn`] | [`Future`], [`Task`] |
//! | [`Future::join`], [`Task::join`] | [`task::Join`], or afresh |
//! | [`Task::cancel_on_drop`] | [`task::OwnedTask`] |
//! | [`sleep`](fn@sleep) | [`Sleep`] |
//! | [`to_thread`], [`LoopHandle::run_in_executor`] | [`event_loop::ToThread`], [`event_loop::ThreadCall`] |
//! | [`LoopHandle::shutdown_default_executor`] | [`event_loop::ShutdownExecutor`] |
//! | **waiting** | |
//! | [`gather`](fn@gather), [`gather_all`](wait::gather_all), [`join`](fn@join) | [`wait::Gather<Vec<T>>`](wait::Gather), [`wait::GatherAll<T>`](wait::GatherAll), [`wait::Gather<(A, B)>`](wait::Gather) |
//! | [`wait`](fn@wait), [`wait_for`](fn@wait_for), [`shield`](fn@shield) | [`wait::Wait`], [`wait::WaitFor`], [`wait::Shield`] |
//! | [`as_completed`](fn@as_completed); its [`next`](wait::AsCompleted), [`next_future`](wait::AsCompleted::next_future) | [`wait::AsCompleted`]; [`wait::NextCompleted`], [`wait::NextFuture`] |
//! | [`wait::race`](fn@wait::race), [`wait::all`](fn@wait::all) | [`wait::FirstOf`], [`wait::All`] |
//! | [`Race::run`](wait::Race::run), [`Limit::run`](wait::Limit::run) | afresh; store the [`wait::Race`] and the [`wait::Limit`] |
//! | a coroutine to race | [`wait::Racing`] |
//! | [`timeout`](fn@timeout), [`timeout_at`](wait::timeout_at), [`Timeout::scope`](wait::Timeout::scope) | [`wait::TimeoutScope`] |
//! | [`task_group`](fn@task_group), [`TaskGroup::scope`]; [`TaskGroup::exit`] | [`wait::GroupScope`]; [`wait::GroupExit`] |
//! | [`staggered_race`](wait::staggered_race) | [`wait::StaggeredRace`] |
//! | **synchronization** | |
//! | [`Lock::acquire`], [`Condition::acquire`](sync::Condition::acquire); once it is acquired | [`sync::Acquire`]; [`sync::LockGuard`] |
//! | [`Semaphore::acquire`]; once it is acquired | [`sync::AcquirePermit`]; [`sync::Permit`] |
//! | [`Lock::hold`], [`Semaphore::hold`] | [`sync::Hold<Acquire, C>`](sync::Hold), [`sync::Hold<AcquirePermit, C>`](sync::Hold) |
//! | [`Event::wait`], [`Queue::join`] | [`sync::EventWait`] |
//! | [`Condition::wait`](sync::Condition::wait), [`wait_for`](sync::Condition::wait_for) | [`sync::ConditionWait`], [`sync::ConditionWaitFor`] |
//! | [`Barrier::wait`](sync::Barrier::wait); [`reset`](sync::Barrier::reset), [`abort`](sync::Barrier::abort) | [`sync::BarrierWait`]; [`sync::BarrierChange`] |
//! | [`Queue::get`], [`put`](Queue::put); those of a [`WeightedQueue`](queue::WeightedQueue) | [`queue::Get`], [`queue::Put`]; [`queue::WeightedGet`], [`queue::WeightedPut`] |
//! | **scopes and async iterators** | |
//! | [`with`](fn@scope::with) | [`scope::With`] |
//! | [`holding`](scope::holding), [`grouped`](scope::grouped); [`ExitStack::enter`](scope::ExitStack::enter) | [`scope::Holding`], [`scope::Grouped`]; [`scope::EnterStack`] |
//! | [`AsyncGenerator::anext`](async_iter::AsyncGenerator::anext), [`asend`](async_iter::AsyncGenerator::asend), [`athrow`](async_iter::AsyncGenerator::athrow); [`aclose`](async_iter::AsyncGenerator::aclose) | [`async_iter::NextItem`]; [`async_iter::Close`] |
//! | [`AsyncIterator::for_each`](async_iter::AsyncIterator::for_each), [`collect`](async_iter::AsyncIterator::collect) | [`async_iter::ForEach`], [`async_iter::Collect`] |
//! | [`interval`](fn@async_iter::interval), [`items`](fn@async_iter::items), [`TcpListener::incoming`](net::Listener::incoming) | [`async_iter::Interval`], [`async_iter::Items`], [`net::Incoming`] |
//! | [`aclosing`](async_iter::aclosing), [`LoopHandle::shutdown_asyncgens`] | [`async_iter::Aclosing`], [`async_iter::ShutdownAsyncgens`] |
//! | **network** | |
//! | [`connect`](fn@connect), [`happy_eyeballs`](net::happy_eyeballs) | [`net::ConnectTo`], [`net::HappyEyeballs`] |
//! | [`TcpStream::connect`], [`UnixStream::connect`] | [`net::Connect`], [`net::ConnectUnix`] |
//! | [`LoopHandle::getaddrinfo`], [`getnameinfo`](LoopHandle::getnameinfo) | [`resolver::GetAddrInfo`], [`resolver::GetNameInfo`] |
//! | [`LoopHandle::create_connection`], [`connect_read_pipe`](LoopHandle::connect_read_pipe); [`Transport::send_file`] | [`transport::CreateConnection`], [`transport::ConnectPipe`]; [`transport::SendFile`] |
//! | [`LoopHandle::create_server`]; [`Server::serve_forever`], [`wait_closed`](Server::wait_closed) | [`transport::CreateServer`]; [`transport::ServeForever`], [`transport::WaitServerClosed`] |
//! | [`LoopHandle::create_datagram_endpoint`], [`create_unix_datagram_endpoint`](LoopHandle::create_unix_datagram_endpoint) | [`transport::CreateDatagramEndpoint`], [`transport::CreateUnixDatagramEndpoint`] |
//! | [`LoopHandle::subprocess_exec`], [`subprocess_shell`](LoopHandle::subprocess_shell); [`process::Command::output`] | [`process::SubprocessExec`]; [`process::CommandOutput`] |
//! | [`process::Process::wait`], [`communicate`](process::Process::communicate) | afresh; store the [`process::Process`] and the [`process::Communication`] |
//! | [`fs::open`](fn@fs::open), [`temp_file`](fs::temp_file); [`temp_dir`](fs::temp_dir); [`File::close`](fs::File::close) | [`fs::Open`]; [`fs::MakeTempDir`]; [`fs::Close`] |
//! | [`fs::read`], [`write`](fn@fs::write), [`rename`](fs::rename) and the like; [`fs::blocking`] | [`fs::Operation<T>`](fs::Operation) |
//! | [`File::lines`](fs::File::lines), [`byte_lines`](fs::File::byte_lines); [`fs::read_dir`] | [`fs::Lines`], [`fs::ByteLines`]; [`fs::ReadDir`] |
//! | [`File::read`](fs::File::read), [`write_all`](fs::File::write_all) and the like | afresh; store the [`fs::File`] and the [`Buffer`] |
//! | [`relay`](fn@net::relay), [`linger`](fn@net::linger) | [`net::Relaying`], [`net::Lingering`] |
//! | [`Relay::run`](net::Relay::run), [`Linger::run`](net::Linger::run) | afresh; store the [`net::Relay`] and the [`net::Linger`] |
//! | [`TlsConnector::connect`](tls::TlsConnector::connect), [`TlsAcceptor::accept`](tls::TlsAcceptor::accept); [`TlsStream::close`](tls::TlsStream::close) | [`tls::Handshake`]; [`tls::Close`] |
//! | [`LoopHandle::open_connection`] | [`stream::OpenConnection`] |
//! | [`StreamReader::read`], [`read_line`](StreamReader::read_line), [`read_until`](StreamReader::read_until), [`read_exact`](StreamReader::read_exact), [`read_to_end`](StreamReader::read_to_end) | [`stream::Read`], [`stream::ReadLine`], [`stream::ReadUntil`], [`stream::ReadExact`], [`stream::ReadToEnd`], or afresh |
//! | [`StreamWriter::drain`], [`wait_closed`](StreamWriter::wait_closed) | [`stream::Drain`], [`stream::WaitClosed`], or afresh |
//! | [`GracefulServer::new`](server::GracefulServer::new); [`StopToken::wait`](server::StopToken::wait) | [`server::GracefulServer`]; afresh |
//! | **anything else** | |
//! | any other coroutine, or one of a type that cannot be named | `Box<dyn Coroutine<..>>` |
//!
//! # What awaiting raises
//!
//! The documentation of an item says what awaiting it raises: in sentences with "raises". A sentence with "returns" speaks
//! of the call itself. Three exceptions can come out of every operation that waits, so they are not repeated:
//!
//! - `CancelledError`: the task was [cancelled](Task::cancel) while it waited. It is named only where the operation does
//!   something special with it.
//! - `GeneratorExit`: the coroutine is being closed, because its loop is closed, or because its driver closes or drops it.
//! - `RuntimeError`: the operation was awaited again after its end. A [`Gather`](wait::Gather), a
//!   [`Shield`](wait::Shield) and a [`Join`](task::Join), whose results move out, raise `InvalidStateError` instead.
//!
//! # asyncio's names, and ours
//!
//! | Python | here |
//! |---|---|
//! | **generators** | |
//! | a generator function's body | [`Coroutine::resume`] |
//! | `x = yield y` | return [`Step::Yield`]`(y)`; the next `sent` is `x` |
//! | `return v`, `raise e` | `Ok(`[`Step::Return`]`(v))`, `Err(e)` |
//! | `yield from child`, `await child` | [`yield_from!`]`(child, sent)?` |
//! | a generator object: `next`, `send`, `throw`, `close` | [`Generator`], [`SharedGenerator`]; [`coroutine::Driver`] for a loop of your own |
//! | **running** | |
//! | `asyncio.run`, `Runner` | [`run`](fn@run), [`exit_code`], [`Runner`] |
//! | `new_event_loop`, `get_running_loop` | [`EventLoop::new`], [`EventLoop::running`] |
//! | `get_event_loop`, `set_event_loop` | [`EventLoop::current`], [`EventLoop::set_current`] |
//! | `loop.run_until_complete`, `run_forever`, `stop`, `close` | [`LoopHandle::run_until_complete`], [`run_forever`](LoopHandle::run_forever), [`stop`](LoopHandle::stop), [`close`](LoopHandle::close) |
//! | `selectors`, the loop's clock | [`selector`] |
//! | **callbacks** | |
//! | `loop.call_soon`, `call_later`, `call_at`, `time` | [`LoopHandle::call_soon`], [`call_later`](LoopHandle::call_later), [`call_at`](LoopHandle::call_at), [`time`](LoopHandle::time) |
//! | `Handle`, `TimerHandle` | [`Handle`](task::Handle), [`TimerHandle`], [`CancelOnDrop`](event_loop::CancelOnDrop) |
//! | `loop.add_signal_handler`, `signal.SIGINT` | [`LoopHandle::add_signal_handler`], [`mod@signal`] |
//! | `loop.set_exception_handler`, `call_exception_handler` | [`LoopHandle::set_exception_handler`], [`call_exception_handler`](LoopHandle::call_exception_handler) |
//! | **futures and tasks** | |
//! | an awaitable | [`Awaitable`] |
//! | `asyncio.Future`, `asyncio.Task` | [`Future`], [`Task`] |
//! | `asyncio.create_task` | [`spawn`](fn@spawn) |
//! | `loop.create_task`, `create_future`, `ensure_future` | [`LoopHandle::create_task`], [`create_future`](LoopHandle::create_future), [`ensure_future`](LoopHandle::ensure_future) |
//! | `create_task(.., name, context, eager_start)`, `set_task_factory`, `eager_task_factory` | [`LoopHandle::task`], [`set_task_factory`](LoopHandle::set_task_factory), [`eager_task_factory`](task::eager_task_factory) |
//! | `task.get_stack`, `print_stack` | [`Task::stack_trace`], [`print_stack`](Task::print_stack) |
//! | `all_tasks`, `current_task` | [`LoopHandle::all_tasks`], [`current_task`](LoopHandle::current_task) |
//! | `CancelledError`, `InvalidStateError`, … | [`Kind`] of an [`Exception`] |
//! | `contextvars`: `ContextVar`, `Context`, `copy_context` | [`context`] |
//! | **waiting** | |
//! | `asyncio.sleep` | [`sleep`](fn@sleep) |
//! | `gather`, `wait`, `wait_for`, `as_completed`, `shield` | [`gather`](fn@gather), [`wait`](fn@wait), [`wait_for`](fn@wait_for), [`as_completed`](fn@as_completed), [`shield`](fn@shield); [`mod@wait`] |
//! | `timeout`, `timeout_at`, `TaskGroup` | [`timeout`](fn@timeout), [`timeout_at`](wait::timeout_at), [`task_group`](fn@task_group), [`TaskGroup`] |
//! | `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier` | [`sync`] |
//! | `Queue`, `LifoQueue`, `PriorityQueue` | [`queue`] |
//! | `async with`, `__aenter__`, `__aexit__`, `AsyncExitStack` | [`scope`] |
//! | `async for`, `__anext__`, async generators, `aclosing` | [`async_iter`] |
//! | `loop.getaddrinfo`, `loop.getnameinfo` | [`LoopHandle::getaddrinfo`], [`getnameinfo`](LoopHandle::getnameinfo), [`resolver`] |
//! | the connecting part of `create_connection` | [`connect`](fn@connect), [`happy_eyeballs`](net::happy_eyeballs) |
//! | `host` and `port` arguments | [`Addresses`](resolver::Addresses): names or addresses |
//! | `staggered.staggered_race` | [`wait::staggered_race`] |
//! | `loop.shutdown_asyncgens` | [`LoopHandle::shutdown_asyncgens`] |
//! | **threads** | |
//! | `loop.call_soon_threadsafe` | [`RemoteHandle::call_soon_threadsafe`] |
//! | `run_coroutine_threadsafe` | [`RemoteHandle::run_coroutine_threadsafe`] |
//! | `loop.run_in_executor`, `to_thread` | [`LoopHandle::run_in_executor`], [`to_thread`] |
//! | `loop.set_default_executor`, `shutdown_default_executor` | [`LoopHandle::set_default_executor`], [`shutdown_default_executor`](LoopHandle::shutdown_default_executor) |
//! | `wrap_future` | [`LoopHandle::wrap_future`], [`thread_future`](LoopHandle::thread_future) |
//! | `concurrent.futures` | [`executor`] |
//! | **network** | |
//! | `Protocol`, `BufferedProtocol`, `DatagramProtocol` | [`Protocol`], [`BufferedProtocol`](transport::BufferedProtocol), [`DatagramProtocol`] |
//! | `Transport`, `ReadTransport`, `WriteTransport`, `DatagramTransport` | [`Transport`], [`DatagramTransport`] |
//! | `loop.create_connection`, `create_unix_connection` | [`LoopHandle::create_connection`], [`create_unix_connection`](LoopHandle::create_unix_connection) |
//! | `create_connection(.., happy_eyeballs_delay, interleave, local_addr, all_errors)` | [`CreateConnection`](transport::CreateConnection), [`ConnectError::failures`](net::ConnectError::failures) |
//! | `loop.connect_accepted_socket`, `create_connection(sock=…)` | [`LoopHandle::connect_accepted_socket`] |
//! | `loop.create_server`, `create_unix_server`, `create_server(sock=…)` | [`LoopHandle::create_server`], [`create_unix_server`](LoopHandle::create_unix_server), [`create_server_at`](LoopHandle::create_server_at) |
//! | `asyncio.Server` | [`Server`] |
//! | `loop.create_datagram_endpoint`, also with `family=AF_UNIX` | [`LoopHandle::create_datagram_endpoint`], [`create_unix_datagram_endpoint`](LoopHandle::create_unix_datagram_endpoint) |
//! | `loop.connect_read_pipe`, `connect_write_pipe` | [`LoopHandle::connect_read_pipe`], [`connect_write_pipe`](LoopHandle::connect_write_pipe) |
//! | `open_connection`, `open_unix_connection`, `open_connection(sock=…)` | [`LoopHandle::open_connection`], [`open_unix_connection`](LoopHandle::open_unix_connection), [`open_connection_at`](LoopHandle::open_connection_at) |
//! | `start_server`, `start_unix_server`, `start_server(sock=…)` | [`LoopHandle::start_server`], [`start_unix_server`](LoopHandle::start_unix_server), [`start_server_at`](LoopHandle::start_server_at) |
//! | `StreamReader`, `StreamWriter`, `IncompleteReadError`, `LimitOverrunError` | [`stream`] |
//! | a socket, non-blocking | [`TcpStream`], [`TcpListener`], [`UnixStream`], [`UnixListener`], [`UdpSocket`], [`UnixDatagram`], [`pipe`](net::pipe) |
//! | `loop.sock_recv`, `sock_recv_into` | [`ByteRead::read`], [`recv`](ByteRead::recv), [`read_exact`](ByteRead::read_exact) |
//! | `loop.sock_sendall` | [`ByteWrite::write_all`] |
//! | `loop.sock_sendfile` | [`ByteWrite::send_file`] with a [`FilePart`](net::FilePart) |
//! | `loop.sendfile` | [`Transport::send_file`], [`StreamWriter::send_file`] |
//! | `loop.sock_recvfrom`, `sock_recvfrom_into`, `sock_sendto` | [`UdpSocket::recv_from`], [`send_to`](UdpSocket::send_to) |
//! | `loop.sock_connect`, `sock_accept` | [`TcpStream::connect`], [`connect_from`](TcpStream::connect_from), [`TcpListener::accept`], [`incoming`](TcpListener::incoming) |
//! | `loop.sock_*` of any other socket | [`Watched::attempt`] |
//! | `loop.add_reader`, `remove_reader`, `add_writer`, `remove_writer` | [`LoopHandle::add_reader`], [`remove_reader`](LoopHandle::remove_reader), [`add_writer`](LoopHandle::add_writer), [`remove_writer`](LoopHandle::remove_writer), for a [`Watched`] |
//! | **TLS** | |
//! | `ssl.SSLContext` | [`tls::rustls::ClientConfig`], [`tls::rustls::ServerConfig`] |
//! | `ssl_handshake_timeout`, `ssl_shutdown_timeout` | [`TlsAcceptor::handshake_timeout`](tls::TlsAcceptor::handshake_timeout), [`shutdown_timeout`](tls::TlsAcceptor::shutdown_timeout) |
//! | `ssl` and `server_hostname` of `create_server`, `start_server`, `create_connection`, `open_connection` and the like | [`CreateServer::tls`](transport::CreateServer::tls), [`CreateConnection::tls`](transport::CreateConnection::tls), [`OpenConnection::tls`](stream::OpenConnection::tls) |
//! | `loop.start_tls`, `StreamWriter.start_tls` | [`Transport::start_tls`], [`LoopHandle::start_tls`], [`StreamWriter::start_tls`] |
//! | `get_extra_info` with `peercert`, `cipher`, `ssl_object` | [`Transport::tls`] gives a [`tls::TlsInfo`] |
//! | `ssl.SSLSocket.unwrap` | [`TlsStream::close`](tls::TlsStream::close) |
//! | **processes** | |
//! | `create_subprocess_exec`, `create_subprocess_shell`, `Process` | [`process::Command::spawn`], [`process::shell`], [`process::Process`] |
//! | `process.communicate` | [`process::Process::communicate`] with a [`process::Communication`], [`process::Command::output`] |
//! | `process.returncode`, `wait`, `send_signal`, `terminate`, `kill` | [`Process::try_wait`](process::Process::try_wait), [`wait`](process::Process::wait), [`send_signal`](process::Process::send_signal), [`terminate`](process::Process::terminate), [`kill`](process::Process::kill) |
//! | `PIPE`, `DEVNULL`, `STDOUT` | [`process::Stdio`] |
//! | `loop.subprocess_exec`, `subprocess_shell` | [`LoopHandle::subprocess_exec`], [`subprocess_shell`](LoopHandle::subprocess_shell) |
//! | `SubprocessProtocol`, `SubprocessTransport` | [`process::SubprocessProtocol`], [`process::SubprocessTransport`] |
//! | **files** | |
//! | `aiofiles.open`, `file.read`, `write`, `seek`, `truncate`, `flush`, `close` | [`fs::open`](fn@fs::open), [`File::read`](fs::File::read), [`write_all`](fs::File::write_all), [`seek`](fs::File::seek), [`set_len`](fs::File::set_len), nothing, [`close`](fs::File::close) |
//! | `async for line in file` | [`File::lines`](fs::File::lines), [`byte_lines`](fs::File::byte_lines) |
//! | `aiofiles.os.scandir`, `listdir` | [`fs::read_dir`] |
//! | `aiofiles.os`: `stat`, `rename`, `remove`, `mkdir`, `makedirs`, `rmdir` | [`fs::metadata`], [`rename`](fs::rename), [`remove_file`](fs::remove_file), [`create_dir`](fs::create_dir), [`create_dir_all`](fs::create_dir_all), [`remove_dir`](fs::remove_dir) |
//! | `Path.read_bytes`, `read_text`, `write_bytes`, `write_text` in a thread | [`fs::read`], [`read_to_string`](fs::read_to_string), [`write`](fn@fs::write) |
//! | `aiofiles.tempfile` | [`fs::temp_file`], [`temp_dir`](fs::temp_dir) |
//! | **exceptions** | |
//! | `e.add_note(text)`, `e.__notes__` | [`Exception::with_note`], [`notes`](Exception::notes) |
//!
//! ## Names that are not here
//!
//! | Python | why not |
//! |---|---|
//! | event loop policies | a program makes its loop itself: [`EventLoop::new`], or [`EventLoop::with`] for another selector or clock |
//! | `transport.get_extra_info`, `server.sockets` | each fact has a typed method: [`Transport::peer_addr`], [`local_addr`](Transport::local_addr), [`Server::local_addrs`]; [`Transport::with_fd`] lends the descriptor |
//! | `transport.get_protocol` | the transport owns its protocol and calls it by `&mut`; [`with_protocol`](Transport::with_protocol) lends it, and [`set_protocol`](Transport::set_protocol) replaces it |
//! | `task.get_coro`, `get_loop` | the task owns its coroutine, and a machine shows its state: [`Task::stack_trace`]. The loop of running code is [`EventLoop::running`] |
//! | `iscoroutine`, `iscoroutinefunction`, `isfuture` | the compiler checks types: [`Awaitable`] is the bound |
//! | `StreamReaderProtocol`, `reader.set_transport` | internals of streams: [`LoopHandle::open_connection`] and [`start_server`](LoopHandle::start_server) make streams |
//! | `SendfileNotAvailableError`, `fallback` | sending a file falls back to reading and writing, unless [`FilePart::without_fallback`](net::FilePart::without_fallback) forbids it |
//! | `loop.default_exception_handler`, `get_exception_handler` | [`LoopHandle::set_exception_handler`] replaces the handler; without one, errors are written to standard error |
//! | `AbstractEventLoop`, `AbstractServer`, `BaseProtocol`, `BaseTransport` | there is one type of loop and of server, and protocols are traits |
//! | `set_debug`, `get_debug`, `slow_callback_duration` | missing so far |
//! | `sslproto` | TLS is a layer inside [`Transport`] |
//! | child watchers: `get_child_watcher`, `PidfdChildWatcher` | the loop itself watches its children, as [`process`](process#who-reaps) says; Python 3.14 has removed them |
//! | `create_subprocess_exec(.., text, encoding, errors, bufsize)` | asyncio refuses them too: pipes carry bytes |
//! | `ProactorEventLoop` and other names for Windows | the loop does not support Windows |
//!
//! # Features
//!
//! The default is everything but `tls` and `idna`. For a shorter build, turn default features off and name the modules you use. Each
//! feature enables what it depends on. A server written with coroutines needs only `net`, and builds in less than half
//! the time: `default-features = false, features = ["net"]`.
//!
//! | feature | default | enables |
//! |---|---|---|
//! | `full` | yes | everything below but `tls` and `idna` |
//! | `std` | | the standard library. Without it, the crate is `no_std` with `alloc`, and consists of layer 0 |
//! | `event_loop` | | futures and tasks, contexts, the loop with its timers, signals and descriptors, [`sleep`](fn@sleep), [`run`](fn@run); enables `std`. Everything below enables it |
//! | `executor` | | [`executor`], and the functions that use thread futures: [`to_thread`], [`LoopHandle::run_in_executor`], [`RemoteHandle::run_coroutine_threadsafe`] |
//! | `wait` | | [`mod@wait`] |
//! | `sync` | | [`sync`] |
//! | `queue` | | [`queue`]; enables `sync` |
//! | `scope` | | [`scope`]; enables `wait` |
//! | `async_iter` | | [`async_iter`]; enables `queue`, `scope` |
//! | `net` | | sockets whose operations are coroutines; with `resolver`, [`connect`](fn@connect) and [`happy_eyeballs`](net::happy_eyeballs); with `async_iter`, [`Incoming`](net::Incoming) |
//! | `resolver` | | [`resolver`]; enables `executor`, `wait` |
//! | `transport` | | protocols, transports, servers; enables `net`, `resolver` |
//! | `process` | | [`process`]; enables `net`, `wait`; with `transport`, [`SubprocessProtocol`](process::SubprocessProtocol) |
//! | `fs` | | [`fs`]: files and directories; enables `executor`, `net`, `async_iter` |
//! | `stream` | | [`stream`]; enables `transport`, `async_iter` |
//! | `server` | | [`mod@server`]: a server that ends in good order; enables `net`, `wait`. With `stream`, it serves streams and protocols too |
//! | `testing` | | [`testing`]; enables `net` |
//! | `tls` | no | [`tls`]: TLS over any byte stream, by rustls; enables `net`, `wait` |
//! | `idna` | no | look-ups of international (non-ASCII) names; enables `resolver` |

// The systems that the loop supports. On any other system, this message is the only error: the crate itself is left out.
#![cfg_attr(
    not(any(
        not(feature = "event_loop"),
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    )),
    doc = compile_error!(
        "the event loop of `innermost` does not support this system: it needs Linux, Android, macOS, FreeBSD, NetBSD, \
         OpenBSD or DragonFly; without default features, coroutines alone build everywhere"
    )
)]
#![cfg(any(
    not(feature = "event_loop"),
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
// Compiles the README's program together with the documentation's.
#![cfg_attr(all(doctest, feature = "full"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]
// Allows dead code, because an example may show a machine without the program around it.
#![doc(test(attr(deny(warnings), allow(dead_code))))]
// The tables refer to every module, and only one module uses some of the helpers.
#![cfg_attr(not(feature = "full"), allow(dead_code, unreachable_pub, unused_imports))]
#![cfg_attr(not(all(feature = "full", feature = "tls")), allow(rustdoc::broken_intra_doc_links))]

extern crate alloc;
#[cfg(all(not(feature = "std"), test))]
extern crate std;

#[cfg(feature = "async_iter")]
pub mod async_iter;
#[cfg(feature = "event_loop")]
pub mod context;
pub mod coroutine;
#[cfg(feature = "event_loop")]
pub mod event_loop;
#[cfg(feature = "executor")]
pub mod executor;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "resolver")]
pub mod resolver;
#[cfg(feature = "event_loop")]
mod runner;
#[cfg(feature = "scope")]
pub mod scope;
/// Selectors and clocks: the traits that [`EventLoop::with`] takes, and the implementations that the library has.
#[cfg(feature = "event_loop")]
pub mod selector {
    pub use crate::sys::interfaces::*;
    pub use crate::sys::{
        Clock, Direction, Instant, MonotonicClock, Readiness, Selector, SelectorEvent, SelectorToken, Waiting,
        default_selector,
    };
}
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "event_loop")]
pub mod signal;
#[cfg(feature = "stream")]
pub mod stream;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(feature = "event_loop")]
mod sys;
#[cfg(feature = "event_loop")]
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "event_loop")]
pub mod time;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "transport")]
pub mod transport;
#[cfg(feature = "wait")]
pub mod wait;

pub use self::coroutine::{
    Call, Coroutine, CoroutineExt, Exception, Generator, Kind, Machine, Outcome, Resumed, Running, Sent,
    SharedGenerator, State, Step, Stop, drive, end, from_fn, from_iter, lazy, ready, take_sent, yield_once,
};
#[cfg(feature = "executor")]
pub use self::event_loop::to_thread;
#[cfg(feature = "event_loop")]
pub use self::event_loop::{EventLoop, LoopHandle, RemoteHandle, TimerHandle, Watched, spawn};
#[cfg(all(feature = "net", feature = "resolver"))]
pub use self::net::connect;
#[cfg(feature = "net")]
pub use self::net::{
    Buffer, ByteRead, ByteStream, ByteWrite, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
#[cfg(feature = "queue")]
pub use self::queue::Queue;
#[cfg(feature = "event_loop")]
pub use self::runner::{Runner, exit_code, run};
#[cfg(feature = "stream")]
pub use self::stream::{StreamReader, StreamWriter};
#[cfg(feature = "sync")]
pub use self::sync::{Event, Lock, Semaphore};
#[cfg(feature = "event_loop")]
pub use self::task::{AnyTask, Await, Awaitable, Future, Task};
#[cfg(feature = "event_loop")]
pub use self::time::{Instant, Sleep, sleep};
#[cfg(feature = "transport")]
pub use self::transport::{DatagramProtocol, DatagramTransport, Protocol, Server, Transport};
#[cfg(feature = "wait")]
pub use self::wait::{ReturnWhen, TaskGroup, as_completed, gather, join, shield, task_group, timeout, wait, wait_for};
