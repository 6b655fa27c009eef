//! What belongs to the whole process, and so to one test at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The right to handle signals: one loop of a process has it.
pub(crate) fn signals() -> MutexGuard<'static, ()> {
    static SIGNALS: Mutex<()> = Mutex::new(());
    SIGNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to hundreds of descriptors: a process may have 1024 of them on many machines.
pub(crate) fn crowd() -> MutexGuard<'static, ()> {
    static CROWD: Mutex<()> = Mutex::new(());
    CROWD.lock().unwrap_or_else(PoisonError::into_inner)
}
