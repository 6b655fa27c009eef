//! A mailbox gives an item to the future of the first task that waits. If that task is cancelled before it runs again, the
//! item is lost.
//!
//! Mended: a task that is cancelled puts back what it was given.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Interruption, Sim};
use innermost::{CoroutineExt, EventLoop, Exception, Future, Machine, machine, sleep};

#[derive(Default)]
struct Mailbox {
    items: RefCell<VecDeque<u32>>,
    waiting: RefCell<VecDeque<Future<u32>>>,
}

impl Mailbox {
    fn put(&self, item: u32) {
        while let Some(waiting) = self.waiting.borrow_mut().pop_front() {
            if waiting.set_result(item).is_ok() {
                return;
            }
        }
        self.items.borrow_mut().push_back(item);
    }
}

struct Get<const MENDED: bool> {
    mailbox: Rc<Mailbox>,
}

machine!(
    impl<const MENDED: bool> Machine for Get<MENDED> {
        type Return = u32;
        type State = Phase;

        fn Looking(&mut self) -> Next<Waiting, End> {
            if let Some(item) = self.mailbox.items.borrow_mut().pop_front() {
                return end(item);
            }
            let given = EventLoop::running()?.create_future();
            self.mailbox.waiting.borrow_mut().push_back(given.clone());
            to(Waiting(given.clone(), given))
        }

        fn Waiting(&mut self, got: Outcome<Future<u32>>, given: Future<u32>) -> Next<End> {
            if MENDED
                && got.is_err()
                && let Ok(item) = given.result()
            {
                self.mailbox.put(item);
            }
            end(got?)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    sim.faults().every_suspension(Interruption::Cancel).in_tasks(|name| name == "get");
    let (mailbox, got) = (Rc::new(Mailbox::default()), Rc::new(Cell::new(0)));
    let (postman, taken) = (Rc::clone(&mailbox), Rc::clone(&got));
    let get = Get::<MENDED> { mailbox: Rc::clone(&mailbox) }.start(Phase::Looking);
    sim.task().name("get").spawn(get.map(move |item| taken.set(item)))?;
    sim.call_later(Duration::from_secs(1), move || postman.put(7))?;
    sim.finally(move || assert!(got.get() == 7 || mailbox.items.borrow().contains(&7), "the item is lost"));
    sim.run(sleep(Duration::from_secs(2)))
}
