//! Accepting connections, of whatever family.

use std::io;
use std::os::fd::AsFd;

use super::Attempt;
use super::moving::at;
use crate::coroutine::Step;
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, socket};
use crate::task::Await;

/// How many failed connections are passed over in one turn. A peer that produces them without end must not keep
/// everybody else from running.
const SHARE: usize = 64;

/// Accepts a connection. Passes over those that failed before they were accepted.
pub(super) fn accept<L: AsFd, T>(listener: &Registered<L>, accept: impl Fn(&L) -> io::Result<T>) -> Attempt<T> {
    for _ in 0..SHARE {
        let attempt = listener.attempt(Direction::Read, |listener, _| match accept(listener) {
            Err(error) if socket::is_of_one_connection(&error) => Ok((None, Left::More)),
            accepted => Ok((Some(accepted?), Left::More)),
        });
        match attempt {
            Ok(Step::Return(Some(accepted))) => return Ok(Step::Return(accepted)),
            Ok(Step::Return(None)) => {}
            Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
            Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
            Err(raised) => return Err(at(raised, "accept", listener.get().as_fd())),
        }
    }
    Ok(Step::Yield(Await::next_turn()))
}
