//! Producers and consumers for use in tests.

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, awaiting};
use innermost::{Awaitable, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};

use crate::support::events::{self, Body, Log, body};

/// The next action of a [`Scripted`] producer.
pub(crate) enum Next {
    Await(Body),
    Item(i32),
    End,
}

pub(crate) type Answer = Result<Next, Exception>;

/// A producer that performs a sequence of actions. `next` receives the number of the next action, from 0, and the result of
/// the last one: the awaited or the sent value.
pub(crate) struct Scripted {
    next: Box<dyn FnMut(u32, Result<i32, Exception>) -> Answer>,
    awaited: Option<Body>,
    number: u32,
}

pub(crate) type Numbers = AsyncGenerator<Scripted>;

pub(crate) fn produces(next: impl FnMut(u32, Result<i32, Exception>) -> Answer + 'static) -> Numbers {
    AsyncGenerator::new(Scripted { next: Box::new(next), awaited: None, number: 0 })
}

impl Coroutine for Scripted {
    type Yield = Produced<i32>;
    type Input = i32;
    type Return = ();

    fn resume(&mut self, mut sent: Result<i32, Exception>) -> Resumed<Self> {
        loop {
            let got = match &mut self.awaited {
                Some(awaited) => yield_from!(awaiting(awaited), sent),
                None => innermost::take_sent(&mut sent),
            };
            self.awaited = None;
            self.number += 1;
            match (self.next)(self.number - 1, got)? {
                Next::Await(awaited) => self.awaited = Some(awaited),
                Next::Item(item) => return Ok(Step::Yield(Produced::Item(item))),
                Next::End => return Ok(Step::Return(())),
            }
        }
    }
}

pub(crate) fn item(item: i32) -> Answer {
    Ok(Next::Item(item))
}

pub(crate) fn awaits(answer: events::Answer) -> Answer {
    match answer? {
        events::Next::Await(awaited) => Ok(Next::Await(awaited)),
        events::Next::Return(_) => Ok(Next::End),
    }
}

pub(crate) const fn end() -> Answer {
    Ok(Next::End)
}

/// Consumes all items, and notes them.
pub(crate) struct Consumer<I> {
    pub(crate) items: I,
    pub(crate) log: Log,
    /// How many it takes.
    pub(crate) left: u32,
}

impl<I: AsyncIterator<Item = i32>> Coroutine for Consumer<I> {
    type Yield = innermost::Await;
    type Input = ();
    type Return = i32;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            match yield_from!(self.items.next(), sent) {
                Ok(Some(item)) => self.log.add(format_args!("got {item}")),
                Ok(None) => break,
                Err(raised) => {
                    self.log.add("consumer ends");
                    return Err(raised);
                }
            }
            self.left -= 1;
        }
        self.log.add("end");
        Ok(Step::Return(0))
    }
}

pub(crate) fn consumer(items: Numbers, log: &Log, left: u32) -> Consumer<Numbers> {
    Consumer { items, log: log.clone(), left }
}

/// Says `other` `count` times, a turn between two.
pub(crate) fn other(log: &Log, count: u32) -> Body {
    let log = log.clone();
    body(move |n, _| {
        if n == count {
            return events::returns(0);
        }
        log.add(format_args!("other {n}"));
        events::pauses()
    })
}

/// The outcome of an awaited object, as short text.
pub(crate) fn said<T: std::fmt::Debug>(outcome: Result<T, Exception>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(raised) => format!("{:?}: {raised}", raised.kind()),
    }
}

/// Runs a coroutine to its end. Returns its outcome as text.
pub(crate) fn run<C>(event_loop: &EventLoop, coroutine: C) -> String
where
    C: Awaitable + 'static,
    C::Return: std::fmt::Debug,
{
    said(event_loop.run_until_complete(coroutine))
}
