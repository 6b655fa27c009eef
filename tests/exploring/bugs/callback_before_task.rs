//! A callback loads the settings, and a task uses them. The callback was scheduled first, so it runs first, until somebody
//! schedules it from elsewhere.
//!
//! Mended: the task waits until the settings are loaded.

use std::cell::Cell;
use std::rc::Rc;

use innermost::testing::Sim;
use innermost::{CoroutineExt, Event, Exception};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (settings, are_loaded) = (Rc::new(Cell::new(None)), Event::new());
    let (load, loaded) = (Rc::clone(&settings), are_loaded.clone());
    sim.call_soon(move || {
        load.set(Some("settings"));
        loaded.set();
    })?;
    if !MENDED {
        are_loaded.set();
    }
    sim.run(are_loaded.wait().map(move |()| assert!(settings.get().is_some(), "there are no settings")))
}
