//! `thrown`, `raised`, `finally`.

use innermost::{Coroutine, Exception, Generator, Kind, Machine, Resumed, Step, Stop, machine, take_sent, yield_from};

/// Yields its number once, and returns.
struct Say(u32, bool);

fn say(number: u32) -> Say {
    Say(number, false)
}

impl Coroutine for Say {
    type Yield = u32;
    type Input = u32;
    type Return = ();

    fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
        sent?;
        if std::mem::replace(&mut self.1, true) { Ok(Step::Return(())) } else { Ok(Step::Yield(self.0)) }
    }
}

struct Hooked<'a> {
    log: &'a mut Vec<String>,
    goodbye: Say,
}

impl<'a> Hooked<'a> {
    fn new(log: &'a mut Vec<String>) -> Self {
        Self { log, goodbye: say(99) }
    }
}

machine!(
    impl<'a> Machine for Hooked<'a> {
        type Yield = u32;
        type Input = u32;
        type Return = &'static str;
        #[derive(Debug)]
        type State = At;

        fn Working(&mut self, said: Outcome<SayOnce>) -> Next<Counting> {
            self.log.push(format!("said {said:?}"));
            said?;
            to(Counting(0))
        }

        fn Counting(&mut self, sent: Sent, count: &mut u32) -> Next<End> {
            match take_sent(sent)? {
                8 => Err(Exception::message(Kind::ValueError, "eight")),
                9 => Err(Exception::message(Kind::RuntimeError, "nine")),
                0 => end("counted"),
                number => {
                    *count += number;
                    yield_here(*count)
                }
            }
        }

        fn Stopping(&mut self, sent: Sent, why: &mut &'static str) -> Next<End> {
            take_sent(sent)?;
            end(*why)
        }

        /// A lookup error stops the machine, wherever it is. A timeout is not heard. Others become runtime errors.
        fn thrown(&mut self, state: &mut At, thrown: Exception) -> Next<Stopping> {
            self.log.push(format!("thrown in {state:?}"));
            match thrown.kind() {
                Kind::LookupError => to(Stopping("stopped")),
                Kind::TimeoutError => yield_here(77),
                Kind::TypeError => {
                    if let At::Counting(count) = state {
                        *count = 1000;
                    }
                    stay()
                }
                _ => Err(Exception::caused_by(Kind::RuntimeError, "thrown", thrown)),
            }
        }

        fn raised(&mut self, raised: Exception) -> Next<Stopping, End> {
            self.log.push(format!("raised {raised}"));
            match raised.kind() {
                Kind::ValueError => yield_to(55, Stopping("raised")),
                Kind::InvalidStateError => end("at once"),
                _ => Err(raised),
            }
        }

        fn finally(&mut self, sent: Sent) -> Done {
            self.log.push("finally".into());
            yield_from!(self.goodbye, sent)
        }
    }
);

/// Has a `Debug` that says nothing of its state.
#[derive(Debug)]
struct SayOnce;

impl Coroutine for SayOnce {
    type Yield = u32;
    type Input = u32;
    type Return = ();

    fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
        match sent? {
            0 => Ok(Step::Yield(1)),
            _ => Ok(Step::Return(())),
        }
    }
}

type Driven<'a> = Generator<innermost::Running<Hooked<'a>>>;

/// Drives a machine, and returns what it logs.
fn logged(first: At, drive: impl FnOnce(Driven<'_>)) -> Vec<String> {
    let mut log = Vec::new();
    drive(Generator::new(Hooked::new(&mut log).start(first)));
    log
}

fn kind_of(stop: Stop<&'static str>) -> Kind {
    match stop {
        Stop::Raised(raised) => raised.kind(),
        Stop::Returned(_) | Stop::Exhausted => panic!("it raises"),
    }
}

#[test]
fn the_machine_cleans_up_when_it_returns() {
    let log = logged(At::Working(SayOnce), |mut machine| {
        assert_eq!(machine.next().unwrap(), 1);
        assert_eq!(machine.send(1).unwrap(), 99); // counts nothing: `finally` awaits
        assert!(matches!(machine.next(), Err(Stop::Returned("counted"))));
    });
    assert_eq!(log, ["said Ok(())", "finally", "finally"]);
}

#[test]
fn a_thrown_exception_can_change_any_state() {
    for (first, name) in [(At::Working(SayOnce), "Working(SayOnce)"), (At::Counting(3), "Counting(3)")] {
        let log = logged(first, |mut machine| {
            machine.next().unwrap_or_default();
            let _ = machine.throw(Exception::message(Kind::LookupError, "stop"));
            let _ = machine.next();
        });
        if name.starts_with("Working") {
            assert_eq!(log, [&format!("thrown in {name}"), "finally", "finally"]);
        }
    }
}

#[test]
fn the_hook_sees_a_thrown_exception_before_the_child() {
    let log = logged(At::Working(SayOnce), |mut machine| {
        machine.next().unwrap();
        assert_eq!(machine.throw(Exception::timeout()).unwrap(), 77); // heard by nobody else
        assert_eq!(machine.throw(Exception::message(Kind::LookupError, "stop")).unwrap(), 99);
        assert!(matches!(machine.next(), Err(Stop::Returned("stopped"))));
    });
    assert_eq!(log, ["thrown in Working(SayOnce)", "thrown in Working(SayOnce)", "finally", "finally"]);
}

#[test]
fn an_exception_raised_by_the_hook_is_thrown_into_the_state() {
    let log = logged(At::Working(SayOnce), |mut machine| {
        machine.next().unwrap();
        assert_eq!(machine.throw(Exception::message(Kind::ValueError, "v")).unwrap(), 99);
        let Err(Stop::Raised(raised)) = machine.next() else { panic!("it raises") };
        assert_eq!((raised.kind(), raised.cause().map(Exception::kind)), (Kind::RuntimeError, Some(Kind::ValueError)));
    });
    let said = log[1].clone();
    assert!(said.starts_with("said Err("), "{said}");
    assert_eq!(log, ["thrown in Working(SayOnce)", &said, "raised thrown", "finally", "finally"]);
}

#[test]
fn the_hook_may_change_the_state_and_stay() {
    let log = logged(At::Counting(0), |mut machine| {
        assert_eq!(machine.send(0).map_err(kind_of), Err(Kind::TypeError)); // not started
    });
    assert!(log.is_empty());
    let log = logged(At::Working(SayOnce), |mut machine| {
        machine.next().unwrap();
        let _ = machine.send(5);
        let _ = machine.close();
    });
    assert_eq!(log[0], "said Ok(())");
}

#[test]
fn an_exception_raised_by_a_state_can_lead_to_another_state() {
    let log = logged(At::Stopping("first"), |mut machine| {
        assert_eq!(machine.next().unwrap(), 99);
        assert!(matches!(machine.next(), Err(Stop::Returned("first"))));
    });
    assert_eq!(log, ["finally", "finally"]);
    let mut log = Vec::new();
    let mut machine = Hooked::new(&mut log).start(At::Counting(0));
    assert!(matches!(machine.resume(Ok(2)), Ok(Step::Yield(2))));
    assert!(matches!(machine.resume(Err(Exception::message(Kind::TypeError, "t"))), Ok(Step::Yield(99))));
    assert_eq!(machine.state_name(), "finally");
    drop(machine);
    assert_eq!(log, ["thrown in Counting(2)", "finally"]);
    let mut log = Vec::new();
    let mut machine = Hooked::new(&mut log).start(At::Counting(0));
    assert!(matches!(machine.resume(Ok(8)), Ok(Step::Yield(55))));
    assert_eq!(machine.state_name(), "Stopping");
    assert!(matches!(machine.resume(Ok(0)), Ok(Step::Yield(99))));
    assert!(matches!(machine.resume(Ok(0)), Ok(Step::Return("raised"))));
    drop(machine);
    assert_eq!(log, ["raised eight", "finally", "finally"]);
    let mut log = Vec::new();
    let mut machine = Hooked::new(&mut log).start(At::Counting(0));
    assert!(matches!(machine.resume(Ok(9)), Ok(Step::Yield(99))));
    assert_eq!(machine.resume(Ok(0)).unwrap_err().to_string(), "nine");
    drop(machine);
    assert_eq!(log, ["raised nine", "finally", "finally"]);
}

#[test]
fn a_machine_that_is_closed_cleans_up_and_its_hooks_do_not_hear_it() {
    let log = logged(At::Working(SayOnce), |mut machine| {
        machine.next().unwrap();
        let ignored = machine.close().unwrap_err(); // `finally` awaits, which a closed generator may not
        assert_eq!(ignored.to_string(), "generator ignored GeneratorExit");
    });
    assert_eq!(log[1], "finally");
    assert!(log.iter().all(|line| !line.starts_with("thrown") && !line.starts_with("raised")), "{log:?}");
}

/// Raises while it cleans up.
struct Untidy;

machine!(
    impl Machine for Untidy {
        type Yield = u32;
        type State = Mess;

        fn Failing(&mut self, sent: Sent) -> Next<End> {
            take_sent(sent)?;
            Err(Exception::message(Kind::ValueError, "first"))
        }

        fn finally(&mut self, _sent: Sent) -> Done {
            Err(Exception::message(Kind::RuntimeError, "second"))
        }
    }
);

#[test]
fn an_exception_raised_while_cleaning_up_replaces_the_one_before() {
    let raised = Untidy.start(Mess::Failing).resume(Ok(())).unwrap_err();
    assert_eq!(raised.to_string(), "second");
    assert_eq!(raised.cause().map(ToString::to_string).as_deref(), Some("first"));
}

#[test]
fn the_hooks_are_edges_from_any_state() {
    assert_eq!(Hooked::ON_THROWN, ["Stopping"]);
    assert_eq!(Hooked::ON_RAISED, ["Stopping", "End"]);
    assert!(Untidy::ON_THROWN.is_empty() && Untidy::ON_RAISED.is_empty());
}

/// Counts how often it cleans up.
struct Tidy(u32);

machine!(
    impl Machine for Tidy {
        type Yield = u32;
        type Return = u32;
        type State = Tidying;

        fn Working(&mut self, sent: Sent) -> Next<End> {
            take_sent(sent)?;
            end(7)
        }

        fn finally(&mut self, sent: Sent) -> Done {
            self.0 += 1;
            take_sent(sent)
        }
    }
);

#[test]
fn a_machine_that_has_ended_does_not_clean_up_again() {
    for first in [Ok(()), Err(Exception::cancelled())] {
        let mut tidy = Tidy(0).start(Tidying::Working);
        assert_eq!(tidy.resume(first.clone()).is_err(), first.is_err());
        for again in [Ok(()), Err(Exception::cancelled())] {
            assert_eq!(tidy.resume(again).unwrap_err().to_string(), "cannot reuse already awaited coroutine");
        }
        assert_eq!((tidy.machine().0, tidy.state_name()), (1, "Working"));
    }
}

/// Its hooks depend on the configuration, and it does not look at what they are given.
struct Configured;

machine!(
    impl Machine for Configured {
        /// What it yields.
        type Yield = u32;
        /// What it is sent.
        type Input = u32;
        /// What it returns.
        type Return = &'static str;
        type State = Setup;

        fn First(&mut self, _: Sent) -> Next<Second> {
            yield_to(1, Second(2))
        }

        fn Second(&mut self, _: u32) -> Next<End> {
            end("second")
        }

        fn Third(&mut self, _: Outcome<SayOnce>) -> Next<End> {
            end("third")
        }

        /// Is there.
        #[cfg(test)]
        #[cfg(not(docsrs))]
        #[inline]
        fn thrown(&mut self, _: &mut Setup, _: Exception) -> Next<Third> {
            to(Third(SayOnce))
        }

        /// Is not there.
        #[cfg(not(test))]
        fn raised(&mut self, _: Exception) -> Next<First> {
            to(First)
        }

        #[cfg(not(test))]
        #[allow(unused_variables)]
        fn finally(&mut self, sent: Sent) -> Done {
            no_such_function()
        }
    }
);

#[test]
fn a_hook_may_depend_on_the_configuration() {
    assert!(Configured::ON_THROWN == ["Third"] && Configured::ON_RAISED.is_empty());
    let mut configured = Generator::new(Configured.start(Setup::First));
    assert_eq!(configured.next().unwrap(), 1);
    assert_eq!(configured.throw(Exception::cancelled()).unwrap(), 1);
    assert!(matches!(configured.send(1), Err(Stop::Returned("third"))));
}

/// Has each hook twice, for opposite configurations.
struct Either(Vec<&'static str>);

machine!(
    impl Machine for Either {
        type Yield = u8;
        type Return = Vec<&'static str>;
        type State = Side;

        fn Left(&mut self, sent: Sent) -> Next<End> {
            take_sent(sent)?;
            yield_here(1)
        }

        #[cfg(test)]
        fn Right(&mut self) -> Next<End> {
            end(self.0.clone())
        }

        #[cfg(not(test))]
        fn thrown(&mut self, _: &mut Side, thrown: Exception) -> Next<NoSuchState> {
            no_such_function(thrown)
        }

        #[cfg(test)]
        fn thrown(&mut self, _: &mut Side, thrown: Exception) -> Next<Left> {
            self.0.push("thrown");
            Err(thrown)
        }

        #[cfg(test)]
        fn raised(&mut self, _: Exception) -> Next<Right> {
            self.0.push("raised");
            to(Right)
        }

        #[cfg(not(test))]
        fn raised(&mut self, _: NoSuchType) -> Next {
            no_such_function()
        }

        #[cfg(not(test))]
        fn finally(&mut self, sent: Sent) -> Done {
            no_such_function()
        }

        #[cfg(test)]
        fn finally(&mut self, sent: Sent) -> Done {
            take_sent(sent)?;
            self.0.push("over");
            Ok(())
        }
    }
);

#[test]
fn a_hook_may_be_another_one_under_the_opposite_configuration() {
    assert!(Either::ON_THROWN == ["Left"] && Either::ON_RAISED == ["Right"]);
    let mut either = Generator::new(Either(vec![]).start(Side::Left));
    assert_eq!(either.next().unwrap(), 1);
    let ended = either.throw(Exception::cancelled());
    assert!(matches!(ended, Err(Stop::Returned(events)) if events == ["thrown", "raised"]));
}
