//! Futures and tasks whose result is not `Clone`, awaited without `.join()`.

use innermost::{Await, Coroutine, EventLoop, Exception, Future, Resumed, Step, Task, yield_from};

struct Only;

struct Machine {
    future: Future<Only>,
    task: Task<Only>,
}

impl Coroutine for Machine {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.future, sent)?; //~ `innermost::Future<Only>` is not a coroutine //~ otherwise await its `.join()`
        yield_from!(self.task, sent)?; //~ `Task<Only>` is not a coroutine //~ otherwise await its `.join()`
        Ok(Step::Return(()))
    }
}

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let (future, task) = (event_loop.create_future(), event_loop.create_task(innermost::ready(Only))?);
    event_loop.create_task(Machine { future: future.clone(), task: task.clone() })?;
    event_loop.run_until_complete(future)?; //~ whose result is `Only` can be awaited only by `.join()`
    event_loop.run_until_complete(task)?; //~ whose result is `Only` can be awaited only by `.join()`
    Ok(())
}
