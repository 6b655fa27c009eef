//! Mistakes in the declaration of a machine, which the macro itself finds.

#![allow(dead_code, unused_imports)]

use innermost::{Exception, Sleep, machine, yield_from};

struct Napping(Sleep);

machine!( //~ state `Asleep` does not say what may follow it
    impl Machine for Napping {
        type State = NoNext;

        fn Asleep(&mut self, sent: Sent) {
            yield_from!(self.0, sent)?;
        }
    }
);

machine!( //~ state `Waiting` does not say what may follow it
    impl Machine for Napping {
        type State = NoNextEither;

        fn Waiting(&mut self, slept: Outcome<Sleep>) -> Result<(), Exception> {
            slept
        }
    }
);

machine!( //~ expected `type State = Name;` before the states
    impl Machine for Napping {
        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Asleep` takes `sent`, so it can suspend, and its data stay in the state: write them as `name: &mut Type`
    impl Machine for Napping {
        type State = ByValue;

        fn Asleep(&mut self, sent: Sent, count: u32) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Counting` goes on at once, so it gets its data by value
    impl Machine for Napping {
        type State = ByReference;

        fn Counting(&mut self, count: &mut u32) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Typed` takes `sent: Sent`, without parameters
    impl Machine for Napping {
        type State = TypedSent;

        fn Typed(&mut self, sent: Sent<()>) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Both` takes either `sent: Sent`, to suspend by itself, or `outcome: Outcome<Child>`
    impl Machine for Napping {
        type State = BothKinds;

        fn Both(&mut self, sent: Sent, slept: Outcome<Sleep>) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Visible` is as visible as the enum of the states: write `fn Visible(..)` without `pub`
    impl Machine for Napping {
        type State = Public;

        fn Asleep(&mut self, sent: Sent) -> Next<Visible> {
            to(Visible)
        }

        pub fn Visible(&mut self, sent: Sent) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ `Asleep` is not `async` //~ suspends by `yield_from!(child, sent)`
    impl Machine for Napping {
        type State = Asynchronous;

        async fn Asleep(&mut self) -> Next<End> {
            self.0.await?;
            end(())
        }
    }
);

machine!( //~ `type State`, `type Yield`, `type Input` and `type Return` stand before the states
    impl Machine for Napping {
        type State = Late;

        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        type Return = u32;
    }
);

machine!( //~ state `Paths` lists what may follow it by names
    impl Machine for Napping {
        type State = InPaths;

        fn Paths(&mut self, sent: Sent) -> Next<InPaths::Paths> {
            to(Paths)
        }
    }
);

machine!( //~ state `WithData` lists what may follow it by names, without paths and data: `Next<Other, End>`
    impl Machine for Napping {
        type State = InList;

        fn WithData(&mut self) -> Next<WithData(u32), End> {
            end(())
        }
    }
);

machine!( //~ expected a state, `fn Name(&mut self, sent: Sent) -> Next<Other, End> { .. }`, a helper function, or a constant
    impl Machine for Napping {
        type State = Static;

        static COUNT: u32 = 1;

        fn Asleep(&mut self) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Shared` takes one of these
    impl Machine for Napping {
        type State = Borrowed;

        fn Shared(&self) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ state `Tuple` takes one of these
    impl Machine for Napping {
        type State = Patterns;

        fn Tuple(&mut self, (count, all): (u32, u32)) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ and its attributes are docs, `cfg`, and the levels of lints
    impl Machine for Napping {
        type State = Attributed;

        #[inline]
        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ expected `fn thrown(&mut self, state: &mut Name, thrown: Exception) -> Next<..> { .. }`
    impl Machine for Napping {
        type State = Thrown;

        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        fn thrown(&mut self, thrown: Exception) -> Next {
            Err(thrown)
        }
    }
);

machine!( //~ expected `fn finally(&mut self, sent: Sent) -> Done { .. }`
    impl Machine for Napping {
        type State = Finally;

        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        fn finally(&mut self) -> Result<(), Exception> {
            Ok(())
        }
    }
);

machine!( //~ expected `fn raised(&mut self, raised: Exception) -> Next<..> { .. }`, once, or with a `cfg` each
    impl Machine for Napping {
        type State = Twice;

        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            end(())
        }

        fn raised(&mut self, raised: Exception) -> Next {
            Err(raised)
        }

        #[cfg(test)]
        fn raised(&mut self, raised: Exception) -> Next<End> {
            end(())
        }
    }
);

machine!( //~ a machine needs a state
    impl Machine for Napping {
        type State = Nothing;

        fn helper(&self) {}
    }
);

machine!(struct Napping; enum Phase { Asleep }); //~ expected `machine!(impl Machine for Type { type State = Name; .. });`

fn main() {}
