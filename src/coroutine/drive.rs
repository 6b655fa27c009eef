//! [`drive`](fn@drive): turns a machine that yields values of any type into a coroutine that can be awaited.
//!
//! The machine and its answers are children of a [`Drive`], and one of them runs at a time. The frames of the machine
//! stay in the driver that holds it. The frames of an answer go to the driver of the `Drive`.

use core::fmt;

use super::{Coroutine, Driven, Driver, Exception, GeneratorState, Resumed, State, Step, replace_ended, take_sent};
use crate::yield_from;

/// Runs `machine`, and answers each of its yields by running the coroutine that `answer` makes for it.
///
/// What the answer returns is sent to the machine, and what it raises is thrown into it. The result is a coroutine that
/// yields what the answers yield, and ends as the machine ends. So if the answers can be awaited, the machine can.
///
/// # A protocol without I/O
///
/// A machine need not know how bytes reach it. It can yield requests, in a type of its own, and be sent the results.
/// Such a machine holds no stream and no clock, so a test can play the other side of the protocol line by line:
///
/// ```
/// use innermost::{Generator, Machine, Stop, machine, take_sent};
/// # #[cfg(feature = "testing")]
/// # use innermost::{Exception, Running};
///
/// #[derive(Debug, PartialEq)]
/// enum Want {
///     Write(&'static str),
///     Read, // answered by bytes, or by none at the end of the input
/// }
///
/// /// Asks for a name, and returns the line that comes back.
/// struct Greeter {
///     line: Vec<u8>,
/// }
///
/// machine!(
///     impl Machine for Greeter {
///         type Yield = Want;
///         type Input = Vec<u8>;
///         type Return = String;
///         type State = Phase;
///
///         fn Asking(&mut self) -> Next<Asked> {
///             yield_to(Want::Write("name?\n"), Asked)
///         }
///
///         fn Asked(&mut self) -> Next<Reading> {
///             yield_to(Want::Read, Reading)
///         }
///
///         fn Reading(&mut self, sent: Sent) -> Next<End> {
///             let bytes = take_sent(sent)?;
///             if bytes.is_empty() {
///                 return Err(std::io::Error::other("no name").into());
///             }
///             self.line.extend(bytes);
///             match self.line.strip_suffix(b"\n") {
///                 Some(name) => end(String::from_utf8_lossy(name).into_owned()),
///                 None => yield_here(Want::Read),
///             }
///         }
///     }
/// );
///
/// let greeter = || Greeter { line: Vec::new() }.start(Phase::Asking);
/// let mut by_hand = Generator::new(greeter());
/// assert_eq!(by_hand.next()?, Want::Write("name?\n"));
/// assert_eq!(by_hand.next()?, Want::Read);
/// assert_eq!(by_hand.send(b"Ad".to_vec())?, Want::Read);
/// assert!(matches!(by_hand.send(b"a\n".to_vec()), Err(Stop::Returned(name)) if name == "Ada"));
///
/// // The same machine in an event loop, over any stream:
/// # #[cfg(feature = "testing")]
/// # fn in_the_loop(greeter: impl Fn() -> Running<Greeter>) -> Result<(), Exception> {
/// use innermost::coroutine::drive;
/// use innermost::testing::{memory_pair, virtual_loop};
/// use innermost::{Awaitable, Buffer, ByteRead, ByteStream, ByteWrite, Step, from_fn, yield_from};
/// use std::io::Cursor;
/// use std::rc::Rc;
///
/// fn over<S: ByteStream>(stream: Rc<S>, machine: Running<Greeter>) -> impl Awaitable<Return = String> {
///     drive(machine, move |want| {
///         let (stream, mut buffer) = (Rc::clone(&stream), Buffer::new());
///         let mut unsent = Cursor::new(if let Want::Write(text) = want { text } else { "" });
///         from_fn(move |mut sent| {
///             yield_from!(stream.write_all(&mut unsent), sent)?;
///             if want == Want::Read {
///                 yield_from!(stream.read(&mut buffer), sent)?;
///             }
///             Ok(Step::Return(buffer.bytes().to_vec()))
///         })
///     })
/// }
///
/// let (near, far) = memory_pair();
/// let event_loop = virtual_loop()?;
/// let name = event_loop.create_task(over(Rc::new(near), greeter()))?;
/// event_loop.run_until_complete(from_fn(move |mut sent| yield_from!(far.send(b"Grace\n"), sent).map(Step::Return)))?;
/// assert_eq!(event_loop.run_until_complete(name)?, "Grace");
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # in_the_loop(greeter)?;
/// # Ok::<(), Stop<String>>(())
/// ```
///
/// A loop over blocking streams calls [`Generator::resume`](super::Generator::resume) instead, and passes it each
/// result, whether that is a value or an error.
///
/// # Errors
///
/// Raises whatever the machine raises. An exception of an answer is thrown into the machine, at its yield.
///
/// An exception that is thrown in goes to the answer first. If the answer raises it, it is thrown into the machine,
/// which can clean up: it may yield again, and is answered again. If anything is thrown in before the start, neither of
/// them runs.
///
/// Closing closes the answer and then the machine, which must not yield any more. It makes no difference whether the answer
/// raises the `GeneratorExit` or returns a value. If it raises something else, that is thrown into the machine in place of
/// the exit. An answer that yields when it is closed has a `RuntimeError` ("generator ignored GeneratorExit") thrown into
/// the machine. Either way, closing gives what the machine makes of it: its exception, or its value.
pub fn drive<M, F, A>(machine: M, answer: F) -> Drive<M, F, A>
where
    M: Coroutine,
    F: FnMut(M::Yield) -> A,
    A: Coroutine<Return = M::Input>,
{
    Drive { stage: Stage::Created, machine: Driver::new(machine), answer }
}

/// A coroutine that runs a machine and answers its yields. Created by [`drive`].
///
/// Dropping it closes neither the answer nor the machine. Only their destructors run, the answer's first.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Drive<M: Coroutine, F, A> {
    /// The first field, so that an answer is dropped before the machine that waits for it.
    stage: Stage<A>,
    machine: Driver<M>,
    answer: F,
}

enum Stage<A> {
    Created,
    Answering(A),
    /// The machine or `answer` runs, or the machine has ended. Both are code of the program and may panic.
    NotAnswering,
}

impl<M, F, A> Coroutine for Drive<M, F, A>
where
    M: Coroutine,
    F: FnMut(M::Yield) -> A,
    A: Coroutine<Return = M::Input>,
{
    type Yield = A::Yield;
    type Input = A::Input;
    type Return = M::Return;

    fn resume(&mut self, mut sent: Result<A::Input, Exception>) -> Resumed<Self> {
        loop {
            let answered = match &mut self.stage {
                Stage::Answering(answer) => yield_from!(answer, sent),
                Stage::Created => match take_sent(&mut sent) {
                    Ok(_) => Ok(M::Input::default()),
                    Err(thrown) => return Err(self.never_started(thrown)),
                },
                Stage::NotAnswering => return Err(sent.err().unwrap_or_else(Exception::reused)),
            };
            replace_ended(&mut self.stage, Stage::NotAnswering);
            let driven = match answered {
                Err(exit) if exit.is_generator_exit() => {
                    return self.machine.close()?.map(Step::Return).ok_or(exit);
                }
                answered => self.machine.resume(answered),
            };
            match driven {
                Driven::Yield(wanted) => self.stage = Stage::Answering((self.answer)(wanted)),
                Driven::End(outcome) => return outcome.map(Step::Return),
            }
        }
    }

    fn state(&self) -> State<'_> {
        let machine = match self.machine.get_ref() {
            None => return State::new("Drive", &GeneratorState::Closed),
            Some(_) if self.machine.is_delegating() => State::new("Drive", &self.machine),
            Some(machine) => machine.state(),
        };
        match &self.stage {
            Stage::Answering(answer) => machine.with_innermost(answer.state()),
            Stage::Created | Stage::NotAnswering => machine,
        }
    }
}

impl<M: Coroutine, F, A> Drive<M, F, A> {
    /// Ends a machine that has not started. Returns `thrown`, to be raised.
    #[cold]
    fn never_started(&mut self, thrown: Exception) -> Exception {
        self.stage = Stage::NotAnswering;
        self.machine.discard();
        thrown
    }
}

/// Shows the machine, and the answer that it is suspended in.
impl<M, F, A> fmt::Debug for Drive<M, F, A>
where
    M: Coroutine,
    F: FnMut(M::Yield) -> A,
    A: Coroutine<Return = M::Input>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drive({})", self.state())
    }
}
