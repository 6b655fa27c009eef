//! A worker skips a job that was withdrawn, and does not report it as done. Whoever joins the queue waits for ever.
//!
//! Mended: it reports each job that it has taken.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::Get;
use innermost::testing::Sim;
use innermost::{Exception, Machine, Queue, Sleep, machine, sleep};

struct Worker<const MENDED: bool> {
    jobs: Queue<&'static str>,
    withdrawn: Rc<Cell<bool>>,
}

machine!(
    impl<const MENDED: bool> Machine for Worker<MENDED> {
        type State = Phase;

        fn Taking(&mut self) -> Next<Waiting> {
            to(Waiting(self.jobs.get()))
        }

        fn Waiting(&mut self, job: Outcome<Get<&'static str>>) -> Next<Taking, Working> {
            job?;
            if self.withdrawn.get() {
                if MENDED {
                    self.jobs.task_done()?;
                }
                return to(Taking);
            }
            to(Working(sleep(Duration::from_millis(1))))
        }

        fn Working(&mut self, worked: Outcome<Sleep>) -> Next<Taking> {
            worked?;
            self.jobs.task_done()?;
            to(Taking)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (jobs, withdrawn) = (Queue::new(), Rc::new(Cell::new(false)));
    jobs.put_nowait("job")?;
    let worker = Worker::<MENDED> { jobs: jobs.clone(), withdrawn: Rc::clone(&withdrawn) };
    let worker = sim.create_task(worker.start(Phase::Taking))?;
    sim.call_soon(move || withdrawn.set(true))?;
    sim.run(jobs.join())?;
    worker.cancel();
    Ok(())
}
