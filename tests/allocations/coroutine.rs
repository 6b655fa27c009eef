//! How often layer 0 allocates: never in a resume, and once for a `Call`. It frees everything it has allocated.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use innermost::coroutine::FromIter;
use innermost::{
    Call, Coroutine, CoroutineExt, Exception, Generator, Resumed, Step, Stop, from_fn, from_iter, yield_from,
};

use crate::counting::{ALLOCATIONS, FREED, allocations};

/// Runs `f`, and asserts that it frees all that it allocates.
fn assert_frees_all(f: impl FnOnce()) {
    let (allocated, freed) = (ALLOCATIONS.get(), FREED.get());
    f();
    assert_eq!(ALLOCATIONS.get() - allocated, FREED.get() - freed);
}

/// Yields the values that are sent to it.
fn echo() -> impl Coroutine<Yield = u64, Input = u64, Return = ()> {
    from_fn(|sent: Result<u64, Exception>| sent.map(Step::Yield))
}

/// Delegates to `innermost`, at the given depth in frames.
enum Deep<C: Coroutine + 'static> {
    Here(C),
    Below(Box<Call<Deep<C>>>),
}

impl<C: Coroutine + 'static> Deep<C> {
    fn new(depth: usize, innermost: C) -> Self {
        (0..depth).fold(Self::Here(innermost), |deep, _| Self::Below(Box::new(Call::new(deep))))
    }
}

impl<C: Coroutine + 'static> Coroutine for Deep<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        match self {
            Self::Here(innermost) => yield_from!(innermost, sent).map(Step::Return),
            Self::Below(child) => yield_from!(child, sent).map(Step::Return),
        }
    }
}

/// Resumes, sends into and closes a generator that echoes: no allocation in any of that.
fn assert_drives_without_allocating<C>(mut generator: Generator<C>)
where
    C: Coroutine<Yield = u64, Input = u64, Return = ()>,
{
    let (count, total) = allocations(|| {
        let first = generator.next().unwrap();
        (1..100).fold(first, |total, n| total + generator.send(n).unwrap() + generator.next().unwrap())
    });
    assert_eq!((count, total), (0, 99 * 100 / 2));
    assert_eq!(allocations(|| generator.close().unwrap().is_none()), (0, true));
}

#[test]
fn a_machine_in_place_is_driven_without_allocating() {
    assert_drives_without_allocating(Generator::new(echo()));
}

#[test]
fn an_inline_child_is_driven_without_allocating() {
    assert_drives_without_allocating(Generator::new(echo().map(|()| ()).catch(Err).then(|()| echo())));
}

#[test]
fn a_boxed_machine_is_driven_without_allocating() {
    let boxed: Box<dyn Coroutine<Yield = u64, Input = u64, Return = ()>> = Box::new(echo());
    assert_drives_without_allocating(Generator::new(boxed));
}

#[test]
fn frames_a_hundred_deep_are_driven_without_allocating() {
    assert_drives_without_allocating(Generator::new(Deep::new(100, echo())));
}

#[test]
fn an_empty_exception_passes_a_hundred_frames_without_allocating() {
    let mut generator = Generator::new(Deep::new(100, echo()));
    generator.next().unwrap();
    let thrown = allocations(|| matches!(generator.throw(Exception::cancelled()), Err(Stop::Raised(_))));
    assert_eq!(thrown, (0, true));
}

#[test]
fn dropping_a_suspended_generator_allocates_nothing() {
    let mut generator = Generator::new(Deep::new(100, echo()));
    generator.next().unwrap();
    assert_eq!(allocations(move || drop(generator)).0, 0);
}

type Numbers = FromIter<std::ops::Range<u64>>;

#[test]
fn a_call_allocates_once_and_running_it_does_not() {
    let (count, call) = allocations(|| Call::new(from_iter(0..10)));
    assert_eq!(count, 1);
    assert_eq!(allocations(|| Generator::new(call).count()), (0, 10));
}

#[test]
fn an_unstarted_call_allocates_once() {
    assert_eq!(allocations(|| Call::new(from_iter(0..0))).0, 1);
}

#[test]
fn restarting_a_call_that_has_ended_allocates_nothing() {
    let mut call = Call::new(from_iter(0..10));
    let yields = |call: &mut Call<Numbers>| Generator::new(call).count();
    assert_eq!(yields(&mut call), 10);
    let restarted = allocations(|| {
        call.restart(from_iter(0..20));
        yields(&mut call)
    });
    assert_eq!(restarted, (0, 20));
}

#[test]
fn frames_are_freed_however_they_end() {
    let deep = || {
        let mut generator = Generator::new(Deep::new(10, echo()));
        generator.next().unwrap();
        generator
    };
    assert_frees_all(|| assert!(deep().close().is_ok()));
    assert_frees_all(|| drop(deep()));
    assert_frees_all(|| assert!(deep().throw(Exception::cancelled()).is_err()));
    assert_frees_all(|| drop(Generator::new(Deep::new(10, echo()))));
    assert_frees_all(|| {
        let panics = from_fn(|_| -> Result<Step<u64, u64, ()>, _> { resume_unwind(Box::new(())) });
        let mut generator = Generator::new(Deep::new(10, panics));
        assert!(catch_unwind(AssertUnwindSafe(|| generator.next().is_ok())).is_err());
    });
}

/// Yields at every resume, and ignores exits. On request, it delegates to another such machine at its second exit, so that
/// the other machine's frame is above it.
struct Stubborn {
    exits: u32,
    delegates: bool,
    child: Option<Call<Stubborn>>,
}

impl Stubborn {
    fn new(delegates: bool) -> Self {
        Self { exits: 0, delegates, child: None }
    }
}

impl Coroutine for Stubborn {
    type Yield = u64;
    type Input = u64;
    type Return = ();

    fn resume(&mut self, mut sent: Result<u64, Exception>) -> Resumed<Self> {
        self.exits += u32::from(sent.is_err());
        if self.exits == 2 && self.delegates && self.child.is_none() {
            sent = Ok(0);
            self.child = Some(Call::new(Self::new(false)));
        }
        match &mut self.child {
            Some(child) => yield_from!(child, sent).map(Step::Return),
            None => Ok(Step::Yield(0)),
        }
    }
}

#[test]
fn frames_that_ignore_every_exit_are_freed() {
    assert_frees_all(|| {
        let mut generator = Generator::new(Call::new(Stubborn::new(true)));
        generator.next().unwrap();
        assert_eq!(generator.close().unwrap_err().to_string(), "generator ignored GeneratorExit");
    });
}
