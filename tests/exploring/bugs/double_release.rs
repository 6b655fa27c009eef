//! A job gives its place back when it ends, and its watchdog gives it back when the job takes too long. When both happen
//! together, the place is given back twice, and there is one more than before.
//!
//! Mended: whoever gives the place back notes that, and the other one looks. Simpler still is a permit, which gives itself
//! back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Semaphore, sleep};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (places, in_use) = (Semaphore::new(1), Rc::new(Cell::new(true)));
    places.try_acquire().expect("no job has started").forget();

    let (mine, ended) = (places.clone(), Rc::clone(&in_use));
    let job = sleep(Duration::from_secs(1)).map(move |()| {
        if ended.replace(false) || !MENDED {
            mine.release();
        }
    });
    let watched = places.clone();
    let watchdog = sleep(Duration::from_secs(1)).map(move |()| {
        if in_use.replace(false) {
            watched.release();
        }
    });
    sim.create_task(job)?;
    sim.create_task(watchdog)?;
    sim.finally(move || assert_eq!(places.value(), 1, "there is one place"));
    Ok(())
}
