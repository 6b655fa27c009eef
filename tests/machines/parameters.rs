//! States whose data use the parameters of their machine: types, bounds, `where` clauses, lifetimes, constants.

use std::collections::VecDeque;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use innermost::{Awaitable, CoroutineExt, EventLoop, Generator, Machine, machine, ready, take_sent};

/// Yields what `machine` yields until it ends.
macro_rules! yielded {
    ($machine:expr) => {
        Generator::new($machine).collect::<Result<Vec<_>, _>>().expect("it does not fail")
    };
}

struct Queued<T> {
    first: Option<T>,
}

machine!(
    impl<T> Machine for Queued<T> {
        type Yield = T;
        type State = Queueing<T>;

        fn Filling(&mut self) -> Next<Emptying, End> {
            match self.first.take() {
                Some(first) => to(Emptying(VecDeque::from([first]))),
                None => end(()),
            }
        }

        fn Emptying(&mut self, sent: Sent, items: &mut VecDeque<T>) -> Next<Filling> {
            take_sent(sent)?;
            match items.pop_front() {
                Some(item) => yield_here(item),
                None => to(Filling),
            }
        }
    }
);

#[test]
fn a_state_may_keep_data_of_a_parameter() {
    assert_eq!(yielded!(Queued { first: Some("one") }.start(Queueing::Filling)), ["one"]);
}

/// Constants among types, without a bound, and a lifetime with a bound.
struct Windows<'a, 'b: 'a, T, const N: usize, const IS_LAST_SHOWN: bool> {
    rest: &'a [&'b T],
}

machine!(
    impl<'a, 'b: 'a, T, const N: usize, const IS_LAST_SHOWN: bool> Machine for Windows<'a, 'b, T, N, IS_LAST_SHOWN>
    where
        T: Clone,
    {
        type Yield = Vec<T>;
        type State = Window<'a, 'b, T, N, IS_LAST_SHOWN>;

        fn Cutting(&mut self) -> Next<Showing, Last> {
            match self.rest.first_chunk::<N>() {
                Some(window) => {
                    self.rest = &self.rest[N..];
                    to(Showing(window.map(T::clone), PhantomData))
                }
                None => to(Last(self.rest)),
            }
        }

        fn Showing(&mut self, window: [T; N], _shows: PhantomData<Marker<IS_LAST_SHOWN>>) -> Next<Cutting> {
            yield_to(window.to_vec(), Cutting)
        }

        fn Last(&mut self, sent: Sent, rest: &mut &'a [&'b T]) -> Next<End> {
            take_sent(sent)?;
            let left = std::mem::take(rest);
            if IS_LAST_SHOWN && !left.is_empty() {
                return yield_here(left.iter().copied().cloned().collect());
            }
            end(())
        }
    }
);

#[derive(Debug, Default)]
struct Marker<const IS_LAST_SHOWN: bool>;

#[test]
fn the_states_may_use_the_constants_and_lifetimes_of_the_machine() {
    let items = [&1, &2, &3, &4, &5];
    assert_eq!(
        yielded!(Windows::<_, 2, true> { rest: &items }.start(Window::Cutting)),
        [vec![1, 2], vec![3, 4], vec![5]]
    );
    assert_eq!(yielded!(Windows::<_, 2, false> { rest: &items }.start(Window::Cutting)), [[1, 2], [3, 4]]);
}

/// The only parameter is a constant.
struct Countdown<const FROM: u8>;

machine!(
    impl<const FROM: u8> Machine for Countdown<FROM> {
        type Yield = u8;
        type State = Counting<FROM>;

        fn Down(&mut self, sent: Sent, left: &mut Left<FROM>) -> Next<End> {
            take_sent(sent)?;
            left.0 -= 1;
            if left.0 == 0 { end(()) } else { yield_here(left.0) }
        }
    }
);

struct Left<const FROM: u8>(u8);

#[test]
fn a_machine_may_have_a_constant_alone() {
    assert_eq!(yielded!(Countdown::<4>.start(Counting::Down(Left(4)))), [3, 2, 1]);
}

/// What the data need of the parameters: in the list, in a `where` clause, and both.
struct Pairs<I, D>(Option<(I, D)>);

machine!(
    impl<I, D, const N: usize> Machine for Pairs<I, [D; N]>
    where
        I: Iterator,
        I::Item: Debug + PartialEq,
        D: Display,
    {
        type Yield = String;
        #[derive(Debug)]
        type State<I, D, const N: usize>
            = Pairing<I, D, N>
        where
            I: Iterator,
            I::Item: Debug;

        fn Start(&mut self) -> Next<Items, End> {
            match self.0.take() {
                Some((mut items, names)) => match items.next() {
                    Some(first) => to(Items(first, items, names)),
                    None => end(()),
                },
                None => end(()),
            }
        }

        fn Items(&mut self, sent: Sent, item: &mut I::Item, items: &mut I, names: &mut [D; N]) -> Next<End> {
            take_sent(sent)?;
            let text = names.iter().map(|name| format!("{name}{item:?}")).collect();
            match items.next() {
                Some(next) if next != *item => *item = next,
                _ => return end(()),
            }
            yield_here(text)
        }
    }
);

#[test]
fn the_enum_may_have_a_where_clause() {
    let pairs = Pairs(Some(([1, 2, 3].into_iter(), ["a", "b"])));
    assert_eq!(yielded!(pairs.start(Pairing::Start)), ["a1b1", "a2b2"]);
    let state = Pairing::<std::vec::IntoIter<u8>, u8, 1>::Items(1, vec![].into_iter(), [2]);
    assert_eq!(format!("{state:?}"), "Items(1, IntoIter([]), [2])");
}

/// Data by value that are references. The first of them tells the macro what kind of state it is.
struct Names<'a>(Option<&'a mut Vec<String>>);

machine!(
    impl<'a> Machine for Names<'a> {
        type Yield = usize;
        type State = Naming<'a>;

        fn Named(&mut self, name: &'a str, also: &'static str) -> Next<Stored, End> {
            match self.0.take() {
                Some(names) => to(Stored(names, [name, also].concat())),
                None => end(()),
            }
        }

        fn Stored(&mut self, names: &'a mut Vec<String>, name: String) -> Next<Named> {
            names.push(name);
            yield_to(names.len(), Named("", ""))
        }
    }
);

#[test]
fn a_reference_may_be_passed_on_by_value() {
    let (first, mut names) = (String::from("Ada"), vec![]);
    assert_eq!(yielded!(Names(Some(&mut names)).start(Naming::Named(&first, "Bob"))), [1]);
    assert_eq!(names, ["AdaBob"]);
}

/// A child whose type is a parameter, and a `where` clause behind the short form.
struct Waits<C> {
    children: Vec<C>,
}

machine!(
    impl<C: Awaitable<Return: Into<u64>>> Machine for Waits<C> {
        type Return = u64;
        type State
            = Waiting<C>
        where
            C: Sized;

        fn Choosing(&mut self, sum: u64) -> Next<Child, End> {
            match self.children.pop() {
                Some(child) => to(Child(child, sum)),
                None => end(sum),
            }
        }

        fn Child(&mut self, got: Outcome<C>, sum: u64) -> Next<Choosing> {
            let more = sum + got?.into();
            to(Choosing(more))
        }
    }
);

#[test]
fn a_child_may_be_of_a_parameter() {
    let children = [1_u32, 2, 3].map(|number| ready(number).map(|number| number * 10)).into_iter().collect();
    let event_loop = EventLoop::new().unwrap();
    assert_eq!(event_loop.run_until_complete(Waits { children }.start(Waiting::Choosing(0))).unwrap(), 60);
}

/// Names that only look like the parameters: an associated type, and items of modules.
struct Lookalikes<Item>(Option<Item>);

mod module {
    #[derive(Default)]
    pub(super) struct Item(pub(super) u8);
}

machine!(
    impl<Item: Copy> Machine for Lookalikes<Item> {
        type Yield = Item;
        type State = Looking;

        fn Boxed(
            &mut self,
            sent: Sent,
            numbers: &mut Box<dyn Iterator<Item = u8>>,
            own: &mut module::Item,
        ) -> Next<End> {
            take_sent(sent)?;
            own.0 += numbers.next().unwrap_or(0);
            match self.0 {
                Some(item) if own.0 < 4 => yield_here(item),
                _ => end(()),
            }
        }
    }
);

#[test]
fn names_that_look_like_parameters_are_none() {
    let first = Looking::Boxed(Box::new(1..9), module::Item::default());
    assert_eq!(yielded!(Lookalikes(Some('x')).start(first)), ['x', 'x']);
}
