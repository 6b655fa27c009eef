//! The twin of `not_clone.rs`: each is awaited by `.join()`.

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
        yield_from!(self.future.join(), sent)?;
        yield_from!(self.task.join(), sent)?;
        Ok(Step::Return(()))
    }
}

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let (future, task) = (event_loop.create_future(), event_loop.create_task(innermost::ready(Only))?);
    event_loop.create_task(Machine { future: future.clone(), task: task.clone() })?;
    event_loop.run_until_complete(future.join())?;
    event_loop.run_until_complete(task.join())?;
    Ok(())
}
