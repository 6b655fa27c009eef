//! Small machines that log their actions, and operations on sockets by hand.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::selector::Readiness;
use innermost::{
    Awaitable, ByteRead, ByteWrite, Coroutine, EventLoop, LoopHandle, Step, Task, TcpStream, from_fn, yield_from,
};

use crate::readiness::script::outcome;
use crate::support::events::Log;

pub(crate) const READABLE: Readiness = Readiness::READABLE;
pub(crate) const WRITABLE: Readiness = Readiness::WRITABLE;
pub(crate) const READ_CLOSED: Readiness = Readiness::READ_CLOSED;

/// The coroutine of a task in these tests.
pub(crate) type Machine = Box<dyn Awaitable<Return = ()>>;

/// Reads up to four bytes at a time, until the end of the stream or an exception. Logs each resume and its result.
pub(crate) fn reader(log: &Log, name: &'static str, stream: &Rc<TcpStream>) -> Machine {
    let (log, stream) = (log.clone(), Rc::clone(stream));
    Box::new(from_fn(move |mut sent| {
        log.add(format_args!("{name} resumes"));
        loop {
            let received = yield_from!(stream.recv(&mut [0; 4]), sent);
            log.add(format_args!("{name} gets {}", outcome(&received)));
            if received? == 0 {
                return Ok(Step::Return(()));
            }
        }
    }))
}

/// Sends one byte, when there is room for it.
pub(crate) fn writer(log: &Log, name: &'static str, stream: &Rc<TcpStream>) -> Machine {
    let (log, stream) = (log.clone(), Rc::clone(stream));
    Box::new(from_fn(move |mut sent| {
        log.add(format_args!("{name} resumes"));
        let written = yield_from!(stream.send(&[0]), sent);
        log.add(format_args!("{name} sends {}", outcome(&written)));
        written.map(|_| Step::Return(()))
    }))
}

/// Waits until `stream` is readable, and calls a function then.
pub(crate) fn when_readable(stream: &Rc<TcpStream>, function: impl FnOnce() + 'static) -> Machine {
    let (stream, mut function) = (Rc::clone(stream), Some(function));
    Box::new(from_fn(move |mut sent| {
        yield_from!(stream.recv(&mut [0; 4]), sent)?;
        if let Some(function) = function.take() {
            function();
        }
        Ok(Step::Return(()))
    }))
}

pub(crate) fn spawn(event_loop: &EventLoop, coroutine: impl Awaitable<Return = ()> + 'static) -> Task<()> {
    event_loop.create_task(coroutine).expect("the loop is open")
}

pub(crate) fn soon(event_loop: &LoopHandle, function: impl FnOnce() + 'static) {
    event_loop.call_soon(function).expect("the loop is open");
}

/// Tries to read once, and does not wait.
pub(crate) fn read_now(stream: &TcpStream) -> String {
    match stream.recv(&mut [0; 4]).resume(Ok(())) {
        Ok(Step::Return(count)) => count.to_string(),
        Ok(Step::Yield(_)) => "nothing yet".into(),
        Ok(Step::Delegate(_)) => unreachable!("an operation has no frames"),
        Err(raised) => outcome::<usize>(&Err(raised)),
    }
}

/// Leaves no room to write.
pub(crate) fn fill(stream: &TcpStream) {
    while let Ok(Step::Return(_)) = stream.send(&[0; 4096]).resume(Ok(())) {}
}

/// Makes room to write.
pub(crate) fn empty(mut peer: &UnixStream) {
    while peer.read(&mut [0; 65536]).is_ok() {}
}
