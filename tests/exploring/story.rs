//! What is said of a schedule that fails.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::Lock;
use innermost::testing::Interruption::{Cancel, Close, Throw};
use innermost::testing::{Failure, Sim, explore};
use innermost::{
    Await, Call, Coroutine, CoroutineExt, Exception, Resumed, Sleep, State, Step, ready, sleep, yield_from,
};

/// Reads, waits, and writes.
#[derive(Debug)]
enum Client {
    Reading { pause: Sleep },
    Writing { pause: Sleep, sent: u32 },
}

impl Client {
    fn new() -> Self {
        Self::Reading { pause: sleep(Duration::ZERO) }
    }
}

impl Coroutine for Client {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match self {
                Self::Reading { pause } => {
                    yield_from!(pause, sent)?;
                    *self = Self::Writing { pause: sleep(Duration::from_secs(1)), sent: 0 };
                }
                Self::Writing { pause, sent: bytes } => {
                    *bytes += 1;
                    yield_from!(pause, sent)?;
                    return Ok(Step::Return(()));
                }
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Client", self)
    }
}

fn failure(program: impl FnMut(&Sim) -> Result<(), Exception>) -> Failure {
    *explore(program).try_run().unwrap_err()
}

#[test]
fn a_story_names_who_ran_from_which_state_to_which_and_what_it_waits_for() {
    let failure = failure(|sim| {
        let lock = Lock::new();
        let other = Lock::new();
        for name in ["first", "second"] {
            sim.task().name(name).spawn(lock.hold(other.hold(Client::new())))?;
        }
        sim.finally(|| panic!("wrong"));
        Ok(())
    });
    let expected = "\
turn 1, at 0ns:
      1 first: start -> Holding > Holding > Reading, waits for the next turn
      2 second: start -> Acquiring > Waiting, waits for Lock#1
turn 2, at 0ns:
      3 first: Holding > Holding > Reading -> Holding > Holding > Writing, waits for Future#1
turn 3, at 1s:
      4 a timer
turn 4, at 1s:
      5 first: Holding > Holding > Writing -> end (woken by a timer)
turn 5, at 1s:
      6 second: Acquiring > Waiting -> Holding > Holding > Reading, waits for the next turn (woken by first)
turn 6, at 1s:
      7 second: Holding > Holding > Reading -> Holding > Holding > Writing, waits for Future#2
turn 7, at 2s:
      8 a timer
turn 8, at 2s:
      9 second: Holding > Holding > Writing -> end (woken by a timer)
";
    assert_eq!(failure.story(), expected);
}

#[test]
fn a_departure_is_marked_with_what_would_have_run() {
    let failure = failure(|sim| {
        let last = Rc::new(Cell::new(0));
        for number in [1, 2] {
            let last = Rc::clone(&last);
            sim.create_task(ready(()).map(move |()| last.set(number)))?;
        }
        sim.finally(move || assert_eq!(last.get(), 2));
        Ok(())
    });
    let expected = "\
turn 1, at 0ns:
  *   1 Task-2 instead of Task-1: start -> end
      2 Task-1: start -> end
";
    assert_eq!(failure.story(), expected);
}

#[test]
fn a_fault_and_what_it_throws_in_are_told() {
    let failures = [Cancel, Throw, Close].map(|fault| {
        failure(move |sim| {
            sim.faults().every_suspension(fault);
            let (ended, steps) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
            let done = Rc::clone(&ended);
            sim.create_task(Client::new().map(move |()| done.set(true)))?;
            let seen = Rc::clone(&steps);
            sim.always(move || seen.set(seen.get() + 1));
            sim.finally(move || assert!(ended.get() || steps.get() < 2));
            Ok(())
        })
    });
    let expected = [
        "\
turn 1, at 0ns:
      1 Task-1: start -> Reading, waits for the next turn
turn 2, at 0ns:
  !     Task-1 is cancelled before its step, in Reading
      2 Task-1: Reading -> end (cancelled) (CancelledError was thrown in)
",
        "\
turn 1, at 0ns:
      1 Task-1: start -> Reading, waits for the next turn
turn 2, at 0ns:
  !     Task-1 gets an exception thrown in before its step, in Reading
      2 Task-1: Reading -> end (raised Error) (Error was thrown in); interrupted by a test
",
        "\
turn 1, at 0ns:
      1 Task-1: start -> Reading, waits for the next turn
turn 2, at 0ns:
  !     Task-1 is closed before its step, in Reading
      2 Task-1: has ended before
",
    ];
    assert_eq!(failures.map(|failure| failure.story().to_owned()), expected);
}

fn tick() {}

#[test]
fn callbacks_are_named_by_what_they_are() {
    let failure = failure(|sim| {
        sim.call_soon(tick)?;
        sim.call_soon(|| ())?;
        sim.call_later(Duration::from_secs(2), tick)?;
        let task = sim.create_task(sleep(Duration::from_secs(1)))?;
        task.add_done_callback(|_| ());
        sim.run(task)?;
        sim.finally(|| panic!("wrong"));
        sim.run(sleep(Duration::from_secs(1)))
    });
    let expected = "\
turn 1, at 0ns:
      1 tick
      2 a callback of callbacks_are_named_by_what_they_are
      3 Task-1: start -> sleep, waits for its timer
turn 2, at 1s:
      4 a timer
turn 3, at 1s:
      5 Task-1: sleep -> end (woken by a timer)
turn 4, at 1s:
      6 a done callback (queued by Task-1)
      7 the end of run_until_complete (queued by Task-1)
turn 5, at 1s:
      8 Task-2: start -> sleep, waits for its timer
turn 6, at 2s:
      9 tick
     10 a timer
turn 7, at 2s:
     11 Task-2: sleep -> end (woken by a timer)
turn 8, at 2s:
     12 the end of run_until_complete (queued by Task-2)
";
    assert_eq!(failure.story(), expected);
}

#[test]
fn the_path_of_a_task_is_one_line_and_a_graph() {
    let failure = failure(|sim| {
        sim.task().name("client").spawn(Client::new())?;
        sim.task().name("caller").spawn(Call::new(Client::new()))?;
        sim.finally(|| panic!("wrong"));
        Ok(())
    });
    assert_eq!(failure.path("client").unwrap(), "Reading -> Writing -> end");
    assert_eq!(failure.path("caller").unwrap(), "Reading -> Writing -> end");
    assert_eq!(failure.path("nobody"), None);
    assert!(failure.graph("nobody").is_none());
    let graphs = ["client", "caller"].map(|task| failure.graph(task).unwrap());
    for graph in graphs {
        assert_eq!(graph.name(), "Client");
        let transitions: Vec<_> = graph.transitions().iter().map(ToString::to_string).collect();
        assert_eq!(transitions, ["start --> Reading", "Reading --> Reading", "Reading --> Writing", "Writing --> end"]);
    }
}

#[test]
fn the_frames_of_calls_are_shown_like_children() {
    let failure = failure(|sim| {
        let lock = Lock::new();
        sim.create_task(lock.hold(Call::new(Call::new(Client::new()))))?;
        sim.finally(|| panic!("wrong"));
        Ok(())
    });
    let path = "Acquiring -> Holding > Reading -> Holding > Writing -> end";
    assert_eq!(failure.path("Task-1").unwrap(), path);
}

#[test]
fn objects_of_one_kind_are_told_apart() {
    let failure = failure(|sim| {
        let locks = [Lock::new(), Lock::new()];
        let guards = locks.each_ref().map(Lock::try_acquire);
        for lock in [&locks[1], &locks[0], &locks[1]] {
            sim.create_task(lock.hold(ready(())))?;
        }
        sim.call_soon(move || drop(guards))?;
        sim.finally(|| panic!("wrong"));
        Ok(())
    });
    let waits = failure.story().lines().filter_map(|line| line.split_once(", waits for ")).map(|(_, lock)| lock);
    assert_eq!(waits.collect::<Vec<_>>(), ["Lock#1", "Lock#2", "Lock#1"]);
    assert!(failure.story().contains("Task-3: Acquiring > Waiting -> end (woken by Task-1)"), "{}", failure.story());
}

#[test]
fn of_a_long_story_the_beginning_and_the_end_are_shown() {
    let failure = failure(|sim| {
        for _ in 0..100 {
            sim.run(sleep(Duration::ZERO))?;
        }
        panic!("wrong");
    });
    let shown = failure.to_string();
    let steps = shown.lines().filter(|line| line.contains("Task") && line.starts_with("    ")).count();
    assert!(steps < 50, "{shown}");
    assert!(shown.contains("\n... 260 steps are left out; `Failure::story` has the whole story ...\n"), "{shown}");
    assert!(shown.contains("    300 the end of run_until_complete"), "{shown}");
    assert_eq!(failure.story().lines().filter(|line| !line.starts_with("turn")).count(), 300);
}
