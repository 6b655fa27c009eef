//! The twin of `machine_declarations.rs`.

#![allow(dead_code)]

use innermost::{Exception, Sleep, machine, yield_from};

struct Napping(Sleep);

machine!(
    impl Machine for Napping {
        type Return = ();
        pub(crate) type State = Phase;

        #[allow(clippy::needless_return)]
        fn Asleep(&mut self, sent: Sent) -> Next<Counting, End> {
            yield_from!(self.0, sent)?;
            return to(Counting(1));
        }

        fn Counting(&mut self, count: u32) -> Next<Waiting, Shared> {
            if count == 0 { to(Shared(0)) } else { to(Waiting(innermost::sleep(std::time::Duration::ZERO), count)) }
        }

        fn Waiting(&mut self, slept: Outcome<Sleep>, count: u32) -> Next<Shared> {
            slept?;
            to(Shared(count))
        }

        fn Shared(&mut self, sent: Sent, count: &mut u32) -> Next<End> {
            yield_from!(self.0, sent)?;
            *count -= 1;
            self.helper();
            end(())
        }

        fn thrown(&mut self, _state: &mut Phase, thrown: Exception) -> Next {
            Err(thrown)
        }

        fn finally(&mut self, sent: Sent) -> Done {
            yield_from!(self.0, sent)
        }

        const COUNT: u32 = 1;

        fn helper(&self) {}
    }
);

fn main() {}
