//! The arguments and the result of a race.

use core::convert::Infallible;

use super::racing::sealed::Member as _;
use super::{Pass, Racing};
use crate::coroutine::{Exception, Stateless};
use crate::task::Awaitable;

/// A coroutine that can be raced: `&mut` to a [`Racing`], or an operation that is made again at each resume, such as
/// `self.stream.read(&mut self.buffer)`. `None` in its place races nothing there.
///
/// Any other coroutine keeps state of its own. If you replaced such a coroutine between two resumes, the race could not
/// notice, and would go on waiting for what the old one waited for.
///
/// ```compile_fail,E0277
/// # use innermost::{from_fn, run, sleep, wait::{Race, Racing}, yield_from, Step};
/// # use std::time::Duration;
/// let (mut race, mut nap, mut other) = (Race::new(), sleep(Duration::ZERO), Racing::new(sleep(Duration::ZERO)));
/// run(from_fn(move |mut sent| {
///     yield_from!(race.run((&mut nap, &mut other)), sent)?; // `nap` keeps state
///     Ok(Step::Return(()))
/// }))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// A [`Racing`] keeps the coroutine and what it waits for together:
///
/// ```
/// # use innermost::{from_fn, run, sleep, wait::{Race, Racing}, yield_from, Step};
/// # use std::time::Duration;
/// let (mut race, nap, mut other) = (Race::new(), sleep(Duration::ZERO), Racing::new(sleep(Duration::ZERO)));
/// let mut nap = Racing::new(nap);
/// run(from_fn(move |mut sent| {
///     yield_from!(race.run((&mut nap, &mut other)), sent)?;
///     Ok(Step::Return(()))
/// }))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be raced",
    label = "neither `&mut Racing<_>` nor a stateless operation",
    note = "store the coroutine in a field as `Racing::new(..)`, and race `&mut self.field`"
)]
pub trait Racer: sealed::Racer {}

#[diagnostic::do_not_recommend]
impl<R: sealed::Racer> Racer for R {}

/// Several coroutines to race: a tuple of two to eight, an array, or `&mut` to a slice of [`Racing`].
///
/// The result is a [`Won`] for a tuple. For an array or a slice, it is the index of the winner with what the winner
/// returned. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be raced",
    label = "not a tuple of two to eight coroutines that can be raced, an array of them, or a slice of `Racing`",
    note = "store a coroutine that keeps state in a field as `Racing::new(..)`, and race `&mut self.field`"
)]
pub trait Racers: sealed::Racers {}

impl<R: sealed::Racers> Racers for R {}

/// What the winner of a race returned, and its position in the tuple.
///
/// If the tuple has fewer than eight, the variants that are left over need no arm in a `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Won<A, B, C = Infallible, D = Infallible, E = Infallible, F = Infallible, G = Infallible, H = Infallible> {
    /// The first.
    A(A),
    /// The second.
    B(B),
    /// The third.
    C(C),
    /// The fourth.
    D(D),
    /// The fifth.
    E(E),
    /// The sixth.
    F(F),
    /// The seventh.
    G(G),
    /// The eighth.
    H(H),
}

pub(super) mod sealed {
    use super::{Exception, Pass};

    pub trait Racer {
        type Return;

        /// Resumes it, if it is to be resumed. Returns its outcome if it ends.
        fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Return, Exception>>;

        /// Another one has won, or this one has.
        fn lose(&mut self, index: usize, pass: &mut Pass<'_>);

        /// Nothing of this type is raced at that place any more, in this race.
        fn leave(index: usize, pass: &mut Pass<'_>);

        /// Whether there is nothing to race in its place.
        fn is_none(&self) -> bool {
            false
        }

        /// Something was thrown into the race. Returns what it raises in place of an exit.
        fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception>;
    }

    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be raced",
        label = "not a tuple of two to eight coroutines that can be raced, an array of them, or a slice of `Racing`",
        note = "store a coroutine that keeps state in a field as `Racing::new(..)`, and race `&mut self.field`"
    )]
    pub trait Racers {
        type Won;

        fn count(&self) -> usize;

        /// Whether there is nothing to race.
        fn is_empty(&self) -> bool;

        fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>>;

        /// Asks all of them in order, up to one that ends.
        fn ask_all(&mut self, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>>;

        fn lose_all(&mut self, pass: &mut Pass<'_>);

        fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception>;
    }
}

impl<C: Awaitable> sealed::Racer for &mut Racing<C> {
    type Return = C::Return;

    #[inline(always)]
    fn ask(&mut self, _: usize, pass: &mut Pass<'_>) -> Option<Result<C::Return, Exception>> {
        Racing::ask(self, pass)
    }

    /// It stays as it is, wherever it waits.
    #[inline(always)]
    fn lose(&mut self, _: usize, _: &mut Pass<'_>) {}

    fn leave(_: usize, _: &mut Pass<'_>) {}

    fn throw(&mut self, _: usize, _: &mut Pass<'_>, thrown: &Exception) -> Option<Exception> {
        if thrown.is_generator_exit() { (**self).close() } else { None }
    }
}

#[diagnostic::do_not_recommend]
impl<C: Awaitable + Stateless> sealed::Racer for C {
    type Return = C::Return;

    #[inline(always)]
    fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<C::Return, Exception>> {
        let (any_of, resumption) = (pass.any_of, pass.resumption);
        pass.seat(index).ask(self, any_of, resumption)
    }

    #[inline(always)]
    fn lose(&mut self, index: usize, pass: &mut Pass<'_>) {
        Self::leave(index, pass);
    }

    #[inline(always)]
    fn leave(index: usize, pass: &mut Pass<'_>) {
        if let Some(seat) = pass.seats.get_mut(index) {
            seat.forget();
        }
    }

    fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception> {
        pass.seats.get_mut(index)?.throw(self, thrown);
        None
    }
}

impl<R: Racer> sealed::Racer for Option<R> {
    type Return = R::Return;

    #[inline]
    fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<R::Return, Exception>> {
        if self.is_none() {
            R::leave(index, pass);
        }
        self.as_mut()?.ask(index, pass)
    }

    #[inline]
    fn lose(&mut self, index: usize, pass: &mut Pass<'_>) {
        match self {
            Some(racer) => racer.lose(index, pass),
            None => R::leave(index, pass),
        }
    }

    #[inline]
    fn leave(index: usize, pass: &mut Pass<'_>) {
        R::leave(index, pass);
    }

    #[inline]
    fn is_none(&self) -> bool {
        self.is_none()
    }

    fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception> {
        self.as_mut()?.throw(index, pass, thrown)
    }
}

/// Writes [`sealed::Racers`] for what has a length and an index: the winner is returned with its index.
macro_rules! list_of_racers {
    ([$($generics:tt)*] $list:ty, $return:ty, $each:ident => $racer:expr, $is_none:expr) => {
        impl<$($generics)*> sealed::Racers for $list {
            type Won = (usize, $return);

            fn count(&self) -> usize {
                self.len()
            }

            #[inline]
            fn is_empty(&self) -> bool {
                self.iter().all($is_none)
            }

            #[inline]
            fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>> {
                let $each = &mut self[index];
                let ended = sealed::Racer::ask($racer, index, pass)?;
                Some(ended.map(|returned| (index, returned)))
            }

            #[inline]
            fn ask_all(&mut self, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>> {
                (0..self.len()).find_map(|index| sealed::Racers::ask(self, index, pass))
            }

            #[inline]
            fn lose_all(&mut self, pass: &mut Pass<'_>) {
                for (index, $each) in self.iter_mut().enumerate() {
                    sealed::Racer::lose($racer, index, pass);
                }
            }

            fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception> {
                let $each = &mut self[index];
                sealed::Racer::throw($racer, index, pass, thrown)
            }
        }

    };
}

list_of_racers!([R: Racer, const N: usize] [R; N], R::Return, racer => racer, sealed::Racer::is_none);
list_of_racers!([C: Awaitable] &mut [Racing<C>], C::Return, racing => &mut { racing }, |_| false);

macro_rules! tuple_of_racers {
    ($count:literal: $($racer:ident $index:tt),+) => {
        impl<$($racer: Racer),+> sealed::Racers for ($($racer,)+) {
            type Won = Won<$($racer::Return),+>;

            fn count(&self) -> usize {
                $count
            }

            #[inline(always)]
            fn is_empty(&self) -> bool {
                $(sealed::Racer::is_none(&self.$index))&&+
            }

            #[inline(always)]
            fn ask(&mut self, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>> {
                match index {
                    $($index => Some(self.$index.ask($index, pass)?.map(Won::$racer)),)+
                    _ => None,
                }
            }

            #[inline(always)]
            fn ask_all(&mut self, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>> {
                $(
                    if let Some(ended) = self.$index.ask($index, pass) {
                        return Some(ended.map(Won::$racer));
                    }
                )+
                None
            }

            #[inline(always)]
            fn lose_all(&mut self, pass: &mut Pass<'_>) {
                $(self.$index.lose($index, pass);)+
            }

            fn throw(&mut self, index: usize, pass: &mut Pass<'_>, thrown: &Exception) -> Option<Exception> {
                match index {
                    $($index => self.$index.throw($index, pass, thrown),)+
                    _ => None,
                }
            }
        }
    };
}

tuple_of_racers!(2: A 0, B 1);
tuple_of_racers!(3: A 0, B 1, C 2);
tuple_of_racers!(4: A 0, B 1, C 2, D 3);
tuple_of_racers!(5: A 0, B 1, C 2, D 3, E 4);
tuple_of_racers!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple_of_racers!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_of_racers!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
