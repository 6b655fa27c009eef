//! A deposit reads the balance, waits for the log, and writes what it has read plus the amount. Two of them overlap, and the
//! second one overwrites what the first one wrote.
//!
//! Mended: a deposit holds a lock.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{Exception, Lock, Machine, Sleep, machine, sleep};

struct Deposit {
    balance: Rc<Cell<u32>>,
    amount: u32,
}

machine!(
    impl Machine for Deposit {
        type State = Phase;

        fn Reading(&mut self) -> Next<Logging> {
            to(Logging(sleep(Duration::from_millis(1)), self.balance.get()))
        }

        fn Logging(&mut self, logged: Outcome<Sleep>, balance: u32) -> Next<End> {
            logged?;
            self.balance.set(balance + self.amount);
            end(())
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (balance, lock) = (Rc::new(Cell::new(0)), Lock::new());
    for amount in [10, 20] {
        let deposit = Deposit { balance: Rc::clone(&balance), amount }.start(Phase::Reading);
        if MENDED {
            sim.create_task(lock.hold(deposit))?;
        } else {
            sim.create_task(deposit)?;
        }
    }
    sim.finally(move || assert_eq!(balance.get(), 30, "a deposit was lost"));
    Ok(())
}
