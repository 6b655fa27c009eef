//! A pipeline of asynchronous generators: a ticker, a parser, and a consumer that stops early. When the consumer stops, both
//! generators are closed, and closing may await.
//!
//! ```text
//! sink opened
//! put 1
//! put 20
//! put 300
//! ticker closed
//! sink closed at 321 after 5 s
//! ```

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Close, Produced, aclosing, awaiting};
use innermost::scope::{AsyncContextManager, Exited, Progress, with};
use innermost::testing::virtual_loop;
use innermost::{Await, Coroutine, Exception, LoopHandle, Resumed, Sleep, Step, sleep, take_sent, yield_from};

/// Where the lines go.
type Print = Rc<dyn Fn(&dyn Display)>;

const SECOND: Duration = Duration::from_secs(1);

/// ```python
/// import contextlib
///
/// async def ticker(lines):
///     try:
///         for line in lines:
///             await asyncio.sleep(1)
///             yield line
///     finally:
///         print('ticker closed')
/// ```
///
/// Yields a line a second.
struct Ticker {
    lines: std::vec::IntoIter<&'static str>,
    pause: Option<Sleep>,
    print: Print,
}

impl Coroutine for Ticker {
    type Yield = Produced<&'static str>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let next = self.next(&mut sent);
        if let Ok(Step::Return(())) | Err(_) = &next {
            (self.print)(&"ticker closed");
        }
        next
    }
}

impl Ticker {
    fn next(&mut self, sent: &mut Result<(), Exception>) -> Resumed<Self> {
        let mut sent = take_sent(sent);
        if let Some(pause) = &mut self.pause {
            yield_from!(awaiting(pause), sent)?;
            self.pause = None;
            return Ok(match self.lines.next() {
                Some(line) => Step::Yield(Produced::Item(line)),
                None => Step::Return(()),
            });
        }
        sent?;
        self.pause = Some(sleep(SECOND));
        self.next(&mut Ok(()))
    }
}

/// ```python
/// async def parsed(lines):
///     async with contextlib.aclosing(lines):
///         async for line in lines:
///             if line.isdigit():
///                 yield int(line)
/// ```
///
/// Yields the lines that are numbers. However it ends, it closes the generator that it reads from.
struct Parsed {
    lines: AsyncGenerator<Ticker>,
    closing: Option<(Close<Ticker>, Option<Exception>)>,
}

impl Coroutine for Parsed {
    type Yield = Produced<u32>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some((close, raised)) = &mut self.closing {
                yield_from!(awaiting(close), sent)?;
                return raised.take().map_or(Ok(Step::Return(())), Err);
            }
            let next = match take_sent(&mut sent) {
                // `aclose` raised this, either at a yielded item or while this waits for the next one.
                Err(exit) if exit.is_generator_exit() => Err(exit),
                other => {
                    sent = other;
                    yield_from!(awaiting(self.lines.next()), sent)
                }
            };
            let raised = match next {
                Ok(Some(line)) => match line.parse() {
                    Ok(number) => return Ok(Step::Yield(Produced::Item(number))),
                    Err(_) => continue,
                },
                Ok(None) => None,
                Err(raised) => Some(raised),
            };
            self.closing = Some((self.lines.aclose(), raised));
        }
    }
}

/// ```python
/// class Sink:
///     sum = 0
///
///     async def __aenter__(self):
///         print('sink opened')
///         return self
///
///     async def __aexit__(self, *raised):
///         await asyncio.sleep(1)
///         seconds = int(asyncio.get_running_loop().time())
///         print(f'sink closed at {self.sum} after {seconds} s')
/// ```
///
/// Adds up numbers. Closing it takes a second.
struct Sink {
    event_loop: LoopHandle,
    sum: Rc<std::cell::Cell<u32>>,
    pause: Sleep,
    print: Print,
}

impl AsyncContextManager for Sink {
    type Value = Rc<std::cell::Cell<u32>>;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self::Value> {
        sent?;
        (self.print)(&"sink opened");
        Ok(Step::Return(Rc::clone(&self.sum)))
    }

    fn resume_exit(&mut self, _raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        yield_from!(self.pause, sent)?;
        let seconds = self.event_loop.time().since_zero().as_secs();
        (self.print)(&format_args!("sink closed at {} after {seconds} s", self.sum.get()));
        Ok(Step::Return(Exited::Propagate))
    }
}

/// ```python
/// async def fill(sink, numbers):
///     async for number in numbers:
///         print('put', number)
///         sink.sum += number
///         if sink.sum > 300:
///             break
/// ```
///
/// Puts numbers into the sink until their sum exceeds 300.
struct Fill {
    numbers: AsyncGenerator<Parsed>,
    sum: Rc<std::cell::Cell<u32>>,
    print: Print,
}

impl Coroutine for Fill {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(number) = yield_from!(self.numbers.next(), sent)? {
            (self.print)(&format_args!("put {number}"));
            self.sum.set(self.sum.get() + number);
            if self.sum.get() > 300 {
                break;
            }
        }
        Ok(Step::Return(()))
    }
}

/// ```python
/// async def main():
///     lines = ticker(['1', 'x', '20', '300', '4000'])
///     async with Sink() as sink, contextlib.aclosing(parsed(lines)) as numbers:
///         await fill(sink, numbers)
///
/// asyncio.run(main())
/// ```
///
/// Runs the pipeline in virtual time.
///
/// # Errors
///
/// Fails only if the event loop cannot be made: the pipeline raises nothing.
pub fn run(print: Print) -> Result<(), Exception> {
    let event_loop = virtual_loop()?;
    let lines = vec!["1", "x", "20", "300", "4000"].into_iter();
    let ticker = AsyncGenerator::new(Ticker { lines, pause: None, print: Rc::clone(&print) });
    let parsed = AsyncGenerator::new(Parsed { lines: ticker, closing: None });
    let (handle, sum) = (event_loop.handle(), Rc::default());
    let sink = Sink { event_loop: handle, sum, pause: sleep(SECOND), print: Rc::clone(&print) };
    let main = with(sink, move |sum| {
        let fill = move |numbers| Fill { numbers, sum, print };
        with(aclosing(parsed), fill)
    });
    event_loop.run_until_complete(main)?;
    event_loop.run_until_complete(event_loop.shutdown_asyncgens())
}

#[allow(dead_code, reason = "a test includes this file, and runs the program itself")]
fn main() -> Result<(), Exception> {
    run(Rc::new(|line| println!("{line}")))
}
