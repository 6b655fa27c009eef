//! A record is written in a task that nobody awaits. If the log is closed first, the task fails and nobody is told.
//!
//! Mended: the record is awaited before the log is closed.

use std::cell::Cell;
use std::rc::Rc;

use innermost::testing::Sim;
use innermost::{Exception, Kind, end, from_fn};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let is_open = Rc::new(Cell::new(true));
    let log = Rc::clone(&is_open);
    let record = sim.create_task(from_fn(move |sent| {
        sent?;
        if log.get() { end(()) } else { Err(Exception::message(Kind::Error, "the log is closed")) }
    }))?;
    if MENDED {
        sim.run(record)?;
    }
    sim.call_soon(move || is_open.set(false))?;
    Ok(())
}
