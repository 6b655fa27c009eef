//! The waits of coroutines.

use std::time::Duration;

use innermost::context::ContextVar;
use innermost::scope::{ExitStack, with};
use innermost::wait::{ReturnWhen, gather_all, staggered_race};
use innermost::{
    Awaitable, Call, CoroutineExt, Exception, LoopHandle, TaskGroup, as_completed, gather, lazy, ready, shield, sleep,
    task_group, timeout, wait, wait_for,
};

use super::bodies::{Body, Held, Value, Waiting};
use super::operations::{Script, Wait};
use super::world::{World, visit};

pub(super) type Sent = Result<(), Exception>;
/// An awaited object, and a check whether its event has happened.
pub(super) type There = (&'static str, Box<dyn Fn() -> bool>);

pub(super) static VARIABLE: ContextVar<Value> = ContextVar::new("variable");

fn held<T: 'static>(value: T) -> Held {
    Box::new(value)
}

fn holding(awaitable: impl Awaitable<Return: 'static> + 'static) -> Waiting {
    Box::new(awaitable.map(held))
}

fn body(script: Script) -> Body {
    Body::new(script, script)
}

fn millis(count: u8) -> Duration {
    Duration::from_millis(count.into())
}

/// Makes it.
pub(super) fn make(world: &World, event_loop: u8, wanted: Wait) -> Result<(Waiting, Option<There>), Exception> {
    if let Some((waiting, there)) = direct(world, wanted) {
        return Ok((waiting, Some(there)));
    }
    let handle = world.handle(event_loop).unwrap_or(innermost::EventLoop::running()?);
    Ok((combined(world, &handle, wanted)?, None))
}

/// A check from outside.
fn direct(world: &World, wanted: Wait) -> Option<(Waiting, There)> {
    macro_rules! watched {
        ($what:literal, $waiting:expr, $is_there:expr) => {
            Some((holding($waiting), ($what, Box::new($is_there) as Box<_>)))
        };
    }
    match wanted {
        Wait::Future(which) => {
            let future = world.futures.pick(which)?.1;
            watched!("a future", future.clone(), move || future.done())
        }
        Wait::JoinFuture(which) => {
            let future = world.futures.pick(which)?.1;
            watched!("a future's end", future.join(), move || future.done())
        }
        Wait::AnyFuture(which) => {
            let future = world.futures.pick(which)?.1.any_future();
            watched!("any future", future.clone(), move || future.done())
        }
        Wait::Task(which) => {
            let task = world.tasks.pick(which)?.1;
            watched!("a task", task.clone(), move || task.done())
        }
        Wait::Get(which) => {
            let queue = world.queue(which);
            watched!("an item", queue.get(), move || !queue.is_empty())
        }
        Wait::Put(which, script) => {
            let queue = world.queue(which);
            watched!("room", queue.put(Value::new(script)), move || !queue.is_full())
        }
        Wait::Lock => {
            let lock = world.lock.clone();
            watched!("a lock", lock.acquire(), move || !lock.locked())
        }
        Wait::Event => {
            let event = world.event.clone();
            watched!("an event", event.wait(), move || event.is_set())
        }
        Wait::Permit => {
            let semaphore = world.semaphore.clone();
            watched!("a permit", semaphore.acquire(), move || semaphore.value() > 0)
        }
        _ => None,
    }
}

fn combined(world: &World, event_loop: &LoopHandle, wanted: Wait) -> Result<Waiting, Exception> {
    Ok(match wanted {
        Wait::Sleep(time) => holding(sleep(millis(time))),
        Wait::JoinQueue(which) => holding(world.queue(which).join()),
        Wait::Hold(script) => holding(world.lock.hold(body(script))),
        Wait::Condition => {
            let condition = world.condition.clone();
            holding(condition.acquire().then(move |guard| condition.wait(guard)))
        }
        Wait::ConditionFor(script) => {
            let (condition, mut asked) = (world.condition.clone(), 0);
            let predicate = move || {
                visit(script);
                asked += 1;
                asked > 2
            };
            holding(condition.acquire().then(move |guard| condition.wait_for(guard, predicate)))
        }
        Wait::Barrier => holding(world.barrier.wait()),
        Wait::Call(script) => holding(Call::new(body(script))),
        Wait::Limited(script, time) => holding(wait_for(body(script), millis(time))),
        Wait::Timeout(script, time) => holding(timeout(body(script), millis(time))),
        Wait::Group(one, other) => holding(task_group(move |group: TaskGroup| {
            let started = lazy({
                let group = group.clone();
                move || ready(group.create_task(body(one)).is_ok())
            });
            started.then(move |_| body(other))
        })),
        Wait::Race(one, other) => holding(staggered_race([body(one), body(other)]).delay(millis(one))),
        Wait::Stack(one, other) => {
            let value = Value::new(one);
            holding(with(ExitStack::new(), move |stack| {
                stack.callback(move || drop(value));
                stack.async_callback(body(other));
                body(one)
            }))
        }
        Wait::CloseGenerators => holding(event_loop.shutdown_asyncgens()),
        Wait::Next(_) | Wait::Throw(_) | Wait::CloseGenerator(_) => generated(world, wanted),
        _ => gathered(world, wanted)?,
    })
}

fn generated(world: &World, wanted: Wait) -> Waiting {
    let picked = |which| world.generators.pick(which);
    match wanted {
        Wait::Next(which) => picked(which).map(|generator| holding(generator.anext())),
        Wait::Throw(which) => picked(which).map(|generator| holding(generator.athrow(Exception::timeout()))),
        Wait::CloseGenerator(which) => picked(which).map(|generator| holding(generator.aclose())),
        _ => None,
    }
    .unwrap_or_else(|| holding(sleep(Duration::ZERO)))
}

/// Several children, or a yield if there are none.
fn gathered(world: &World, wanted: Wait) -> Result<Waiting, Exception> {
    let futures = |one, other| [world.futures.pick(one), world.futures.pick(other)].into_iter().flatten();
    Ok(match wanted {
        Wait::Gather(one, other) => holding(gather([body(one), body(other)])),
        Wait::GatherAll(script, which) => match world.tasks.pick(which) {
            Some((_, task)) => {
                let child: Box<dyn Awaitable<Return = Value>> = Box::new(body(script));
                holding(gather_all([child, Box::new(task)]))
            }
            None => holding(gather_all([body(script)])),
        },
        Wait::GatherFutures(one, other) => holding(gather(futures(one, other).map(|(_, future)| future))),
        Wait::Shield(script) => holding(shield(body(script))),
        Wait::ShieldFuture(which) => match world.futures.pick(which) {
            Some((_, future)) => holding(shield(future)),
            None => holding(sleep(Duration::ZERO)),
        },
        Wait::AsCompleted(script, time) => {
            let mut completed = as_completed([body(script), body(0)]).timeout(millis(time));
            match completed.next() {
                Some(next) => holding(next.map(move |value| (value, completed))),
                None => holding(sleep(Duration::ZERO)),
            }
        }
        Wait::Several(one, other, how) => {
            let when = [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted];
            let limit = (how % 2 == 0).then(|| millis(how));
            let futures = futures(one, other).map(|(_, future)| future.any_future());
            holding(wait(futures).timeout(limit).return_when(when[usize::from(how % 3)]))
        }
        _ => holding(sleep(Duration::ZERO)),
    })
}
