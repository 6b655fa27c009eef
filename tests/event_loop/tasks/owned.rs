//! Tasks that are cancelled when their handle is dropped.

use std::time::Duration;

use innermost::task::OwnedTask;
use innermost::testing::virtual_loop;
use innermost::wait::{Race, Racing, Won};
use innermost::{EventLoop, Exception, Step, Task, from_fn, ready, sleep, yield_from};

use crate::support::events::Log;

/// A task that logs its cancellation, and cleans up for a second.
fn cleaning(event_loop: &EventLoop, log: &Log) -> Task<()> {
    let (log, mut cleanup, mut nap) = (log.clone(), None, sleep(Duration::from_secs(3600)));
    let machine = from_fn(move |mut sent| {
        if cleanup.is_none()
            && let Err(thrown) = yield_from!(nap, sent)
        {
            log.add(format_args!("gets {thrown}"));
        }
        let cleanup = cleanup.get_or_insert_with(|| sleep(Duration::from_secs(1)));
        yield_from!(cleanup, sent)?;
        log.add("cleaned up");
        Ok(Step::Return(()))
    });
    event_loop.create_task(machine).unwrap()
}

fn pass(event_loop: &EventLoop, seconds: u64) {
    event_loop.run_until_complete(sleep(Duration::from_secs(seconds))).unwrap();
}

#[test]
fn dropping_an_owned_task_cancels_it_and_does_not_wait() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let task = cleaning(&event_loop, &log);
    let owned = task.clone().cancel_on_drop();
    pass(&event_loop, 1);
    drop(owned);
    assert_eq!((log.take().len(), task.cancelling()), (0, 1));
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["gets cancelled", "cleaned up"]);
}

#[test]
fn a_machine_that_ends_in_any_way_ends_its_helper() {
    for how in ["returns", "raises", "is cancelled", "panics"] {
        let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
        event_loop.set_exception_handler(|_| {});
        let helper = cleaning(&event_loop, &log);
        let (owned, mut nap) = (helper.clone().cancel_on_drop(), sleep(Duration::from_secs(2)));
        let owner = from_fn(move |mut sent| {
            let _owned: &OwnedTask<()> = &owned;
            yield_from!(nap, sent)?;
            match how {
                "raises" => Err(Exception::timeout()),
                "panics" => panic!("the owner"),
                _ => Ok(Step::Return(())),
            }
        });
        let owner = event_loop.create_task(owner).unwrap();
        if how == "is cancelled" {
            pass(&event_loop, 1);
            owner.cancel();
        }
        pass(&event_loop, 10);
        assert!(owner.done() && helper.done(), "{how}");
        assert_eq!(log.take(), ["gets cancelled", "cleaned up"], "{how}");
    }
}

#[test]
fn a_task_that_has_not_started_never_runs() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let task = cleaning(&event_loop, &log);
    drop(task.clone().cancel_on_drop());
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(log.take().len(), 0);
}

#[test]
fn a_detached_task_goes_on() {
    let event_loop = virtual_loop().unwrap();
    let task = event_loop.create_task(sleep(Duration::from_secs(1))).unwrap().cancel_on_drop().detach();
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn awaiting_an_owned_task_moves_its_result_out() {
    struct NotClone(u32);
    let event_loop = virtual_loop().unwrap();
    let owned = event_loop.create_task(ready(NotClone(7))).unwrap().cancel_on_drop();
    assert!(!owned.done(), "it has the methods of a task");
    assert_eq!(event_loop.run_until_complete(owned).unwrap().0, 7);

    // Done tasks are not cancelled.
    let task = event_loop.create_task(ready(1)).unwrap();
    let owned = task.clone().cancel_on_drop();
    pass(&event_loop, 1);
    drop(owned);
    assert_eq!(task.result().unwrap(), 1);
}

#[test]
fn cancelling_the_waiter_cancels_the_owned_task() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let helper = cleaning(&event_loop, &log);
    let waiter = event_loop.create_task(helper.clone().cancel_on_drop()).unwrap();
    pass(&event_loop, 1);
    waiter.cancel();
    // The helper has caught it and returned, and so does its waiter.
    event_loop.run_until_complete(waiter).unwrap();
    assert!(helper.done());
    assert_eq!(log.take(), ["gets cancelled", "cleaned up"]);
}

#[test]
fn an_owned_task_is_raced() {
    let event_loop = virtual_loop().unwrap();
    let helper = event_loop.create_task(sleep(Duration::from_secs(3))).unwrap();
    let (mut race, mut nap) = (Race::new(), Racing::new(sleep(Duration::from_secs(1))));
    let mut owned = Some(Racing::new(helper.clone().cancel_on_drop()));
    let racing = from_fn(move |mut sent| {
        let won = yield_from!(race.run((owned.as_mut(), &mut nap)), sent)?;
        assert!(matches!(won, Won::B(())));
        owned = None;
        Ok(Step::Return(()))
    });
    event_loop.run_until_complete(racing).unwrap();
    assert!(event_loop.run_until_complete(helper).unwrap_err().is_cancelled());
}

#[test]
fn an_owned_task_may_outlive_its_loop() {
    let event_loop = virtual_loop().unwrap();
    event_loop.set_exception_handler(|_| {});
    let owned = event_loop.create_task(sleep(Duration::from_secs(1))).unwrap().cancel_on_drop();
    event_loop.close().unwrap();
    assert!(owned.done());
    drop(owned);
}
