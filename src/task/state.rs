//! What a task is beside its coroutine and its outcome: what it waits for, its small things, and what few tasks have.

use core::cell::Cell;
use core::mem::ManuallyDrop;
use std::rc::Rc;

use super::contracts::{Met, WaitTarget, Way};
use super::shared::{Kept, Status};
use super::waiting::Await;
use crate::context::Context;
use crate::coroutine::Exception;

/// The part of a task that depends neither on its coroutine nor on what that returns. One struct, and no others in it
/// but of single bytes: so the small things fill two words.
pub(crate) struct TaskState {
    /// The [`Await`] it waits for, in parts: this, `place` and `way`. While it runs, the one it last waited for.
    ///
    /// An `Await` comes from the coroutine part by part, and is looked at part by part. Moving it as a whole as well would
    /// load by sixteen bytes what was stored by four and eight just before, and a processor does not forward that: the load
    /// waits until the stores have left for the cache. Moved in parts, a yield among a thousand tasks takes 6.5 ns instead
    /// of 11. The parts do not lie together either, as a struct of them would have padding.
    object: Cell<Option<Rc<dyn WaitTarget>>>,
    /// The task's destructor takes it out and drops it in a guard. Nothing else needs to look whether it is there.
    pub(super) rare: ManuallyDrop<Cell<Option<Box<Rare>>>>,
    pub(super) place: Cell<u32>,
    pub(super) key: Cell<u32>,
    /// Its number among the tasks of its loop, with the next field in 48 bits: to count so far takes a loop that does
    /// nothing but spawn five months, and one that spawns a million tasks a second nine years.
    number: u32,
    number_above: u16,
    /// `None` before the first wait, and once the task is done.
    way: Cell<Option<Way>>,
    pub(super) status: Cell<Status>,
}

// The allocator of glibc keeps freed pieces of up to 120 bytes at hand, in its fast bins. One that is larger costs twice
// as much (340 instructions a spawn, and not 180). A task has 16 for the counts of its `Rc`, 72 here, and 16 for the flag
// and the frames of its driver; which leaves 16 for a coroutine.
const _: () = assert!(size_of::<Kept<()>>() + size_of::<TaskState>() <= 72 || size_of::<usize>() != 8);

/// What few tasks have, kept apart so that all others are small.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) name: Option<Rc<str>>,
    /// What the next step throws in.
    pub(super) throw: Option<Exception>,
    /// How often its cancellation was asked for.
    cancels: u32,
    /// What is left of it once it is done, if anything is.
    leftover: Option<Leftover>,
    /// Whether a step is to be taken once the coroutine is not printed any more.
    put_off: bool,
    /// Whether a cancel is on its way through this task to what it waits for.
    cancelling: bool,
    /// Where it runs; `None` where nothing was ever set in that.
    pub(super) context: Option<Context>,
}

/// What becomes of a coroutine that was just being printed when its task ended.
#[derive(Clone, Copy)]
pub(super) enum Leftover {
    ToDrop,
    ToClose,
}

impl TaskState {
    #[inline]
    pub(super) fn new(number: u64) -> Self {
        Self {
            object: Cell::new(None),
            rare: ManuallyDrop::new(Cell::new(None)),
            place: Cell::new(0),
            key: Cell::new(0),
            number: number as u32,
            number_above: (number >> 32) as u16,
            way: Cell::new(None),
            status: Cell::new(Status::Pending),
        }
    }

    /// Gives the former object, to be dropped last: that may be the user's.
    #[inline(always)]
    pub(super) fn set_wait(&self, way: Option<Way>, object: Option<Rc<dyn WaitTarget>>) -> Option<Rc<dyn WaitTarget>> {
        self.way.set(way);
        self.object.replace(object)
    }

    /// Whether its first step has been taken, while it is not done.
    pub(super) fn has_waited(&self) -> bool {
        self.way.get().is_some()
    }

    /// What it waits for; `None` before the first wait, and once it is done.
    pub(super) fn waits_for(&self) -> Option<Await> {
        let object = self.object.take();
        self.object.set(object.clone());
        self.way.get().map(|way| Await::new(way, self.place.get(), object))
    }

    /// Cancels its wait. `waiter` is its address.
    pub(super) fn cancel_wait(&self, waiter: *const (), cancelled: &Exception) -> Met {
        self.waits_for().map_or(Met::TooLate, |waits_for| waits_for.cancel(waiter, cancelled))
    }

    /// Makes the rare part if it is not there yet. `change` runs nothing of the user's.
    pub(super) fn with_rare<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = change(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Has the next step throw this in.
    pub(super) fn set_throw(&self, raised: Exception) {
        let former = self.with_rare(|rare| rare.throw.replace(raised));
        self.make_special();
        drop(former);
    }

    /// The same, but a cancel that is on its way already goes first.
    pub(super) fn set_throw_unless_cancelled(&self, raised: Exception) {
        self.with_rare(|rare| {
            rare.throw.get_or_insert(raised);
        });
        self.make_special();
    }

    pub(super) fn take_throw(&self) -> Option<Exception> {
        let mut rare = self.rare.take()?;
        let thrown = rare.throw.take();
        self.rare.set(Some(rare));
        thrown
    }

    /// Has the coroutine ended by whoever uses it now, once that is over.
    pub(super) fn leave_coroutine(&self, leftover: Leftover) {
        self.with_rare(|rare| rare.leftover = Some(leftover));
    }

    pub(super) fn take_leftover(&self) -> Option<Leftover> {
        let mut rare = self.rare.take()?;
        let leftover = rare.leftover.take();
        self.rare.set(Some(rare));
        leftover
    }

    pub(super) fn count_cancel(&self) {
        self.with_rare(|rare| rare.cancels = rare.cancels.saturating_add(1));
    }

    pub(super) fn uncancel(&self) -> u32 {
        let (left, withdrawn) = self.with_rare(|rare| {
            rare.cancels = rare.cancels.saturating_sub(1);
            let withdraw = rare.cancels == 0 && rare.throw.as_ref().is_some_and(Exception::is_cancelled);
            (rare.cancels, if withdraw { rare.throw.take() } else { None })
        });
        drop(withdrawn);
        left
    }

    pub(super) fn set_put_off(&self, put_off: bool) {
        self.with_rare(|rare| rare.put_off = put_off);
    }

    pub(super) fn is_put_off(&self) -> bool {
        self.look_at_rare(|rare| rare.put_off)
    }

    pub(super) fn is_cancelling(&self) -> bool {
        self.look_at_rare(|rare| rare.cancelling)
    }

    pub(super) fn set_cancelling(&self, cancelling: bool) {
        self.with_rare(|rare| rare.cancelling = cancelling);
    }

    pub(super) fn is_done(&self) -> bool {
        self.status.get().is_done()
    }

    /// Whether its next step is not just the next step, or there is none.
    #[inline(always)]
    pub(super) fn is_special(&self) -> bool {
        self.status.get() != Status::Pending
    }

    /// Has its next step look for something to throw in, and for a context.
    #[inline(always)]
    pub(super) fn make_special(&self) {
        if self.status.get() == Status::Pending {
            self.status.set(Status::Special);
        }
    }

    pub(super) fn describe_wait(&self) -> Option<String> {
        self.waits_for().map(|wanted| format!("{wanted:?}"))
    }

    pub(crate) fn number(&self) -> u64 {
        u64::from(self.number_above) << 32 | u64::from(self.number)
    }

    /// How often its cancellation was asked for.
    pub(super) fn cancels(&self) -> u32 {
        self.look_at_rare(|rare| rare.cancels)
    }

    /// What is in the rare part, or would be, if it were there.
    pub(super) fn look_at_rare<R: Default>(&self, look: impl FnOnce(&Rare) -> R) -> R {
        let rare = self.rare.take();
        let result = rare.as_deref().map(look).unwrap_or_default();
        self.rare.set(rare);
        result
    }

    pub(crate) fn name(&self) -> String {
        let name = self.look_at_rare(|rare| rare.name.clone());
        name.map_or_else(|| format!("Task-{}", self.number()), |name| String::from(&*name))
    }
}
