//! Mistakes in the handlers of a machine.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Exception, Sleep, Step, TcpStream, machine, sleep, take_sent, yield_from,
};

struct Echo {
    stream: TcpStream,
    buffer: Buffer,
}

machine!(
    impl Machine for Echo {
        type Return = u32;
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing> {
            match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                0 => end(0), //~ End` is not listed among what may follow `Reading` //~ not in the list `Next<..>` that the state returns
                _ => to(Writing),
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Reading, Pausing> {
            match yield_from!(self.stream.write_all(&mut self.buffer), sent) {
                Err(raised) if raised.is_cancelled() => to(Writing), //~ `Writing` is not listed among what may follow `Writing` //~ or `Writing` is missing from the list
                Err(_) => to(Pausing), //~ a state of this machine is expected here, with the data that it keeps //~ and `Name(data, ..)` for one that does
                Ok(()) => to(Reeding), //~ cannot find value `Reeding` in this scope
            }
        }

        fn Pausing(&mut self, paused: Outcome<Sleep>, count: u32) -> Next<Pausing, Reading, End> {
            if count == 7 {
                return to(Pausing(sleep(Duration::ZERO))); //~ takes 2 arguments but 1 argument was supplied
            }
            if count == 8 {
                return to(Pausing(count, sleep(Duration::ZERO))); //~ arguments to this function are incorrect
            }
            if count == 9 {
                return stay(); //~ the state `Pausing` has been left when its handler runs //~ take `sent: Sent` first
            }
            if paused.is_err() {
                let mut sent: Result<(), Exception> = Ok(());
                yield_from!(self.stream.read(&mut self.buffer), sent)?; //~ the state `Pausing` has been left
            }
            end("three") //~ type mismatch resolving
        }

        fn Forgetful(&mut self, sent: Sent) -> Next<Reading, End> { //~ mismatched types //~ remove this semicolon to return this value
            take_sent(sent)?;
            to(Reading);
        }

        fn Wordless(&mut self, sent: Sent) -> Next<Reading, End> {
            match yield_from!(self.stream.read(&mut self.buffer), sent) {
                0 => end(0), //~ expected `Result<usize, Exception>`, found integer
                _ => Reading, //~ found `Reading`
            }
        }

        fn ByHand(&mut self, sent: Sent) -> Next<End> {
            if take_sent(sent).is_ok() {
                return Ok(Step::Return(7)); //~ expected `ToOrEnd<Echo, ByHand>`, found `Step<_, _, {integer}>`
            }
            yield_from!(sleep(Duration::ZERO), sent)?; //~ Sleep` keeps state between two resumes
            end() //~ this function takes 1 argument but 0 arguments were supplied
        }

        fn Ending(&mut self, sent: Sent) -> Next<Reading, End> {
            if take_sent(sent).is_ok() {
                return Ok(()); //~ expected `ToOrEnd<Echo, Ending>`, found `()`
            }
            to(End) //~ cannot find value `End` in this scope //~ similarly named function `end`
        }

        fn Yielding(&mut self, sent: Sent) -> Next<Reading> {
            take_sent(sent)?;
            yield_to(7, Reading) //~ type mismatch resolving `<Echo as Machine>::Yield == {integer}`
        }

        fn thrown(&mut self, _state: &mut Phase, _thrown: Exception) -> Next<Writing> {
            to(Reading) //~ `Reading` is not listed among what may follow `thrown`
        }

        fn raised(&mut self, _raised: Exception) -> Next<Reading> {
            yield_here(Await::next_turn()) //~ the state `raised` has been left
        }
    }
);

fn main() {}
