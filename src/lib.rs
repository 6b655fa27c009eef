//! Generator-style coroutines as explicit state machines, and an event loop shaped like asyncio's that resumes the
//! innermost one when what it awaits is done. Stable Rust; no `async`/`await`, no `Pin`, no `Waker`.
//!
//! ```text
//!  L3   net          runner       sockets whose operations are coroutines; run, Ctrl-C
//!  L2   event_loop   time         one turn, timers, descriptors; sleep
//!       wait                      gather, wait, timeouts, task groups
//!       scope        async_iter   async context managers; async iterators and generators
//!       sync         queue        locks, events, semaphores, conditions, barriers; queues
//!  L1   task         sys          futures and tasks; the system (the one place with `unsafe`)
//!       executor                  threads, and what they wait for
//!  L0   coroutine                 the contract, exceptions, yield_from!, Call, Generator: no_std
//! ```
//!
//! Imports point downwards only; [`testing`] stands above them all, for programs' tests: time that does not pass by
//! itself. Without the feature `std`, which is on by default, only layer 0 is there.
//!
//! # A first program
//!
//! Two tasks that take turns:
//!
//! ```
//! use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Sleep, Step, sleep, yield_from};
//! use std::time::Duration;
//!
//! /// Says its name `left` times, and lets the other one speak in between.
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
//! let event_loop = EventLoop::new()?;
//! let speaker = |name| Speaker { name, left: 3, pause: sleep(Duration::ZERO) };
//! let ping = event_loop.create_task(speaker("ping"))?;
//! event_loop.run_until_complete(speaker("pong"))?;
//! assert_eq!(ping.result()?, "ping");
//! # Ok::<(), Exception>(())
//! ```
//!
//! # asyncio's names, and ours
//!
//! | Python | here |
//! |---|---|
//! | a generator function's body | [`Coroutine::resume`] |
//! | `x = yield y` | return [`Step::Yield`]`(y)`; the next `sent` is `x` |
//! | `return v`, `raise e` | `Ok(`[`Step::Return`]`(v))`, `Err(e)` |
//! | `yield from child`, `await child` | [`yield_from!`]`(child, sent)?` |
//! | a generator object: `next`, `send`, `throw`, `close` | [`Generator`], [`SharedGenerator`] |
//! | `asyncio.run`, `Runner` | [`run`](fn@run), [`Runner`] |
//! | `new_event_loop`, `get_running_loop` | [`EventLoop::new`], [`EventLoop::running`] |
//! | `get_event_loop`, `set_event_loop` | [`EventLoop::current`], [`EventLoop::set_current`] |
//! | `loop.call_soon`, `call_later`, `call_at` | [`LoopHandle::call_soon`], [`call_later`](LoopHandle::call_later), [`call_at`](LoopHandle::call_at) |
//! | `loop.call_soon_threadsafe` | [`RemoteHandle::call_soon_threadsafe`] |
//! | `run_coroutine_threadsafe` | [`RemoteHandle::run_coroutine_threadsafe`] |
//! | `loop.run_in_executor`, `to_thread` | [`LoopHandle::run_in_executor`], [`to_thread`] |
//! | `wrap_future` | [`LoopHandle::wrap_future`], [`thread_future`](LoopHandle::thread_future) |
//! | `concurrent.futures` | [`executor`] |
//! | `loop.create_task`, `create_future`, `ensure_future` | [`LoopHandle::create_task`], [`create_future`](LoopHandle::create_future), [`ensure_future`](LoopHandle::ensure_future) |
//! | `asyncio.Future`, `asyncio.Task` | [`Future`], [`Task`] |
//! | `asyncio.sleep` | [`sleep`](fn@sleep) |
//! | `gather`, `wait`, `wait_for`, `as_completed`, `shield`, `timeout`, `TaskGroup` | [`mod@wait`] |
//! | `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier` | [`sync`] |
//! | `Queue`, `LifoQueue`, `PriorityQueue` | [`queue`] |
//! | `async with`, `__aenter__`, `__aexit__`, `AsyncExitStack` | [`scope`] |
//! | `async for`, `__anext__`, async generators, `aclosing` | [`async_iter`] |
//! | `loop.shutdown_asyncgens` | [`LoopHandle::shutdown_asyncgens`] |
//! | a socket, non-blocking | [`TcpStream`], [`TcpListener`], [`UnixStream`], [`UnixListener`], [`UdpSocket`], [`UnixDatagram`], [`pipe`] |
//! | `loop.sock_recv`, `sock_recv_into` | [`ByteRead::read`], [`recv`](ByteRead::recv), [`recv_exact`](ByteRead::recv_exact) |
//! | `loop.sock_sendall` | [`ByteWrite::write_all`], [`send_all`](ByteWrite::send_all) |
//! | `loop.sock_recvfrom`, `sock_recvfrom_into`, `sock_sendto` | [`UdpSocket::recv_from`], [`send_to`](UdpSocket::send_to) |
//! | `loop.sock_connect`, `sock_accept` | [`TcpStream::connect`], [`connect_from`](TcpStream::connect_from), [`TcpListener::accept`] |
//! | `loop.sock_*` of any other socket | [`Watched::attempt`] |
//! | `loop.add_reader`, `remove_reader`, `add_writer`, `remove_writer` | the same of [`LoopHandle`], on a [`Watched`] |
//! | `e.add_note(text)`, `e.__notes__` | [`Exception::with_note`], [`notes`](Exception::notes) |
//! | `CancelledError`, `InvalidStateError`, … | [`Kind`] of an [`Exception`] |
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `std` | yes | everything above layer 0 |

#![no_std]
#![deny(unsafe_code)]
// Dead code: an example may show a machine without the program around it.
#![doc(test(attr(deny(warnings), allow(dead_code))))]
// The table of names refers to what only `std` has.
#![cfg_attr(not(feature = "std"), allow(rustdoc::broken_intra_doc_links))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// The README's program is compiled with the documentation's.
#[cfg_attr(all(doctest, feature = "std"), doc = include_str!("../README.md"))]
#[cfg(feature = "std")]
pub mod async_iter;
pub mod coroutine;
#[cfg(feature = "std")]
mod event_loop;
#[cfg(feature = "std")]
pub mod executor;
#[cfg(feature = "std")]
mod net;
#[cfg(feature = "std")]
pub mod queue;
mod runner;
#[cfg(feature = "std")]
pub mod scope;
#[cfg(feature = "std")]
pub mod sync;
#[cfg(feature = "std")]
mod sys;
#[cfg(feature = "std")]
mod task;
#[cfg(feature = "std")]
pub mod testing;
#[cfg(feature = "std")]
mod time;
#[cfg(feature = "std")]
pub mod wait;

pub use self::coroutine::{
    Call, Catch, Coroutine, CoroutineExt, Exception, Frame, FromFn, FromIter, Generator, GeneratorState, Kind, Map,
    Ready, Resumed, SharedGenerator, StackTrace, State, Step, Stop, Then, YieldOnce, from_fn, from_iter, ready,
    take_sent, yield_once,
};
#[cfg(feature = "std")]
pub use self::event_loop::{
    EventLoop, LoopGone, LoopHandle, RemoteHandle, ShutdownExecutor, ThreadCall, TimerHandle, ToThread, Watched,
    to_thread,
};
#[cfg(feature = "std")]
pub use self::net::{
    Attempt, Buffer, ByteRead, ByteStream, ByteWrite, Connect, ConnectUnix, Outgoing, PipeReader, PipeWriter,
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, pipe,
};
#[cfg(feature = "std")]
pub use self::runner::{Runner, run};
#[cfg(feature = "std")]
pub use self::sys::{Clock, Direction, Event, MonotonicClock, Readiness, Selector, Token, Waiting, default_selector};
#[cfg(feature = "std")]
pub use self::task::{AnyTask, Await, Awaited, CallbackId, ErrorContext, Future, Handle, InvalidState, Join, Task};
#[cfg(feature = "std")]
pub use self::time::{Sleep, sleep};
