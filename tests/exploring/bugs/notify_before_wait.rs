//! A task waits to be notified without looking whether that has happened already. A notification is not kept for those who
//! come later.
//!
//! Mended: it looks first, with the lock held. `Condition::wait_for` does that.

use std::cell::Cell;
use std::rc::Rc;

use innermost::sync::{Acquire, Condition, ConditionWait};
use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Machine, machine};

struct Visitor<const MENDED: bool> {
    door: Condition,
    is_open: Rc<Cell<bool>>,
}

machine!(
    impl<const MENDED: bool> Machine for Visitor<MENDED> {
        type State = Phase;

        fn Coming(&mut self) -> Next<Locking> {
            to(Locking(self.door.acquire()))
        }

        fn Locking(&mut self, locked: Outcome<Acquire>) -> Next<Waiting, End> {
            let guard = locked?;
            if MENDED && self.is_open.get() { end(()) } else { to(Waiting(self.door.wait(guard))) }
        }

        fn Waiting(&mut self, notified: Outcome<ConditionWait>) -> Next<End> {
            drop(notified?);
            end(())
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (door, is_open) = (Condition::new(), Rc::new(Cell::new(false)));
    let visitor = Visitor::<MENDED> { door: door.clone(), is_open: Rc::clone(&is_open) };
    sim.create_task(visitor.start(Phase::Coming))?;
    let open = door.acquire().try_map(move |_guard| {
        is_open.set(true);
        door.notify_all()
    });
    sim.run(open)
}
