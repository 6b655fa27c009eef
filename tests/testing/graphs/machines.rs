//! Machines that `machine!` declares tell of every state that they enter.

use innermost::coroutine::Ready;
use innermost::testing::{Exchange, Graph, MemoryStream, Node, observe};
use innermost::{
    Buffer, ByteRead, ByteWrite, Coroutine, Exception, Generator, Kind, Machine, Running, Stop, machine, ready,
    take_sent, yield_from,
};

/// Runs through several states in a resume.
struct Counter {
    ends: bool,
}

machine!(
    impl Machine for Counter {
        type Yield = u32;
        type Input = Option<u32>;
        type Return = u32;
        type State = Counting;

        fn Asking(&mut self, sent: Sent, asked: &mut bool) -> Next<Checking> {
            match take_sent(sent)? {
                Some(number) if *asked => to(Checking(number)),
                _ => {
                    *asked = true;
                    yield_here(0)
                }
            }
        }

        fn Checking(&mut self, number: u32) -> Next<Fetching, Asking, Checking, End> {
            match number {
                0 if self.ends => end(7),
                0 => to(Asking(false)),
                100.. => to(Checking(number - 100)),
                _ => to(Fetching(ready(number))),
            }
        }

        fn Fetching(&mut self, fetched: Outcome<Ready<u32, Option<u32>, u32>>) -> Next<Asking> {
            yield_to(fetched?, Asking(true))
        }
    }
);

fn counter(graph: &Graph) -> Generator<impl Coroutine<Yield = u32, Input = Option<u32>, Return = u32>> {
    Generator::new(observe(Counter { ends: true }.start(Counting::Asking(false)), graph))
}

fn seen(graph: &Graph) -> Vec<String> {
    graph.transitions().iter().map(|transition| format!("{transition}: {}", transition.seen)).collect()
}

#[test]
fn states_within_a_resume_are_seen() {
    let graph = Graph::default();
    let mut counter = counter(&graph);
    assert_eq!((counter.next().unwrap(), counter.send(Some(203)).unwrap()), (0, 3));
    assert!(matches!(counter.send(Some(0)), Err(Stop::Returned(7))));
    assert_eq!(
        seen(&graph),
        [
            "start --> Asking: 1",
            "Asking --> Asking: 1",
            "Asking --> Checking: 2",
            "Checking --> Checking: 2",
            "Checking --> Fetching: 1",
            "Fetching --> Asking: 1",
            "Checking --> end: 1",
        ]
    );
}

#[test]
fn staying_covers_no_transition_to_the_same_state() {
    let graph = Graph::declared::<Counter>().starting_in("Asking");
    let mut one = counter(&graph);
    one.next().unwrap();
    one.send(None).unwrap();
    one.send(Some(5)).unwrap();
    assert!(one.send(Some(0)).is_err());
    let coverage = graph.coverage();
    coverage.assert_declared();
    let unseen: Vec<_> = coverage.unseen().map(ToString::to_string).collect();
    assert_eq!(unseen, ["Checking --> Asking", "Checking --> Checking"]);
    let mut two = Generator::new(observe(Counter { ends: false }.start(Counting::Asking(true)), &graph));
    two.send(Some(100)).unwrap_err();
    two = Generator::new(observe(Counter { ends: false }.start(Counting::Asking(false)), &graph));
    two.next().unwrap();
    two.send(Some(100)).unwrap();
    graph.coverage().assert_complete();
}

/// Has all hooks.
struct Careful;

machine!(
    impl Machine for Careful {
        type Yield = u8;
        type Input = Option<&'static str>;
        type State = Caring;

        fn Working(&mut self, sent: Sent) -> Next<Resting, End> {
            match take_sent(sent)? {
                None => yield_here(0),
                Some("rest") => yield_to(1, Resting),
                Some("end") => end(()),
                Some(_) => Err(Exception::message(Kind::ValueError, "fails")),
            }
        }

        fn Resting(&mut self, sent: Sent) -> Next<Working> {
            match take_sent(sent) {
                Ok(_) => yield_to(2, Working),
                Err(raised) => Err(raised),
            }
        }

        fn Leaving(&mut self) -> Next<End> {
            end(())
        }

        fn Mending(&mut self) -> Next<Working> {
            yield_to(3, Working)
        }

        fn thrown(&mut self, _state: &mut Caring, thrown: Exception) -> Next<Leaving> {
            if thrown.is_cancelled() { to(Leaving) } else { Err(thrown) }
        }

        fn raised(&mut self, _raised: Exception) -> Next<Mending> {
            to(Mending)
        }

        fn finally(&mut self, sent: Sent) -> Done {
            take_sent(sent).map(drop)
        }
    }
);

#[test]
fn hooks_and_the_end_are_seen() {
    let graph = Graph::declared::<Careful>().starting_in("Working");
    let careful = || {
        let mut careful = Generator::new(observe(Careful.start(Caring::Working), &graph));
        careful.next().unwrap();
        careful
    };
    let mut one = careful();
    assert_eq!((one.send(Some("rest")).unwrap(), one.next().unwrap(), one.send(Some("fail")).unwrap()), (1, 2, 3));
    assert_eq!(one.throw(std::io::Error::other("reset")).unwrap(), 3);
    assert!(matches!(one.throw(Exception::cancelled()), Err(Stop::Returned(()))));
    assert!(matches!(careful().send(Some("end")), Err(Stop::Returned(()))));
    assert!(careful().close().unwrap().is_none());
    let expected = [
        "start --> Working: 3",
        "Working --> Resting: 1",
        "Resting --> Working: 1",
        "Working --> finally: 1",
        "Leaving --> finally: 1",
        "Mending --> Working: 2",
        "any state --> Leaving (thrown): 0",
        "any state --> Mending (raised): 0",
        "any state --> finally (raised): 0",
        "finally --> end: 2",
        "Working --> Working: 3",
        "Working --> Mending (raised): 1",
        "Working --> Mending (thrown): 1",
        "Working --> Leaving (cancelled): 1",
        "Working --> finally (closed): 1",
        "finally --> end (closed): 1",
    ];
    let mut seen = seen(&graph);
    let mut expected = expected.map(str::to_owned).to_vec();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    graph.coverage().assert_complete();
}

struct Echo {
    stream: MemoryStream,
    buffer: Buffer,
}

machine!(
    impl Machine for Echo {
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
            match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                0 => end(()),
                _ => to(Writing),
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            to(Reading)
        }
    }
);

#[test]
fn one_run_covers_a_machine_that_need_not_suspend() {
    let graph = Graph::declared::<Echo>().starting_in("Reading");
    let runs = graph.clone();
    let echo = move |stream| observe(Echo { stream, buffer: Buffer::new() }.start(Phase::Reading), &runs);
    let ended = Exchange::new(echo).input("hello").run();
    assert_eq!(ended.output, b"hello");
    graph.coverage().assert_complete();
    assert_eq!((graph.count("Reading", "Writing"), graph.count("Reading", Node::End)), (1, 1));
}

#[test]
fn a_machine_in_a_box_is_seen_where_it_suspends() {
    let graph = Graph::default();
    let machine = Box::new(Counter { ends: true }.start(Counting::Asking(false)));
    let mut counter = Generator::new(observe(machine, &graph));
    counter.next().unwrap();
    counter.send(Some(3)).unwrap();
    counter.close().unwrap();
    assert_eq!(seen(&graph), ["start --> Asking: 1", "Asking --> Asking: 2", "Asking --> end (closed): 1"]);
}

/// Counts in a child.
struct Outer;

machine!(
    impl Machine for Outer {
        type Yield = u32;
        type Input = Option<u32>;
        type Return = u32;
        type State = Outside;

        fn Idle(&mut self) -> Next<Busy> {
            to(Busy(Counter { ends: true }.start(Counting::Asking(false))))
        }

        fn Busy(&mut self, counted: Outcome<Running<Counter>>) -> Next<Idle, End> {
            if counted? == 7 { end(0) } else { to(Idle) }
        }
    }
);

#[test]
fn the_child_of_a_state_is_nested_and_drawn_within_it() {
    let graph = Graph::declared::<Outer>().starting_in("Idle");
    let mut outer = Generator::new(observe(Outer.start(Outside::Idle), &graph));
    outer.next().unwrap();
    outer.send(Some(3)).unwrap();
    outer.send(Some(0)).unwrap_err();
    assert_eq!(
        seen(&graph),
        [
            "Idle --> Busy: 1",
            "Busy --> Idle: 0",
            "Busy --> end: 1",
            "start --> Idle: 1",
            "Busy > Counter: start --> Asking: 1",
            "Busy > Counter: Asking --> Asking: 1",
            "Busy > Counter: Asking --> end: 1",
        ]
    );
    let expected = "stateDiagram-v2
    accTitle: Outer
    state \"Busy #62; Counter\" as Busy {
        state \"Asking\" as Busy_Asking
        [*] --> Busy_Asking: 1
        Busy_Asking --> Busy_Asking: 1
        Busy_Asking --> [*]: 1
    }
    [*] --> Idle: 1
    Idle --> Busy: 1
    Busy --> Idle: never seen
    Busy --> [*]: 1
";
    assert_eq!(graph.mermaid(), expected);
    assert!(graph.dot().contains("subgraph cluster_") && graph.svg().contains(">Busy &gt; Counter</text>"));
}
