//! A selector that follows a script, and sockets whose bytes arrive at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::selector::{
    Direction, MonotonicClock, Readiness, Selector, SelectorEvent, SelectorToken, default_selector,
};
use innermost::{EventLoop, Exception, TcpStream};

use crate::support::clock::forwards_the_rest;
use crate::support::events::Log;

/// The reports of the selector, wait by wait. Clones share the script.
///
/// Registrations are numbered from 0, the loop's own aside. When nothing is left to report, a wait fails, which ends
/// the run: see [`run`](Self::run).
#[derive(Clone)]
pub(crate) struct Script(Rc<RefCell<State>>);

struct State {
    waits: VecDeque<Box<dyn FnOnce() -> Reported>>,
    tokens: Vec<SelectorToken>,
    log: Log,
    levels: bool,
    refuses: bool,
}

/// The report of a wait: registrations and their readiness.
pub(crate) type Reported = io::Result<Vec<(usize, Readiness)>>;

/// How a script ends.
const OVER: &str = "the script is over";

impl Script {
    /// A loop with an edge-triggered selector that logs each wait and each call.
    pub(crate) fn of_edges(log: &Log) -> (EventLoop, Self) {
        Self::over(log, false)
    }

    /// A loop with a level-triggered selector that logs each wait and each call.
    pub(crate) fn of_levels(log: &Log) -> (EventLoop, Self) {
        Self::over(log, true)
    }

    fn over(log: &Log, levels: bool) -> (EventLoop, Self) {
        let state = State { waits: VecDeque::new(), tokens: Vec::new(), log: Log::default(), levels, refuses: false };
        let this = Self(Rc::new(RefCell::new(state)));
        let event_loop = EventLoop::with(Box::new(this.clone()), Box::new(MonotonicClock::new()));
        let mut state = this.0.borrow_mut();
        // The waker's.
        state.tokens.clear();
        state.log = log.clone();
        drop(state);
        let event_loop = event_loop.expect("a descriptor is free");
        event_loop.set_exception_handler(|context| println!("{context}"));
        (event_loop, this)
    }

    /// At the next wait that has no part yet, that registration is ready.
    pub(crate) fn ready(&self, registration: usize, readiness: Readiness) {
        self.then(move || Ok(vec![(registration, readiness)]));
    }

    /// At the next wait that has no part yet, the peer sends something, and that registration is ready.
    pub(crate) fn sends(&self, peer: &Rc<UnixStream>, bytes: &'static [u8], registration: usize, readiness: Readiness) {
        let peer = Rc::clone(peer);
        self.then(move || {
            (&*peer).write_all(bytes)?;
            Ok(vec![(registration, readiness)])
        });
    }

    /// Reports this at the next wait without a report.
    pub(crate) fn then(&self, report: impl FnOnce() -> Reported + 'static) {
        self.0.borrow_mut().waits.push_back(Box::new(report));
    }

    /// Refuses the next registration.
    pub(crate) fn refuse_next(&self) {
        self.0.borrow_mut().refuses = true;
    }

    pub(crate) fn token(&self, registration: usize) -> SelectorToken {
        self.0.borrow().tokens[registration]
    }

    /// Runs the loop to the end of the script.
    pub(crate) fn run(&self, event_loop: &EventLoop) {
        let raised = event_loop.run_forever().expect_err("nobody stops it");
        assert_eq!(raised.to_string(), OVER);
        assert!(self.0.borrow().waits.is_empty());
    }
}

impl Selector for Script {
    fn register(&mut self, _: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        if std::mem::take(&mut state.refuses) {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        state.tokens.push(token);
        Ok(())
    }

    fn deregister(&mut self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn closing(&mut self, _: BorrowedFd<'_>) {
        self.0.borrow().log.add("closing");
    }

    fn reports_levels(&self) -> bool {
        self.0.borrow().levels
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        let state = self.0.borrow();
        let registration = state.tokens.iter().position(|other| *other == token).expect("it was registered");
        state.log.add(format_args!("{registration} is drained: {direction:?}"));
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let wait = {
            let mut state = self.0.borrow_mut();
            state.log.add("wait");
            state.waits.pop_front()
        };
        let Some(wait) = wait else {
            assert_eq!(timeout, None, "nothing but the script can end the wait");
            return Err(io::Error::other(OVER));
        };
        let reported = wait()?;
        let event = |(registration, readiness)| SelectorEvent { token: self.token(registration), readiness };
        events.extend(reported.into_iter().map(event));
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// The system's selector, whose events are logged.
#[derive(Debug)]
pub(crate) struct Watched {
    inner: Box<dyn Selector>,
    tokens: Vec<SelectorToken>,
    log: Log,
}

impl Watched {
    /// A loop over it.
    pub(crate) fn event_loop(log: &Log) -> EventLoop {
        let inner = default_selector().expect("a descriptor is free");
        let this = Self { inner, tokens: Vec::new(), log: log.clone() };
        EventLoop::with(Box::new(this), Box::new(MonotonicClock::new())).expect("a descriptor is free")
    }
}

impl Selector for Watched {
    forwards_the_rest!();

    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.tokens.push(token);
        self.inner.register(fd, token)
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let before = events.len();
        self.inner.select(events, timeout)?;
        for event in &events[before..] {
            let registration = self.tokens.iter().position(|token| *token == event.token).expect("it was registered");
            // The first is the loop's own.
            if registration > 0 {
                self.log.add(format_args!("{} is {:?}", registration - 1, event.readiness));
            }
        }
        Ok(())
    }
}

/// A stream, and its peer for the test. They use a Unix socket: bytes written at one end are at the other when the call
/// returns. TCP does not promise that even within one machine.
pub(crate) fn pair() -> (Rc<TcpStream>, Rc<UnixStream>) {
    let (ours, peer) = UnixStream::pair().expect("a descriptor is free");
    peer.set_nonblocking(true).expect("it is a socket");
    let ours = std::net::TcpStream::from(OwnedFd::from(ours));
    (Rc::new(TcpStream::from_std(ours).expect("it is a socket")), Rc::new(peer))
}

/// The text of an exception, for a log.
pub(crate) fn outcome<T: fmt::Display>(result: &Result<T, Exception>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(raised) => format!("{:?}: {raised}", raised.kind()),
    }
}
