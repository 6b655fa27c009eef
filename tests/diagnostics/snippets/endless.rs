//! Closures that never return, so that the return type of the coroutine is unknown.

use innermost::{EventLoop, Exception, Generator, Step, from_fn, sleep, yield_from};

fn counts() {
    let mut number = 0;
    let numbers = Generator::new(from_fn(move |sent: Result<(), Exception>| {
        sent?;
        number += 1;
        Ok(Step::Yield(number)) //~ cannot infer type of the type parameter `Return`
    }));
    drop(numbers);
}

fn rests(event_loop: &EventLoop) -> Result<(), Exception> {
    let mut pause = sleep(std::time::Duration::ZERO);
    let rests = from_fn(move |mut sent| {
        //~^ type annotations needed //~^ -> Result<innermost::Step<_, _, Return>, _>
        loop {
            yield_from!(pause, sent)?;
            pause = sleep(std::time::Duration::ZERO);
        }
    });
    event_loop.create_task(rests)?;
    Ok(())
}

fn main() -> Result<(), Exception> {
    counts();
    rests(&EventLoop::new()?)
}
