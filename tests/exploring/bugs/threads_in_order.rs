//! Two functions run in threads. The second one relies on the first, which was started earlier.
//!
//! Mended: the second one is started when the first has returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, join, to_thread};

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let is_made = Arc::new(AtomicBool::new(false));
    let folder = Arc::clone(&is_made);
    let make_folder = to_thread(move || {
        folder.store(true, Ordering::Relaxed);
        Ok(())
    });
    let write_file = to_thread(move || {
        assert!(is_made.load(Ordering::Relaxed), "there is no folder");
        Ok(())
    });
    if MENDED { sim.run(make_folder.then(|()| write_file)) } else { sim.run(join((make_folder, write_file))).map(drop) }
}
