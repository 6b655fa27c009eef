//! Waiting for the first of several coroutines, in one task.
//!
//! A race resumes its coroutines itself. It makes no tasks, and after the first time it allocates nothing. A coroutine that
//! waits costs nothing while others are woken: `task/branch/` says how.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`    | [`Race`]: a field that lasts from one race to the next |
//! | `racing.rs` | [`Racing`]: a coroutine that can lose a race and be in the next one |
//! | `racer.rs`  | [`Racer`], [`Racers`], [`Won`]: the arguments and the result of a race |
//! | `owned.rs`  | [`race`](fn@race), [`all`]: coroutines that are run to their end together |

use core::fmt;
use std::rc::Rc;

use crate::coroutine::{Coroutine, Driven, Exception, Frames, Resumed, Stack, State, Stateless, Step};
use crate::event_loop::running;
use crate::task::{AnyOf, Await, Awaitable, Branch, Resumption};

mod owned;
mod racer;
mod racing;

pub use self::owned::{All, Children, FirstOf, all, race};
pub use self::racer::{Racer, Racers, Won};
pub use self::racing::Racing;

/// Waits for the first of several coroutines, and keeps the others for the next race. Store it in a field of a machine.
///
/// Each time it is resumed, the machine makes the same call of [`run`](Self::run) again, with a tuple or an array of
/// operations and of `&mut` to coroutines that it has stored as [`Racing`]. A `Racing` that has returned or raised is over:
/// [restart](Racing::restart) it, or pass `None` in its place.
///
/// A session serves one client. It waits until the client sends bytes or leaves, an item comes for it, or its time is
/// over:
///
/// ```
/// use innermost::queue::{Get, Queue};
/// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
/// use innermost::wait::{Race, Racing, Won};
/// use innermost::{Buffer, ByteRead, Exception, Machine, Sleep, machine, sleep, yield_from};
/// use std::time::Duration;
///
/// struct Session {
///     stream: MemoryStream,
///     incoming: Buffer,
///     items: Queue<&'static str>,
///     item: Racing<Get<&'static str>>,
///     over: Racing<Sleep>,
///     race: Race,
/// }
///
/// machine!(
///     impl Machine for Session {
///         type State = Phase;
///         type Return = &'static str;
///
///         fn Serving(&mut self, sent: Sent) -> Next<End> {
///             let racers = (self.stream.read(&mut self.incoming), &mut self.item, &mut self.over);
///             match yield_from!(self.race.run(racers), sent)? {
///                 Won::A(0) => return end("the client has left"),
///                 Won::A(count) => {
///                     println!("{count} bytes have come");
///                     self.incoming.clear();
///                 }
///                 Won::B(item) => {
///                     println!("here is {item}");
///                     self.item.restart(self.items.get());
///                 }
///                 Won::C(()) => return end("the time is over"),
///             }
///             stay()
///         }
///     }
/// );
///
/// let (near, far) = memory_pair();
/// let items = Queue::new();
/// let session = Session {
///     stream: near,
///     incoming: Buffer::new(),
///     item: Racing::new(items.get()),
///     over: Racing::new(sleep(Duration::from_secs(60))),
///     items: items.clone(),
///     race: Race::new(),
/// };
/// items.put_nowait("an item")?;
/// let event_loop = virtual_loop()?;
/// assert_eq!(event_loop.run_until_complete(session.start(Phase::Serving))?, "the time is over");
/// assert!(items.is_empty());
/// # drop(far);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Order
///
/// A race resumes only those of its coroutines that have not started, and those whose event has come, in the order in which
/// they are listed. The first that returns or raises wins. The coroutines behind it are not resumed, and those that had not
/// started do not start.
///
/// A race adds no hop: the winner is resumed at the place in the ready queue that a task of its own would have.
///
/// A coroutine that can always go on without waiting does not starve the others. After 32 races or other operations that
/// did not have to wait, all in one step of the task, the race lets other tasks run once, and then begins with another of
/// its coroutines.
///
/// # The losers
///
/// A [`Racing`] that loses keeps waiting, and keeps its place in a line. If a lock or an item of a queue becomes
/// available to it while no race is running, the lock or the item goes to the next waiter, and the `Racing` tries again
/// in the next race.
///
/// An operation is forgotten: the next race makes a new one. Nothing is lost, because a read that loses has taken
/// nothing, and its buffer records what a write has sent. Between two races, the descriptor is free for any other
/// operation.
///
/// # Exceptions, and closing
///
/// An exception that is thrown in is raised by the race, and no [`Racing`] sees it: all stay as they are. So cancelling
/// the task cancels the race, but not what a `Racing` waits for. An operation that has started gets the exception, and is
/// forgotten. A scope inside a `Racing`, such as a [`timeout`](fn@super::timeout), cancels only its own coroutine.
///
/// Closing the race closes every coroutine that has started, in order. Dropping a `Racing` takes it out of wherever it
/// waits.
///
/// The race raises what its winner raises. If two of its coroutines wait for the same descriptor in the same direction,
/// the second one raises the same `RuntimeError` as a second task would.
///
/// A coroutine that is raced may contain a race. More than 64 races inside each other raise a `RuntimeError`.
#[derive(Default)]
pub struct Race {
    any_of: Option<Rc<AnyOf>>,
    /// The seats of the operations, by position.
    seats: Vec<Seat>,
    /// The number of rushed races so far, which says with which coroutine the next one begins.
    rushes: u32,
    /// True if the next race must let others run first.
    is_rushed: bool,
}

/// The part of an operation that lasts from one resume to the next.
struct Seat {
    /// `None` until there is an operation at this position.
    branch: Option<Rc<Branch>>,
    frames: Frames<Await, ()>,
}

/// The arguments of a race while they are asked.
#[derive(Debug)]
pub struct Pass<'a> {
    any_of: &'a Rc<AnyOf>,
    seats: &'a mut Vec<Seat>,
    resumption: Resumption,
}

impl Race {
    /// Creates a race. Allocates nothing.
    pub const fn new() -> Self {
        Self { any_of: None, seats: Vec::new(), rushes: 0, is_rushed: false }
    }

    /// Waits for the first of `racers`, a tuple of two to eight, an array, or a slice of [`Racing`].
    ///
    /// Returns a stateless coroutine, which is made again at each resume. Until one of the racers has won, pass the same
    /// operations at the same positions each time.
    ///
    /// # Errors
    ///
    /// Awaiting it raises what the winner raises, and a `RuntimeError` if there is nothing to race, because a list is
    /// empty or all racers are `None`: nothing would ever end that race.
    ///
    /// # Racers that change
    ///
    /// A [`Racing`] keeps its wait, so it may move to another position between two resumes. A `Racing` that is left out
    /// keeps waiting, and is not resumed meanwhile. One that is added starts.
    ///
    /// An operation is known by its position alone. If another operation takes that position, the race goes on waiting for
    /// the event of the first one. When that has come, it resumes the second one. An operation whose place is given to `None`
    /// is forgotten. All of them are forgotten if the machine catches a cancel before the race does, in a hook of
    /// [`machine!`](crate::machine): what it races then is another race.
    #[inline]
    pub fn run<R: Racers>(&mut self, racers: R) -> RunRace<'_, R> {
        RunRace { race: self, racers }
    }

    /// Takes a step: the outcome of the first that ends.
    #[inline(always)]
    fn step<R: Racers>(&mut self, racers: &mut R) -> Option<Result<R::Won, Exception>> {
        if racers.is_empty() {
            return Some(Err(nothing_to_race()));
        }
        let any_of = self.any_of.get_or_insert_with(AnyOf::new);
        let resumption = any_of.resumed();
        if resumption == Resumption::Anew {
            forget_all(&mut self.seats);
        }
        let mut pass = Pass { any_of, seats: &mut self.seats, resumption };
        if self.is_rushed {
            return self.step_rushed(racers, resumption);
        }
        let ended = racers.ask_all(&mut pass)?;
        racers.lose_all(&mut pass);
        if resumption == Resumption::First {
            self.is_rushed = is_share_used();
        }
        Some(ended)
    }

    /// The task's step has used its share. Lets others run, and then begins with each coroutine in turn.
    #[cold]
    #[inline(never)]
    fn step_rushed<R: Racers>(&mut self, racers: &mut R, resumption: Resumption) -> Option<Result<R::Won, Exception>> {
        let any_of = self.any_of.as_ref()?;
        if resumption == Resumption::First {
            any_of.let_others_run();
            return None;
        }
        self.is_rushed = false;
        let count = racers.count();
        let first = self.rushes as usize % count.max(1);
        self.rushes = first as u32 + 1;
        let mut pass = Pass { any_of, seats: &mut self.seats, resumption };
        let ended = (first..count).chain(0..first).find_map(|index| racers.ask(index, &mut pass))?;
        racers.lose_all(&mut pass);
        Some(ended)
    }

    #[cold]
    #[inline(never)]
    fn throw<R: Racers>(&mut self, racers: &mut R, thrown: Exception) -> Exception {
        let Some(any_of) = &self.any_of else { return thrown };
        let resumption = any_of.resumed();
        let mut pass = Pass { any_of, seats: &mut self.seats, resumption };
        let mut raised = None;
        for index in 0..racers.count() {
            let closed = racers.throw(index, &mut pass, &thrown);
            raised = raised.or(closed);
        }
        raised.unwrap_or(thrown)
    }
}

/// The operations of the former race are not those of this one, although they stand in the same places.
#[cold]
#[inline(never)]
fn forget_all(seats: &mut [Seat]) {
    seats.iter_mut().for_each(Seat::forget);
}

/// Nothing would ever end this race.
#[cold]
pub(super) fn nothing_to_race() -> Exception {
    Exception::runtime("there is nothing to race")
}

/// Returns `true` if the running task's step has had its share of operations that need not wait.
fn is_share_used() -> bool {
    running().is_ok_and(|event_loop| !event_loop.spend())
}

impl Pass<'_> {
    #[inline]
    fn seat(&mut self, index: usize) -> &mut Seat {
        if index >= self.seats.len() {
            self.add_seats(index);
        }
        &mut self.seats[index]
    }

    #[cold]
    fn add_seats(&mut self, index: usize) {
        while self.seats.len() <= index {
            // Most races have two or three coroutines, and many tasks may each wait for a race.
            if self.seats.len() == self.seats.capacity() && self.seats.len() < 4 {
                self.seats.reserve_exact(1);
            }
            self.seats.push(Seat { branch: None, frames: Frames::new() });
        }
    }
}

impl Seat {
    #[inline(always)]
    fn ask<C: Awaitable + Stateless>(
        &mut self,
        operation: &mut C,
        any_of: &Rc<AnyOf>,
        resumption: Resumption,
    ) -> Option<Result<C::Return, Exception>> {
        let Self { branch, frames } = self;
        let branch = branch.get_or_insert_with(Branch::new);
        let sent = branch.turn(any_of, resumption)?;
        let resume = || Stack::resume_lent(operation, frames, sent);
        let driven = match C::MAY_ENTER_SCOPES {
            true => branch.run_within(resume).unwrap_or_else(|too_deep| Driven::End(Err(too_deep))),
            false => resume(),
        };
        match driven {
            Driven::Yield(wanted) => {
                branch.wait_for(any_of, wanted);
                None
            }
            // The race is over: its operation is forgotten with those of the losers.
            Driven::End(outcome) => Some(outcome),
        }
    }

    #[inline]
    fn forget(&mut self) {
        if let Some(branch) = &self.branch {
            branch.forget();
        }
        if !self.frames.is_empty() {
            self.frames = Frames::new();
        }
    }

    fn release(&self) {
        if let Some(branch) = &self.branch {
            branch.release();
        }
    }

    /// Throws `thrown` into the operation, and takes it out of wherever it waits.
    fn throw<C: Awaitable>(&mut self, operation: &mut C, thrown: &Exception) {
        let Some(branch) = &self.branch else { return };
        if branch.has_started() {
            let frames = &mut self.frames;
            // It has no say: the race raises that, whatever comes of it here.
            let _ = branch.run_within(|| Stack::resume_lent(operation, frames, Err(thrown.clone())));
        }
        self.forget();
        self.release();
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat")
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        if let Some(any_of) = &self.any_of {
            self.seats.iter().for_each(Seat::release);
            any_of.end();
        }
    }
}

impl fmt::Debug for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.any_of {
            Some(any_of) => any_of.fmt(f),
            None => f.write_str("any of []"),
        }
    }
}

/// The coroutine returned by [`Race::run`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct RunRace<'a, R> {
    race: &'a mut Race,
    racers: R,
}

impl<R: Racers> Coroutine for RunRace<'_, R> {
    type Yield = Await;
    type Input = ();
    type Return = R::Won;

    #[inline(always)]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if let Err(thrown) = sent {
            return Err(self.race.throw(&mut self.racers, thrown));
        }
        match (self.race.step(&mut self.racers), &self.race.any_of) {
            (Some(ended), _) => ended.map(Step::Return),
            (None, Some(any_of)) => Ok(Step::Yield(any_of.wanted())),
            (None, None) => Err(Exception::reused()),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("race", self.race)
    }
}

/// Everything that lasts is in the [`Race`], and in the coroutines that are raced.
impl<R: Racers> Stateless for RunRace<'_, R> {}

impl<R> fmt::Debug for RunRace<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.race.fmt(f)
    }
}
