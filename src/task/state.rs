//! `TaskState`: the part of a task that does not depend on its coroutine. It holds the event that the task waits for,
//! the status and the number, and, in a box, the things that few tasks have: a name, a context, a pending exception.

use core::cell::Cell;
use core::mem::ManuallyDrop;
use std::rc::Rc;

use super::contracts::{Met, WaitTarget, Way};
use super::shared::{Kept, Status};
use super::waiting::Await;
use crate::context::Context;
use crate::coroutine::Exception;

/// The part of a task that depends neither on its coroutine nor on the type of its result.
///
/// It is one flat struct: nested structs, other than single bytes, would have padding. So the small fields fill two
/// words.
pub(crate) struct TaskState {
    /// The object of the [`Await`] that the task waits for, which is stored in parts: this, `place` and `way`. While
    /// the task runs, this is the object of its previous wait.
    ///
    /// A coroutine stores an `Await` part by part, and its parts are read one by one. Moving the `Await` as a whole in
    /// between would load sixteen bytes at once that were just stored as four and eight. A processor cannot forward
    /// such stores: the load waits until they have reached the cache. Moving the parts one by one, a yield among a
    /// thousand tasks takes 6.5 ns instead of 11. The parts are not together in a struct either, since that would have
    /// padding.
    object: Cell<Option<Rc<dyn WaitTarget>>>,
    /// The parts that few tasks have. The task's destructor takes the box out and drops it in a guard. `ManuallyDrop`
    /// saves a second check for the box afterwards.
    pub(super) rare: ManuallyDrop<Cell<Option<Box<Rare>>>>,
    pub(super) place: Cell<u32>,
    pub(super) key: Cell<u32>,
    /// The lower bits of the task's number in its loop. With `number_above` there are 48 bits. A loop that does nothing
    /// but spawn takes five months to count that far; a loop that spawns a million tasks a second takes nine years.
    number: u32,
    number_above: u16,
    /// `None` before the first wait, and once the task is done.
    way: Cell<Option<Way>>,
    pub(super) status: Cell<Status>,
}

// glibc's allocator keeps freed blocks of up to 120 bytes in its fast bins. A larger block makes a spawn almost twice
// as expensive: 340 instructions instead of 180. Of the 120 bytes, the counts of the `Rc` take 16, these two structs
// 72, and the flag and the frames of the driver 16. That leaves 16 for the coroutine.
const _: () = assert!(size_of::<Kept<()>>() + size_of::<TaskState>() <= 72 || size_of::<usize>() != 8);

/// The fields that few tasks use, in a box of their own so that all other tasks are small.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) name: Option<Rc<str>>,
    /// The exception that the next step throws in.
    pub(super) throw: Option<Exception>,
    /// The number of cancellation requests that `uncancel` has not taken back.
    cancels: u32,
    /// Set if the task ended while its coroutine was being printed: how to end the coroutine afterwards.
    leftover: Option<Leftover>,
    /// True if a step was postponed because the coroutine was being printed.
    put_off: bool,
    /// True while a cancellation is passing through this task to the object it waits for.
    cancelling: bool,
    /// The context in which the task runs. `None` if no variable was ever set in it.
    pub(super) context: Option<Context>,
}

/// The way to end a coroutine that was being printed when its task ended.
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

    /// Sets the event that the task waits for. Returns the previous object, which the caller drops last: it may belong
    /// to the user.
    #[inline(always)]
    pub(super) fn set_wait(&self, way: Option<Way>, object: Option<Rc<dyn WaitTarget>>) -> Option<Rc<dyn WaitTarget>> {
        self.way.set(way);
        self.object.replace(object)
    }

    /// Returns `true` if the task has taken its first step and is not done.
    pub(super) fn has_waited(&self) -> bool {
        self.way.get().is_some()
    }

    /// The event that the task waits for. `None` before the first wait, and once the task is done.
    pub(super) fn waits_for(&self) -> Option<Await> {
        let object = self.object.take();
        self.object.set(object.clone());
        self.way.get().map(|way| Await::new(way, self.place.get(), object))
    }

    /// Cancels the object that the task waits for. `waiter` is the task's address.
    pub(super) fn cancel_wait(&self, waiter: *const (), cancelled: &Exception) -> Met {
        self.waits_for().map_or(Met::TooLate, |waits_for| waits_for.cancel(waiter, cancelled))
    }

    /// Calls `change` with the rare part, which is created if need be. `change` must not run user code.
    pub(super) fn with_rare<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = change(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Has the next step throw `raised` in, in place of any other exception.
    pub(super) fn set_throw(&self, raised: Exception) {
        let former = self.with_rare(|rare| rare.throw.replace(raised));
        self.make_special();
        drop(former);
    }

    /// Has the next step throw `raised` in, unless another exception is already waiting to be thrown in: that of a
    /// cancellation.
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

    /// Notes that the coroutine, which is being printed, has to be ended once the printing is over.
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

    /// Returns `true` if the next step needs extra work, or if the task is done and takes no more steps.
    #[inline(always)]
    pub(super) fn is_special(&self) -> bool {
        self.status.get() != Status::Pending
    }

    /// Has the next step look for an exception to throw in and for a context to enter.
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

    /// The number of cancellation requests that `uncancel` has not taken back.
    pub(super) fn cancels(&self) -> u32 {
        self.look_at_rare(|rare| rare.cancels)
    }

    /// Reads the rare part, or returns the default value if there is none.
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
