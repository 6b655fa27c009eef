//! Callbacks and coroutines side by side in one loop: `call_soon`, `call_later`, `ensure_future`, `stop`.
//!
//! The loop calls a callback once. A callback that should run again sets the next timer itself. A coroutine remembers where
//! it is suspended: it sleeps in the middle of its own loop, and continues from there. A callback cannot wait for a
//! coroutine, but it can start one.
//!
//! ```text
//! 0 s (callback)
//! 0 s (coroutine A)
//! 0 s (coroutine 8)
//! 1 s (callback)
//! 1 s (coroutine A)
//! 1 s (coroutine 8)
//! 2 s (callback)
//! 2 s (coroutine A)
//! 2 s (coroutine 8)
//! 3 s (callback)
//! 3 s (coroutine A)
//! 3 s (coroutine 8)
//! 4 s (callback)
//! 4 s (coroutine A)
//! 4 s (coroutine 8)
//! 5 s (callback)
//! 5 s (coroutine A)
//! 5 s (coroutine 8)
//! 6 s (callback)
//! 6 s (coroutine A)
//! 6 s (coroutine 8)
//! 7 s (callback)
//! 7 s (coroutine A)
//! 7 s (coroutine 8)
//! 8 s (callback)
//! 8 s (coroutine A)
//! 8 s (coroutine 8)
//! 9 s (callback)
//! 9 s (coroutine A)
//! 9 s (coroutine 8)
//! 10 s (callback)
//! 0 s (coroutine A)
//! 0 s (coroutine 8)
//! ```

use std::time::Duration;

use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Sleep, sleep, yield_from};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    // Two coroutines are still asleep when the loop is dropped. The loop reports them, as Python does.
    run(&EventLoop::new()?)
}

/// ```python
/// async def print_every_second(kind):
///     while True:
///         for i in range(10):
///             print(i, f's (coroutine {kind})')
///             await asyncio.sleep(1)
///         asyncio.get_running_loop().stop()
/// ```
struct PrintEverySecond {
    kind: char,
    i: u32,
    at: At,
}

enum At {
    TopOfLoop,
    Sleeping(Sleep),
}

impl PrintEverySecond {
    fn new(kind: char) -> Self {
        Self { kind, i: 0, at: At::TopOfLoop }
    }
}

impl Coroutine for PrintEverySecond {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.at = match &mut self.at {
                At::TopOfLoop => {
                    println!("{} s (coroutine {})", self.i, self.kind);
                    At::Sleeping(sleep(SECOND))
                }
                At::Sleeping(pause) => {
                    yield_from!(pause, sent)?;
                    self.i += 1;
                    if self.i == 10 {
                        self.i = 0;
                        EventLoop::running()?.stop();
                    }
                    At::TopOfLoop
                }
            };
        }
    }
}

/// ```python
/// def print_every_second_callback(i):
///     print(i, 's (callback)')
///     asyncio.get_running_loop().call_later(1.0, print_every_second_callback, i + 1)
/// ```
fn print_every_second_callback(i: u32) {
    println!("{i} s (callback)");
    // A callback has no caller to raise to. If it panics, the loop's exception handler is told.
    let event_loop = EventLoop::running().expect("a callback runs in a loop");
    event_loop.call_later(SECOND, move || print_every_second_callback(i + 1)).expect("the loop is open");
}

/// ```python
/// def callback_to_coroutine():
///     asyncio.ensure_future(print_every_second('8'))
/// ```
fn callback_to_coroutine() {
    let event_loop = EventLoop::running().expect("a callback runs in a loop");
    event_loop.create_task(PrintEverySecond::new('8')).expect("the loop is open");
}

/// ```python
/// loop = asyncio.new_event_loop()
/// loop.call_soon(print_every_second_callback, 0)
/// loop.call_soon(callback_to_coroutine)
/// loop.create_task(print_every_second('A'))
/// loop.run_forever()
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.call_soon(|| print_every_second_callback(0))?;
    event_loop.call_soon(callback_to_coroutine)?;
    event_loop.create_task(PrintEverySecond::new('A'))?;
    event_loop.run_forever()
}
