//! A transfer locks the account of the giver, writes to the log, and locks the account of the taker. Two transfers in
//! opposite directions each hold what the other one waits for.
//!
//! Mended: each transfer locks the account with the smaller number first.

use std::time::Duration;

use innermost::sync::{Acquire, LockGuard};
use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Lock, Machine, Sleep, machine, sleep};

struct Transfer {
    first: Lock,
    second: Lock,
}

machine!(
    impl Machine for Transfer {
        type State = Phase;

        fn Starting(&mut self) -> Next<LockingFirst> {
            to(LockingFirst(self.first.acquire()))
        }

        fn LockingFirst(&mut self, locked: Outcome<Acquire>) -> Next<Logging> {
            to(Logging(sleep(Duration::ZERO), locked?))
        }

        fn Logging(&mut self, logged: Outcome<Sleep>, first: LockGuard) -> Next<LockingSecond> {
            logged?;
            to(LockingSecond(self.second.acquire(), first))
        }

        fn LockingSecond(&mut self, locked: Outcome<Acquire>, first: LockGuard) -> Next<End> {
            let both = (first, locked?);
            drop(both);
            end(())
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let accounts = [Lock::new(), Lock::new()];
    let transfer = |from: usize, to| {
        let (first, second) = if MENDED { (from.min(to), from.max(to)) } else { (from, to) };
        Transfer { first: accounts[first].clone(), second: accounts[second].clone() }.start(Phase::Starting)
    };
    let (there, back) = (transfer(0, 1), transfer(1, 0));
    sim.create_task(there)?;
    sim.create_task(sleep(Duration::ZERO).then(|()| back))?;
    Ok(())
}
