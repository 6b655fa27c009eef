//! Locks for what the whole process shares. One test at a time may use it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks the handling of signals: only one loop of a process can have it.
pub(crate) fn signals() -> MutexGuard<'static, ()> {
    static SIGNALS: Mutex<()> = Mutex::new(());
    SIGNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks the use of hundreds of descriptors. Many machines allow a process 1024 of them.
pub(crate) fn crowd() -> MutexGuard<'static, ()> {
    static CROWD: Mutex<()> = Mutex::new(());
    CROWD.lock().unwrap_or_else(PoisonError::into_inner)
}
