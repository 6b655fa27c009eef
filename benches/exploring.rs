//! The cost of a schedule of a program that is explored.
//!
//! ```sh
//! cargo bench --bench exploring
//! ```
//!
//! | line | one item is |
//! |---|---|
//! | `lock`  | a random schedule of two tasks that take a lock |
//! | `every` | a schedule of three tasks that take five turns, of which all orders are run |
//! | `seen`  | a schedule of the same program, without successors of states that were seen before |

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use innermost::sync::Lock;
use innermost::testing::{Explored, Sim, explore};
use innermost::{Await, Coroutine, Exception, Resumed, Sleep, State, Step, sleep, yield_from};

fn main() {
    divan::main();
}

/// Takes some turns.
struct Turns {
    left: u32,
    turn: Sleep,
}

impl Coroutine for Turns {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            yield_from!(self.turn, sent)?;
            self.left -= 1;
            self.turn = sleep(Duration::ZERO);
        }
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Turns", &self.left)
    }
}

fn turns(left: u32) -> Turns {
    Turns { left, turn: sleep(Duration::ZERO) }
}

fn two_tasks_and_a_lock(sim: &Sim) -> Result<(), Exception> {
    let lock = Lock::new();
    for _ in 0..2 {
        sim.create_task(lock.hold(turns(1)))?;
    }
    Ok(())
}

fn three_tasks(sim: &Sim) -> Result<(), Exception> {
    (0..3).try_for_each(|_| sim.create_task(turns(4)).map(drop))
}

fn measure(bencher: Bencher<'_, '_>, run: impl Fn() -> Explored) {
    bencher.counter(ItemsCount::new(run().schedules)).bench_local(run);
}

#[divan::bench(sample_count = 10)]
fn lock(bencher: Bencher<'_, '_>) {
    measure(bencher, || explore(two_tasks_and_a_lock).random(1).schedules(100_000).run());
}

#[divan::bench(sample_count = 10)]
fn every(bencher: Bencher<'_, '_>) {
    measure(bencher, || explore(three_tasks).run());
}

#[divan::bench(sample_count = 10)]
fn seen(bencher: Bencher<'_, '_>) {
    measure(bencher, || explore(three_tasks).skip_seen_states().run());
}
