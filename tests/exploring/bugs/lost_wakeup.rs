//! A consumer that finds no job reports that it is idle, clears its event, and waits for it. A job that comes while it
//! reports sets the event too early: the consumer clears it and sleeps for ever.
//!
//! Mended: it clears the event before it looks.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::EventWait;
use innermost::testing::Sim;
use innermost::{Event, Exception, Machine, Sleep, machine, sleep};

struct Consumer<const MENDED: bool> {
    jobs: Rc<RefCell<VecDeque<&'static str>>>,
    came: Event,
}

machine!(
    impl<const MENDED: bool> Machine for Consumer<MENDED> {
        type Return = &'static str;
        type State = Phase;

        fn Looking(&mut self) -> Next<Reporting, End> {
            if MENDED {
                self.came.clear();
            }
            match self.jobs.borrow_mut().pop_front() {
                Some(job) => end(job),
                None => to(Reporting(sleep(Duration::ZERO))),
            }
        }

        fn Reporting(&mut self, reported: Outcome<Sleep>) -> Next<Waiting> {
            reported?;
            if !MENDED {
                self.came.clear();
            }
            to(Waiting(self.came.wait()))
        }

        fn Waiting(&mut self, woken: Outcome<EventWait>) -> Next<Looking> {
            woken?;
            to(Looking)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let consumer = Consumer::<MENDED> { jobs: Rc::default(), came: Event::new() };
    let (jobs, came) = (Rc::clone(&consumer.jobs), consumer.came.clone());
    sim.call_soon(move || {
        jobs.borrow_mut().push_back("job");
        came.set();
    })?;
    assert_eq!(sim.run(consumer.start(Phase::Looking))?, "job");
    Ok(())
}
