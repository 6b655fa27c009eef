//! The answer to a request comes in the turn in which its time is over. The timeout has already finished the future, and
//! the code that handles the answer assumes that it is pending.
//!
//! Mended: whoever comes second does nothing.

use std::time::Duration;

use innermost::testing::Sim;
use innermost::{Exception, Kind};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let answer = sim.create_future();
    let (answered, late) = (answer.clone(), answer.clone());
    sim.call_later(Duration::from_secs(1), move || {
        if !MENDED || !answered.done() {
            answered.set_result("pong")?;
        }
        Ok(())
    })?;
    sim.call_later(Duration::from_secs(1), move || {
        if !late.done() {
            late.set_exception(Exception::message(Kind::TimeoutError, "no answer"))?;
        }
        Ok(())
    })?;
    match sim.run(answer) {
        Ok(text) => assert_eq!(text, "pong"),
        Err(raised) if raised.kind() == Kind::TimeoutError => {}
        Err(raised) => return Err(raised),
    }
    Ok(())
}
