//! A member: one machine reads its lines, and another writes the lines for it.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Member
//!     state "any state" as any
//!     [*] --> Arriving
//!     Arriving --> Reading
//!     Arriving --> Leaving: no seat
//!     Reading --> Leaving: /quit, the end of the stream, or the room closes
//!     Reading --> [*]: no name in time
//!     Reading --> Reading: a line
//!     Leaving --> [*]: the end of the stream
//!     any --> [*]: raised
//! ```

use std::io;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{Get, QueueShutDown};
use innermost::server::StopToken;
use innermost::wait::{Race, Racing, Won};
use innermost::{
    Await, EventLoop, Exception, Machine, Running, Sleep, StreamReader, StreamWriter, TaskGroup, machine, sleep,
    yield_from,
};
use socket2::SockRef;

use super::lines::{LENGTH, Line, Lines};
use super::room::{Outbox, Room, Visit};

/// How long a leaving member may take to read the rest, and to close.
const GRACE: Duration = Duration::from_secs(5);

/// How many bytes the kernel, and the transport too, hold for a member that does not read. The kernel's default is megabytes:
/// a member could be slow for a long time before the room noticed.
const UNREAD: usize = 64 * 1024;

/// Reads a member's lines, from its arrival to its end.
pub(crate) struct Member {
    group: TaskGroup,
    lines: Lines,
    writer: Rc<StreamWriter>,
    room: Rc<Room>,
    /// `None` when the member has no seat.
    visit: Option<Visit>,
    stop: StopToken,
    race: Race,
    /// How long the member may take to give a name. `None` once it has one.
    patience: Option<Racing<Sleep>>,
}

machine!(
    impl Machine for Member {
        pub(crate) type State = Phase;

        fn Arriving(&mut self) -> Next<Reading, Leaving> {
            let transport = self.writer.transport();
            transport.set_write_buffer_limits(Some(UNREAD), None)?;
            transport.with_fd(|fd| fd.map_or(Ok(()), |fd| SockRef::from(&fd).set_send_buffer_size(UNREAD)))?;
            let Some((visit, outbox)) = self.room.enter(transport, &self.stop) else {
                self.writer.write(b"* the room is full, or closes\n")?;
                self.writer.write_eof()?;
                self.leave()?;
                return to(Leaving);
            };
            let first = Writing::Waiting(outbox.get());
            self.group.create_task(Scribe { outbox, writer: Rc::clone(&self.writer) }.start(first))?;
            visit.hear("welcome: what is your name?");
            self.visit = Some(visit);
            to(Reading)
        }

        fn Reading(&mut self, sent: Sent) -> Next<Leaving, End> {
            match yield_from!(self.race.run((self.stop.wait(), self.lines.next(), self.patience.as_mut())), sent)? {
                // Lets other tasks run. A member says at most one line a turn, so that all outboxes are written in between.
                Won::B(line) if self.heard(&line) => return yield_here(Await::next_turn()),
                Won::B(_) => {}
                Won::A(()) => self.visit.iter().for_each(|visit| visit.hear("the room closes")),
                Won::C(()) => {
                    self.writer.transport().abort();
                    return end(());
                }
            }
            self.leave()?;
            to(Leaving)
        }

        /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be
        /// reset, and the peer would lose what it has not read yet. `linger` would end the stream at once, but the scribe
        /// may still have lines to write, and ends it then.
        fn Leaving(&mut self, sent: Sent) -> Next<End> {
            if yield_from!(self.lines.skip(), sent)? { stay() } else { end(()) }
        }

        /// If the peer resets its connection, only this member ends. Dropping the machine frees the seat.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            if is_connections(&raised) { end(()) } else { Err(raised) }
        }
    }
);

impl Member {
    pub(crate) fn new(
        group: TaskGroup,
        reader: StreamReader,
        writer: StreamWriter,
        room: Rc<Room>,
        stop: StopToken,
    ) -> Running<Self> {
        let (lines, writer) = (Lines::new(reader), Rc::new(writer));
        let patience = Some(Racing::new(sleep(room.patience())));
        Self { group, lines, writer, room, visit: None, stop, race: Race::new(), patience }.start(Phase::Arriving)
    }

    /// Obeys a command, or passes a line on to the others. Returns `false` if the member leaves.
    fn heard(&mut self, line: &Line) -> bool {
        let Some(visit) = &self.visit else { return false };
        match (line, visit.name()) {
            // The peer may have closed only its half, and may still read.
            (Line::End, _) => return false,
            (Line::Whole(text), _) if text.is_empty() => {}
            (Line::Whole(text), _) if text == "/quit" => return false,
            (Line::Whole(text), None) => match visit.take_name(text) {
                Ok(()) => {
                    visit.hear(&format!("you are {text}; /who tells who is here, /quit ends this"));
                    self.patience = None;
                }
                Err(why) => visit.hear(&format!("{why}: what is your name?")),
            },
            (Line::Whole(text), Some(_)) if text == "/who" => visit.hear_who(),
            (Line::Whole(text), Some(_)) if text.starts_with('/') => visit.hear("there are /who and /quit"),
            (Line::Whole(text), Some(name)) => visit.say(&name, text),
            (Line::TooLong, _) => visit.hear(&format!("that line was too long: the limit is {LENGTH} bytes")),
        }
        true
    }

    /// Gives up the seat. The lines in the outbox are still written, until a peer that does not read them is aborted.
    fn leave(&mut self) -> Result<(), Exception> {
        self.visit = None;
        let transport = self.writer.transport().clone();
        EventLoop::running()?.call_later(GRACE, move || transport.abort()).map(drop)
    }
}

/// Writes the lines of an outbox. Ends the stream when the outbox is shut down and empty.
///
/// ```mermaid
/// stateDiagram-v2
///     accTitle: Scribe
///     state "any state" as any
///     [*] --> Waiting
///     Waiting --> Draining
///     Waiting --> [*]
///     Draining --> Waiting
///     any --> [*]: raised
/// ```
pub(crate) struct Scribe {
    outbox: Outbox,
    writer: Rc<StreamWriter>,
}

machine!(
    impl Machine for Scribe {
        pub(crate) type State = Writing;

        fn Waiting(&mut self, line: Outcome<Get<Rc<str>>>) -> Next<Draining, End> {
            let mut next = match line {
                Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => {
                    self.writer.write_eof()?;
                    return end(());
                }
                line => Some(line?),
            };
            // Writes many lines in one system call, but no more than the connection accepts. A lost connection accepts none.
            while let Some(line) = next {
                self.writer.write(line.as_bytes())?;
                let takes_more = !self.writer.transport().is_writing_paused() && !self.writer.is_closing();
                next = if takes_more { self.outbox.get_nowait().ok() } else { None };
            }
            to(Draining)
        }

        fn Draining(&mut self, sent: Sent) -> Next<Waiting> {
            yield_from!(self.writer.drain(), sent)?;
            to(Waiting(self.outbox.get()))
        }

        /// The reader gets the connection's error too.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            if is_connections(&raised) { end(()) } else { Err(raised) }
        }
    }
);

/// Whether the connection failed, rather than the program.
fn is_connections(raised: &Exception) -> bool {
    raised.downcast_ref::<io::Error>().is_some()
}
