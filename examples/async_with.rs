//! `async with`: a scope is a coroutine around a coroutine.
//!
//! Python runs `__aenter__`, the block and `__aexit__` in one frame. Here, the scope is a machine that contains the block. It
//! enters, runs the block to its end, and leaves, whether the block returns, raises or is cancelled. So a program cannot
//! forget to leave. `Lock::hold`, `timeout` and `task_group` are scopes of this kind.
//!
//! ```text
//! 3
//! leaving: None
//! leaving: ValueError
//! caught: no
//! ```

use std::time::Duration;

use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Resumed, Sleep, Step, ready, sleep,
    yield_from,
};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

/// ```python
/// class AsyncAdd:
///     def __init__(self, a, b):
///         self.a = a
///         self.b = b
///
///     async def __aenter__(self):
///         await asyncio.sleep(1.0)
///         return self.a + self.b  # what `as` names
///
///     async def __aexit__(self, kind, exception, traceback):
///         await asyncio.sleep(1.0)
///         print('leaving:', kind and kind.__name__)
/// ```
struct AsyncAdd<F, C: Coroutine> {
    a: i32,
    b: i32,
    at: At<F, C>,
}

enum At<F, C: Coroutine> {
    Entering(Sleep, Option<F>),
    Inside(C),
    /// Keeps the outcome of the block while leaving.
    Leaving(Sleep, Option<Result<C::Return, Exception>>),
}

impl<F, C: Coroutine> AsyncAdd<F, C> {
    /// Runs the coroutine that `block` makes from the sum.
    fn new(a: i32, b: i32, block: F) -> Self
    where
        F: FnOnce(i32) -> C,
    {
        Self { a, b, at: At::Entering(sleep(SECOND), Some(block)) }
    }
}

impl<F, C> Coroutine for AsyncAdd<F, C>
where
    F: FnOnce(i32) -> C,
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.at = match &mut self.at {
                At::Entering(pause, block) => {
                    yield_from!(pause, sent)?;
                    let block = block.take().expect("the scope is entered once");
                    At::Inside(block(self.a + self.b))
                }
                At::Inside(block) => {
                    let outcome = yield_from!(block, sent); // no `?`: the scope leaves in any case
                    At::Leaving(sleep(SECOND), Some(outcome))
                }
                At::Leaving(pause, outcome) => {
                    yield_from!(pause, sent)?;
                    let outcome = outcome.take().expect("the scope is left once");
                    match &outcome {
                        Ok(_) => println!("leaving: None"),
                        Err(raised) => println!("leaving: {:?}", raised.kind()),
                    }
                    return outcome.map(Step::Return);
                }
            };
        }
    }
}

/// ```python
/// async def main():
///     async with AsyncAdd(1, 2) as result:
///         print(result)
///     try:
///         async with AsyncAdd(3, 4):
///             raise ValueError('no')
///     except ValueError as error:
///         print('caught:', error)
///
/// asyncio.run(main())
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    let printing = AsyncAdd::new(1, 2, |result| {
        println!("{result}");
        ready(())
    });
    let failing = AsyncAdd::new(3, 4, |_| Err::<Sleep, _>(Exception::message(Kind::ValueError, "no")));
    let main = printing.then(|()| failing).catch(|error| {
        println!("caught: {error}");
        Ok(())
    });
    event_loop.run_until_complete(main)
}
