//! A client's connection in the server.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Member
//!     [*] --> Talking
//!     Talking --> Writing: a line for it
//!     Talking --> Closing: it leaves, its line is too long, or the server stops
//!     Writing --> Talking
//!     Closing --> [*]
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::Linger;
use innermost::queue::Get;
use innermost::server::StopToken;
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{Buffer, ByteStream, Machine, Queue, Running, machine, yield_from};

/// The longest line, in bytes.
const LINE: usize = 1024;

/// How many lines a slow member may fall behind. It misses those that come after that.
const BEHIND: usize = 100;

/// How long a member may take to read a line.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queues of all members, by the number of their seats.
#[derive(Clone, Default)]
pub(crate) struct Room(Rc<RefCell<BTreeMap<u64, Inbox>>>);

type Inbox = Queue<Rc<[u8]>>;

impl Room {
    fn enter(&self, inbox: Inbox) -> u64 {
        let mut inboxes = self.0.borrow_mut();
        let number = inboxes.last_key_value().map_or(0, |(last, _)| last + 1);
        inboxes.insert(number, inbox);
        number
    }

    /// Sends a line to all members but one.
    fn tell(&self, from: u64, line: &[u8]) {
        let line: Rc<[u8]> = line.into();
        for (_, inbox) in self.0.borrow().iter().filter(|(number, _)| **number != from) {
            let _full = inbox.put_nowait(Rc::clone(&line));
        }
    }
}

/// A member's place in the room, which it leaves when this is dropped.
struct Seat {
    room: Room,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.0.borrow_mut().remove(&self.number);
    }
}

pub(crate) struct Member<S> {
    stream: S,
    seat: Seat,
    inbox: Inbox,
    incoming: Buffer,
    outgoing: Buffer,
    line: Racing<Get<Rc<[u8]>>>,
    stop: StopToken,
    race: Race,
    patience: Limit,
}

machine!(
    impl<S: ByteStream> Machine for Member<S> {
        pub(crate) type State = Phase;

        fn Talking(&mut self, sent: Sent) -> Next<Writing, Closing> {
            let racers = (self.stream.read(&mut self.incoming), &mut self.line, self.stop.wait());
            match yield_from!(self.race.run(racers), sent)? {
                Won::A(0) | Won::C(()) => return to(Closing(Linger::new())),
                Won::A(_) => {
                    while let Some(end) = self.incoming.bytes().iter().position(|byte| *byte == b'\n') {
                        self.seat.room.tell(self.seat.number, &self.incoming.bytes()[..=end]);
                        self.incoming.consume(end + 1);
                    }
                    if self.incoming.len() >= LINE {
                        return to(Closing(Linger::new()));
                    }
                }
                Won::B(line) => {
                    self.outgoing.write_all(&line)?;
                    self.line.restart(self.inbox.get());
                    return to(Writing);
                }
            }
            stay()
        }

        fn Writing(&mut self, sent: Sent) -> Next<Talking> {
            yield_from!(self.patience.run(self.stream.write_all(&mut self.outgoing)), sent)?;
            to(Talking)
        }

        fn Closing(&mut self, sent: Sent, linger: &mut Linger) -> Next<End> {
            yield_from!(linger.run(&self.stream), sent)?;
            end(())
        }
    }
);

impl<S: ByteStream> Member<S> {
    pub(crate) fn new(stream: S, room: Room, stop: StopToken) -> Running<Self> {
        let inbox = Queue::bounded(BEHIND);
        let number = room.enter(inbox.clone());
        let line = Racing::new(inbox.get());
        let (incoming, outgoing) = (Buffer::with_limit(LINE), Buffer::new());
        let (race, patience) = (Race::new(), Limit::new(PATIENCE));
        Self { stream, seat: Seat { room, number }, inbox, incoming, outgoing, line, stop, race, patience }
            .start(Phase::Talking)
    }
}
