//! Two timers have one deadline, and the second one relies on the first. As soon as one of them is a little late, the order
//! is another.
//!
//! Mended: one timer does both.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{Exception, sleep};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let gate = Rc::new(Cell::new(false));
    let opened = Rc::clone(&gate);
    let open = move || opened.set(true);
    let pass = move || assert!(gate.get(), "the gate is shut");
    let second = Duration::from_secs(1);
    if MENDED {
        sim.call_later(second, move || {
            open();
            pass();
        })?;
    } else {
        sim.call_later(second, open)?;
        sim.call_later(second, pass)?;
    }
    sim.run(sleep(2 * second))
}
