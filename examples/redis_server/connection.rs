//! One connection, from its first request to its end.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Connection
//!     state "any state" as any
//!     [*] --> Answering
//!     Receiving --> Answering: bytes
//!     Receiving --> [*]
//!     Answering --> Writing: answers
//!     Answering --> Ending: the last
//!     Answering --> Blocked: BLPOP of an empty list
//!     Answering --> Subscribed: SUBSCRIBE
//!     Answering --> Receiving: nothing to do
//!     Writing --> Answering: all is sent
//!     Blocked --> Answering: an item, or the time is over
//!     Blocked --> [*]
//!     Subscribed --> Answering: UNSUBSCRIBE
//!     Subscribed --> [*]
//!     Ending --> [*]
//!     any --> Answering: thrown
//!     any --> [*]: raised
//! ```
//!
//! A client may send many requests before it reads an answer. The server sends their answers together. While more than
//! [`ENOUGH`] bytes of answers wait, no request is run and nothing is read, so a client that does not read does not fill
//! the memory.

use std::net::SocketAddr;
use std::rc::Rc;

use innermost::net::Linger;
use innermost::sync::EventWait;
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{Buffer, ByteStream, EventLoop, Exception, Kind, Machine, Running, machine, yield_from};

use super::blocked::Waiting;
use super::client::{Client, Flow, pair};
use super::resp::{Parsed, Parser};
use super::server::{Seat, Server};

/// The bytes of answers after which no further request is run until the client has read some.
const ENOUGH: usize = 64 * 1024;

/// A connection over any byte stream: TCP, or memory and virtual time in a test.
pub(crate) struct Connection<S> {
    stream: S,
    client: Client,
    /// Requests that have arrived, and have not run yet.
    incoming: Buffer,
    parser: Parser,
    /// Answers that have not been sent yet.
    outgoing: Buffer,
    /// How long the client may be silent.
    limit: Option<Box<Limit>>,
    /// What the last request waits for.
    waiting: Option<Box<Waiting>>,
    /// Whether the connection runs no more requests.
    is_last: bool,
    is_stopping: bool,
}

/// What a connection keeps while its client subscribes.
pub(crate) struct Listening {
    race: Race,
    mail: Racing<EventWait>,
    /// Whether there is room for the answers to more requests.
    reads: bool,
}

machine!(
    impl<S: ByteStream> Machine for Connection<S> {
        pub(crate) type State = State;

        /// Waits for requests.
        fn Receiving(&mut self, sent: Sent) -> Next<Answering, End> {
            let read = match &mut self.limit {
                Some(limit) => yield_from!(limit.run(self.stream.read(&mut self.incoming)), sent),
                None => yield_from!(self.stream.read(&mut self.incoming), sent),
            };
            if read? == 0 { end(()) } else { to(Answering) }
        }

        /// Runs the requests that have arrived, as long as there is room for their answers. Then chooses what to wait
        /// for.
        fn Answering(&mut self) -> Next<Writing, Ending, Blocked, Subscribed, Receiving> {
            self.answer()?;
            let is_over = self.is_last || self.is_stopping;
            let mail = if is_over { None } else { self.mail() };
            if mail.is_none() && !self.outgoing.is_empty() {
                return to(Writing);
            }
            if let Some(mut waiting) = self.waiting.take() {
                waiting.mail = mail.map(Box::new);
                return to(Blocked(waiting));
            }
            if is_over {
                (self.limit, self.incoming) = (None, Buffer::new());
                self.client.forget();
                return to(Ending(Box::new(Linger::new())));
            }
            if let Some(mail) = mail {
                let reads = self.outgoing.len() < ENOUGH;
                return to(Subscribed(Box::new(Listening { race: Race::new(), mail, reads })));
            }
            to(Receiving)
        }

        fn Writing(&mut self, sent: Sent) -> Next<Answering> {
            if sent.is_ok()
                && let Some(limit) = &mut self.limit
            {
                limit.restart(); // the client has read something
            }
            match &mut self.limit {
                Some(limit) => yield_from!(limit.run(self.stream.write_all(&mut self.outgoing)), sent),
                None => yield_from!(self.stream.write_all(&mut self.outgoing), sent),
            }?;
            to(Answering)
        }

        /// Waits until the client leaves, an item comes, or the time is over. If an item comes for a client that has
        /// left, the next client gets it. In RESP3, messages may come meanwhile.
        fn Blocked(&mut self, sent: Sent, waiting: &mut Box<Waiting>) -> Next<Answering, End> {
            let Waiting { ticket, race, over, mail } = &mut **waiting;
            if !self.is_stopping {
                // Reading also notices that the client leaves.
                let read = (self.incoming.len() < ENOUGH).then(|| self.stream.read(&mut self.incoming));
                let write = (!self.outgoing.is_empty()).then(|| self.stream.write_all(&mut self.outgoing));
                let (over, messages) = (over.as_deref_mut(), mail.as_deref_mut());
                match yield_from!(race.run((read, ticket.came(), write, over, messages)), sent)? {
                    Won::A(0) => return end(()),
                    Won::A(_) => return stay(),
                    Won::B(()) => {}
                    Won::C(()) | Won::E(()) => {
                        let is_quick = mail.as_deref_mut().is_none_or(|mail| self.take_mail(mail));
                        return if is_quick { stay() } else { end(()) };
                    }
                    Won::D(()) => self.client.answers(&mut self.outgoing).nil_array(),
                }
            }
            self.client.take_messages(&mut self.outgoing, usize::MAX);
            if let Some(item) = ticket.take() {
                pair(&mut self.client.answers(&mut self.outgoing), &item.key, &item.bytes);
            }
            to(Answering)
        }

        /// Waits until the client sends something, can take more of its answers and messages, or a message comes.
        fn Subscribed(&mut self, sent: Sent, listening: &mut Box<Listening>) -> Next<Answering, End> {
            let Listening { race, mail, reads } = &mut **listening;
            if !self.is_stopping {
                let read = reads.then(|| self.stream.read(&mut self.incoming));
                let write = (!self.outgoing.is_empty()).then(|| self.stream.write_all(&mut self.outgoing));
                if let Won::A(0) = yield_from!(race.run((read, write, &mut *mail)), sent)? {
                    return end(());
                }
            }
            if !self.take_mail(mail) {
                return end(());
            }
            self.answer()?;
            *reads = self.outgoing.len() < ENOUGH;
            let goes_on = self.client.mailbox().is_some() && self.waiting.is_none();
            if self.is_last || self.is_stopping || !goes_on { to(Answering) } else { stay() }
        }

        /// Waits for the client to close too, but not for long.
        fn Ending(&mut self, sent: Sent, linger: &mut Box<Linger>) -> Next<End> {
            yield_from!(linger.run(&self.stream), sent)?;
            end(())
        }

        /// The first cancel asks for an orderly end: what has arrived is answered. A second one is propagated. A client that
        /// another one has killed gets no more answers.
        fn thrown(&mut self, state: &mut State, thrown: Exception) -> Next<Answering> {
            if thrown.is_cancelled() && self.client.seat.profile.is_killed() && !self.is_last {
                (self.is_last, self.outgoing) = (true, Buffer::new());
                if let Some(task) = EventLoop::running()?.current_task() {
                    task.uncancel();
                }
                return to(Answering);
            }
            let is_over = self.limit.as_ref().is_some_and(|limit| limit.expired());
            if !thrown.is_cancelled() || self.is_stopping || is_over {
                return Err(thrown);
            }
            (self.is_stopping, self.limit) = (true, None);
            if let Some(task) = EventLoop::running()?.current_task() {
                task.uncancel();
            }
            if !matches!(state, State::Receiving) {
                return stay();
            }
            // Some bytes may have arrived just now.
            self.stream.attempt_read(&mut self.incoming)?;
            to(Answering)
        }

        /// A connection that is lost, or silent for too long, is not a failure of the server.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            let is_lost = raised.downcast_ref::<std::io::Error>().is_some() || raised.kind() == Kind::TimeoutError;
            if is_lost { end(()) } else { Err(raised) }
        }
    }
);

impl<S: ByteStream> Connection<S> {
    /// `address` is the client's.
    pub(crate) fn new(stream: S, server: &Rc<Server>, address: Option<SocketAddr>) -> Running<Self> {
        let settings = &server.settings;
        let mut connection = Self {
            stream,
            client: Client::new(Seat::take(server, address)),
            incoming: Buffer::with_limit(settings.limits.request),
            parser: Parser::default(),
            outgoing: Buffer::new(),
            limit: settings.idle.map(|idle| Box::new(Limit::new(idle))),
            waiting: None,
            is_last: false,
            is_stopping: false,
        };
        if connection.client.seat.is_refused {
            connection.is_last = true;
            connection.client.answers(&mut connection.outgoing).error("ERR max number of clients reached");
        }
        connection.start(State::Answering)
    }

    /// Takes the messages for the client that are there, and waits for the next. `None` if the client has not subscribed.
    fn mail(&mut self) -> Option<Racing<EventWait>> {
        self.client.take_messages(&mut self.outgoing, ENOUGH);
        Some(Racing::new(self.client.mailbox()?.mail.wait()))
    }

    /// Takes messages, as long as there is room for them. Returns `false` if the client is too slow.
    fn take_mail(&mut self, mail: &mut Racing<EventWait>) -> bool {
        let Some(mailbox) = self.client.mailbox() else { return true };
        mailbox.take(&mut self.outgoing, if self.is_stopping { usize::MAX } else { ENOUGH });
        if mail.has_ended() {
            mail.restart(mailbox.mail.wait());
        }
        !mailbox.is_overfull()
    }

    /// Runs the requests that have arrived, until there is enough to write.
    fn answer(&mut self) -> Result<(), Exception> {
        self.client.seat.profile.enter();
        if self.incoming.is_empty() || self.is_last {
            return Ok(());
        }
        let server = Rc::clone(self.client.server());
        self.client.seat.profile.last.set(server.read_clock()?);
        self.parser.borrow_room(&server.spare);
        while self.outgoing.len() < ENOUGH && !self.is_last && self.waiting.is_none() {
            let bytes = self.incoming.bytes();
            let (flow, length) = match self.parser.parse(bytes, &server.settings.limits) {
                Ok(Parsed::Part) => break,
                Ok(Parsed::Nothing(length)) => (Flow::GoOn, length),
                Ok(Parsed::Whole(length)) => (self.client.run(self.parser.args(bytes), &mut self.outgoing), length),
                Ok(Parsed::Line(length, request)) => (self.client.run(request.args(), &mut self.outgoing), length),
                Err(error) => {
                    self.client.answers(&mut self.outgoing).error(&format!("ERR Protocol error: {error}"));
                    (Flow::Close, bytes.len())
                }
            };
            self.parser.next();
            self.incoming.consume(length);
            self.client.serve_others();
            match flow {
                Flow::GoOn => {}
                Flow::Close => self.is_last = true,
                Flow::Cut => (self.is_last, self.outgoing) = (true, Buffer::new()),
                Flow::Wait(waiting) => self.waiting = Some(waiting),
            }
        }
        self.parser.return_room(&server.spare);
        Ok(())
    }
}
