//! [`Running`]: a machine in a state, which is a coroutine.

use core::any::type_name;
use core::fmt;

use super::Machine;
use super::next::Go;
use super::place::Place;
use super::watched::WatchedPlace;
use crate::coroutine::{Coroutine, Entrance, Exception, Resumed, State, Step, Watch, take_sent};

/// A machine and the state it is in: the coroutine that [`Machine::start`] returns.
///
/// Its [`state`](Coroutine::state) shows the machine's type, the name of the state, and the child that the state waits
/// for.
pub struct Running<M: Machine> {
    machine: M,
    place: M::Place,
    ending: M::Ending,
}

impl<M: Machine> Running<M> {
    pub(super) fn new(machine: M, state: M::State) -> Self {
        Self { machine, place: M::Place::from(state), ending: M::Ending::default() }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to change it from outside.
    pub const fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Returns the machine and drops its state.
    pub fn into_machine(self) -> M {
        self.machine
    }

    /// The state that the machine is in, or ended in. `None` if it ended in a state that took its data by value.
    pub fn at(&self) -> Option<&M::State> {
        self.place.get()
    }

    /// The name of the state: `"finally"` while the machine cleans up, and `"over"` if [`at`](Self::at) is `None`.
    pub fn state_name(&self) -> &'static str {
        match self.at() {
            _ if M::is_ending(&self.ending) && !M::has_ended(&self.ending) => "finally",
            Some(state) => M::name_of(state),
            None => "over",
        }
    }
}

impl<M: Machine> Coroutine for Running<M> {
    type Yield = M::Yield;
    type Input = M::Input;
    type Return = M::Return;

    #[inline]
    fn resume(&mut self, mut sent: Result<M::Input, Exception>) -> Resumed<Self> {
        if M::FINALLY && M::is_ending(&self.ending) {
            return self.finish(sent);
        }
        if M::THROWN
            && sent.is_err()
            && let Some(step) = self.thrown(&mut sent, &mut ())
        {
            return step;
        }
        loop {
            match self.machine.run(&mut self.place, sent) {
                Ok(Step::Return(returned)) if M::FINALLY => return self.begin_to_end(Ok(returned), &mut ()),
                Err(raised) if M::RAISED || M::FINALLY => match self.raised(raised, &mut ()) {
                    Some(step) => return step,
                    None => sent = Ok(M::Input::default()),
                },
                step => return step,
            }
        }
    }

    fn resume_watched(&mut self, mut sent: Result<M::Input, Exception>, watch: &mut dyn Watch) -> Resumed<Self> {
        watch.begin();
        if M::FINALLY && M::is_ending(&self.ending) {
            return self.finish(sent);
        }
        if M::THROWN
            && sent.is_err()
            && let Some(step) = self.thrown(&mut sent, watch)
        {
            return step;
        }
        loop {
            match self.machine.run(&mut WatchedPlace::<M>::new(&mut self.place, watch), sent) {
                Ok(Step::Return(returned)) if M::FINALLY => return self.begin_to_end(Ok(returned), watch),
                Err(raised) if M::RAISED || M::FINALLY => match self.raised(raised, watch) {
                    Some(step) => return step,
                    None => sent = Ok(M::Input::default()),
                },
                step => return step,
            }
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new(type_name::<M>(), self);
        match self.at().and_then(M::child_of) {
            Some(child) => own.delegating_to(child),
            None => own,
        }
    }
}

impl<M: Machine> Running<M> {
    /// Lets the hook see what was thrown in. `None` if the state goes on with `sent`.
    #[cold]
    #[inline(never)]
    fn thrown(&mut self, sent: &mut Result<M::Input, Exception>, watch: &mut dyn Watch) -> Option<Resumed<Self>> {
        let thrown = take_sent(sent).err()?;
        let state = match self.place.get_mut() {
            // A machine that is closed must not go on, so the hook is not asked.
            Some(state) if !thrown.is_generator_exit() => state,
            _ => {
                *sent = Err(thrown);
                return None;
            }
        };
        match self.machine.on_thrown(state, thrown) {
            Ok(go) => self.go(go, Entrance::Thrown, watch),
            Err(thrown) => {
                *sent = Err(thrown);
                None
            }
        }
    }

    /// Lets the hooks see what a state has raised. `None` if the machine goes on.
    #[cold]
    #[inline(never)]
    fn raised(&mut self, mut raised: Exception, watch: &mut dyn Watch) -> Option<Resumed<Self>> {
        if M::RAISED && !raised.is_generator_exit() {
            match self.machine.on_raised(raised) {
                Ok(go) => return self.go(go, Entrance::Raised, watch),
                Err(again) => raised = again,
            }
        }
        if M::FINALLY { Some(self.begin_to_end(Err(raised), watch)) } else { Some(Err(raised)) }
    }

    /// Does what a hook has returned. `None` if the machine goes on.
    fn go(&mut self, go: Go<M>, entrance: Entrance, watch: &mut dyn Watch) -> Option<Resumed<Self>> {
        if let Go::To(state) | Go::YieldTo(_, state) = &go {
            watch.enter(M::name_of(state), entrance);
        }
        match go {
            Go::To(state) => self.place.set(state),
            Go::Stay => {}
            Go::Yield(yielded) => return Some(Ok(Step::Yield(yielded))),
            Go::YieldTo(yielded, state) => {
                self.place.set(state);
                return Some(Ok(Step::Yield(yielded)));
            }
            Go::Delegate(frame) => return Some(Ok(Step::Delegate(frame))),
            Go::End(returned) if M::FINALLY => return Some(self.begin_to_end(Ok(returned), watch)),
            Go::End(returned) => return Some(Ok(Step::Return(returned))),
        }
        None
    }

    /// Keeps the outcome, and cleans up.
    #[cold]
    #[inline(never)]
    fn begin_to_end(&mut self, outcome: Result<M::Return, Exception>, watch: &mut dyn Watch) -> Resumed<Self> {
        watch.enter("finally", if outcome.is_ok() { Entrance::Itself } else { Entrance::Raised });
        M::keep(&mut self.ending, outcome);
        self.finish(Ok(M::Input::default()))
    }

    /// Cleans up, and then ends with the outcome that was kept.
    #[cold]
    #[inline(never)]
    fn finish(&mut self, mut sent: Result<M::Input, Exception>) -> Resumed<Self> {
        if M::has_ended(&self.ending) {
            return Err(Exception::reused());
        }
        match self.machine.on_end(&mut sent) {
            Ok(Step::Yield(yielded)) => Ok(Step::Yield(yielded)),
            Ok(Step::Delegate(frame)) => Ok(Step::Delegate(frame)),
            Ok(Step::Return(())) => {
                M::kept(&mut self.ending).unwrap_or_else(|| Err(Exception::reused())).map(Step::Return)
            }
            Err(raised) => Err(match M::kept(&mut self.ending) {
                Some(Err(former)) => raised.raised_during(|| former),
                _ => raised,
            }),
        }
    }
}

impl<M: Machine> fmt::Debug for Running<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state_name())
    }
}
