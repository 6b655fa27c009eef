//! N6: a group raises a `KeyboardInterrupt` by itself, not in an exception group.

use innermost::wait::task_group;
use innermost::{CoroutineExt, Exception, Kind};

use crate::support::clock::test_loop;
use crate::support::events::{self, Log, body, pauses, raises, returns, sleeps};

fn interrupt(text: &'static str) -> Exception {
    Exception::message(Kind::KeyboardInterrupt, text)
}

/// Sleeps until it is cancelled, and takes a second to end.
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

// N6
/// ```python
/// async with asyncio.TaskGroup() as g:
///     g.create_task(slow_to_end()); g.create_task(fails())
///     try: await asyncio.sleep(9)
///     finally: raise KeyboardInterrupt("body")
/// ```
#[test]
fn an_interrupt_of_the_body_is_raised_alone_after_all_tasks_have_ended() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let entries = log.clone();
    let main = task_group(move |group| {
        body(move |n, _| {
            if n > 0 {
                return raises(interrupt("body"));
            }
            group.create_task(slow_to_end(&entries))?;
            group.create_task(body(|_, _| raises(events::Oops(1))))?;
            sleeps(9)
        })
    });
    let entries = log.clone();
    let main = event_loop.create_task(main.catch(move |raised| {
        let me = innermost::EventLoop::running()?.current_task().expect("a task runs");
        entries.add(format_args!("raised: {raised}, {} cancels", me.cancelling()));
        Err(raised)
    }));
    let raised = event_loop.run_until_complete(main.unwrap()).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::KeyboardInterrupt, "body"));
    // Other failures are not lost.
    let lost = "Task of a dropped TaskGroup has errored out: oops 1";
    assert_eq!(log.take(), ["task ends", "raised: body, 0 cancels", lost]);
}

// N6
#[test]
fn an_interrupt_of_a_task_ends_the_run_and_the_group_raises_it_alone_in_the_next() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let entries = log.clone();
    let main = task_group(move |group| {
        body(move |n, got| match n {
            0 => {
                group.create_task(slow_to_end(&entries))?;
                pauses()
            }
            1 => {
                group.create_task(body(|_, _| raises(interrupt("task"))))?;
                sleeps(9)
            }
            _ => {
                entries.add(format_args!("body: {}", got.unwrap_err()));
                raises(Exception::cancelled())
            }
        })
    });
    let main = event_loop.create_task(main).unwrap();
    for _ in 0..2 {
        let raised = event_loop.run_until_complete(main.clone()).unwrap_err();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::KeyboardInterrupt, "task"));
        log.add("raised");
    }
    assert!(main.done());
    assert_eq!(log.take(), ["raised", "body: cancelled", "task ends", "raised"]);
}
