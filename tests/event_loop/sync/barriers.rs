//! Barriers.

use std::cell::Cell;
use std::rc::Rc;

use innermost::sync::{Barrier, BrokenBarrier};
use innermost::{Coroutine, Kind};

use crate::support::turns::{Droppable, World};

/// L13
#[test]
fn a_barrier_returns_the_order_of_arrival_and_can_be_reused() {
    let world = World::new();
    let barrier = Barrier::new(3).expect("it is for somebody");
    for _ in 0..2 {
        for name in ["a", "b", "c"] {
            world.spawn_showing(name, barrier.wait());
        }
        // The last one passes without waiting.
        assert_eq!(world.settled(), ["c got 2", "c", "a got 0", "a", "b got 1", "b"]);
        assert_eq!(barrier.n_waiting(), 0);
    }
}

#[test]
fn a_barrier_for_one_never_blocks() {
    let world = World::new();
    let barrier = Barrier::new(1).expect("it is for somebody");
    world.spawn_showing("a", barrier.wait());
    world.spawn_showing("b", barrier.wait());
    assert_eq!(world.settled(), ["a got 0", "a", "b got 0", "b"]);
}

/// L14
#[test]
fn a_task_that_arrives_while_a_barrier_drains_waits_until_it_is_empty() {
    let world = World::new();
    let barrier = Barrier::new(2).expect("it is for somebody");
    for name in ["a", "b", "c", "d"] {
        world.spawn_showing(name, barrier.wait());
    }
    assert_eq!(world.settled(), ["b got 1", "b", "a got 0", "a", "d got 1", "d", "c got 0", "c"]);
}

/// L15
#[test]
fn cancelling_or_dropping_a_waiter_lowers_the_count() {
    let world = World::new();
    let barrier = Barrier::new(2).expect("it is for somebody");
    let cancelled = world.spawn("cancelled", barrier.wait());
    world.settle();
    assert_eq!(barrier.n_waiting(), 1);
    cancelled.cancel();
    assert_eq!(world.settled(), ["cancelled raised cancelled"]);
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));

    let dropped = Rc::new(Cell::new(false));
    let task = world.spawn("dropped", Droppable { child: Some(barrier.wait()), dropped: Rc::clone(&dropped) });
    world.settle();
    dropped.set(true);
    task.cancel();
    assert_eq!(world.settled(), ["dropped"]);
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));

    world.spawn_showing("a", barrier.wait());
    world.spawn_showing("b", barrier.wait());
    assert_eq!(world.settled(), ["b got 1", "b", "a got 0", "a"]);
}

/// L16
#[test]
fn a_reset_fails_the_waiters_and_restores_the_barrier() {
    let world = World::new();
    let barrier = Barrier::new(2).expect("it is for somebody");
    let waiting = world.spawn("waiting", barrier.wait());
    world.settle();
    world.spawn("reset", barrier.reset());
    assert_eq!(world.settled(), ["reset", "waiting raised the barrier was aborted or reset"]);
    let raised = waiting.result().expect_err("it was broken");
    assert!(raised.kind() == Kind::RuntimeError && raised.downcast_ref::<BrokenBarrier>().is_some());
    world.spawn_showing("a", barrier.wait());
    world.spawn_showing("b", barrier.wait());
    assert_eq!(world.settled(), ["b got 1", "b", "a got 0", "a"]);
}

/// L16
#[test]
fn an_aborted_barrier_is_broken_until_it_is_reset() {
    let world = World::new();
    let barrier = Barrier::new(2).expect("it is for somebody");
    world.spawn("waiting", barrier.wait());
    world.settle();
    world.spawn("abort", barrier.abort());
    world.spawn("late", barrier.wait());
    let broken = "raised the barrier was aborted or reset";
    assert_eq!(world.settled(), ["abort".to_owned(), format!("late {broken}"), format!("waiting {broken}")]);
    assert!(barrier.broken());
    world.spawn("reset", barrier.reset());
    world.spawn_showing("a", barrier.wait());
    world.spawn_showing("b", barrier.wait());
    assert_eq!(world.settled(), ["reset", "b got 1", "b", "a got 0", "a"]);
}

#[test]
fn a_barrier_for_zero_tasks_is_refused() {
    let refused = Barrier::new(0).expect_err("nobody could ever pass");
    assert_eq!((refused.kind(), &*refused.to_string()), (Kind::ValueError, "a barrier needs at least one party"));
}

#[test]
fn debug_of_a_barrier_shows_its_stage_and_the_number_of_waiters() {
    let barrier = Barrier::new(2).expect("for two");
    let mut first = barrier.wait();
    assert!(first.resume(Ok(())).is_ok());
    assert_eq!(format!("{barrier:?}"), "Barrier(Filling, 1/2 waiting)");
}
