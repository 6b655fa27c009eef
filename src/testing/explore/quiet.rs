//! Keeps the panics of a program that is explored off standard error. A failing schedule is run many times before its
//! failure is told, and each run would print the same panic.
//!
//! The panic hook belongs to the process. Ours is installed once, and calls the one before it, unless the thread that
//! panics is exploring.

use core::cell::Cell;
use std::panic;
use std::sync::Once;
use std::thread;

std::thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

static INSTALL: Once = Once::new();

/// Calls `run`. Panics of this thread print nothing meanwhile.
pub(super) fn quietly<R>(run: impl FnOnce() -> R) -> R {
    // A thread that panics may not change the hook.
    if !thread::panicking() {
        INSTALL.call_once(install);
    }
    let before = IS_QUIET.replace(true);
    let result = run();
    IS_QUIET.set(before);
    result
}

fn install() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !IS_QUIET.try_with(Cell::get).unwrap_or(false) {
            before(info);
        }
    }));
}
