//! `Pilot`: what the loop of a run asks for each choice. It makes the choices, interrupts tasks, checks invariants, and
//! writes the story.

use core::cell::{Cell, RefCell};
use core::hash::{Hash as _, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::VirtualClock;
use super::super::case::{Interruption, Interruptions};
use super::super::decisions::Direction;
use super::counted;
use super::faults::Faults;
use super::plan::{Plan, Source, Subject};
use super::seen::{Seen, Surroundings};
use super::story::{Story, address};
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{LoopHandle, find_running};
use crate::task::{AnyTask, ErrorContext, Run, Steering, WeakTask, panicked};

/// Hashes something of the program's state.
type StatePart = Box<dyn Fn(&mut dyn Hasher)>;

/// An invariant of the program.
pub(super) type Check = Box<dyn FnMut() -> Result<(), Exception>>;

pub(super) struct Pilot {
    pub(super) plan: RefCell<Plan>,
    pub(super) faults: Faults,
    pub(super) clock: VirtualClock,
    event_loop: RefCell<Option<LoopHandle>>,
    steps: Cell<u64>,
    most_steps: Cell<u64>,
    always: RefCell<Vec<Check>>,
    pub(super) finally: RefCell<Vec<Check>>,
    /// The first thing that went wrong.
    failure: RefCell<Option<Exception>>,
    /// What went to the exception handler.
    pub(super) reports: RefCell<Vec<Exception>>,
    pub(super) story: RefCell<Option<Story>>,
    /// The states that were seen, if they are to be skipped.
    pub(super) seen: RefCell<Option<Seen>>,
    /// What the program adds to its state.
    states: RefCell<Vec<StatePart>>,
    /// The number of random numbers that were drawn.
    pub(super) draws: Cell<u64>,
    /// Whether there is a network, into whose state nobody can look.
    pub(super) has_network: Cell<bool>,
    /// How often the loop had run before this schedule.
    former_runs: Cell<u64>,
    /// The tasks that have run, to find those that outlive the program.
    tasks: RefCell<Vec<WeakTask>>,
}

impl Pilot {
    pub(super) fn new(clock: VirtualClock) -> Self {
        Self {
            plan: RefCell::new(Plan::new(Source::natural(), 0)),
            faults: Faults::default(),
            clock,
            event_loop: RefCell::default(),
            steps: Cell::new(0),
            most_steps: Cell::new(0),
            always: RefCell::default(),
            finally: RefCell::default(),
            failure: RefCell::default(),
            reports: RefCell::default(),
            story: RefCell::default(),
            seen: RefCell::default(),
            states: RefCell::default(),
            draws: Cell::new(0),
            has_network: Cell::new(false),
            former_runs: Cell::new(0),
            tasks: RefCell::default(),
        }
    }

    /// Makes the choices of that loop from now on, and keeps everything that goes to its exception handler for the
    /// judgement.
    pub(super) fn steer(self: &Rc<Self>, event_loop: &LoopHandle) {
        event_loop.set_steering(Some(Rc::clone(self) as Rc<_>));
        let pilot = Rc::downgrade(self);
        event_loop.set_exception_handler(move |context: &ErrorContext| {
            if let Some(pilot) = pilot.upgrade() {
                pilot.reports.borrow_mut().push(reported(context));
            }
        });
    }

    /// Starts another run.
    pub(super) fn restart(&self, source: Source, orders: u32, most_steps: u64, event_loop: LoopHandle) {
        self.plan.borrow_mut().restart(source, orders);
        self.steps.set(0);
        self.most_steps.set(most_steps);
        self.former_runs.set(event_loop.runs());
        self.draws.set(0);
        self.has_network.set(false);
        *self.event_loop.borrow_mut() = Some(event_loop);
        if let Some(seen) = &mut *self.seen.borrow_mut() {
            seen.restart();
        }
    }

    /// Drops what belongs to the program.
    pub(super) fn clear(&self) {
        self.faults.reset();
        let dropped = (self.always.take(), self.finally.take(), self.failure.take(), self.reports.take());
        drop(dropped);
        let dropped = self.states.take();
        drop(dropped);
        self.tasks.borrow_mut().clear();
        self.event_loop.take();
    }

    pub(super) fn always(&self, check: Check) {
        self.always.borrow_mut().push(check);
    }

    /// Ends the run with a failure, unless it has failed before.
    pub(super) fn fail(&self, raised: Exception) {
        let mut failure = self.failure.borrow_mut();
        if failure.is_none() {
            *failure = Some(raised.clone());
            drop(failure);
            self.abort(raised);
        }
    }

    fn abort(&self, raised: Exception) {
        if let Some(event_loop) = self.current_loop() {
            event_loop.abort_run(raised);
        }
    }

    /// The loop whose turn it is. With hosts, that is not the program's own.
    fn current_loop(&self) -> Option<LoopHandle> {
        find_running().or_else(|| self.event_loop.borrow().clone())
    }

    pub(super) fn failure(&self) -> Option<Exception> {
        self.failure.borrow().clone()
    }

    pub(super) fn choose(&self, subject: Subject, of: usize) -> usize {
        let taken = self.plan.borrow_mut().choose(subject, of);
        if taken > 0 && subject != Subject::Fault {
            self.tell(|story| story.decided(taken, of));
        }
        taken
    }

    pub(super) fn drop_checks(&self) {
        let dropped = (self.always.take(), self.finally.take());
        drop(dropped);
    }

    /// Whether something happens that goes wrong with this probability.
    pub(super) fn happens(&self, probability: f64) -> bool {
        let happens = self.plan.borrow_mut().happens(probability);
        if happens {
            self.tell(|story| story.lost());
        }
        happens
    }

    /// Called before a host takes a turn.
    pub(super) fn enter_host(&self, host: Option<&str>) {
        self.tell(|story| story.enter_host(host.unwrap_or("the network")));
    }

    /// Called before a descriptor would be made.
    pub(super) fn descriptor(&self) -> io::Result<()> {
        let Some(error) = self.faults.descriptor_error() else { return Ok(()) };
        if self.choose(Subject::Fault, 2) == 0 {
            return Ok(());
        }
        self.tell(|story| story.refused(error));
        let raised = io::Error::from_raw_os_error(error);
        self.faults.inject(io::Error::from_raw_os_error(error).into());
        Err(raised)
    }

    /// Called when an operation of the network moves fewer bytes than it could.
    pub(super) fn moved(&self, direction: Direction, count: usize, possible: usize) {
        self.tell(|story| story.moved(direction, count, possible));
    }

    /// The names of tasks that have ended and that something still holds.
    pub(super) fn tasks_still_held(&self) -> Vec<String> {
        let tasks = self.tasks.borrow();
        tasks.iter().filter_map(WeakTask::upgrade).map(|task| task.name()).collect()
    }

    /// Passes the story on, if there is one. It is taken out meanwhile, since telling prints states of the program.
    #[inline]
    fn tell(&self, tell: impl FnOnce(&mut Story)) {
        if self.story.borrow().is_some() {
            let mut story = self.story.take();
            if let Some(story) = &mut story {
                story.choices = self.plan.borrow().made().len();
                tell(story);
            }
            *self.story.borrow_mut() = story;
        }
    }

    /// Passes the story on, with the ready queue.
    fn tell_of_queue(&self, tell: impl FnOnce(&mut Story, &[*const ()], bool)) {
        self.tell(|story| {
            let Some(event_loop) = self.current_loop() else { return };
            let scheduler = event_loop.scheduler();
            let ready: Vec<_> = scheduler.look_at_ready(|ready| ready.iter().map(address).collect());
            tell(story, &ready, scheduler.is_stopping());
        });
    }

    pub(super) fn add_state(&self, part: StatePart) {
        self.states.borrow_mut().push(part);
    }

    /// Checks whether the program is in a state that was seen before, with the rest of this turn in `waiting`.
    #[cold]
    #[inline(never)]
    fn look(&self, waiting: &[Rc<dyn Run>]) {
        let Some(event_loop) = self.event_loop.borrow().clone() else { return };
        let Some(mut seen) = self.seen.take() else { return };
        let (is_new, of) = {
            let plan = self.plan.borrow();
            let (trail, choices) = (plan.trail(), plan.made().len());
            let (time, orders_left) = (self.clock.time(), plan.orders_left());
            let event_loop = &event_loop;
            (plan.is_past_its_list(), Surroundings { event_loop, waiting, time, trail, choices, orders_left })
        };
        seen.notice(&of);
        if is_new {
            seen.look(&of, |mut hasher| {
                self.faults.hash(&mut hasher);
                self.draws.get().hash(&mut hasher);
                (event_loop.runs() - self.former_runs.get()).hash(&mut hasher);
                let parts = self.states.take();
                parts.iter().for_each(|part| part(&mut hasher));
                self.states.borrow_mut().splice(0..0, parts);
            });
        }
        *self.seen.borrow_mut() = Some(seen);
    }

    /// Calls each check. The first that fails ends the run.
    fn check(&self) {
        if self.always.borrow().is_empty() || self.failure.borrow().is_some() {
            return;
        }
        let mut checks = self.always.take();
        let broken = checks.iter_mut().find_map(|check| call(check).err());
        // A check may have added others.
        let added = self.always.replace(checks);
        self.always.borrow_mut().extend(added);
        if let Some(broken) = broken {
            self.fail(broken.with_note("an invariant given to `always` was broken"));
        }
    }

    /// Interrupts `task` if the schedule says so.
    fn interrupt(&self, task: &AnyTask, moment: &str) {
        let possible = self.faults.interruptions(|| task.name());
        let Some(interruption) = self.choose_interruption(possible) else { return };
        self.tell(|story| story.interrupted(task, interruption, moment, self.clock.time()));
        let raised = self.faults.inject(interruption.exception());
        match interruption {
            Interruption::Cancel => drop(task.cancel()),
            Interruption::Throw => task.throw(raised),
            Interruption::Close => task.destroy(),
        }
        self.tell_of_queue(|story, ready, _| story.was_interrupted(ready));
    }

    fn choose_interruption(&self, possible: Interruptions) -> Option<Interruption> {
        let count = possible.iter().count();
        let taken = if count == 0 { 0 } else { self.choose(Subject::Fault, 1 + count) };
        taken.checked_sub(1).and_then(|index| possible.iter().nth(index))
    }

    fn jump(&self) {
        let Some(jump) = self.faults.jump() else { return };
        if self.choose(Subject::Fault, 2) == 1 {
            self.faults.count();
            self.clock.advance(jump);
            self.tell(|story| story.jumped(jump, self.clock.time()));
        }
    }

    /// The number of steps of this run, or of the one before.
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn count_step(&self) {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > self.most_steps.get() {
            let text =
                format!("the program has not ended after {}", counted(self.most_steps.get() as usize, "step", "steps"));
            self.fail(Exception::message(Kind::RuntimeError, text));
        }
    }
}

/// Calls a check. A panic becomes an exception.
pub(super) fn call(check: &mut Check) -> Result<(), Exception> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| Err(panicked(panic)))
}

impl Steering for Pilot {
    fn choose(&self, waiting: &[Rc<dyn Run>]) -> usize {
        if self.seen.borrow().is_some() && !self.has_network.get() {
            self.look(waiting);
        }
        let taken = self.plan.borrow_mut().choose(Subject::Order, waiting.len());
        self.tell(|story| {
            story.chosen(taken, waiting);
            if let Some(parted) = self.plan.borrow().parted_now() {
                story.parted(parted.at, waiting);
            }
        });
        taken
    }

    fn before(&self, next: &Rc<dyn Run>) {
        self.count_step();
        self.jump();
        let task = AnyTask::stepped_by(next);
        // Within one process, the name of a type has one address.
        let identity = task.as_ref().map_or_else(|| next.label().as_ptr().addr() as u64, AnyTask::number);
        let time = self.clock.time();
        self.plan.borrow_mut().note(identity ^ time.as_secs().rotate_left(40) ^ u64::from(time.subsec_nanos()) << 20);
        if let Some(task) = &task {
            if !task.has_waited() {
                self.tasks.borrow_mut().push(task.downgrade());
            }
            self.interrupt(task, "before its step");
        }
        self.tell(|story| story.begins(next, task.as_ref(), self.clock.time()));
    }

    fn after(&self, ran: &Rc<dyn Run>) {
        let task = AnyTask::stepped_by(ran);
        self.tell_of_queue(|story, ready, stops| story.ends(task.as_ref(), ready, stops));
        let is_done = task.as_ref().is_some_and(AnyTask::done);
        let mut plan = self.plan.borrow_mut();
        plan.note(u64::from(is_done));
        if let (Some(seen), Some(task)) = (&mut *self.seen.borrow_mut(), &task) {
            seen.stepped(task.number(), plan.trail());
        }
        drop(plan);
        if let Some(task) = task.filter(|task| !is_done && task.waits_for_an_object()) {
            self.interrupt(&task, "after it has suspended");
        }
        self.check();
    }

    fn turn_is_over(&self) {
        self.tell(|story| story.turn_is_over());
        // A program that runs the loop again after a failure must not go on.
        let failure = self.failure();
        if let Some(failure) = failure {
            self.abort(failure);
        }
    }
}

fn reported(context: &ErrorContext) -> Exception {
    let text = match &context.source {
        Some(source) => format!("{}: {source}", context.message),
        None => context.message.to_string(),
    };
    match &context.exception {
        Some(raised) => Exception::caused_by(Kind::RuntimeError, format!("{text}: {raised}"), raised.clone()),
        None => Exception::message(Kind::RuntimeError, text),
    }
}
