//! A task whose peer is always ready does not starve the others.

use std::cell::Cell;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use innermost::{ByteRead, ByteWrite, Coroutine, EventLoop, Step, TcpStream, from_fn, sleep, yield_from};

use crate::support::connections::{Resumed, new_loop, prompt_pair, run};

/// How many operations a task may find ready in one turn.
const SHARE: u32 = 32;

/// Starts a task that repeatedly sends a byte to itself, and never has to wait. Returns the number of its sends and receives.
fn always_ready(event_loop: &EventLoop) -> Rc<Cell<u32>> {
    let operations = Rc::new(Cell::new(0));
    let (near, far) = prompt_pair();
    let far = TcpStream::from_std(OwnedFd::from(far).into()).unwrap();
    let (count, mut is_sent) = (Rc::clone(&operations), false);
    let task = from_fn(move |mut sent| -> Resumed<()> {
        loop {
            if is_sent {
                yield_from!(far.recv(&mut [0]), sent)?;
            } else {
                yield_from!(near.send(&[0]), sent)?;
            }
            is_sent = !is_sent;
            count.set(count.get() + 1);
        }
    });
    event_loop.create_task(task).unwrap();
    operations
}

#[test]
fn a_task_that_never_waits_lets_others_run_in_every_turn() {
    let event_loop = new_loop();
    event_loop.set_exception_handler(|_| ());
    let operations = always_ready(&event_loop);
    let mut in_each_turn = Vec::new();
    let mut pause = sleep(Duration::ZERO);
    let in_each_turn = run(&event_loop, move |mut sent| {
        while in_each_turn.len() <= 10 {
            yield_from!(pause, sent)?;
            pause = sleep(Duration::ZERO);
            in_each_turn.push(operations.take());
        }
        Ok(Step::Return(std::mem::take(&mut in_each_turn)))
    });
    // The first pause has begun in one turn and ended in the next.
    assert_eq!(in_each_turn.unwrap()[1..], [SHARE; 10]);
}

#[test]
fn a_task_that_never_waits_lets_other_sockets_be_polled() {
    let event_loop = new_loop();
    event_loop.set_exception_handler(|_| ());
    let operations = always_ready(&event_loop);
    let (stream, mut peer) = prompt_pair();
    let operations = run(&event_loop, move |mut sent| {
        let step = stream.recv(&mut [0]).resume(std::mem::replace(&mut sent, Ok(())))?;
        match step {
            Step::Yield(wait) => {
                assert!(wait.is_readable());
                operations.take();
                peer.write_all(b"a")?;
                Ok(Step::Yield(wait))
            }
            _ => Ok(Step::Return(operations.take())),
        }
    });
    // The loop may skip polling for this many callbacks. There is one per turn here.
    let turns = operations.unwrap() / SHARE;
    assert!(turns <= 65, "it has waited for {turns} turns");
}
