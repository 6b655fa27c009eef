//! The twin of `machine_unstarted.rs`.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Call, CoroutineExt, EventLoop, Exception, Generator, Machine, Running, Sleep, machine, ready, run, spawn, timeout,
    yield_from,
};

struct Napping {
    nap: Sleep,
}

machine!(
    impl Machine for Napping {
        type State = Phase;

        fn Asleep(&mut self, sent: Sent) -> Next<End> {
            yield_from!(self.nap, sent)?;
            end(())
        }
    }
);

fn started(make: fn() -> Running<Napping>) -> Result<(), Exception> {
    EventLoop::running()?.create_task(make())?;
    spawn(make())?;
    run(make())?;
    let _ = timeout(make(), Duration::ZERO);
    let _ = Call::new(make());
    let _ = Generator::new(make());
    let _ = make().then(|()| ready(1));
    let _ = make().catch(|_| Ok(()));
    let _ = make().map(drop);
    Ok(())
}

fn rightly_started(napping: Napping) -> Result<(), Exception> {
    spawn(napping.start(Phase::Asleep))?;
    Ok(())
}

fn main() {}
