//! The twin of `closures.rs`.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Await, Call, EventLoop, Exception, Generator, Sleep, Step, from_fn, gather, lazy, ready, run, sleep, spawn, task_group,
    timeout,
};

fn work() -> Sleep {
    sleep(Duration::ZERO)
}

fn closures(d: Duration) -> Result<(), Exception> {
    spawn(lazy(|| {
        println!("hello");
        Ok(ready(()))
    }))?;
    spawn(lazy(move || Ok(sleep(d))))?;
    spawn(work())?;
    EventLoop::running()?.create_task(work())?;
    run(ready(5))?;
    let _ = gather([work(), work()]);
    let _ = timeout(work(), d);
    let _ = Generator::new(from_fn(|_: Result<(), Exception>| Ok(Step::<_, _, ()>::Yield(Await::next_turn()))));
    let _ = Call::new(work());
    let _ = task_group(|group| {
        lazy(move || {
            group.create_task(sleep(d))?;
            Ok(ready(()))
        })
    });
    Ok(())
}

fn main() {}
