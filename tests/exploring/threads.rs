//! Functions that run in threads run in the loop's thread, in every order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use innermost::testing::explore;
use innermost::{CoroutineExt, gather, sleep, to_thread};

#[test]
fn functions_in_threads_run_in_every_order_and_in_this_thread() {
    let here = thread::current().id();
    let mut orders = BTreeSet::new();
    let explored = explore(|sim| {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let calls = ["first", "second", "third"].map(|name| {
            let ran = Arc::clone(&ran);
            to_thread(move || {
                assert_eq!(thread::current().id(), here);
                ran.lock().expect("nothing panics").push(name);
                Ok(())
            })
        });
        sim.run(gather(calls))?;
        orders.insert(ran.lock().expect("nothing panics").clone());
        Ok(())
    })
    .preemptions(2)
    .run();
    assert!(explored.is_complete());
    assert_eq!(orders.len(), 6);
}

#[test]
fn a_function_in_a_thread_may_be_overtaken_by_a_task_that_takes_a_turn() {
    let mut orders = BTreeSet::new();
    explore(|sim| {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let (mine, theirs) = (Arc::clone(&ran), Arc::clone(&ran));
        let task = sleep(Duration::ZERO).map(move |()| mine.lock().expect("nothing panics").push("task"));
        let task = sim.create_task(task)?;
        sim.run(to_thread(move || {
            theirs.lock().expect("nothing panics").push("thread");
            Ok(())
        }))?;
        sim.run(task)?;
        orders.insert(ran.lock().expect("nothing panics").clone());
        Ok(())
    })
    .run();
    assert_eq!(orders, BTreeSet::from([vec!["task", "thread"], vec!["thread", "task"]]));
}

#[test]
fn a_default_executor_that_was_shut_down_is_open_again_in_the_next_schedule() {
    let explored = explore(|sim| {
        sim.run(gather([to_thread(|| Ok(())), to_thread(|| Ok(()))]))?;
        sim.run(sim.shutdown_default_executor(None))
    })
    .preemptions(1)
    .run();
    assert!(explored.schedules > 1);
}

#[test]
fn what_a_real_thread_has_sent_runs_before_its_schedule_ends() {
    let mut ran = Vec::new();
    explore(|sim| {
        let chosen = sim.choose(3);
        let called = Arc::new(Mutex::new(None));
        let (seen, remote) = (Arc::clone(&called), sim.remote());
        let thread = thread::spawn(move || {
            remote.call_soon_threadsafe(move || *seen.lock().expect("nothing panics") = Some(chosen))
        });
        thread.join().expect("it does not panic").expect("the loop is open");
        ran.push(called);
        Ok(())
    })
    .run();
    let ran: Vec<_> = ran.iter().map(|called| *called.lock().expect("nothing panics")).collect();
    // The natural schedule runs three times.
    assert_eq!(ran, [Some(0), Some(0), Some(0), Some(1), Some(2)]);
}
