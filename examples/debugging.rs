//! What a program reports about itself: names, states, stacks, unhandled errors, and which task waits for what in a deadlock.
//!
//! A coroutine is a value, so it can be printed. A machine gives its name and its state in [`Coroutine::state`]. A task knows
//! the frames of its coroutine, and what the innermost frame waits for.
//!
//! ```text
//! Session: Connecting
//! Task(alice, pending)
//! Session: LoggingIn(delegated)
//!   Login: 2 > sleep: 1s
//!     yielded Future(pending)
//! Task exception was never retrieved
//!   ValueError: no such user in Task(bob, failed)
//! deadlock: the loop would wait forever
//!   carol: hold: Holding > hold: Acquiring > Lock.acquire: Waiting waits for Lock.acquire(1 waiting)
//!   dave: hold: Holding > hold: Acquiring > Lock.acquire: Waiting waits for Lock.acquire(1 waiting)
//! ```

use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::{
    Await, Awaitable, Call, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Lock, Resumed, Sleep, State, Step,
    lazy, sleep, yield_from,
};

const SECOND: Duration = Duration::from_secs(1);

fn main() -> Result<(), Exception> {
    run()
}

/// Runs in virtual time, which does not really wait, and in which a deadlock is an error.
pub(crate) fn run() -> Result<(), Exception> {
    names_and_stacks(&virtual_loop()?)?;
    unhandled_errors(&virtual_loop()?)?;
    deadlocks(&virtual_loop()?)
}

// ---- 1. Names, states, stacks -----------------------------------------------------------------------------------------

/// Delegates to `Login`, which is a frame of its own.
struct Session {
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    LoggingIn(Call<Login>),
}

impl Coroutine for Session {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match &mut self.phase {
                Phase::Connecting => Phase::LoggingIn(Call::new(Login { attempt: 1, pause: sleep(SECOND) })),
                Phase::LoggingIn(login) => return yield_from!(login, sent).map(Step::Return),
            };
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Session", &self.phase)
    }
}

/// Tries twice, and waits before each attempt.
struct Login {
    attempt: u32,
    pause: Sleep,
}

impl Coroutine for Login {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.attempt <= 2 {
            yield_from!(self.pause, sent)?;
            self.attempt += 1;
            self.pause = sleep(SECOND);
        }
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Login", &self.attempt).delegating_to(self.pause.state())
    }
}

fn names_and_stacks(event_loop: &EventLoop) -> Result<(), Exception> {
    let session = Session { phase: Phase::Connecting };
    println!("{}", session.state());
    let task = event_loop.create_task(session)?;
    task.set_name("alice");
    let handle = event_loop.handle();
    event_loop.call_later(SECOND * 3 / 2, move || {
        for task in handle.all_tasks() {
            println!("{task:?}");
            println!("{}", task.stack_trace());
        }
    })?;
    event_loop.run_until_complete(task)
}

// ---- 2. Unhandled errors ----------------------------------------------------------------------------------------------

fn unhandled_errors(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.set_exception_handler(|context| {
        println!("{}", context.message);
        if let (Some(exception), Some(source)) = (&context.exception, &context.source) {
            println!("  {exception:?} in {source}");
        }
    });
    // The task's handle is dropped, so its exception can never be retrieved.
    let failing = lazy(|| Err::<Sleep, _>(Exception::message(Kind::ValueError, "no such user")));
    event_loop.create_task(failing)?.set_name("bob");
    event_loop.run_until_complete(sleep(SECOND))
}

// ---- 3. Deadlocks -----------------------------------------------------------------------------------------------------

/// Takes one lock, and then the other while it holds the first.
fn take_both(first: &Lock, second: &Lock) -> impl Awaitable<Return = ()> + use<> {
    let second = second.clone();
    first.hold(sleep(SECOND).then(move |()| second.hold(sleep(SECOND))))
}

fn deadlocks(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.set_exception_handler(|_| ()); // both tasks are pending when the loop is dropped
    let (left, right) = (Lock::new(), Lock::new());
    event_loop.create_task(take_both(&left, &right))?.set_name("carol");
    let other = event_loop.create_task(take_both(&right, &left))?;
    other.set_name("dave");
    if let Err(error) = event_loop.run_until_complete(other) {
        println!("{error}");
    }
    Ok(())
}
