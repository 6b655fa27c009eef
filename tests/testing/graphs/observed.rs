//! `observe`: what is recorded of a machine, and that its driver sees no difference.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use innermost::coroutine::{Driven, Driver, GeneratorState};
use innermost::testing::{Exchange, Graph, MemoryStream, Node, TransitionKind, observe, virtual_loop};
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Call, Coroutine, Exception, Generator, Kind, Resumed, State, Step, Stop,
    from_iter, sleep, yield_from,
};

/// Goes where it is told, by hand.
#[derive(Debug, Default)]
enum Told {
    #[default]
    Nothing,
    To(Phase),
    Return,
    Raise,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Reading { left: u32 },
    Writing(u8),
}

struct Walker(Phase);

impl Coroutine for Walker {
    type Yield = Phase;
    type Input = Told;
    type Return = u8;

    fn resume(&mut self, sent: Result<Told, Exception>) -> Resumed<Self> {
        match sent {
            Ok(Told::Nothing) => {}
            Ok(Told::To(phase)) => self.0 = phase,
            Ok(Told::Return) => return Ok(Step::Return(7)),
            Ok(Told::Raise) => return Err(Exception::message(Kind::ValueError, "told to")),
            Err(thrown) if self.0 == Phase::Idle => return Err(thrown),
            Err(thrown) if thrown.is_generator_exit() => return Err(thrown),
            Err(_) => self.0 = Phase::Idle,
        }
        Ok(Step::Yield(self.0))
    }

    fn state(&self) -> State<'_> {
        State::new("tests::Walker<u8>", &self.0)
    }
}

/// The transitions with their counts.
fn seen(graph: &Graph) -> Vec<String> {
    graph.transitions().iter().map(|transition| format!("{transition}: {}", transition.seen)).collect()
}

#[test]
fn transitions_are_counted_over_all_runs() {
    let graph = Graph::default();
    for _ in 0..3 {
        let mut walker = Generator::new(observe(Walker(Phase::Idle), &graph));
        walker.next().unwrap();
        for phase in [Phase::Reading { left: 2 }, Phase::Reading { left: 1 }, Phase::Writing(3), Phase::Idle] {
            assert_eq!(walker.send(Told::To(phase)).unwrap(), phase);
        }
        assert!(matches!(walker.send(Told::Return), Err(Stop::Returned(7))));
    }
    assert_eq!(
        seen(&graph),
        [
            "start --> Idle: 3",
            "Idle --> Idle: 3",
            "Idle --> Reading: 3",
            "Reading --> Reading: 3",
            "Reading --> Writing: 3",
            "Writing --> Idle: 3",
            "Idle --> end: 3",
        ]
    );
    assert_eq!(
        (graph.name(), graph.states()),
        ("Walker".into(), vec!["Idle".into(), "Reading".into(), "Writing".into()])
    );
    assert_eq!((graph.count("Idle", Node::End), graph.count("Idle", "Nowhere")), (3, 0));
}

#[test]
fn the_ways_to_end_are_told_apart() {
    let graph = Graph::new("ends");
    let walker = |phase| {
        let mut walker = Generator::new(observe(Walker(phase), &graph));
        walker.next().unwrap();
        walker
    };
    let io = || std::io::Error::other("thrown in");
    assert!(walker(Phase::Idle).send(Told::Raise).is_err());
    assert!(walker(Phase::Idle).throw(io()).is_err());
    assert!(walker(Phase::Idle).throw(Exception::cancelled()).is_err());
    assert!(walker(Phase::Idle).close().unwrap().is_none());
    assert_eq!(walker(Phase::Writing(1)).throw(io()).unwrap(), Phase::Idle);
    assert_eq!(walker(Phase::Writing(1)).throw(Exception::cancelled()).unwrap(), Phase::Idle);
    let kinds = graph.transitions().into_iter().filter(|transition| transition.kind != TransitionKind::Normal);
    assert_eq!(
        kinds.map(|transition| transition.to_string()).collect::<Vec<_>>(),
        [
            "Idle --> end (raised)",
            "Idle --> end (thrown)",
            "Idle --> end (cancelled)",
            "Idle --> end (closed)",
            "Writing --> Idle (thrown)",
            "Writing --> Idle (cancelled)",
            // Dropped while they were suspended.
        ]
    );
}

#[test]
fn a_cancelled_machine_that_ends_later_is_cancelled() {
    /// Cleans up before it raises what was thrown in.
    struct Late(Option<Exception>);
    impl Coroutine for Late {
        type Yield = ();
        type Input = ();
        type Return = ();

        fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
            match (sent, self.0.take()) {
                (Err(thrown), _) => self.0 = Some(thrown),
                (Ok(()), Some(thrown)) => return Err(thrown),
                (Ok(()), None) => {}
            }
            Ok(Step::Yield(()))
        }

        fn state(&self) -> State<'_> {
            State::new("Late", if self.0.is_some() { &"Cleaning" } else { &"Working" })
        }
    }
    let graph = Graph::default();
    let mut late = Generator::new(observe(Late(None), &graph));
    late.next().unwrap();
    late.throw(Exception::cancelled()).unwrap();
    assert!(matches!(late.next(), Err(Stop::Raised(raised)) if raised.is_cancelled()));
    let expected = [
        "start --> Working: 1",
        "Working --> Working: 1",
        "Working --> Cleaning (cancelled): 1",
        "Cleaning --> end (cancelled): 1",
    ];
    assert_eq!(seen(&graph), expected);
}

#[test]
fn a_driver_sees_no_difference() {
    /// Delegates to a frame, and shows a child.
    struct Parent(Call<innermost::coroutine::FromIter<std::ops::Range<u32>>>);
    impl Coroutine for Parent {
        type Yield = u32;
        type Input = ();
        type Return = &'static str;

        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            yield_from!(self.0, sent)?;
            Ok(Step::Return("done"))
        }
    }
    let graph = Graph::default();
    let parent = || Parent(Call::new(from_iter(0..2)));
    let (mut plain, mut observed) = (Driver::new(parent()), Driver::new(observe(parent(), &graph)));
    loop {
        let traces = (plain.stack_trace(), observed.stack_trace());
        assert_eq!((traces.0, plain.is_delegating()), (traces.1, observed.is_delegating()));
        match (plain.resume(Ok(())), observed.resume(Ok(()))) {
            (Driven::Yield(plain), Driven::Yield(observed)) => assert_eq!(plain, observed),
            (Driven::End(plain), Driven::End(observed)) => {
                assert_eq!(plain.unwrap(), observed.unwrap());
                break;
            }
            _ => panic!("one yields where the other ends"),
        }
    }
    assert_eq!(seen(&graph), ["start --> Parent: 1", "Parent --> Parent: 1", "Parent --> end: 1"]);
}

#[test]
fn a_machine_that_ended_is_not_recorded_again() {
    let graph = Graph::default();
    let mut observed = observe(from_iter(0..0), &graph);
    assert!(matches!(observed.resume(Ok(())), Ok(Step::Return(()))));
    let _unspecified = observed.resume(Ok(()));
    assert_eq!(seen(&graph), ["start --> FromIter: 1", "FromIter --> end: 1"]);
}

/// A parent with a child that it shows while it is inside.
struct Nesting {
    inside: bool,
    child: Inner,
}

struct Inner {
    name: &'static str,
    phase: &'static str,
    below: Option<&'static str>,
}

impl Coroutine for Nesting {
    type Yield = ();
    type Input = (bool, &'static str, &'static str, Option<&'static str>);
    type Return = ();

    fn resume(&mut self, sent: Result<Self::Input, Exception>) -> Resumed<Self> {
        let (inside, name, phase, below) = sent?;
        (self.inside, self.child) = (inside, Inner { name, phase, below });
        Ok(Step::Yield(()))
    }

    fn state(&self) -> State<'_> {
        let own = State::new("Nesting", if self.inside { &"Inside" } else { &"Outside" });
        if self.child.name.is_empty() {
            return own;
        }
        let child = State::new(self.child.name, &self.child.phase);
        own.delegating_to(match &self.child.below {
            Some(below) => child.delegating_to(State::new("Deepest", below)),
            None => child,
        })
    }
}

#[test]
fn the_states_of_children_are_nested() {
    let graph = Graph::default();
    let child = Inner { name: "", phase: "", below: None };
    let mut nesting = Generator::new(observe(Nesting { inside: false, child }, &graph));
    nesting.resume(Ok((false, "", "", None))).unwrap();
    for step in [
        (true, "a::Child<u8>", "One", None),
        (true, "a::Child<u8>", "Two", Some("Low")), // a child of the child begins
        (true, "a::Child<u8>", "Two", Some("Lower")), // and goes on
        (true, "Other", "One", None),               // another child takes over
        (true, "Other", "One", None),               // and stays
        (false, "", "", None),                      // the parent goes on
    ] {
        nesting.resume(Ok(step)).unwrap();
    }
    assert!(nesting.throw(Exception::cancelled()).is_err());
    assert_eq!(
        seen(&graph),
        [
            "start --> Outside: 1",
            "Outside --> Outside: 1",
            "Outside --> Inside: 1",
            "Inside --> Outside: 1",
            "Outside --> end (cancelled): 1",
            "Inside > Child: start --> One: 1",
            "Inside > Child: One --> Two: 1",
            "Inside > Child: Two --> end: 1",
            "Inside > Child: Two > Deepest: start --> Low: 1",
            "Inside > Child: Two > Deepest: Low --> Lower: 1",
            "Inside > Child: Two > Deepest: Lower --> end: 1",
            "Inside > Other: start --> One: 1",
            "Inside > Other: One --> One: 1",
            "Inside > Other: One --> end: 1",
        ]
    );
}

/// Echoes, by hand.
struct Echo {
    stream: MemoryStream,
    buffer: Buffer,
    phase: Echoing,
}

#[derive(Debug)]
enum Echoing {
    Reading,
    Writing,
    Ending,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match self.phase {
                Echoing::Reading => match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                    0 => Echoing::Ending,
                    _ => Echoing::Writing,
                },
                Echoing::Writing => {
                    yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
                    Echoing::Reading
                }
                Echoing::Ending => {
                    yield_from!(self.stream.write_eof(), sent)?;
                    return Ok(Step::Return(()));
                }
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Echo", &self.phase)
    }
}

#[test]
fn the_runs_of_an_exchange_show_every_transition_of_a_machine_written_by_hand() {
    let graph = Graph::default();
    let runs = graph.clone();
    let echo = move |stream| observe(Echo { stream, buffer: Buffer::new(), phase: Echoing::Reading }, &runs);
    Exchange::new(echo).input("abc").interruptions(|_, _, _| ());
    let ends = ["raised", "thrown", "cancelled", "closed"];
    let is_end = |text: &String| ends.iter().any(|end| text.contains(&format!("({end})")));
    let regular: Vec<_> = graph.transitions().iter().map(ToString::to_string).filter(|text| !is_end(text)).collect();
    let expected = [
        "start --> Reading",
        "Reading --> Reading",
        "Reading --> Writing",
        "Writing --> Reading",
        "Reading --> Ending",
        "Ending --> end",
    ];
    assert!(expected.iter().all(|text| regular.iter().any(|seen| seen == text)), "{regular:#?}");
    for state in ["Reading", "Writing", "Ending"] {
        let kinds: Vec<_> = graph.transitions().into_iter().filter(|end| end.from == state.into()).collect();
        let kinds = kinds.iter().filter(|end| end.to == Node::End).map(|end| end.kind).collect::<Vec<_>>();
        for kind in [TransitionKind::Thrown, TransitionKind::Cancelled, TransitionKind::Closed] {
            assert!(kinds.contains(&kind), "{state}: {kinds:?}");
        }
    }
}

#[test]
fn an_observed_machine_runs_in_a_loop_and_as_a_call() {
    let graph = Graph::default();
    let event_loop = virtual_loop().unwrap();
    let second = std::time::Duration::from_secs(1);
    event_loop.run_until_complete(observe(sleep(second), &graph)).unwrap();
    event_loop.run_until_complete(Call::new(observe(sleep(2 * second), &graph))).unwrap();
    assert_eq!(graph.count("sleep", Node::End), 2);
}

#[test]
fn machines_of_several_threads_share_a_graph() {
    let graph = Graph::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut numbers = Generator::new(observe(from_iter(0..10), &graph));
                while numbers.next().is_ok() {}
            });
        }
    });
    assert_eq!((graph.count("FromIter", "FromIter"), graph.count("FromIter", Node::End)), (40, 4));
}

#[test]
fn a_panic_passes_through_and_the_graph_stays_usable() {
    struct Panics(Rc<Cell<u8>>);
    impl Coroutine for Panics {
        type Yield = ();
        type Input = ();
        type Return = ();

        fn resume(&mut self, _: Result<(), Exception>) -> Resumed<Self> {
            self.0.set(self.0.get() + 1);
            assert!(self.0.get() < 2, "as it should");
            Ok(Step::Yield(()))
        }
    }
    let graph = Graph::default();
    let mut panics = Generator::new(observe(Panics(Rc::default()), &graph));
    panics.next().unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panics.next().map(drop)));
    assert!(caught.is_err());
    assert_eq!(panics.state(), GeneratorState::Closed);
    assert_eq!(seen(&graph), ["start --> Panics: 1", "Panics --> Panics: 1"]);
}
