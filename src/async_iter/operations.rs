//! The operations of an async generator: coroutines that can be stored, and are awaited once.

use core::fmt;
use core::mem;

use super::generator::{Consumer, Standing};
use super::{AsyncGenerator, Producer};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, Step, take_sent};
use crate::scope::Progress;
use crate::task::Await;

/// A coroutine that waits for the next item of an [`AsyncGenerator`]. Created by [`anext`](AsyncGenerator::anext),
/// [`asend`](AsyncGenerator::asend) and [`athrow`](AsyncGenerator::athrow).
///
/// It returns `None` at the end. If it is dropped while it waits, the generator stays where it is, and the next
/// operation goes on from there.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct NextItem<P: Producer + 'static> {
    generator: AsyncGenerator<P>,
    phase: Phase<Begin<P::Input>>,
}

enum Begin<Input> {
    Next,
    Send(Input),
    Throw(Exception),
}

enum Phase<B> {
    Created(B),
    UnderWay,
    Over,
}

impl<P: Producer + 'static> NextItem<P> {
    pub(super) const fn anext(generator: AsyncGenerator<P>) -> Self {
        Self { generator, phase: Phase::Created(Begin::Next) }
    }

    pub(super) const fn asend(generator: AsyncGenerator<P>, value: P::Input) -> Self {
        Self { generator, phase: Phase::Created(Begin::Send(value)) }
    }

    pub(super) const fn athrow(generator: AsyncGenerator<P>, exception: Exception) -> Self {
        Self { generator, phase: Phase::Created(Begin::Throw(exception)) }
    }

    fn begin(&self, begin: Begin<P::Input>) -> Progress<Option<P::Item>> {
        let generator = &self.generator.0;
        match begin {
            Begin::Next => generator.start("anext", Ok(P::Input::default())),
            Begin::Throw(thrown) => generator.start("athrow", Err(thrown)),
            Begin::Send(value) => {
                if generator.standing() == Standing::Created && size_of::<P::Input>() > 0 {
                    let text = "can't send non-None value to a just-started async generator";
                    return Err(Exception::message(Kind::TypeError, text));
                }
                generator.start("anext", Ok(value))
            }
        }
    }
}

impl<P: Producer + 'static> Coroutine for NextItem<P> {
    type Yield = Await;
    type Input = ();
    type Return = Option<P::Item>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let step = match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Created(begin) => {
                take_sent(&mut sent)?;
                self.begin(begin)?
            }
            Phase::UnderWay => self.generator.0.resume(sent.map(|()| P::Input::default()))?,
            Phase::Over => return Err(reused("__anext__()/asend()")),
        };
        if let Step::Yield(_) = &step {
            self.generator.0.set_consumer(Consumer::Operation);
            self.phase = Phase::UnderWay;
        }
        Ok(step)
    }
}

impl<P: Producer + 'static> Drop for NextItem<P> {
    fn drop(&mut self) {
        if let Phase::UnderWay = self.phase {
            self.generator.0.set_consumer(Consumer::Nobody);
        }
    }
}

/// A coroutine that closes an async generator. Created by [`AsyncGenerator::aclose`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Close<P: Producer + 'static> {
    generator: AsyncGenerator<P>,
    phase: Phase<()>,
}

impl<P: Producer + 'static> Close<P> {
    pub(super) const fn new(generator: AsyncGenerator<P>) -> Self {
        Self { generator, phase: Phase::Created(()) }
    }

    fn begin(&self) -> Progress<Option<P::Item>> {
        let generator = &self.generator.0;
        generator.check_idle("aclose")?;
        generator.set_closed();
        if generator.standing() == Standing::Created {
            generator.end_unstarted();
            return Ok(Step::Return(None));
        }
        generator.start("aclose", Err(Exception::generator_exit()))
    }
}

impl<P: Producer + 'static> Coroutine for Close<P> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let step = match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Created(()) => {
                take_sent(&mut sent)?;
                self.begin()
            }
            Phase::UnderWay => self.generator.0.resume(sent.map(|()| P::Input::default())),
            Phase::Over => return Err(reused("aclose()/athrow()")),
        };
        match step {
            Ok(Step::Yield(awaited)) => {
                self.generator.0.set_consumer(Consumer::Operation);
                self.phase = Phase::UnderWay;
                Ok(Step::Yield(awaited))
            }
            Ok(Step::Delegate(frame)) => Ok(Step::Delegate(frame)),
            Ok(Step::Return(None)) => Ok(Step::Return(())),
            Ok(Step::Return(Some(_))) => {
                Err(Exception::message(Kind::RuntimeError, "async generator ignored GeneratorExit"))
            }
            Err(raised) if raised.is_generator_exit() => Ok(Step::Return(())),
            Err(raised) => Err(raised),
        }
    }
}

impl<P: Producer + 'static> Drop for Close<P> {
    fn drop(&mut self) {
        if let Phase::UnderWay = self.phase {
            self.generator.0.set_consumer(Consumer::Nobody);
        }
    }
}

#[cold]
fn reused(operation: &str) -> Exception {
    Exception::message(Kind::RuntimeError, format!("cannot reuse already awaited {operation}"))
}

impl<P: Producer + 'static> fmt::Debug for NextItem<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NextItem").field(&self.generator).finish()
    }
}

impl<P: Producer + 'static> fmt::Debug for Close<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Close").field(&self.generator).finish()
    }
}
