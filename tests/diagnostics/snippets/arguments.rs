//! Arguments of the wrong kind: a tuple in place of a list, a number in place of a time.

#![allow(dead_code)]

use std::time::Duration;

use innermost::wait::{Limit, Timeout, all, gather_all, race, staggered_race, timeout_at};
use innermost::{EventLoop, Exception, Task, as_completed, gather, join, ready, sleep, timeout, wait, wait_for};

fn lists(first: Task<u8>, second: Task<()>, d: Duration) {
    let _ = gather((sleep(d), ready(1))); //~ a list is expected here //~ for `join((first, second))`
    let _ = gather(sleep(d)); //~ a list is expected here, and `innermost::Sleep` is not one //~ a list, even of one
    let _ = gather_all((sleep(d), sleep(d))); //~ a list is expected here //~ for `join((first, second))`
    let _ = as_completed((sleep(d), ready(()))); //~ a list is expected here
    let _ = wait((first.clone(), second.clone())); //~ a list is expected here //~ `[first.any(), second.any()]`
    let _ = gather([sleep(d), ready(())]); //~ mismatched types
    let _ = join([sleep(d), sleep(d)]); //~ takes a tuple of one to eight coroutines //~ use `gather`
}

fn together(d: Duration) {
    let _ = race((sleep(d),)); //~ is neither a tuple of two to eight coroutines nor a `Vec` of them
    let _ = race([sleep(d), sleep(d)]); //~ `race(vec![first, second])`
    let _ = all(sleep(d)); //~ `innermost::Sleep` is neither a tuple of two to eight coroutines
    let _ = race((sleep(d), 5)); //~ `{integer}` is not a coroutine
    let nine = (ready(1), ready(2), ready(3), ready(4), ready(5), ready(6), ready(7), ready(8), ready(9));
    let _ = all(nine); //~ a tuple of two to eight coroutines //~ any number of coroutines of one type go into a `Vec`
}

fn times(task: Task<()>, d: Duration) -> Result<(), Exception> {
    let _ = timeout(sleep(d), 5); //~ expected `Duration` or `None` //~ `Duration::from_secs(5)`
    let _ = timeout(sleep(d), 0.5); //~ expected `Duration` or `None`
    let _ = timeout(sleep(d), Some(5)); //~ expected `Duration` or `None`
    let _ = timeout(sleep(d), EventLoop::running()?.time()); //~ `innermost::Instant` is neither
    let _ = wait_for(sleep(d), 5); //~ expected `Duration` or `None`
    let _ = wait([task]).timeout(5); //~ expected `Duration` or `None`
    let _ = as_completed([sleep(d)]).timeout(5); //~ expected `Duration` or `None`
    let _ = staggered_race([sleep(d)]).delay(5); //~ expected `Duration` or `None`
    let _ = timeout_at(sleep(d), d); //~ `Duration` is neither //~ a point on the loop's clock
    let _ = timeout_at(sleep(d), std::time::Instant::now()); //~ `std::time::Instant` is neither
    let _ = Limit::new(5); //~ expected `Duration`, found integer
    let _ = Timeout::after(d).restart(5); //~ expected `Duration`, found integer
    let _ = sleep(5); //~ expected `Duration`, found integer
    Ok(())
}

fn main() {}
