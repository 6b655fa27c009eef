//! A ticket office checks that a seat is free, waits for the payment, and takes the seat. Meanwhile, another customer is told
//! that the seat is free.
//!
//! Mended: the seat is taken before the payment, and given back if the payment fails.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{Exception, Machine, Sleep, machine, sleep};

struct Sale<const MENDED: bool> {
    free: Rc<Cell<i32>>,
}

machine!(
    impl<const MENDED: bool> Machine for Sale<MENDED> {
        type State = Phase;

        fn Asking(&mut self) -> Next<Paying, End> {
            if self.free.get() == 0 {
                return end(());
            }
            if MENDED {
                self.take();
            }
            to(Paying(sleep(Duration::from_secs(2))))
        }

        fn Paying(&mut self, paid: Outcome<Sleep>) -> Next<End> {
            match (paid, MENDED) {
                (Ok(()), true) => {}
                (Ok(()), false) => self.take(),
                (Err(raised), true) => {
                    self.free.set(self.free.get() + 1);
                    return Err(raised);
                }
                (Err(raised), false) => return Err(raised),
            }
            end(())
        }

        fn take(&self) {
            self.free.set(self.free.get() - 1);
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let free = Rc::new(Cell::new(1));
    for _ in 0..2 {
        sim.create_task(Sale::<MENDED> { free: Rc::clone(&free) }.start(Phase::Asking))?;
    }
    sim.always(move || assert!(free.get() >= 0, "a seat was sold twice"));
    Ok(())
}
