//! A writer sends, waits, and looks whether the link is still open. It is open again, but it is another link, and what was
//! sent is lost.
//!
//! Mended: it compares the number of the link.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{Exception, Machine, Sleep, machine, sleep};

struct Link {
    is_open: Cell<bool>,
    number: Cell<u32>,
}

struct Write<const MENDED: bool> {
    link: Rc<Link>,
}

machine!(
    impl<const MENDED: bool> Machine for Write<MENDED> {
        type State = Phase;

        fn Sending(&mut self) -> Next<Flushing, End> {
            match self.link.is_open.get() {
                true => to(Flushing(sleep(Duration::ZERO), self.link.number.get())),
                false => end(()),
            }
        }

        fn Flushing(&mut self, flushed: Outcome<Sleep>, number: u32) -> Next<Sending, End> {
            flushed?;
            if !self.link.is_open.get() {
                return end(());
            }
            if MENDED && self.link.number.get() != number {
                return to(Sending);
            }
            assert_eq!(self.link.number.get(), number, "it was not sent on this link");
            end(())
        }
    }
);

/// Closes the link, and opens it again.
struct Reopen {
    link: Rc<Link>,
}

machine!(
    impl Machine for Reopen {
        type State = Reopening;

        fn Closing(&mut self) -> Next<Opening> {
            self.link.is_open.set(false);
            to(Opening(sleep(Duration::ZERO)))
        }

        fn Opening(&mut self, paused: Outcome<Sleep>) -> Next<End> {
            paused?;
            self.link.is_open.set(true);
            self.link.number.set(self.link.number.get() + 1);
            end(())
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let link = Rc::new(Link { is_open: Cell::new(true), number: Cell::new(1) });
    sim.create_task(Write::<MENDED> { link: Rc::clone(&link) }.start(Phase::Sending))?;
    sim.create_task(Reopen { link }.start(Reopening::Closing))?;
    Ok(())
}
