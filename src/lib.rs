//! Generator-style coroutines as explicit state machines, and an event loop shaped like asyncio's that resumes the
//! innermost one when what it awaits is done.

#![no_std]
#![deny(unsafe_code)]
#![doc(test(attr(deny(warnings))))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod coroutine;
#[cfg(feature = "std")]
mod event_loop;
#[cfg(feature = "std")]
mod net;
#[cfg(feature = "std")]
mod sys;
#[cfg(feature = "std")]
mod task;
#[cfg(feature = "std")]
mod time;

pub use self::coroutine::{
    Call, Catch, Coroutine, CoroutineExt, Exception, Frame, FromFn, FromIter, Generator, GeneratorState, Kind, Map,
    Ready, Resumed, SharedGenerator, StackTrace, State, Step, Stop, Then, YieldOnce, from_fn, from_iter, ready,
    yield_once,
};
#[cfg(feature = "std")]
pub use self::event_loop::{EventLoop, LoopGone, LoopHandle, RemoteHandle, TimerHandle};
#[cfg(feature = "std")]
pub use self::net::{Buffer, Connect, TcpListener, TcpStream};
#[cfg(feature = "std")]
pub use self::sys::{Clock, Direction, Event, MonotonicClock, Readiness, Selector, Token, default_selector};
#[cfg(feature = "std")]
pub use self::task::{AnyTask, Await, Awaited, CallbackId, ErrorContext, Future, Handle, InvalidState, Join, Task};
#[cfg(feature = "std")]
pub use self::time::{Sleep, sleep};
