//! What several programs share: every interruption, and records of who came and went.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Interruptions, Sim, explore};
use innermost::{Awaitable, CoroutineExt, Exception, Sleep, lazy, sleep};

/// Runs every schedule. Returns their number.
pub(crate) fn every(program: impl FnMut(&Sim) -> Result<(), Exception>) -> u64 {
    let explored = explore(program).run();
    assert!(explored.is_complete(), "only {} schedules were run", explored.schedules);
    explored.schedules
}

/// Runs every schedule with up to `preemptions` departures from the natural order. Returns their number.
pub(crate) fn every_within(preemptions: u32, program: impl FnMut(&Sim) -> Result<(), Exception>) -> u64 {
    let explored = explore(program).preemptions(preemptions).run();
    assert!(explored.is_complete(), "only {} schedules were run", explored.schedules);
    explored.schedules
}

/// Tries every interruption at every suspension of the tasks whose name begins with `name`, one in each schedule.
pub(crate) fn interrupt(sim: &Sim, name: &'static str) {
    sim.faults().every_suspension(Interruptions::ALL).in_tasks(move |task| task.starts_with(name));
}

/// Starts a task. It counts how many ended as they should: with a value.
pub(crate) fn start<C: Awaitable + 'static>(
    sim: &Sim,
    name: &str,
    ended: &Count,
    coroutine: C,
) -> Result<(), Exception> {
    let ended = ended.clone();
    sim.task().name(name).spawn(coroutine.map(move |_| ended.add(1)))?;
    Ok(())
}

/// Lets everything run that is ready.
pub(crate) fn turn() -> Sleep {
    sleep(Duration::ZERO)
}

/// Waits until everything else waits for something that does not come by itself.
pub(crate) fn rest() -> Sleep {
    sleep(Duration::from_millis(1))
}

/// A number that tasks count up and down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Rc<Cell<usize>>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }

    pub(crate) fn add(&self, number: usize) {
        self.0.set(self.0.get() + number);
    }

    pub(crate) fn take(&self, number: usize) {
        self.0.set(self.0.get().checked_sub(number).expect("what is taken was there"));
    }

    /// Counts one more until the mark is dropped.
    pub(crate) fn mark(&self) -> Mark {
        self.add(1);
        Mark(self.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Mark(Count);

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.take(1);
    }
}

/// What happened, in order.
#[derive(Debug)]
pub(crate) struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Log<T> {
    pub(crate) fn push(&self, event: T) {
        self.0.borrow_mut().push(event);
    }
}

impl<T: Clone> Log<T> {
    pub(crate) fn events(&self) -> Vec<T> {
        self.0.borrow().clone()
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// Tasks that ask for seats in some order, and get them in that order. Those who get one in the same turn may sit down in
/// any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    asked: Log<usize>,
    served: Log<usize>,
    seated: Count,
    ended: Count,
}

impl Line {
    /// Checks that they are served in order, that `tasks` are served at least, and that nobody sits there in the end.
    pub(crate) fn new(sim: &Sim, seats: usize, tasks: usize) -> Self {
        let line = Self::default();
        let seated = line.seated.clone();
        sim.always(move || assert!(seated.get() <= seats, "{} sit on {seats} seats", seated.get()));
        let Self { asked, served, seated, ended } = line.clone();
        sim.finally(move || {
            let (asked, served) = (asked.events(), served.events());
            let place = |who: usize| asked.iter().position(|asked| *asked == who);
            for (turn, who) in served.iter().enumerate() {
                let overtaken = served[turn..].iter().filter(|later| place(**later) < place(*who)).count();
                assert!(overtaken < seats, "{asked:?} asked, {served:?} were served");
            }
            assert_eq!(seated.get(), 0);
            assert!(ended.get() >= tasks, "{} have ended, {tasks} should have", ended.get());
        });
        line
    }

    /// Starts a task that asks for a seat, sits for a turn, and leaves. The first one then does so once more, and finds
    /// others waiting.
    pub(crate) fn start<A, M>(&self, sim: &Sim, number: usize, acquire: M) -> Result<(), Exception>
    where
        A: Awaitable + 'static,
        M: Fn() -> A + Clone + 'static,
    {
        let (line, again) = (self.clone(), acquire.clone());
        let name = format!("visitor {number}");
        let visit = self.visit(number, acquire);
        if number == 0 {
            start(sim, &name, &self.ended, visit.then(move |()| line.visit(100, again)))
        } else {
            start(sim, &name, &self.ended, visit)
        }
    }

    fn visit<A, M>(&self, number: usize, acquire: M) -> impl Awaitable<Return = ()> + use<A, M>
    where
        A: Awaitable + 'static,
        M: Fn() -> A + 'static,
    {
        let (asking, serving) = (self.clone(), self.clone());
        let asked = lazy(move || {
            asking.asked.push(number);
            acquire()
        });
        asked.then(move |guard| {
            serving.served.push(number);
            let seat = serving.seated.mark();
            turn().map(move |()| drop((seat, guard)))
        })
    }
}
