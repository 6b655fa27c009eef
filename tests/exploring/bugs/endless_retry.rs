//! Two philosophers take one fork, find the other one taken, put theirs down politely, and try again, in step, for ever.
//!
//! Mended: both reach for the same fork first.

use std::time::Duration;

use innermost::sync::LockGuard;
use innermost::testing::Sim;
use innermost::{Exception, Lock, Machine, Sleep, machine, sleep};

struct Philosopher {
    first: Lock,
    second: Lock,
}

machine!(
    impl Machine for Philosopher {
        type State = Phase;

        fn Thinking(&mut self, paused: Outcome<Sleep>) -> Next<Thinking, Reaching> {
            paused?;
            match self.first.try_acquire() {
                Some(fork) => to(Reaching(sleep(Duration::ZERO), fork)),
                None => to(Thinking(sleep(Duration::ZERO))),
            }
        }

        fn Reaching(&mut self, paused: Outcome<Sleep>, fork: LockGuard) -> Next<PuttingDown, End> {
            paused?;
            match self.second.try_acquire() {
                Some(_both) => end(()),
                None => to(PuttingDown(sleep(Duration::ZERO), fork)),
            }
        }

        fn PuttingDown(&mut self, paused: Outcome<Sleep>, fork: LockGuard) -> Next<Thinking> {
            paused?;
            drop(fork);
            to(Thinking(sleep(Duration::ZERO)))
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let forks = [Lock::new(), Lock::new()];
    for (first, second) in if MENDED { [(0, 1), (0, 1)] } else { [(0, 1), (1, 0)] } {
        let philosopher = Philosopher { first: forks[first].clone(), second: forks[second].clone() };
        sim.create_task(philosopher.start(Phase::Thinking(sleep(Duration::ZERO))))?;
    }
    Ok(())
}
