//! States that keep data of the machine's parameters, although the enum of the states has none.

#![allow(dead_code, unused_imports)]

use innermost::{Awaitable, Buffer, ByteStream, machine, yield_from};

struct Reader<S>(Option<S>);

machine!( //~ the data of state `Reading` use `S`, so the enum of the states needs it too: write `type State = Read<S>;`
    impl<S: ByteStream> Machine for Reader<S> {
        type State = Read;

        fn Starting(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        fn Reading(&mut self, sent: Sent, count: &mut u32, stream: &mut S) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ the data of state `Waiting` use `C`
    impl<C: Awaitable<Return = ()>> Machine for Reader<C> {
        type State = Wait;

        fn Waiting(&mut self, outcome: Outcome<C>) -> Next<End> {
            outcome?;
            end(())
        }
    }
);

machine!( //~ the data of state `Nested` use `C` //~ the data of state `Iterating` use `C`
    impl<'a, C: Iterator> Machine for Reader<&'a C> {
        type State = Nest;

        fn Nested(&mut self, pairs: Vec<(u8, Option<C>)>) -> Next<End> {
            end(())
        }

        fn Iterating(&mut self, item: C::Item) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ the data of state `Borrowing` use `'a`
    impl<'a> Machine for Reader<&'a str> {
        type State = Borrow;

        fn Borrowing(&mut self, name: &'a str) -> Next<End> { //~ use of undeclared lifetime name `'a`
            end(())
        }
    }
);

machine!( //~ the data of state `Counting` use `N`
    impl<const N: usize> Machine for Reader<[u8; N]> {
        type State = Count;

        fn Counting(&mut self, sent: Sent, bytes: &mut [u8; N]) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ expected `type State<..> = Name<..>;`
    impl<I: Iterator> Machine for Reader<I> {
        type State = Bounded<I: Iterator>;

        fn Counting(&mut self, item: I::Item) -> Next<End> {
            end(())
        }
    }
);

fn main() {}
