//! The twin of `endless.rs`: the return type is named.

use innermost::{EventLoop, Exception, Generator, Step, from_fn, sleep, yield_from};

fn counts() {
    let mut number = 0;
    let numbers = Generator::new(from_fn::<_, _, _, ()>(move |sent: Result<(), Exception>| {
        sent?;
        number += 1;
        Ok(Step::Yield(number))
    }));
    drop(numbers);
}

fn rests(event_loop: &EventLoop) -> Result<(), Exception> {
    let mut pause = sleep(std::time::Duration::ZERO);
    let rests = from_fn::<_, _, _, ()>(move |mut sent| {
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
