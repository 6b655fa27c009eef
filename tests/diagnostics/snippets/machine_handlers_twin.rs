//! The twin of `machine_handlers.rs`.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{Await, Buffer, ByteRead, ByteWrite, Exception, Sleep, TcpStream, machine, sleep, take_sent, yield_from};

struct Echo {
    stream: TcpStream,
    buffer: Buffer,
}

machine!(
    impl Machine for Echo {
        type Return = u32;
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
            match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                0 => end(0),
                _ => to(Writing),
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Writing, Reading, Pausing> {
            match yield_from!(self.stream.write_all(&mut self.buffer), sent) {
                Err(raised) if raised.is_cancelled() => to(Writing),
                Err(_) => to(Pausing(sleep(Duration::ZERO), 0)),
                Ok(()) => to(Reading),
            }
        }

        fn Pausing(&mut self, paused: Outcome<Sleep>, count: u32) -> Next<Pausing, Reading, End> {
            paused?;
            if count == 7 {
                return to(Pausing(sleep(Duration::ZERO), count + 1));
            }
            if count == 8 {
                return to(Reading);
            }
            end(3)
        }

        fn Forgetful(&mut self, sent: Sent) -> Next<Reading, End> {
            take_sent(sent)?;
            to(Reading)
        }

        fn Wordless(&mut self, sent: Sent) -> Next<Reading, End> {
            match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                0 => end(0),
                _ => to(Reading),
            }
        }

        fn ByHand(&mut self, sent: Sent, nap: &mut Sleep) -> Next<End> {
            if sent.is_err() {
                return end(7);
            }
            yield_from!(nap, sent)?;
            end(0)
        }

        fn Ending(&mut self, sent: Sent) -> Next<Reading, End> {
            if take_sent(sent).is_ok() {
                return to(Reading);
            }
            end(7)
        }

        fn Yielding(&mut self, sent: Sent) -> Next<Reading> {
            take_sent(sent)?;
            yield_to(Await::next_turn(), Reading)
        }

        fn thrown(&mut self, _state: &mut Phase, _thrown: Exception) -> Next<Reading> {
            to(Reading)
        }

        fn raised(&mut self, _raised: Exception) -> Next<Reading> {
            yield_to(Await::next_turn(), Reading)
        }
    }
);

fn main() {}
