//! Two tasks that pass an item to each other and back: a line of `tasks`, and the bound of a race in `races`.

use innermost::queue::{Get, Queue};
use innermost::{Await, Coroutine, Exception, LoopHandle, Resumed, Step, yield_from};

/// Starts one of the two tasks, and returns the other.
pub(crate) fn pair(event_loop: &LoopHandle, items: u64) -> Echo {
    let (there, back) = (Queue::new(), Queue::new());
    there.put_nowait(0).expect("it has no bounds");
    let echo = Echo { get: there.get(), from: there.clone(), to: back.clone(), left: items };
    event_loop.create_task(echo).expect("the loop is open");
    Echo { get: back.get(), from: back, to: there, left: items }
}

/// Moves items from one queue to another.
pub(crate) struct Echo {
    from: Queue<u64>,
    to: Queue<u64>,
    left: u64,
    get: Get<u64>,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let item = yield_from!(self.get, sent)?;
            self.to.put_nowait(item)?;
            self.left -= 1;
            self.get = self.from.get();
        }
        Ok(Step::Return(()))
    }
}
