//! [`NetworkConnect`]: connecting in the simulated network.
//!
//! ```text
//!   here                        there
//!    | ------- a knock ---------> |   nobody listens: refused; no answer: again after 1 s, 2 s, 4 s ..
//!    | <------- welcome --------- |   its end exists now
//!   (connected)                   |
//!    | -------- open -----------> |   goes before the first bytes
//!    |                        (accepted)
//! ```

use core::cell::Cell;
use core::fmt;
use core::mem;
use core::time::Duration;
use std::io;
use std::rc::Rc;

use super::end::{Content, End, Stage};
use super::listener::Doors;
use super::map::{Address, Map, Site, before_repetition};
use super::stream::NetworkStream;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::{Await, Way};

/// The coroutine returned by [`Interface::connect`](super::Interface::connect). Dropping it before its end gives the
/// attempt up.
#[must_use = "connecting does nothing until it is awaited"]
pub struct NetworkConnect(Phase);

enum Phase {
    Created(Order),
    Waiting(Rc<End>),
    Over,
}

pub(super) struct Order {
    pub(super) map: Rc<Map>,
    pub(super) doors: Rc<Doors>,
    pub(super) from: Rc<Site>,
    pub(super) host: String,
    pub(super) port: u16,
}

impl NetworkConnect {
    pub(super) const fn new(order: Order) -> Self {
        Self(Phase::Created(order))
    }
}

impl Order {
    fn begin(self) -> io::Result<Rc<End>> {
        self.from.check()?;
        self.map.decider.descriptor()?;
        let there = Address { site: self.map.find(&self.host)?, port: self.port };
        let here = Address { site: Rc::clone(&self.from), port: self.from.next_port() };
        let path = self.map.path(&here.site, &there.site);
        let until_reset = self.map.condition(&path, |conditions| &conditions.reset_at).unwrap_or(usize::MAX);
        let end = End::new(&self.map, here, there, Rc::new(Cell::new(until_reset)));
        knock(&end, self.doors, 0);
        Ok(end)
    }
}

/// Asks the other host for a connection, for the first time or after so many `repetitions`.
fn knock(end: &Rc<End>, doors: Rc<Doors>, repetitions: u32) {
    let (again, more) = (Rc::downgrade(end), Rc::clone(&doors));
    end.repeat_at(end.map.now() + before_repetition(REPETITION, repetitions), move || match again.upgrade() {
        Some(end) if repetitions == REPETITIONS => end.fail(io::ErrorKind::TimedOut),
        Some(end) => knock(&end, more, repetitions + 1),
        None => {}
    });
    let knocking = Rc::clone(end);
    end.map.at(end.map.arrival(&end.path, 0), move || {
        if knocking.map.carries(&knocking.path) {
            answer(&knocking, doors);
        }
    });
}

/// The other host answers. If it listens, it makes its end.
fn answer(end: &Rc<End>, doors: Rc<Doors>) {
    let answering = doors.at(&end.there.site, end.there.port).map(|_| end.answering());
    let (end, back) = (Rc::clone(end), end.map.path(&end.there.site, &end.here.site));
    let map = Rc::clone(&end.map);
    map.at(map.arrival(&back, 0), move || {
        if !end.map.carries(&back) || end.stage.get() != Stage::Opening || end.check().is_err() {
            return;
        }
        let Some(answering) = answering else { return end.fail(io::ErrorKind::ConnectionRefused) };
        end.join(&answering);
        end.transmit(0, Content::Word(Box::new(move |end| enter(end, answering, &doors))));
        end.reset_if_due();
    });
}

/// The other host gets its end, and can accept it.
fn enter(end: &Rc<End>, answering: Rc<End>, doors: &Doors) {
    let (site, port) = (&answering.here.site, answering.here.port);
    match doors.at(site, port).filter(|_| answering.stage.get() == Stage::Opening) {
        Some(backlog) => {
            answering.open();
            backlog.push(Ok(NetworkStream::new(answering)));
        }
        None => end.be_refused(0),
    }
}

impl Coroutine for NetworkConnect {
    type Yield = Await;
    type Input = ();
    type Return = NetworkStream;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        let end = match mem::replace(&mut self.0, Phase::Over) {
            Phase::Created(order) => order.begin()?,
            Phase::Waiting(end) => end,
            Phase::Over => return Err(Exception::reused()),
        };
        end.check()?;
        if end.stage.get() == Stage::Opening {
            let wanted = Await::on(Way::Writable, Rc::clone(&end) as Rc<_>);
            self.0 = Phase::Waiting(end);
            return Ok(Step::Yield(wanted));
        }
        Ok(Step::Return(NetworkStream::new(end)))
    }

    fn state(&self) -> State<'_> {
        State::new("connect", self)
    }
}

impl Drop for NetworkConnect {
    fn drop(&mut self) {
        if let Phase::Waiting(end) = &self.0 {
            end.close();
        }
    }
}

impl fmt::Debug for NetworkConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Created(Order { host, port, .. }) => write!(f, "to {host}:{port}"),
            Phase::Waiting(end) => end.fmt(f),
            Phase::Over => f.write_str("over"),
        }
    }
}

/// How long to wait before knocking for the second time, and how often to repeat it. As in Linux.
const REPETITION: Duration = Duration::from_secs(1);
const REPETITIONS: u32 = 6;
