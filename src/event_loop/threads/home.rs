//! `Home` for the inbox: a thread's future tells the loop that completes it how many threads are waiting.
//!
//! Only a loop whose clock jumps needs to know: its clock must stand still while a thread owes the loop a result,
//! unless that thread itself waits for the loop.

use core::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread::ThreadId;

use super::super::RemoteHandle;
use super::super::remote::Inbox;
use crate::executor::{Home, WaitingThreads};

impl Home for Inbox {
    fn thread(&self) -> ThreadId {
        self.thread
    }

    fn threads_wait(&self, threads: WaitingThreads) {
        if self.clock_jumps {
            self.waiting_threads.fetch_add(threads.all, Ordering::SeqCst);
            self.waiting_for_ever.fetch_add(threads.for_ever, Ordering::SeqCst);
            // The loop's clock may be standing still because of this very thread.
            let waker = self.lock().waker.clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn threads_go_on(&self, threads: WaitingThreads) {
        if self.clock_jumps {
            self.waiting_threads.fetch_sub(threads.all, Ordering::SeqCst);
            self.waiting_for_ever.fetch_sub(threads.for_ever, Ordering::SeqCst);
        }
    }
}

impl Inbox {
    /// The number of threads that wait for futures of this loop. Counted only if the clock jumps.
    pub(super) fn waiting_threads(&self) -> WaitingThreads {
        WaitingThreads {
            all: self.waiting_threads.load(Ordering::SeqCst),
            for_ever: self.waiting_for_ever.load(Ordering::SeqCst),
        }
    }
}

impl RemoteHandle {
    pub(super) fn home(&self) -> Arc<dyn Home> {
        Arc::clone(&self.0) as Arc<_>
    }
}
