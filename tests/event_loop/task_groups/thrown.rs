//! What a group does with an exception that is thrown in while its tasks run.

use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::wait::{ExceptionGroup, GroupScope, task_group};
use innermost::{Awaitable, Coroutine, CoroutineExt, Exception, Resumed, Step, from_fn, lazy, ready, sleep};

use crate::support::events::{self, Log, body, returns, sleeps};

const SECOND: Duration = Duration::from_secs(1);

/// A group with one task, which sleeps until it is cancelled and takes a second to end, and a body that sleeps as well, or
/// has ended.
fn group(log: &Log, body_sleeps: bool) -> GroupScope<impl Awaitable<Return = ()> + 'static> {
    let log = log.clone();
    task_group(move |group| {
        let task = slow_to_end(&log);
        let body = lazy(move || group.create_task(task).map(|_| ready(())));
        body.then(move |()| sleep(if body_sleeps { 9 * SECOND } else { Duration::ZERO }))
    })
}

fn slow_to_end(log: &Log) -> events::Body {
    let log = log.clone();
    body(move |n, _| {
        if n < 2 {
            return sleeps(if n == 0 { 9 } else { 1 });
        }
        log.add("task ends");
        returns(0)
    })
}

/// Runs `group`. When its task is cancelled, `thrown` is thrown in instead. Returns what the group then did at once, and
/// runs it on if it waits.
fn throw_instead<C: Awaitable<Return = ()> + 'static>(
    mut group: GroupScope<C>,
    thrown: Exception,
    log: &Log,
) -> Result<(), Exception> {
    let event_loop = virtual_loop()?;
    log.reports(&event_loop);
    let (mut thrown, at_once) = (Some(thrown), log.clone());
    let parent = from_fn(move |sent: Result<(), Exception>| -> Resumed<GroupScope<C>> {
        let Err(_) = sent else { return group.resume(Ok(())) };
        let after = group.resume(Err(thrown.take().expect("it is cancelled once")));
        at_once.add(match &after {
            Ok(Step::Return(())) => "returned".into(),
            Ok(_) => "waits".into(),
            Err(raised) => format!("raised {raised:?}"),
        });
        after
    });
    let parent = event_loop.create_task(parent)?;
    let cancelled = parent.clone();
    event_loop.call_later(SECOND, move || cancelled.cancel())?;
    let outcome = event_loop.run_until_complete(parent);
    log.add("parent ends");
    event_loop.run_until_complete(sleep(2 * SECOND))?;
    outcome
}

#[test]
fn an_exception_thrown_into_a_group_that_waits_is_raised_when_its_tasks_have_ended() {
    for body_sleeps in [false, true] {
        let log = Log::default();
        let raised = throw_instead(group(&log, body_sleeps), std::io::Error::other("thrown").into(), &log);
        assert_eq!(log.take(), ["waits", "task ends", "parent ends"]);
        let raised = raised.unwrap_err();
        let failures = raised.downcast_ref::<ExceptionGroup>().expect("the group has failed").exceptions();
        assert_eq!(failures.iter().map(ToString::to_string).collect::<Vec<_>>(), ["thrown"]);
    }
}

#[test]
fn a_group_that_is_closed_cancels_its_tasks_and_does_not_wait() {
    for body_sleeps in [false, true] {
        let log = Log::default();
        let raised = throw_instead(group(&log, body_sleeps), Exception::generator_exit(), &log);
        assert!(raised.unwrap_err().is_generator_exit());
        assert_eq!(log.take(), ["raised GeneratorExit", "parent ends", "task ends"]);
    }
}
