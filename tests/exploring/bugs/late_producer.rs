//! A server waits until all jobs are done, and stops its worker. A job that comes at that moment is accepted, and nobody
//! does it.
//!
//! Mended: the queue is shut down as well, and refuses it.

use std::cell::Cell;
use std::rc::Rc;

use innermost::queue::{Get, Shutdown};
use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Machine, Queue, machine};

struct Worker {
    jobs: Queue<&'static str>,
    done: Rc<Cell<u32>>,
}

machine!(
    impl Machine for Worker {
        type State = Phase;

        fn Taking(&mut self) -> Next<Working> {
            to(Working(self.jobs.get()))
        }

        fn Working(&mut self, job: Outcome<Get<&'static str>>) -> Next<Taking> {
            job?;
            self.done.set(self.done.get() + 1);
            self.jobs.task_done()?;
            to(Taking)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (jobs, done, accepted) = (Queue::new(), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let worker = Worker { jobs: jobs.clone(), done: Rc::clone(&done) };
    let worker = sim.create_task(worker.start(Phase::Taking))?;
    let (late, counted) = (jobs.clone(), Rc::clone(&accepted));
    sim.call_soon(move || {
        if late.put_nowait("job").is_ok() {
            counted.set(1);
        }
    })?;
    let stopping = jobs.join().map(move |()| {
        if MENDED {
            jobs.shutdown(Shutdown::Drain);
        }
        worker.cancel();
    });
    sim.run(stopping)?;
    sim.finally(move || assert_eq!(done.get(), accepted.get(), "a job was accepted and not done"));
    Ok(())
}
