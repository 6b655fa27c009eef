//! What a state keeps, and what it makes the machine do.

use innermost::coroutine::Ready;
use innermost::{
    Call, Coroutine, Exception, Generator, Kind, Machine, Resumed, Running, Step, Stop, machine, ready, take_sent,
    yield_from,
};

/// Yields `left`, and so on down to 1; then returns what it was sent in all.
struct Countdown {
    left: u32,
    sum: u32,
}

fn countdown(left: u32) -> Countdown {
    Countdown { left, sum: 0 }
}

impl Coroutine for Countdown {
    type Yield = u32;
    type Input = u32;
    type Return = u32;

    fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
        self.sum += sent?;
        if self.left == 0 {
            return Ok(Step::Return(self.sum));
        }
        self.left -= 1;
        Ok(Step::Yield(self.left + 1))
    }
}

/// Goes through every kind of state.
struct Tour {
    log: Vec<String>,
}

machine!(
    impl Machine for Tour {
        type Yield = u32;
        type Input = u32;
        type Return = Vec<String>;
        #[derive(Debug)]
        type State = Stage;

        /// Goes on at once.
        fn Begin(&mut self) -> Next<Waiting> {
            to(Waiting(countdown(2), String::from("a"), NotCopy))
        }

        /// Waits for a child, and gets its data by value.
        fn Waiting(&mut self, got: Outcome<Countdown>, mut name: String, mark: NotCopy) -> Next<Moving, End> {
            name.push('b');
            match got {
                Ok(sum) => to(Moving(name, sum, mark)),
                Err(raised) if raised.kind() == Kind::ValueError => end(std::mem::take(&mut self.log)),
                Err(raised) => Err(raised),
            }
        }

        /// Goes on at once, with data by value.
        fn Moving(&mut self, mut name: String, sum: u32, _mark: NotCopy) -> Next<Counting> {
            name.push('!');
            self.log.push(format!("{name} {sum}"));
            yield_to(100, Counting(name, 0))
        }

        /// Suspends by itself: its data stay.
        fn Counting(&mut self, sent: Sent, name: &mut String, count: &mut u32) -> Next<Delegating, End> {
            let value = take_sent(sent)?;
            *count += value;
            name.push('c');
            match value {
                0 => to(Delegating(Call::new(countdown(1)))),
                1 => yield_here(*count),
                _ => {
                    self.log.push(format!("{name} {count}"));
                    end(std::mem::take(&mut self.log))
                }
            }
        }

        /// Suspends in a child that it keeps, which becomes a frame of the driver.
        fn Delegating(&mut self, sent: Sent, call: &mut Call<Countdown>) -> Next<Inline> {
            let sum = yield_from!(call, sent)?;
            self.log.push(format!("call {sum}"));
            to(Inline(countdown(2)))
        }

        /// Suspends in a child that it keeps, inline.
        fn Inline(&mut self, sent: Sent, child: &mut Countdown) -> Next<Staying> {
            let sum = yield_from!(child, sent)?;
            self.log.push(format!("inline {sum}"));
            to(Staying)
        }

        fn Staying(&mut self, sent: Sent) -> Next<End> {
            if self.log.len() < 5 {
                self.log.push("stay".into());
                return stay();
            }
            let value = take_sent(sent)?;
            self.log.push(format!("over {value}"));
            end(std::mem::take(&mut self.log))
        }
    }
);

#[derive(Debug)]
struct NotCopy;

impl std::fmt::Debug for Countdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Countdown({})", self.left)
    }
}

#[test]
fn a_machine_goes_through_its_states_with_their_data() {
    let mut tour = Generator::new(Tour { log: vec![] }.start(Stage::Begin));
    assert_eq!(tour.next().unwrap(), 2);
    assert_eq!(tour.send(3).unwrap(), 1);
    assert_eq!(tour.send(4).unwrap(), 100); // the child ended; the next state yields and moves on
    assert_eq!(tour.send(1).unwrap(), 1);
    assert_eq!(tour.send(1).unwrap(), 2);
    assert_eq!(tour.send(0).unwrap(), 1); // the frame's
    assert_eq!(tour.send(5).unwrap(), 2); // the other child's
    assert_eq!(tour.send(6).unwrap(), 1);
    let Err(Stop::Returned(log)) = tour.send(7) else { panic!("it has ended") };
    assert_eq!(log, ["ab! 7", "call 5", "inline 13", "stay", "stay", "over 0"]);
}

#[test]
fn a_machine_begins_in_any_state() {
    let mut tour = Generator::new(Tour { log: vec![] }.start(Stage::Counting("x".into(), 40)));
    assert_eq!(tour.next().unwrap(), 1); // starts the frame's child: what was sent is the default
    let tour = Tour { log: vec![] }.start(Stage::Waiting(countdown(7), "y".into(), NotCopy));
    assert_eq!(Generator::new(tour).next().unwrap(), 7);
}

#[test]
fn a_thrown_exception_reaches_the_child_of_the_state() {
    let mut tour = Generator::new(Tour { log: vec!["kept".into()] }.start(Stage::Begin));
    tour.next().unwrap();
    let Err(Stop::Returned(log)) = tour.throw(Exception::message(Kind::ValueError, "no")) else { panic!("it ends") };
    assert_eq!(log, ["kept"]);
    let mut tour = Generator::new(Tour { log: vec![] }.start(Stage::Begin));
    tour.next().unwrap();
    assert!(
        matches!(tour.throw(Exception::timeout()), Err(Stop::Raised(raised)) if raised.kind() == Kind::TimeoutError)
    );
    let mut tour = Generator::new(Tour { log: vec![] }.start(Stage::Begin));
    tour.next().unwrap();
    assert!(tour.close().unwrap().is_none());
}

#[test]
fn a_running_machine_shows_itself() {
    let tour: Running<Tour> = Tour { log: vec!["one".into()] }.start(Stage::Begin);
    assert_eq!(tour.state().to_string(), "Tour: Begin");
    assert_eq!((tour.state_name(), format!("{tour:?}")), ("Begin", "Begin".into()));
    let mut tour = Generator::new(tour);
    tour.next().unwrap();
    assert_eq!(tour.stack_trace().frames(), ["Tour: Waiting > Countdown"]);
    let mut tour = Tour { log: vec!["one".into()] }.start(Stage::Waiting(countdown(3), "y".into(), NotCopy));
    assert_eq!(format!("{:?}", tour.at()), "Some(Waiting(Countdown(3), \"y\", NotCopy))");
    assert_eq!(Tour::name_of(tour.at().unwrap()), "Waiting");
    tour.machine_mut().log.push("two".into());
    assert_eq!(tour.machine().log, ["one", "two"]);
    assert_eq!(tour.into_machine().log.len(), 2);
}

/// Looks at nothing that it is sent.
struct Deaf;

machine!(
    impl Machine for Deaf {
        type Yield = u8;
        type State = Deafness;

        fn Yielding(&mut self, _sent: Sent) -> Next<Yielding, End> {
            yield_here(1)
        }

        fn Moving(&mut self) -> Next<Moving> {
            yield_to(2, Moving)
        }
    }
);

#[test]
fn an_exception_that_a_state_does_not_look_at_is_raised() {
    for first in [Deafness::Yielding, Deafness::Moving] {
        let mut deaf = Generator::new(Deaf.start(first));
        deaf.next().unwrap();
        deaf.next().unwrap();
        let raised = deaf.throw(Exception::message(Kind::ValueError, "heard"));
        assert!(matches!(raised, Err(Stop::Raised(raised)) if raised.kind() == Kind::ValueError));
    }
}

/// Ends from a state that gets its data by value.
struct Once;

machine!(
    impl Machine for Once {
        type Yield = u8;
        type Return = String;
        type State = Only;

        fn Ending(&mut self, text: String) -> Next<End> {
            end(text)
        }
    }
);

#[test]
fn resuming_a_machine_that_ended_in_a_state_by_value_raises() {
    let mut once = Once.start(Only::Ending("done".into()));
    assert!(matches!(once.resume(Ok(())), Ok(Step::Return(text)) if text == "done"));
    assert!(once.at().is_none());
    assert_eq!(once.state().to_string(), "Once: over");
    assert_eq!(once.resume(Ok(())).unwrap_err().to_string(), "cannot reuse already awaited coroutine");
}

/// The child of a state is dropped before the handler of the state runs.
struct Drops(Vec<&'static str>);

struct Guard(std::rc::Rc<std::cell::Cell<bool>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Coroutine for Guard {
    type Yield = ();
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent.map(Step::Return)
    }
}

machine!(
    impl Machine for Drops {
        type Yield = ();
        type Return = Vec<&'static str>;
        type State = Dropping;

        fn Holding(&mut self, held: Outcome<Guard>, dropped: std::rc::Rc<std::cell::Cell<bool>>) -> Next<End> {
            held?;
            self.0.push(if dropped.get() { "dropped" } else { "alive" });
            end(std::mem::take(&mut self.0))
        }
    }
);

#[test]
fn a_child_is_dropped_before_its_outcome_is_handled() {
    let dropped = std::rc::Rc::default();
    let mut drops = Drops(vec![]).start(Dropping::Holding(Guard(std::rc::Rc::clone(&dropped)), dropped));
    assert!(matches!(drops.resume(Ok(())), Ok(Step::Return(seen)) if seen == ["dropped"]));
}

/// An async generator's body, or any machine that yields: no I/O, `Input` is sent.
struct Mean;

machine!(
    impl Machine for Mean {
        type Yield = f64;
        type Input = f64;
        type State = Averaging;

        fn Counting(&mut self, sent: Sent, sum: &mut f64, count: &mut f64) -> Next {
            *sum += take_sent(sent)?;
            let mean = if *count == 0.0 { 0.0 } else { *sum / *count };
            *count += 1.0;
            yield_here(mean)
        }
    }
);

#[test]
fn a_machine_with_one_state_may_go_nowhere() {
    let mut mean = Generator::new(Mean.start(Averaging::Counting(0.0, 0.0)));
    assert_eq!(mean.next().unwrap(), 0.0);
    assert_eq!(mean.send(10.0).unwrap(), 10.0);
    assert_eq!(mean.send(20.0).unwrap(), 15.0);
    assert!(mean.close().unwrap().is_none());
    assert!(Mean::TRANSITIONS == [("Counting", &[] as &[&str])]);
}

/// The data of its states are called like what a state may return, and like what the expansion calls its own variables.
struct Named;

machine!(
    impl Machine for Named {
        type Yield = u32;
        type Return = u32;
        type State = Naming;

        fn InPlace(&mut self, sent: Sent, to: &mut u32, end: &mut u32, stay: &mut u32) -> Next {
            take_sent(sent)?;
            *to += *end + *stay;
            yield_here(*to)
        }

        fn Moved(&mut self, yield_to: u32, yield_here: u32, place: u32) -> Next<Waiting> {
            to(Waiting(ready(yield_to), yield_here, place))
        }

        fn Waiting(&mut self, outcome: Outcome<Ready<u32, (), u32>>, state: u32, go: u32) -> Next<End> {
            end(outcome? + state + go)
        }

        fn thrown(&mut self, stay: &mut Naming, end: Exception) -> Next<Moved> {
            if matches!(stay, Naming::InPlace(..)) { to(Moved(1, 2, 3)) } else { Err(end) }
        }
    }
);

#[test]
fn the_data_of_a_state_may_have_any_names() {
    let mut named = Generator::new(Named.start(Naming::InPlace(1, 2, 3)));
    assert_eq!((named.next().unwrap(), named.next().unwrap()), (6, 11));
    assert!(matches!(named.throw(Exception::cancelled()), Err(Stop::Returned(6))));
}
