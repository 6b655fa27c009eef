//! `Process`: how an object notices in a forked child that the parent created it.
//!
//! A child inherits every object of its parent, and can harm the parent through them: both share the kernel's set of
//! descriptors, the eventfd that wakes the parent, and the parent's sockets. The child does not inherit the parent's
//! threads, and nobody releases the locks that they held.
//!
//! So every object that shares something with the kernel or with a thread keeps the [`Process`] that created it, and
//! checks whether it still runs in that process. The check costs a load and a comparison, because a handler of
//! `pthread_atfork(3)` counts the forks. `getpid(2)` would cost a system call each time.
//!
//! A child created by `vfork`, `posix_spawn` or a bare `clone` runs no such handler. It may do nothing but call `exec`.

use core::mem;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::os::fd::{AsFd, BorrowedFd};

use super::{signal, waker};

/// The number of forks between this process and the first one that asked.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// True once the handler is registered.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// The process that created an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

impl Process {
    /// The current process.
    pub(crate) fn current() -> Self {
        if !IS_WATCHED.load(Ordering::Relaxed) {
            // There is no lock here: another thread could hold it during a fork, and it would never be free in the
            // child. Without it, two threads may both register the handler. Each fork then counts twice, which changes
            // no answer.
            watch();
            IS_WATCHED.store(true, Ordering::Relaxed);
        }
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Returns `true` if this is the current process. In a forked child, returns `false` for an object that its parent
    /// created.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }
}

/// A value that stands for something a fork does not copy: a thread, or a `kqueue(2)`. The child inherits the thread's
/// handle or the queue's descriptor number, which may stand for something else there. So only the process that created
/// the value drops it.
#[derive(Debug)]
pub(crate) struct NotInherited<T> {
    /// `None` once it is taken out.
    inner: Option<T>,
    process: Process,
}

impl<T> NotInherited<T> {
    pub(crate) const fn get(&self) -> &T {
        self.inner.as_ref().expect("only the owner takes the value out")
    }

    /// Returns the value, or `None` in a forked child.
    pub(crate) fn into_inner(mut self) -> Option<T> {
        if self.process.is_current() { self.inner.take() } else { None }
    }
}

impl<T> From<T> for NotInherited<T> {
    fn from(inner: T) -> Self {
        Self { inner: Some(inner), process: Process::current() }
    }
}

impl<T: AsFd> AsFd for NotInherited<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get().as_fd()
    }
}

impl<T> Drop for NotInherited<T> {
    fn drop(&mut self) {
        if !self.process.is_current() {
            mem::forget(self.inner.take());
        }
    }
}

fn watch() {
    // SAFETY: the handler may run in the child of a process with many threads, so it does only what a signal handler
    // may do. The function stays valid as long as the code of this crate is loaded.
    let result = unsafe { libc::pthread_atfork(None, None, Some(on_fork)) };
    assert_eq!(result, 0, "no memory is free");
}

/// Runs in each child, in the thread that forked, before `fork` returns there. Other threads of the parent may have
/// held any lock, so nothing here may take a lock or allocate.
unsafe extern "C" fn on_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    signal::on_fork();
    waker::on_fork();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `child` in a forked child and returns its answer. `child` may do only what a signal handler may do, because
    /// this process has several threads.
    fn in_child(child: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls only `child`, and exits without running any destructors.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "the system has room for a process");
        if pid == 0 {
            let status = i32::from(!child());
            // SAFETY: the call takes no pointer and does not return.
            unsafe { libc::_exit(status) };
        }
        let mut status = 0;
        // SAFETY: this is our child and nobody else waits for it. `status` may be written until the call returns.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        waited == pid && status == 0
    }

    #[test]
    fn a_child_knows_that_its_parent_made_what_it_inherits() {
        let made_here = Process::current();
        assert!(made_here.is_current());
        assert!(in_child(|| {
            let made_there = Process::current();
            !made_here.is_current() && made_there.is_current() && in_child(|| !made_there.is_current())
        }));
        assert!(made_here.is_current());
    }
}
