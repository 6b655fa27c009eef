//! Coroutines as bare statements: they do nothing.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Generator, Queue, TcpListener,
    TcpStream, from_fn, ready, sleep, to_thread,
};

fn of_coroutine() -> impl Coroutine<Yield = Await, Input = (), Return = ()> {
    sleep(Duration::ZERO)
}

fn of_awaitable() -> impl Awaitable<Return = ()> {
    sleep(Duration::ZERO)
}

fn boxed() -> Box<dyn Awaitable<Return = ()>> {
    Box::new(sleep(Duration::ZERO))
}

fn network(listener: &TcpListener, stream: &TcpStream, buffer: &mut Buffer) {
    listener.accept(); //~ unused implementer of `innermost::Coroutine` that must be used
    stream.read(buffer); //~ that must be used
    stream.write_all(buffer); //~ that must be used
}

fn main() -> Result<(), Exception> {
    sleep(Duration::ZERO); //~ unused `innermost::Sleep` that must be used
    of_coroutine(); //~ unused implementer of `innermost::Coroutine` that must be used
    of_awaitable(); //~ unused implementer of `Awaitable` that must be used
    boxed(); //~ that must be used
    to_thread(|| Ok(1)); //~ unused `ToThread` that must be used
    from_fn(|_: Result<(), Exception>| Ok(innermost::Step::<Await, (), ()>::Return(()))); //~ that must be used
    Generator::new(innermost::from_iter(0..3)); //~ unused `Generator` that must be used
    let event_loop = EventLoop::new()?;
    event_loop.create_future::<u8>().join(); //~ unused `innermost::task::Join` that must be used
    event_loop.shutdown_default_executor(None); //~ unused `ShutdownExecutor` that must be used
    let queue = Queue::<u8>::new();
    queue.put(1); //~ that must be used
    queue.get(); //~ that must be used
    event_loop.create_task(ready(1))?;
    Ok(())
}
