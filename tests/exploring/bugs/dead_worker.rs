//! A worker dies of an error of its connection. Its queue is served by nobody, and whoever joins the queue waits for ever.
//!
//! Mended: whoever joins the queue waits for the end of the worker as well.

use std::time::Duration;

use innermost::queue::Get;
use innermost::testing::{Interruption, Sim};
use innermost::wait::race;
use innermost::{CoroutineExt, Exception, Machine, Queue, Sleep, machine, sleep};

struct Worker {
    jobs: Queue<&'static str>,
}

machine!(
    impl Machine for Worker {
        type State = Phase;

        fn Taking(&mut self) -> Next<Waiting> {
            to(Waiting(self.jobs.get()))
        }

        fn Waiting(&mut self, job: Outcome<Get<&'static str>>) -> Next<Sending> {
            job?;
            to(Sending(sleep(Duration::from_millis(1))))
        }

        fn Sending(&mut self, sent: Outcome<Sleep>) -> Next<Taking> {
            sent?;
            self.jobs.task_done()?;
            to(Taking)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    sim.faults().every_suspension(Interruption::Throw).in_tasks(|name| name == "worker");
    let jobs = Queue::new();
    jobs.put_nowait("job")?;
    let worker = Worker { jobs: jobs.clone() }.start(Phase::Taking);
    let worker = sim.task().name("worker").spawn(worker)?;
    if MENDED {
        sim.run(race((jobs.join(), worker.join())).map(drop))?;
    } else {
        sim.run(jobs.join())?;
    }
    worker.cancel();
    Ok(())
}
