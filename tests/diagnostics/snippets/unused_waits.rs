//! A wait that is made and never awaited waits for nothing.

use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, aclosing, interval, items};
use innermost::queue::Queue;
use innermost::scope::{ExitStack, grouped, holding, with};
use innermost::wait::*;
use innermost::{EventLoop, Exception, Future, Instant, Step, from_fn, ready, sleep};

fn main() -> Result<(), Exception> {
    let (d, event_loop, group, queue) = (Duration::ZERO, EventLoop::new()?, TaskGroup::new(), Queue::<u8>::new());
    let numbers = AsyncGenerator::new(from_fn(|_| Ok(Step::<Produced<u8>, (), ()>::Return(()))));
    let mut race = as_completed([ready(1), ready(2)]);
    sleep(d); //~ must be used
    timeout(ready(1), d); //~ must be used
    timeout_at(ready(1), Instant::from_zero(d)); //~ must be used
    wait_for(ready(1), d); //~ must be used
    gather([ready(1)]); //~ must be used
    gather_all([ready(1)]); //~ must be used
    join((ready(1),)); //~ must be used
    shield(ready(1)); //~ must be used
    as_completed([ready(1)]); //~ must be used
    race.next().unwrap(); //~ must be used
    race.next_future().unwrap(); //~ must be used
    wait(Vec::<Future<()>>::new()); //~ must be used
    staggered_race([ready(1)]); //~ must be used
    task_group(|_| ready(1)); //~ must be used
    group.exit(Ok(1)); //~ must be used
    group.scope(ready(1)); //~ must be used
    with(grouped(group.clone()), |_| ready(1)); //~ must be used
    grouped(group.clone()); //~ must be used
    holding(ready(1)); //~ must be used
    ExitStack::new().enter(grouped(group)); //~ must be used
    interval(d); //~ must be used
    interval(d).next(); //~ must be used
    items(&queue); //~ must be used
    items(&queue).collect::<Vec<_>>(); //~ must be used
    items(&queue).for_each(|_| ready(1)); //~ must be used
    numbers.anext(); //~ must be used
    numbers.asend(()); //~ must be used
    numbers.athrow(Exception::timeout()); //~ must be used
    numbers.aclose(); //~ must be used
    aclosing(numbers); //~ must be used
    event_loop.shutdown_asyncgens(); //~ must be used
    Ok(())
}
