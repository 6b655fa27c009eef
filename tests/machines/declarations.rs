//! What a declaration may contain: generics, bounds, lifetimes, visibility, documentation, `cfg`, helpers, names.

use std::collections::HashMap;
use std::fmt::{Debug, Display};

use innermost::coroutine::machine::Diagram;
use innermost::{
    Coroutine, Exception, Generator, Machine, Resumed, Running, Step, Stop, machine, ready, take_sent, yield_from,
};

/// Generic, with a lifetime, a constant, bounds and a `where` clause.
struct Relay<'a, C, T, const N: usize>
where
    C: Coroutine<Yield = T, Input = ()>,
{
    log: &'a mut Vec<String>,
    make: fn() -> C,
    times: [u8; N],
}

machine!(
    /// Relays what children yield.
    impl<'a, C: Coroutine<Yield = T, Input = (), Return = Vec<Option<u8>>> + Debug, T, const N: usize> Machine
        for Relay<'a, C, T, N>
    where
        T: Clone + From<u8>,
    {
        type Yield = T;
        type Return = String;
        /// Where a relay is.
        #[derive(Debug)]
        pub(crate) type State = Relaying<'a, C>;

        /// Makes a child.
        fn Idle(&mut self) -> Next<Child> {
            to(Child((self.make)(), String::from("a"), &[1, 2]))
        }

        fn Child(&mut self, got: Outcome<C>, name: String, bytes: &'a [u8]) -> Next<Told, End> {
            self.note(&format!("{name} {got:?} {bytes:?}"));
            match got {
                Ok(all) => yield_to(T::from(all.len() as u8), Told(HashMap::from([(name, Vec::new())]))),
                Err(_) => end(name),
            }
        }

        fn Told(&mut self, sent: Sent, seen: &mut HashMap<String, Vec<Vec<u8>>>) -> Next<Idle, End> {
            take_sent(sent)?;
            for (name, all) in seen.iter_mut() {
                all.push(self.times.to_vec());
                if all.len() == Self::MOST {
                    return end(format!("{name} {all:?}"));
                }
            }
            yield_here(T::from(N as u8))
        }

        const MOST: usize = 2;

        /// A helper, between the states or behind them.
        fn note(&mut self, text: &str) {
            self.log.push(text.into());
        }

        pub(crate) fn noted<D>(&self, with: D) -> String
        where
            D: Display,
        {
            format!("{}{with}", self.log.len())
        }
    }
);

#[derive(Debug)]
struct Kid(u8);

impl Coroutine for Kid {
    type Yield = u8;
    type Input = ();
    type Return = Vec<Option<u8>>;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0 == 0 {
            return Ok(Step::Return(vec![None; 3]));
        }
        self.0 -= 1;
        Ok(Step::Yield(self.0))
    }
}

#[test]
fn a_machine_may_be_generic() {
    let mut log = vec![];
    let relay = Relay { log: &mut log, make: || Kid(1), times: [7, 8] };
    assert_eq!(relay.noted('!'), "0!");
    let mut relay: Generator<Running<Relay<'_, Kid, u8, 2>>> = Generator::new(relay.start(Relaying::Idle));
    assert_eq!(relay.next().unwrap(), 0);
    assert_eq!(relay.next().unwrap(), 3);
    assert_eq!(relay.next().unwrap(), 2);
    assert!(matches!(relay.next(), Err(Stop::Returned(text)) if text == "a [[7, 8], [7, 8]]"));
    drop(relay);
    assert_eq!(log, ["a Ok([None, None, None]) [1, 2]"]);
    assert!(format!("{:?}", Relaying::<Kid>::Child(Kid(3), "x".into(), &[])).starts_with("Child(Kid(3)"));
}

/// The enum of its states has bounds of its own, and a constant.
struct Chunks<I: Iterator<Item = Vec<u8>>, const N: usize> {
    items: I,
}

machine!(
    impl<I: Iterator<Item = Vec<u8>>, const N: usize> Machine for Chunks<I, N> {
        type Yield = [u8; N];
        #[derive(Debug)]
        type State<I: Iterator<Item: AsRef<[u8]> + Default>, const N: usize> = Chunking<I, N>;

        fn Pulling(&mut self) -> Next<Rest, End> {
            match self.items.next() {
                Some(item) => to(Rest(item, [0; N])),
                None => end(()),
            }
        }

        fn Rest(&mut self, sent: Sent, item: &mut I::Item, chunk: &mut [u8; N]) -> Next<Pulling> {
            take_sent(sent)?;
            if item.len() < N {
                return to(Pulling);
            }
            chunk.copy_from_slice(&item[..N]);
            item.drain(..N);
            yield_here(*chunk)
        }
    }
);

#[test]
fn the_states_may_have_bounds_and_constants() {
    let chunks = Chunks::<_, 2> { items: vec![vec![1, 2, 3], vec![4, 5, 6, 7]].into_iter() };
    let all: Result<Vec<_>, _> = Generator::new(chunks.start(Chunking::Pulling)).collect();
    assert_eq!(all.unwrap(), [[1, 2], [4, 5], [6, 7]]);
}

/// A type that has a state's name, and so has a function.
struct Body(u32);

#[allow(non_snake_case)]
fn End() -> u32 {
    4
}

struct Names;

machine!(
    impl Machine for Names {
        type Yield = u32;
        type Return = u32;
        type State = Named;

        fn Head(&mut self) -> Next<Body> {
            yield_to(End(), Body(self::Body(2), Next { Sent: 1 }))
        }

        fn Body(&mut self, body: Body, next: Next) -> Next<Option> {
            to(Option(Some(body.0), next))
        }

        fn Option(&mut self, sent: Sent, found: &mut Option<u32>, next: &mut Next) -> Next<End> {
            take_sent(sent)?;
            end(found.unwrap_or(0) + next.Sent)
        }
    }
);

/// Named like what the macro reads.
#[allow(non_snake_case)]
struct Next {
    Sent: u32,
}

#[test]
fn a_state_may_have_the_name_of_a_type() {
    let mut names = Generator::new(Names.start(Named::Head));
    assert_eq!(names.next().unwrap(), 4);
    assert!(matches!(names.next(), Err(Stop::Returned(3))));
}

mod shadowed {
    //! A module with a `Result` of its own, and a machine whose states are called like what the macro uses.

    use innermost::coroutine::Ready;
    use innermost::{Exception, Generator, Machine, Stop, machine, ready, take_sent, yield_from};

    #[allow(dead_code)]
    type Result<T> = std::result::Result<T, ()>;
    #[allow(dead_code)]
    struct Option;

    struct Shadowing;

    machine!(
        impl Machine for Shadowing {
            type Yield = u8;
            type Return = u8;
            type State = Shadows;

            fn None(&mut self) -> Next<Some> {
                to(Some(ready(1), 2))
            }

            fn Some(&mut self, outcome: Outcome<Ready<u8, (), u8>>, kept: u8) -> Next<Ok> {
                yield_to(outcome? + kept, Ok(4))
            }

            fn Ok(&mut self, sent: Sent, _kept: &mut u8) -> Next<Err> {
                yield_from!(ready(()), sent)?;
                to(Err)
            }

            fn Err(&mut self, sent: Sent) -> Next<End> {
                take_sent(sent)?;
                end(7)
            }

            fn thrown(&mut self, _state: &mut Shadows, thrown: Exception) -> Next<Err> {
                if thrown.is_cancelled() { to(Err) } else { std::result::Result::Err(thrown) }
            }

            fn finally(&mut self, sent: Sent) -> Done {
                yield_from!(ready(()), sent)
            }
        }
    );

    #[test]
    fn names_of_the_prelude_may_be_taken() {
        let mut machine = Generator::new(Shadowing.start(Shadows::None));
        assert_eq!(machine.next().unwrap(), 3);
        assert!(matches!(machine.next(), Err(Stop::Returned(7))));
    }
}

pub mod api {
    //! A machine that other modules see, with every item documented.
    #![deny(missing_docs, missing_debug_implementations)]
    #![allow(unreachable_pub, reason = "it stands for a library")]

    use innermost::{Machine as _, Running, machine};

    /// Seen from outside.
    #[derive(Debug)]
    pub struct Public {
        pub(super) yields: u32,
    }

    impl Public {
        /// Starts it.
        pub fn new() -> Running<Self> {
            Self { yields: 1 }.start(Shown::First)
        }
    }

    machine!(
        impl Machine for Public {
            type Yield = u32;
            /// The states.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub type State = Shown;

            /// The first state.
            fn First(&mut self) -> Next<Second> {
                yield_to(self.yields, Second)
            }

            /// The second state.
            #[allow(clippy::needless_return)]
            fn Second(&mut self) -> Next<End> {
                return end(());
            }
        }
    );
}

#[test]
fn a_machine_may_be_public_and_its_states_comparable() {
    let mut public = api::Public::new();
    assert_eq!(public.at(), Some(&api::Shown::First));
    assert!(matches!(public.resume(Ok(())), Ok(Step::Yield(1))));
    assert_eq!(public.at(), Some(&api::Shown::Second));
}

struct Configured;

machine!(
    impl Machine for Configured {
        type Yield = &'static str;
        type State = Setup;

        #[cfg(test)]
        fn First(&mut self) -> Next<Tested> {
            yield_to("test", Tested(1))
        }

        #[cfg(not(test))]
        fn First(&mut self) -> Next<Shipped> {
            yield_to("no test", Shipped)
        }

        #[cfg(test)]
        #[expect(unused_variables)]
        fn Tested(&mut self, sent: Sent, _count: &mut u32) -> Next<End> {
            yield_from!(ready(()), sent)?;
            let unused = 1;
            end(())
        }

        /// Is not there in a test.
        #[cfg(not(test))]
        #[cfg(unix)]
        fn Shipped(&mut self, missing: Outcome<NoSuchType>, nothing: Nowhere) -> Next<End> {
            end(())
        }

        #[cfg(not(test))]
        fn helper(&self) -> NoSuchType {}
    }
);

#[test]
fn a_state_may_depend_on_the_configuration() {
    assert_eq!(Configured::TRANSITIONS, [("First", &["Tested"] as &[_]), ("Tested", &["End"])]);
    let mut configured = Generator::new(Configured.start(Setup::First));
    assert_eq!(configured.next().unwrap(), "test");
    assert!(configured.next().is_err());
}

#[test]
fn machines_may_be_declared_in_a_function_and_have_the_same_states() {
    struct One;
    machine!(
        impl Machine for One {
            type Yield = u8;
            type State = Ones;

            fn Yielding(&mut self) -> Next<Yielding> {
                yield_to(1, Yielding)
            }
        }
    );
    struct Two(u8);
    machine!(
        impl Machine for Two {
            type Yield = u8;
            type State = Twos;

            fn Yielding(&mut self, sent: Sent) -> Next {
                take_sent(sent)?;
                self.0 += 1;
                yield_here(self.0)
            }
        }
    );
    assert_eq!(Generator::new(One.start(Ones::Yielding)).next().unwrap(), 1);
    assert_eq!(Generator::new(Two(4).start(Twos::Yielding)).next().unwrap(), 5);
}

/// A declaration may come from a macro of the program's own.
macro_rules! blinker {
    ($name:ident, $states:ident, $yield:ty, $value:expr) => {
        struct $name;
        machine!(
            impl Machine for $name {
                type Yield = $yield;
                type State = $states;

                fn On(&mut self) -> Next<Off> {
                    yield_to($value, Off(1, $value))
                }

                fn Off(&mut self, sent: Sent, count: &mut u32, value: &mut $yield) -> Next<On> {
                    take_sent(sent)?;
                    *count -= 1;
                    yield_to(value.clone(), On)
                }
            }
        );
    };
}

blinker!(Numbers, NumbersAt, u32, 7);
blinker!(Words, WordsAt, String, String::from("word"));

#[test]
fn a_macro_may_declare_machines() {
    assert_eq!(Generator::new(Numbers.start(NumbersAt::On)).next().unwrap(), 7);
    assert_eq!(Generator::new(Words.start(WordsAt::On)).next().unwrap(), "word");
    assert!(Diagram::<Words>::new().to_string().contains("On --> Off"));
}

/// A helper function outside takes what was sent as a `Sent`.
struct Outside;

fn number(pause: &mut innermost::coroutine::YieldOnce<u8, u8>, mut sent: innermost::Sent<'_, u8>) -> Resumed<Helped> {
    Ok(Step::Return(yield_from!(pause, sent)? + 1))
}

struct Helped;

impl Coroutine for Helped {
    type Yield = u8;
    type Input = u8;
    type Return = u8;

    fn resume(&mut self, mut sent: Result<u8, Exception>) -> Resumed<Self> {
        number(&mut innermost::yield_once(1), &mut sent)
    }
}

machine!(
    impl Machine for Outside {
        type Yield = u8;
        type Input = u8;
        type State = Places;

        fn Here(&mut self, sent: Sent, asked: &mut innermost::coroutine::YieldOnce<u8, u8>) -> Next<End> {
            let got = yield_from!(asked, sent)?;
            yield_from!(ready(got), sent)?;
            end(())
        }
    }
);

#[test]
fn a_handler_receives_the_sent_value_by_reference() {
    let mut outside = Generator::new(Outside.start(Places::Here(innermost::yield_once(3))));
    assert_eq!(outside.next().unwrap(), 3);
    assert!(matches!(outside.send(4), Err(Stop::Returned(()))));
    assert!(matches!(Helped.resume(Ok(0)), Ok(Step::Yield(1))));
}
