//! `Queue`: a producer and a consumer that know only the queue. They run until Ctrl-C.
//!
//! Both are endless loops that wait in one or two places. Such a machine does not need a type of its own: `from_fn` makes a
//! coroutine from a closure, and the captured variables are its state.
//!
//! ```text
//! News Reader Consumed News Article 1
//! News Reader Consumed News Article 2
//! News Reader Consumed News Article 3
//! News Reader Consumed News Article 4
//! ```

use std::convert::Infallible;
use std::time::Duration;

use innermost::queue::{Put, Queue};
use innermost::signal::SIGINT;
use innermost::{Await, Awaitable, Coroutine, EventLoop, Exception, Resumed, Sleep, from_fn, sleep, yield_from};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGINT, move || handle.stop())?;
    run(&event_loop)
}

/// ```python
/// async def news_producer(queue):
///     article = 1
///     while True:
///         await queue.put(article)
///         await asyncio.sleep(1)
///         article += 1
/// ```
struct NewsProducer {
    queue: Queue<u32>,
    article: u32,
    at: At,
}

enum At {
    Putting(Put<u32>),
    Sleeping(Sleep),
}

impl Coroutine for NewsProducer {
    type Yield = Await;
    type Input = ();
    type Return = Infallible;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.at = match &mut self.at {
                At::Putting(put) => {
                    yield_from!(put, sent)?;
                    At::Sleeping(sleep(SECOND))
                }
                At::Sleeping(pause) => {
                    yield_from!(pause, sent)?;
                    self.article += 1;
                    At::Putting(self.queue.put(self.article))
                }
            };
        }
    }
}

/// ```python
/// async def news_consumer(queue):
///     while True:
///         article = await queue.get()
///         print('News Reader Consumed News Article', article)
/// ```
fn news_consumer(queue: Queue<u32>) -> impl Awaitable<Return = Infallible> {
    let mut get = queue.get();
    from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            let article = yield_from!(get, sent)?;
            println!("News Reader Consumed News Article {article}");
            get = queue.get();
        }
    })
}

/// ```python
/// queue = asyncio.Queue()
/// loop = asyncio.new_event_loop()
/// loop.create_task(news_producer(queue))
/// loop.create_task(news_consumer(queue))
/// try:
///     loop.run_forever()
/// except KeyboardInterrupt:
///     pass
/// finally:
///     loop.close()
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    let queue = Queue::new();
    event_loop.create_task(NewsProducer { queue: queue.clone(), article: 1, at: At::Putting(queue.put(1)) })?;
    event_loop.create_task(news_consumer(queue))?;
    event_loop.run_forever()
}
