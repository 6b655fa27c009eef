//! The twin of `arguments.rs`.

#![allow(dead_code)]

use std::time::Duration;

use innermost::wait::{Limit, Timeout, all, gather_all, race, staggered_race, timeout_at};
use innermost::{EventLoop, Exception, Task, as_completed, gather, join, ready, sleep, timeout, wait, wait_for};

fn lists(first: Task<u8>, second: Task<()>, d: Duration) {
    let _ = join((sleep(d), ready(1)));
    let _ = gather([sleep(d)]);
    let _ = gather_all(vec![sleep(d), sleep(d)]);
    let _ = as_completed((0..2).map(|_| sleep(d)));
    let _ = wait([first.any(), second.any()]);
    let _ = gather(Some(sleep(d)));
    let _ = gather(&mut [sleep(d), sleep(d)].into_iter());
}

fn together(d: Duration) {
    let _ = race((sleep(d), sleep(d)));
    let _ = race(vec![sleep(d), sleep(d)]);
    let _ = all((sleep(d), ready(5)));
    let _ = all(vec![ready(1); 9]);
}

fn times(task: Task<()>, d: Duration) -> Result<(), Exception> {
    let _ = timeout(sleep(d), Duration::from_secs(5));
    let _ = timeout(sleep(d), None);
    let _ = timeout(sleep(d), Some(Duration::from_secs(5)));
    let _ = wait_for(sleep(d), None);
    let _ = wait([task]).timeout(Duration::from_secs(5));
    let _ = as_completed([sleep(d)]).timeout(None);
    let _ = staggered_race([sleep(d)]).delay(Duration::from_secs(5));
    let _ = timeout_at(sleep(d), EventLoop::running()?.time() + d);
    let _ = timeout_at(sleep(d), None);
    let _ = Limit::new(Duration::from_secs(5));
    let _ = Timeout::after(d).restart(Duration::from_secs(5));
    let _ = sleep(Duration::from_secs(5));
    Ok(())
}

fn main() {}
