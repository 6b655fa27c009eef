//! What a cancel leaves behind, at each moment: before a thread has begun, while it works, and before the loop has learned of
//! its end.

use std::fs;
use std::rc::Rc;
use std::sync::mpsc;

use innermost::fs::{OpenOptions, blocking, open, read, remove_file, write};
use innermost::{Awaitable, EventLoop, Step, Task, from_fn, yield_from};

use crate::help::*;

/// Starts a task up to its job.
fn started<T: 'static>(event_loop: &EventLoop, child: impl Awaitable<Return = T> + 'static) -> Task<T> {
    let task = event_loop.create_task(child).unwrap();
    settle(event_loop);
    assert!(!task.done());
    task
}

fn cancel<T: 'static>(event_loop: &EventLoop, task: Task<T>) {
    task.cancel();
    let raised = event_loop.run_until_complete(task.join()).map(drop).unwrap_err();
    assert!(raised.is_cancelled(), "{raised:?}");
}

#[test]
fn a_function_that_has_not_begun_never_runs() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("text");
    let (new, other) = (place.path().join("new"), place.path().join("other"));
    let create = OpenOptions::new().write(true).create(true);
    cancel(&event_loop, started(&event_loop, remove_file(&path)));
    cancel(&event_loop, started(&event_loop, write(&other, "text")));
    cancel(&event_loop, started(&event_loop, open(&new, create.clone())));
    drop(started(&event_loop, open(&new, create)));
    assert_eq!(desk.waiting(), 1, "dropping the handle of a task does not cancel it");
    desk.run();
    settle(&event_loop);
    assert_eq!(place.names(), ["file", "new"]);
}

#[test]
fn a_dropped_function_that_has_not_begun_never_runs() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("text");
    let mut removal = Some(remove_file(&path));
    let task = from_fn(move |mut sent: Result<(), _>| match &mut removal {
        Some(child) => {
            let step = innermost::Coroutine::resume(child, std::mem::replace(&mut sent, Ok(())))?;
            assert!(matches!(step, Step::Yield(_)));
            removal = None;
            Ok(Step::Yield(innermost::Await::next_turn()))
        }
        None => Ok(Step::Return(())),
    });
    event_loop.run_until_complete(task).unwrap();
    assert_eq!((desk.run(), place.names()), (0, vec!["file".to_owned()]));
}

#[test]
fn a_change_that_has_begun_is_waited_for_unless_it_may_be_abandoned() {
    for abandoned in [false, true] {
        let event_loop = strict_loop();
        let ((begun, begins), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
        let change = blocking(move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
            Ok(())
        });
        let task = event_loop.create_task(if abandoned { change.abandon_on_cancel() } else { change }).unwrap();
        turn(&event_loop);
        begins.recv().unwrap();
        task.cancel();
        settle(&event_loop);
        assert_eq!(task.done(), abandoned);
        end.send(()).unwrap();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_read_of_a_whole_file_that_has_begun_is_left_alone() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let task = started(&event_loop, read(place.file("text")));
    // The loop does not know yet that the job has ended.
    assert_eq!(desk.run(), 1);
    task.cancel();
    turn(&event_loop);
    assert!(task.cancelled());
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_nobody_waits_for_any_more_is_closed() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("text");
    for options in [OpenOptions::new().read(true), OpenOptions::new().write(true).create(true)] {
        let task = started(&event_loop, open(&path, options));
        assert_eq!((desk.run(), is_open(&path)), (1, true));
        cancel(&event_loop, task);
        settle(&event_loop);
        desk.run();
        assert!(!is_open(&path));
    }
}

#[test]
fn a_cancelled_write_that_has_not_begun_gives_the_bytes_back() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("old");
    let file = opened(&path);
    fill(&file, b"new!");
    let task = started(&event_loop, writing(&file));
    assert_eq!((bytes(&file), desk.waiting()), (vec![], 1));
    cancel(&event_loop, task);
    assert_eq!((bytes(&file), position(&file), desk.run()), (b"new!".to_vec(), 0, 0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    // Writing again goes on as if nothing had happened.
    let task = started(&event_loop, writing(&file));
    desk.run();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), position(&file)), ("new!", 4));
}

#[test]
fn a_cancelled_write_that_has_ended_counts() {
    for append in [false, true] {
        let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
        let path = place.file("");
        let opening = event_loop.create_task(open(&path, OpenOptions::new().write(true).append(append))).unwrap();
        settle(&event_loop);
        desk.run();
        let file = shared(event_loop.run_until_complete(opening.join()).unwrap());
        fill(&file, b"text");
        let task = started(&event_loop, writing(&file));
        assert_eq!(desk.run(), 1);
        cancel(&event_loop, task);
        assert_eq!((bytes(&file), position(&file)), (vec![], 4));
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}

#[test]
fn a_cancelled_read_takes_nothing() {
    let event_loop = strict_loop();
    let desk = Desk::default();
    event_loop.set_file_executor(desk.clone());
    let status = innermost::fs::File::from_std(fs::File::open("/proc/self/comm").unwrap(), "comm").unwrap();
    let file = shared(status);
    let task = started(&event_loop, reading(&file));
    cancel(&event_loop, task);
    assert_eq!((bytes(&file), position(&file), desk.run()), (vec![], 0, 0));
    let task = started(&event_loop, reading(&file));
    assert_eq!(desk.run(), 1);
    task.cancel();
    turn(&event_loop);
    assert!(task.cancelled());
    assert_eq!((bytes(&file), position(&file)), (vec![], 0));
    settle(&event_loop);
    // The answer to the read that was left alone is there already.
    let count = event_loop.run_until_complete(reading(&file)).unwrap();
    assert_eq!((bytes(&file).len(), position(&file)), (count, count as u64));
    assert!(count > 0);
}

#[test]
fn closing_waits_for_what_is_under_way() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("text");
    let file = opened(&path);
    let syncing = Rc::clone(&file);
    let task = started(
        &event_loop,
        from_fn(move |mut sent| yield_from!(syncing.borrow_mut().0.sync_all(), sent).map(Step::Return)),
    );
    desk.run();
    task.cancel();
    turn(&event_loop);
    assert!(task.cancelled());
    drop(task);
    settle(&event_loop);
    let (file, _) = Rc::into_inner(file).unwrap().into_inner();
    let closing = event_loop.create_task(file.close()).unwrap();
    settle(&event_loop);
    assert_eq!(desk.run(), 1);
    event_loop.run_until_complete(closing).unwrap();
}

#[test]
fn a_closed_loop_leaves_no_job_to_run() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    event_loop.set_exception_handler(|_| {});
    let path = place.file("text");
    let file = opened(&path);
    fill(&file, b"never");
    drop(started(&event_loop, remove_file(&path)));
    drop(started(&event_loop, writing(&file)));
    event_loop.close().unwrap();
    assert_eq!((desk.run(), fs::read_to_string(&path).unwrap().as_str()), (0, "text"));
    assert_eq!(bytes(&file), b"never");
}
