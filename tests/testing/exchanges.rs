//! Exchanges: a machine over a stream, with every split, truncation and interruption.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Exchange, Interruption, MemoryStream, virtual_loop};
use innermost::{
    Await, Buffer, ByteRead, Call, Coroutine, CoroutineExt, Exception, Kind, Resumed, Sleep, State, Step, Task,
    from_fn, lazy, ready, sleep, spawn, timeout, yield_from,
};

use crate::faults::{Connection, Fault, failure};

fn lines(fault: Fault) -> Exchange<Connection> {
    Exchange::new(move |stream| Connection::new(stream, fault)).input("one\ntwo\n\n")
}

#[test]
fn a_machine_without_faults_passes() {
    let exchange = lines(Fault::None);
    let ended = exchange.run();
    assert_eq!(format!("{ended:?}"), r#"Exchanged { outcome: Ok(2), output: b"ONE\nTWO\n" }"#);
    assert_eq!((ended.outcome.unwrap(), &*ended.output), (2, &b"ONE\nTWO\n"[..]));
    exchange.all_splits();
    let mut lengths = Vec::new();
    exchange.truncations(|length, ended| {
        assert_eq!(ended.outcome.unwrap_err().to_string(), "unexpected end of file");
        assert_eq!(ended.output, b"ONE\nTWO\n"[..length / 4 * 4]);
        lengths.push(length);
    });
    assert_eq!(lengths, Vec::from_iter(0..9));
    let mut seen = Vec::new();
    exchange.interruptions(|suspension, interruption, ended| {
        seen.push((suspension, interruption, ended.outcome.unwrap_err().kind()));
    });
    // Before each read and write, and while it waits for the first bytes.
    let expected = (1..=4).flat_map(|suspension| {
        [
            (suspension, Interruption::Throw, Kind::Error),
            (suspension, Interruption::Cancel, Kind::CancelledError),
            (suspension, Interruption::Close, Kind::GeneratorExit),
        ]
    });
    assert_eq!(seen, Vec::from_iter(expected));
}

#[test]
fn a_byte_lost_at_a_split_is_found() {
    let exchange = lines(Fault::LosesBytes);
    assert!(exchange.run().outcome.is_ok());
    let message = failure(|| exchange.all_splits());
    let expected = "input cut at byte 1 of 9: the output differs from that of the uncut input: b\"NE\\nTWO\\n\", not \
                    b\"ONE\\nTWO\\n\"\n  states: Reading (x2)";
    assert_eq!(message, expected);
}

#[test]
fn a_hang_at_the_end_of_a_truncated_input_is_found() {
    let exchange = lines(Fault::HangsAtTheEnd);
    exchange.all_splits();
    let message = failure(|| exchange.truncations(|_, _| ()));
    let expected = "input ended after 0 of 9 bytes: it does not end: it has read 16 times after the end of the input";
    assert!(message.starts_with(expected), "{message}");

    let message = failure(|| lines(Fault::WaitsForEver).truncations(|_, _| ()));
    let expected = "input ended after 0 of 9 bytes: it does not end: deadlock: the loop would wait forever";
    assert!(message.starts_with(expected) && message.ends_with("\n  states: Reading (x2)"), "{message}");
}

#[test]
fn a_machine_that_never_stops_sleeping_is_found() {
    let exchange = Exchange::new(|_| {
        let mut pause = sleep(Duration::from_secs(1));
        from_fn::<_, _, _, ()>(move |mut sent| {
            loop {
                yield_from!(pause, sent)?;
                pause = sleep(Duration::from_secs(1));
            }
        })
    });
    let message = failure(|| drop(exchange.run()));
    assert!(message.starts_with("it does not end: it has been suspended 10000 times\n"), "{message}");
}

#[test]
fn an_ignored_exit_is_found() {
    let message = failure(|| lines(Fault::IgnoresExit).interruptions(|_, _, _| ()));
    let expected = "Close at suspension 1: it yielded when it was closed, and waits for ";
    assert!(message.starts_with(expected) && message.ends_with("\n  states: Reading"), "{message}");
}

#[test]
fn a_yield_while_closing_is_found() {
    let message = failure(|| lines(Fault::YieldsWhileClosing).interruptions(|_, _, _| ()));
    let expected = "Close at suspension 1: it yielded when it was closed, and waits for ";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_frame_that_yields_while_closing_is_found() {
    let exchange = Exchange::new(|stream| Call::new(Connection::new(stream, Fault::IgnoresExit))).input("one\n\n");
    let message = failure(|| exchange.interruptions(|_, _, _| ()));
    let expected = "Close at suspension 1: a child of it yielded when it was closed\n  states: delegated > Reading";
    assert_eq!(message, expected);
}

#[test]
fn a_panic_of_the_machine_has_its_place() {
    let message = "input cut at byte 1 of 9: it panicked: a line in two parts\n  states: Reading";
    assert_eq!(failure(|| lines(Fault::Panics).all_splits()), message);
}

#[test]
fn a_check_that_fails_has_its_place() {
    let message = failure(|| lines(Fault::None).truncations(|length, _| assert!(length != 4, "no")));
    let expected = "input ended after 4 of 9 bytes: it raised Error: unexpected end of file, and the check of that failed: \
                    it panicked: no\n  states: ";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn an_exchange_without_input_refuses_to_be_cut() {
    let exchange = Exchange::new(|stream| Connection::new(stream, Fault::None));
    let expected = "the exchange has no input that could be cut: give it one by `input`";
    assert_eq!(failure(|| exchange.all_splits()), expected);
    assert_eq!(failure(|| exchange.truncations(|_, _| ())), expected);
}

#[test]
fn a_connection_is_reset_after_every_byte() {
    let mut seen = Vec::new();
    lines(Fault::None).resets(|length, ended| {
        let outcome = ended.outcome.map_err(|raised| {
            let error = raised.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            assert_eq!(error, Some(std::io::ErrorKind::ConnectionReset));
        });
        seen.push((length, outcome, ended.output.len()));
    });
    let expected = |length| (length, if length < 9 { Err(()) } else { Ok(2) }, length / 4 * 4);
    assert_eq!(seen, Vec::from_iter((0..=9).map(expected)));
    let message = failure(|| lines(Fault::None).resets(|length, _| assert!(length < 5, "no")));
    assert!(message.starts_with("connection reset after 5 of 9 bytes: it raised Error: connection reset"), "{message}");
    assert!(message.contains("\n  states: Reading"), "{message}");
}

#[test]
fn a_machine_that_reads_on_after_a_reset_is_found() {
    let stubborn = Exchange::new(|stream| {
        let mut buffer = Buffer::new();
        from_fn(move |mut sent| {
            loop {
                match yield_from!(stream.read(&mut buffer), sent) {
                    Ok(0) => return Ok(Step::Return(())),
                    Err(raised) if raised.is_cancelled() => return Err(raised),
                    Ok(_) | Err(_) => {}
                }
            }
        })
    });
    let message = failure(|| stubborn.input("abc").resets(|_, _| ()));
    let problem =
        "connection reset after 0 of 3 bytes: it does not end: it has read 16 times after the end of the input";
    assert!(message.starts_with(problem), "{message}");
}

#[test]
fn a_panic_of_a_state_that_is_shown_has_its_place() {
    struct Unshown(MemoryStream);
    impl Coroutine for Unshown {
        type Yield = Await;
        type Input = ();
        type Return = ();

        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            yield_from!(self.0.read(&mut Buffer::new()), sent).map(|_| Step::Return(()))
        }

        fn state(&self) -> State<'_> {
            panic!("no state")
        }
    }
    let message = "it panicked: no state\n  states: (it was never suspended)";
    assert_eq!(failure(|| drop(Exchange::new(Unshown).run())), message);
}

#[test]
fn every_cut_is_one_run() {
    let runs = Rc::new(Cell::new(0));
    let count = Rc::clone(&runs);
    let exchange = Exchange::new(move |stream| {
        count.set(count.get() + 1);
        Connection::new(stream, Fault::None)
    });
    exchange.input("one\ntwo\n\n").all_splits();
    assert_eq!(runs.get(), 9 * 8 / 2 + 2);
}

#[test]
fn a_cancel_reaches_the_machines_wait() {
    /// Starts a task that handles its cancel and returns, and waits for it in the next turn.
    struct Waits(Option<Task<u32>>, Option<Sleep>);
    impl Coroutine for Waits {
        type Yield = Await;
        type Input = ();
        type Return = u32;

        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            if self.0.is_none() {
                self.1 = Some(sleep(Duration::ZERO));
                let mut pause = sleep(Duration::from_secs(9));
                let task = from_fn(move |mut sent| match yield_from!(pause, sent) {
                    Err(cancelled) if cancelled.is_cancelled() => Ok(Step::Return(7)),
                    outcome => outcome.map(|()| Step::Return(0)),
                });
                self.0 = Some(spawn(task)?);
            }
            if let Some(pause) = &mut self.1 {
                yield_from!(pause, sent)?;
                self.1 = None;
            }
            let task = self.0.as_mut().expect("it has just been made");
            yield_from!(task, sent).map(Step::Return)
        }
    }
    let mut outcomes = Vec::new();
    Exchange::new(|_| Waits(None, None)).interruptions(|_, _, ended| outcomes.push(ended.outcome.ok()));
    assert_eq!(outcomes, [None, None, None, None, Some(7), None]);
}

#[test]
fn leftovers_of_a_machine_do_not_disturb_the_next_run() {
    let alive = Rc::new(());
    let shared = Rc::clone(&alive);
    let exchange = Exchange::new(move |_| {
        let mine = Rc::clone(&shared);
        from_fn(move |sent: Result<(), Exception>| {
            sent?;
            let (mine, mut pause) = (Rc::clone(&mine), sleep(Duration::from_secs(1)));
            let tasks = Rc::strong_count(&mine);
            drop(spawn(from_fn(move |mut sent| {
                let _mine = &mine;
                yield_from!(pause, sent).map(Step::Return)
            }))?);
            Ok(Step::Return(tasks))
        })
    });
    let exchange = exchange.input("abcd");
    exchange.all_splits();
    assert_eq!(exchange.run().outcome.unwrap(), 4, "its own, the test's, and no other task's");
}

#[test]
fn time_limits_run_in_virtual_time() {
    let exchange = Exchange::new(|stream| {
        let mut buffer = Buffer::new();
        let read = from_fn(move |mut sent| yield_from!(stream.read(&mut buffer), sent).map(Step::Return));
        timeout(sleep(Duration::from_secs(7)).then(|()| read), Duration::from_secs(10))
    });
    let exchange = exchange.input("abc");
    assert_eq!(exchange.run().outcome.unwrap(), 3);
    exchange.truncations(|length, ended| assert_eq!(ended.outcome.unwrap(), length));
    exchange.interruptions(|_, _, ended| assert!(ended.outcome.is_err()));
}

#[test]
fn an_exchange_inside_of_a_loop_is_refused() {
    let nested = lazy(|| Ok(ready(failure(|| drop(lines(Fault::None).run())))));
    let message = virtual_loop().unwrap().run_until_complete(nested).unwrap();
    assert_eq!(message, "an exchange runs a loop of its own, so it cannot run inside another loop");
}
