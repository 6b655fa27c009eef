//! A task takes a permit and gives it back at its end. If it is cancelled in between, nobody gives the permit back.
//!
//! Mended: it keeps the permit, which gives itself back when it is dropped.

use std::time::Duration;

use innermost::sync::{AcquirePermit, Permit};
use innermost::testing::{Interruption, Sim};
use innermost::{Exception, Machine, Semaphore, Sleep, machine, sleep};

struct Upload<const MENDED: bool> {
    slots: Semaphore,
}

machine!(
    impl<const MENDED: bool> Machine for Upload<MENDED> {
        type State = Phase;

        fn Starting(&mut self) -> Next<Acquiring> {
            to(Acquiring(self.slots.acquire()))
        }

        fn Acquiring(&mut self, acquired: Outcome<AcquirePermit>) -> Next<Sending> {
            let mut permit = Some(acquired?);
            if !MENDED {
                permit.take().into_iter().for_each(Permit::forget);
            }
            to(Sending(sleep(Duration::from_secs(1)), permit))
        }

        fn Sending(&mut self, sent: Outcome<Sleep>, permit: Option<Permit>) -> Next<End> {
            sent?;
            if permit.is_none() {
                self.slots.release();
            }
            end(())
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    sim.faults().every_suspension(Interruption::Cancel);
    let slots = Semaphore::new(1);
    sim.create_task(Upload::<MENDED> { slots: slots.clone() }.start(Phase::Starting))?;
    sim.finally(move || assert_eq!(slots.value(), 1, "the slot was not given back"));
    Ok(())
}
