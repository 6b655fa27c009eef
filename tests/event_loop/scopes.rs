//! `async with`: an entered manager is left however the body ends, as in CPython 3.13.
//!
//! The lists of events were recorded from CPython 3.13. Exceptions have a cause here, but no context. If a manager raises an
//! exception in place of the body's, the body's exception becomes its cause, unless it already has one.

use crate::support::events;
use std::time::Duration;

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Oops, awaits_end, body, raises, returns};
use innermost::scope::{AsyncContextManager, ExitStack, Exited, Progress, grouped, holding, with};
use innermost::sync::Lock;
use innermost::testing::virtual_loop;
use innermost::wait::{TaskGroup, Timeout};
use innermost::{
    Await, Coroutine, CoroutineExt, Exception, Generator, Kind, Resumed, Sleep, Step, Stop, from_fn, ready, sleep,
    yield_from,
};

/// Says when it is entered and left, and awaits in both.
struct Manager {
    name: &'static str,
    log: Log,
    entering: Option<Sleep>,
    leaving: Option<Sleep>,
    /// How long leaving takes.
    delay: u64,
    entered: Option<i32>,
    left: Option<i32>,
    exited: Exited,
}

fn manager(log: &Log, name: &'static str) -> Manager {
    let (log, exited) = (log.clone(), Exited::Propagate);
    Manager { name, log, entering: None, leaving: None, delay: 0, entered: None, left: None, exited }
}

impl Manager {
    fn say(&self, what: &str) {
        self.log.add(format_args!("{what} {}", self.name));
    }
}

impl AsyncContextManager for Manager {
    type Value = &'static str;

    fn resume_enter(&mut self, mut sent: Result<(), Exception>) -> Progress<&'static str> {
        if self.entering.is_none() {
            self.say("enter");
        }
        yield_from!(self.entering.get_or_insert_with(|| sleep(Duration::ZERO)), sent)?;
        self.say("entered");
        self.entered.map_or(Ok(Step::Return(self.name)), |number| Err(Oops(number).into()))
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        if self.leaving.is_none() {
            let raised = raised.map_or("nothing".into(), ToString::to_string);
            self.log.add(format_args!("exit {} {raised}", self.name));
        }
        let delay = Duration::from_secs(self.delay);
        if let Err(raised) = yield_from!(self.leaving.get_or_insert_with(|| sleep(delay)), sent) {
            self.log.add(format_args!("in exit {raised}"));
            return Err(raised);
        }
        self.say("exited");
        self.left.map_or(Ok(Step::Return(self.exited)), |number| Err(Oops(number).into()))
    }
}

fn failing(number: i32) -> Body {
    body(move |_, _| raises(Oops(number)))
}

#[test]
fn a_scope_returns_the_value_of_its_body() {
    let (event_loop, log) = (test_loop(), Log::default());
    let length = event_loop.run_until_complete(with(manager(&log, "a"), |name| ready(name.len())));
    assert_eq!(length.unwrap(), Some(1));
    assert_eq!(log.take(), ["enter a", "entered a", "exit a nothing", "exited a"]);
}

#[test]
fn a_manager_may_suppress_the_exception_of_its_body() {
    let (event_loop, log) = (test_loop(), Log::default());
    let calm = Manager { exited: Exited::Suppress, ..manager(&log, "b") };
    assert_eq!(event_loop.run_until_complete(with(calm, |_| failing(1))).unwrap(), None);
    assert_eq!(log.take(), ["enter b", "entered b", "exit b oops 1", "exited b"]);
    // Where nothing is raised, there is nothing to suppress.
    let calm = Manager { exited: Exited::Suppress, ..manager(&log, "b") };
    assert_eq!(event_loop.run_until_complete(with(calm, |_| ready(1))).unwrap(), Some(1));
    let raised = event_loop.run_until_complete(with(manager(&log, "b"), |_| failing(1))).unwrap_err();
    assert_eq!(raised.to_string(), "oops 1");
}

#[test]
fn an_exception_while_leaving_replaces_the_bodys_exception_and_has_it_as_cause() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bad = Manager { left: Some(2), ..manager(&log, "c") };
    let raised = event_loop.run_until_complete(with(bad, |_| failing(1))).unwrap_err();
    assert_eq!(raised.to_string(), "oops 2");
    assert_eq!(raised.cause().unwrap().to_string(), "oops 1");
}

#[test]
fn a_scope_that_was_not_entered_is_not_left() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bad = Manager { entered: Some(1), ..manager(&log, "d") };
    let raised = event_loop.run_until_complete(with(bad, |_| failing(2))).unwrap_err();
    assert_eq!(raised.to_string(), "oops 1");
    assert_eq!(log.take(), ["enter d", "entered d"]);
}

#[test]
fn a_cancel_reaches_the_body_and_a_second_one_the_exit() {
    let (event_loop, log) = (virtual_loop().unwrap(), Log::default());
    let slow = Manager { delay: 5, ..manager(&log, "e") };
    let task = event_loop.create_task(with(slow, |_| sleep(Duration::from_secs(100)))).unwrap();
    for second in [1, 2] {
        let task = task.clone();
        event_loop.call_later(Duration::from_secs(second), move || assert!(task.cancel())).unwrap();
    }
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(2));
    assert_eq!(log.take(), ["enter e", "entered e", "exit e cancelled", "in exit cancelled"]);
}

#[test]
fn a_manager_that_awaits_while_closing_ignores_its_exit() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let parent = body({
        let mut scope = Some(with(manager(&log, "f"), |_| sleep(Duration::from_secs(100))));
        move |_, got| {
            got?;
            scope.take().map_or_else(|| returns(0), |scope| awaits_end(scope.map(drop)))
        }
    });
    let task = event_loop.create_task(parent).unwrap();
    events::run(&event_loop, 3);
    event_loop.close().unwrap();
    assert!(task.done());
    let said = log.take();
    assert_eq!(said[..2], ["enter f", "entered f"]);
    assert!(said.contains(&"exit f generator exit".into()), "{said:?}");
    assert!(said.last().unwrap().ends_with("generator ignored GeneratorExit"), "{said:?}");
}

#[test]
fn closing_leaves_a_manager_that_does_not_await() {
    let lock = Lock::new();
    let mut by_hand = Generator::new(with(holding(lock.acquire()), |()| innermost::yield_once(Await::next_turn())));
    assert_eq!(by_hand.next().unwrap(), Await::next_turn());
    assert!(lock.locked());
    assert!(by_hand.close().unwrap().is_none());
    assert!(!lock.locked());
    drop(by_hand);
    let mut scope = with(holding(lock.acquire()), |()| innermost::yield_once::<_, ()>(Await::next_turn()));
    assert!(matches!(scope.resume(Ok(())), Ok(Step::Yield(ref wait)) if wait.is_next_turn()));
    drop(scope);
    assert!(!lock.locked());
}

/// Enters and leaves by hand.
struct ByHand {
    manager: Manager,
    phase: u32,
}

impl Coroutine for ByHand {
    type Yield = Await;
    type Input = ();
    type Return = Exited;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.phase == 0 {
            yield_from!(self.manager.enter(), sent)?;
            self.phase = 1;
        }
        let exited = yield_from!(self.manager.exit(None), sent)?;
        Ok(Step::Return(exited))
    }
}

#[test]
fn entering_and_leaving_may_both_await() {
    let (event_loop, log) = (test_loop(), Log::default());
    let by_hand = ByHand { manager: manager(&log, "g"), phase: 0 };
    assert_eq!(event_loop.run_until_complete(by_hand).unwrap(), Exited::Propagate);
    assert_eq!(log.take(), ["enter g", "entered g", "exit g nothing", "exited g"]);
}

#[test]
fn a_stack_is_left_in_reverse_and_each_manager_sees_the_current_exception() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (first, third) = (manager(&log, "1"), Manager { left: Some(2), ..manager(&log, "3") });
    let second = Manager { exited: Exited::Suppress, ..manager(&log, "2") };
    let say = log.adds("callback");
    let stacked = with(ExitStack::new(), move |stack| {
        let (stack2, stack3) = (stack.clone(), stack.clone());
        stack.enter(first).then(move |_| stack2.enter(second)).then(move |_| stack3.enter(third)).then(move |_| {
            stack.callback(say);
            failing(1)
        })
    });
    assert_eq!(event_loop.run_until_complete(stacked).unwrap(), None);
    let recorded = "enter 1|entered 1|enter 2|entered 2|enter 3|entered 3|callback|exit 3 oops 1|exited 3\
                    |exit 2 oops 2|exited 2|exit 1 nothing|exited 1";
    assert_eq!(log.take().join("|"), recorded);
}

#[test]
fn a_stack_raises_the_replacing_exception_and_leaves_the_other_managers() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bad = Manager { left: Some(2), ..manager(&log, "bad") };
    let say = log.adds("cleaned up");
    let stacked = with(ExitStack::new(), move |stack| {
        stack.async_callback(sleep(Duration::ZERO).map(move |()| say()));
        stack.enter(bad).then(|_| failing(1))
    });
    let raised = event_loop.run_until_complete(stacked).unwrap_err();
    assert_eq!((raised.to_string(), raised.cause().unwrap().to_string()), ("oops 2".into(), "oops 1".into()));
    assert_eq!(log.take(), ["enter bad", "entered bad", "exit bad oops 1", "exited bad", "cleaned up"]);
}

#[test]
fn a_stack_raises_the_exception_of_a_callback() {
    let (event_loop, log) = (test_loop(), Log::default());
    let say = log.adds("called");
    let stacked = with(ExitStack::new(), |stack| {
        stack.callback(say);
        stack.callback(|| Err(Oops(2).into()));
        ready(())
    });
    assert_eq!(event_loop.run_until_complete(stacked).unwrap_err().downcast_ref(), Some(&Oops(2)));
    assert_eq!(log.take(), ["called"]);
}

/// A value that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_panicking_manager_does_not_stop_the_others_from_being_left() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (first, say) = (manager(&log, "1"), log.adds("called"));
    let stacked = with(ExitStack::new(), move |stack| {
        let inner = stack.clone();
        stack.enter(first).then(move |_| {
            inner.callback(say);
            // Dropped when it has ended.
            let bomb = Bomb;
            let mut ending = ready(());
            inner.async_callback(from_fn(move |sent| {
                let _ = &bomb;
                ending.resume(sent)
            }));
            inner.callback(|| panic!("called"));
            failing(1)
        })
    });
    let raised = event_loop.run_until_complete(stacked).unwrap_err();
    assert_eq!(format!("{raised:?}"), "Panic: dropped\n  caused by Panic: called\n  caused by oops 1");
    assert_eq!(log.take(), ["enter 1", "entered 1", "called", "exit 1 dropped", "exited 1"]);
}

#[test]
fn managers_taken_from_a_stack_are_not_left_with_it() {
    let (event_loop, log) = (test_loop(), Log::default());
    let say = log.adds("called");
    let taken = with(ExitStack::new(), |stack| {
        stack.callback(say);
        ready(stack.pop_all())
    });
    let kept = event_loop.run_until_complete(taken).unwrap().unwrap();
    assert!(log.take().is_empty());
    event_loop.run_until_complete(with(kept, |_| ready(()))).unwrap();
    assert_eq!(log.take(), ["called"]);
}

#[test]
fn timeouts_and_groups_are_context_managers() {
    let event_loop = virtual_loop().unwrap();
    let late = with(Timeout::after(Duration::from_secs(1)), |_| sleep(Duration::from_secs(9)));
    assert_eq!(event_loop.run_until_complete(late).unwrap_err().kind(), Kind::TimeoutError);
    let group = with(grouped(TaskGroup::new()), |group| {
        group.create_task(sleep(Duration::from_secs(2))).map(drop).unwrap();
        ready(())
    });
    event_loop.run_until_complete(group).unwrap();
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(3));
    let both = with(Timeout::after(Duration::from_secs(1)), |_| {
        with(grouped(TaskGroup::new()), |group| {
            group.create_task(sleep(Duration::from_secs(9))).map(drop).unwrap();
            sleep(Duration::from_secs(9))
        })
    });
    assert_eq!(event_loop.run_until_complete(both).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(4));
}

#[test]
fn resuming_an_ended_scope_raises() {
    let mut scope = with(ExitStack::new(), |_| ready(1));
    assert!(matches!(scope.resume(Ok(())), Ok(Step::Return(Some(1)))));
    assert_eq!(scope.resume(Ok(())).unwrap_err().to_string(), "cannot reuse already awaited coroutine");
    let mut unstarted = Generator::new(with(ExitStack::new(), |_| ready(1)));
    assert!(matches!(unstarted.throw(Oops(1)), Err(Stop::Raised(_))));
}

#[test]
fn debug_of_a_scope_shows_its_progress() {
    let log = Log::default();
    let mut scope = with(manager(&log, "a"), |_| from_fn(|_| Ok(Step::Yield(Await::next_turn()))).map(|()| 0));
    assert_eq!(format!("{scope:?}"), "With(Created)");
    let _ = scope.resume(Ok(()));
    assert_eq!(format!("{scope:?}"), "With(Entering)");
}
