//! Generator-style coroutines as explicit state machines, and an event loop shaped like asyncio's that resumes the
//! innermost one when what it awaits is done.

#![no_std]
#![deny(unsafe_code)]
#![doc(test(attr(deny(warnings))))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod coroutine;

pub use self::coroutine::{
    Call, Coroutine, CoroutineExt, Exception, Frame, FromFn, FromIter, Generator, GeneratorState, Kind, Ready, Resumed,
    SharedGenerator, StackTrace, State, Step, Stop, YieldOnce, from_fn, from_iter, ready, yield_once,
};
