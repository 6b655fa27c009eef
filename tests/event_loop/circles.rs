//! T9: tasks that wait for each other in circles, also through gathers. A cancel ends all tasks that it reaches.
//!
//! CPython overflows its stack in such programs, so there is no recording.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::testing::virtual_loop;
use innermost::wait::{Gather, gather};
use innermost::{Await, Coroutine, Exception, Resumed, Step, Task, yield_from};

/// A task that waits for others. They are known once all tasks have been created.
struct Waits {
    tasks: Rc<RefCell<Vec<Task<()>>>>,
    wanted: Vec<usize>,
    all: Option<Gather<Vec<()>>>,
}

impl Coroutine for Waits {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.all.is_none() {
            let wanted: Vec<_> = self.wanted.iter().map(|number| self.tasks.borrow()[*number].clone()).collect();
            self.all = Some(gather(wanted));
        }
        let all = self.all.as_mut().expect("it was just made");
        yield_from!(all, sent)?;
        Ok(Step::Return(()))
    }
}

const TASKS: usize = 7;

// T9
#[test]
fn a_cancel_ends_all_reachable_tasks_in_any_circle_of_waits() {
    // Any sequence would do.
    let mut state = 1_u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    for _ in 0..500 {
        let graph: Vec<Vec<usize>> = (0..TASKS).map(|_| (0..=random(2)).map(|_| random(TASKS)).collect()).collect();
        cancel_each_in(&graph);
    }
}

/// Each task waits for its successors in the graph, so that no task can end by itself.
fn cancel_each_in(graph: &[Vec<usize>]) {
    for first in 0..TASKS {
        let event_loop = virtual_loop().expect("a descriptor is free");
        // Gathers that no task awaits any more are cancelled as well.
        event_loop.set_exception_handler(|_| {});
        let tasks = Rc::new(RefCell::new(Vec::new()));
        for wanted in graph {
            let waits = Waits { tasks: Rc::clone(&tasks), wanted: wanted.clone(), all: None };
            let task = event_loop.create_task(waits).expect("the loop is open");
            tasks.borrow_mut().push(task);
        }
        let run = || {
            // Far more turns than it takes.
            for _ in 0..100 {
                event_loop.run_once().expect("it can run");
            }
            assert_eq!(event_loop.next_deadline(), None, "something runs for ever: {graph:?}");
        };
        run();
        let tasks = tasks.take();
        assert!(tasks.iter().all(|task| !task.done()), "{graph:?}");
        assert!(tasks[first].cancel());
        run();
        for reached in reached(graph, first) {
            assert!(tasks[reached].cancelled(), "{first} was cancelled, and {reached} goes on: {graph:?}");
        }
    }
}

fn reached(graph: &[Vec<usize>], first: usize) -> Vec<usize> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(task) = found.get(next) {
        for wanted in &graph[*task] {
            if !found.contains(wanted) {
                found.push(*wanted);
            }
        }
        next += 1;
    }
    found
}
