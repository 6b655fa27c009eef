//! The expected events, and their order.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::campaign::fault;

/// The pending calls. An entry is removed before its callback runs or is cancelled.
#[derive(Default)]
pub(super) struct Ledger {
    last: Cell<u64>,
    pending: RefCell<BTreeMap<u64, Call>>,
    /// Futures that are known to be done.
    done: RefCell<BTreeSet<u64>>,
    owed: RefCell<BTreeSet<u64>>,
    waits: RefCell<BTreeMap<u64, Waits>>,
}

/// A pending call, and its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Soon(u8),
    At(u8, Duration),
    /// The callback of a future.
    Done(u8, u64),
}

/// A waiter, its loop, and a check whether the awaited event has happened.
pub(super) struct Waits {
    pub(super) event_loop: u8,
    pub(super) what: &'static str,
    pub(super) is_there: Box<dyn Fn() -> bool>,
}

impl Ledger {
    /// The number of a new future, which also identifies its loop.
    pub(super) fn future(&self, event_loop: u8) -> u64 {
        2 * self.number() + u64::from(event_loop)
    }

    /// A number that was not used before.
    pub(super) fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    pub(super) fn expect(&self, call: Call) -> u64 {
        let number = self.number();
        self.pending.borrow_mut().insert(number, call);
        number
    }

    /// It is no longer expected; gives what it was, if it still was.
    pub(super) fn forget(&self, number: u64) -> Option<Call> {
        self.pending.borrow_mut().remove(&number)
    }

    /// It is expected after all.
    pub(super) fn expect_again(&self, number: u64, call: Call) {
        self.pending.borrow_mut().insert(number, call);
    }

    /// It is called now: everything that had to come before it has come.
    pub(super) fn called(&self, number: u64) {
        let Some(call) = self.forget(number) else { fault(format!("call {number} comes twice, or was cancelled")) };
        let pending = self.pending.borrow();
        let mut before = pending.range(..number).filter(|(_, other)| match (*other, call) {
            (Call::Soon(one), Call::Soon(other)) => *one == other,
            (Call::At(one, sooner), Call::At(other, later)) => *one == other && *sooner <= later,
            (Call::Done(_, one), Call::Done(_, other)) => *one == other,
            _ => false,
        });
        if let Some((other, before)) = before.next() {
            fault(format!("call {number}, {call:?}, comes before call {other}, {before:?}"));
        }
    }

    /// Its closure is dropped. Where it was still expected, that is right if its loop is closed, or if it was the
    /// callback of a future that is gone before it was done.
    pub(super) fn dropped(&self, number: u64, is_closed: impl Fn(u8) -> bool) {
        match self.forget(number) {
            None => {}
            Some(Call::Soon(event_loop) | Call::At(event_loop, _)) if is_closed(event_loop) => {}
            Some(Call::Done(event_loop, future)) if is_closed(event_loop) || !self.done.borrow().contains(&future) => {}
            Some(call) => fault(format!("call {number}, {call:?}, was dropped without being called")),
        }
    }

    pub(super) fn future_is_done(&self, future: u64) {
        self.done.borrow_mut().insert(future);
    }

    /// The exception handler must receive this failure.
    pub(super) fn owe(&self, number: u64) {
        self.owed.borrow_mut().insert(number);
    }

    pub(super) fn told(&self, number: u64) {
        self.owed.borrow_mut().remove(&number);
    }

    pub(super) fn waits(&self, who: u64, what: Waits) {
        self.waits.borrow_mut().insert(who, what);
    }

    pub(super) fn waits_no_more(&self, who: u64) {
        drop(self.waits.borrow_mut().remove(&who));
    }

    /// Everything is idle: the open loops owe nothing any more.
    pub(super) fn check_idle(&self, is_closed: impl Fn(u8) -> bool) {
        for (number, call) in &*self.pending.borrow() {
            match call {
                Call::Soon(event_loop) | Call::At(event_loop, _) if !is_closed(*event_loop) => {
                    fault(format!("call {number}, {call:?}, is lost"))
                }
                Call::Done(event_loop, future) if !is_closed(*event_loop) && self.done.borrow().contains(future) => {
                    fault(format!("call {number}, {call:?}, is lost"))
                }
                _ => {}
            }
        }
        for (who, waits) in &*self.waits.borrow() {
            if !is_closed(waits.event_loop) && (waits.is_there)() {
                fault(format!("coroutine {who} waits for {}, which is there", waits.what));
            }
        }
        if let Some(number) = self.owed.borrow().first() {
            fault(format!("nobody was told of oops {number}"));
        }
    }
}
