//! The same machines as in `machine_parameters.rs`, with the parameters of the enums.

#![allow(dead_code, unused_imports)]

use innermost::{Awaitable, Buffer, ByteStream, machine, yield_from};

struct Reader<S>(Option<S>);

machine!(
    impl<S: ByteStream> Machine for Reader<(S, ())> {
        type State = Read<S>;

        fn Starting(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        fn Reading(&mut self, sent: Sent, count: &mut u32, stream: &mut S) -> Next<End> {
            end(())
        }
    }
);

machine!(
    impl<C: Awaitable<Return = ()>> Machine for Reader<(C, u8)> {
        type State = Wait<C>;

        fn Waiting(&mut self, outcome: Outcome<C>) -> Next<End> {
            outcome?;
            end(())
        }
    }
);

machine!(
    impl<'a, C: Iterator> Machine for Reader<&'a C> {
        type State<C: Iterator> = Nest<C>;

        fn Nested(&mut self, pairs: Vec<(u8, Option<C>)>) -> Next<End> {
            end(())
        }

        fn Iterating(&mut self, item: C::Item) -> Next<End> {
            end(())
        }
    }
);

machine!(
    impl<'a> Machine for Reader<Option<&'a str>> {
        type State = Borrow<'a>;

        fn Borrowing(&mut self, name: &'a str) -> Next<End> {
            end(())
        }
    }
);

machine!(
    impl<const N: usize> Machine for Reader<[u8; N]> {
        type State = Count<N>;

        fn Counting(&mut self, sent: Sent, bytes: &mut [u8; N]) -> Next<End> {
            end(())
        }
    }
);

machine!(
    impl<I: Iterator> Machine for Reader<(I, u16)> {
        type State<I: Iterator> = Bounded<I>;

        fn Counting(&mut self, item: I::Item) -> Next<End> {
            end(())
        }
    }
);

// A state that is not there needs no parameter.
machine!(
    impl<I: Iterator> Machine for Reader<(I, u32)> {
        type State = Configured;

        fn Counting(&mut self) -> Next<End> {
            end(())
        }

        /// Is not there.
        #[cfg(test)]
        fn Reading(&mut self, item: I::Item) -> Next<End> {
            end(())
        }
    }
);

fn main() {}
