//! A machine that is used before it is started in a state, and one that is started wrongly.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Buffer, Call, CoroutineExt, EventLoop, Exception, Generator, Machine, Sleep, machine, ready, run, spawn, timeout,
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

fn unstarted(make: fn() -> Napping) -> Result<(), Exception> {
    EventLoop::running()?.create_task(make())?; //~ `Napping` is not a coroutine //~ `.start(State::First)`
    spawn(make())?; //~ `Napping` is not a coroutine //~ `.start(State::First)`
    run(make())?; //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = timeout(make(), Duration::ZERO); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = Call::new(make()); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = Generator::new(make()); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = make().then(|()| ready(1)); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = make().catch(|_| Ok(())); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = make().map(drop); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    let _ = CoroutineExt::map(make(), drop); //~ `Napping` is not a coroutine //~ `.start(State::First)`
    Ok(())
}

fn wrongly_started(napping: Napping) -> Result<(), Exception> {
    spawn(napping.start(Asleep))?; //~ cannot find value `Asleep` in this scope
    spawn(Machine::start(Buffer::new(), Phase::Asleep))?; //~ `Buffer` is not a machine //~ declare its states: `machine!(impl Machine for Buffer
    Ok(())
}

fn main() {}
