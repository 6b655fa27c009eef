//! A price that cannot be fetched is taken to be 0. The code that says so catches every exception, so a task that is
//! cancelled returns a wrong price instead of ending.
//!
//! Mended: it lets a `CancelledError` pass.

use std::time::Duration;

use innermost::testing::{Interruption, Sim};
use innermost::{Exception, Machine, Sleep, machine, sleep};

struct Fetch<const MENDED: bool>;

machine!(
    impl<const MENDED: bool> Machine for Fetch<MENDED> {
        type Return = u32;
        type State = Phase;

        fn Asking(&mut self) -> Next<Waiting> {
            to(Waiting(sleep(Duration::from_millis(20))))
        }

        fn Waiting(&mut self, answered: Outcome<Sleep>) -> Next<End> {
            match answered {
                Ok(()) => end(42),
                Err(raised) if MENDED && raised.is_cancelled() => Err(raised),
                Err(_) => end(0),
            }
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    sim.faults().every_suspension(Interruption::Cancel).in_tasks(|name| name == "fetch");
    let fetch = sim.task().name("fetch").spawn(Fetch::<MENDED>.start(Phase::Asking))?;
    assert_eq!(sim.run(fetch)?, 42, "this is not the price");
    Ok(())
}
