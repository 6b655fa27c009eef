//! Closures and functions where a coroutine is expected.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{Await, Call, EventLoop, Exception, Generator, Sleep, gather, run, sleep, spawn, task_group, timeout};

fn work() -> Sleep {
    sleep(Duration::ZERO)
}

fn closures(d: Duration) -> Result<(), Exception> {
    spawn(|| println!("hello"))?; //~ is not a coroutine //~ `from_fn(f)` calls `f` at each resume
    spawn(move || sleep(d))?; //~ is not a coroutine //~ `lazy(f)` runs the coroutine that `f` returns
    spawn(work)?; //~ is not a coroutine //~ use parentheses to call this function
    EventLoop::running()?.create_task(work)?; //~ is not a coroutine //~ `lazy(f)`
    run(|| 5)?; //~ is not a coroutine //~ `lazy(f)`
    let _ = gather([work, work]); //~ is not a coroutine //~ `lazy(f)`
    let _ = timeout(work, d); //~ is not a coroutine //~ `lazy(f)`
    let _ = Generator::new(|_: Result<(), Exception>| Ok::<_, Exception>(Await::next_turn())); //~ is not a coroutine //~ `from_fn(f)`
    let _ = Call::new(work); //~ is not a coroutine //~ `lazy(f)`
    let _ = task_group(|group| { //~ `()` is not a coroutine
        let _ = group.create_task(sleep(d));
    });
    Ok(())
}

fn main() {}
