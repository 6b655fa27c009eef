//! Cancelling a task that waits for a socket. The socket stays usable.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net;
use std::rc::Rc;

use innermost::{Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Step, Task, from_fn, yield_from};
use socket2::SockRef;

use crate::support::connections::{Resumed, listen, new_loop, pair, run};

/// Runs a machine until it waits for a socket, and cancels it. Returns the exception.
fn cancel_when_it_waits<T: 'static>(
    event_loop: &EventLoop,
    mut machine: impl FnMut(Result<(), Exception>) -> Resumed<T> + 'static,
) -> Exception {
    let waits = Rc::new(Cell::new(false));
    let task: Task<T> = event_loop
        .create_task(from_fn({
            let waits = Rc::clone(&waits);
            move |sent| {
                let step = machine(sent)?;
                waits.set(matches!(step, Step::Yield(ref wait) if wait.is_readable() || wait.is_writable()));
                Ok(step)
            }
        }))
        .unwrap();
    while !waits.get() {
        event_loop.run_once().unwrap();
    }
    assert!(task.cancel());
    event_loop.run_until_complete(task.join()).map(drop).unwrap_err()
}

#[test]
fn a_cancelled_accept_leaves_the_connection_to_the_next_accept() {
    let event_loop = new_loop();
    let listener = listen();
    let used = Rc::clone(&listener);
    let raised = cancel_when_it_waits(&event_loop, move |mut sent| yield_from!(used.accept(), sent).map(Step::Return));
    assert!(raised.is_cancelled());
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_, from) = run(&event_loop, move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return)).unwrap();
    assert_eq!(from, peer.local_addr().unwrap());
}

#[test]
fn a_cancelled_read_leaves_the_bytes_to_the_next_read() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    let (used, mut buffer) = (Rc::clone(&stream), Buffer::new());
    let raised =
        cancel_when_it_waits(&event_loop, move |mut sent| yield_from!(used.read(&mut buffer), sent).map(Step::Return));
    assert!(raised.is_cancelled());
    peer.write_all(b"abc").unwrap();
    let mut buffer = Buffer::new();
    let bytes = run(&event_loop, move |mut sent| {
        yield_from!(stream.read(&mut buffer), sent)?;
        Ok(Step::Return(buffer.bytes().to_vec()))
    });
    assert_eq!(bytes.unwrap(), b"abc");
}

#[test]
fn a_machine_that_catches_its_cancel_continues_reading() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(stream.recv(&mut [0; 8]), sent) {
                    // It is asked to end, but not before it has heard something.
                    Err(raised) if raised.is_cancelled() => peer.write_all(b"abc")?,
                    received => return received.map(Step::Return),
                }
            }
        }))
        .unwrap();
    event_loop.run_once().unwrap();
    task.cancel();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 3);
}

#[test]
fn a_cancelled_write_keeps_the_rest_and_can_continue() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    SockRef::from(&*stream).set_send_buffer_size(4096).unwrap();
    let buffer = Rc::new(RefCell::new(Buffer::new()));
    // The numbers from 0, each in four bytes, without end: until there is no room for more.
    let next = Rc::new(Cell::new(0_u32));
    let refill = |buffer: &mut Buffer, next: &Cell<u32>| {
        for _ in 0..10_000 {
            buffer.write_all(&next.replace(next.get() + 1).to_be_bytes()).unwrap();
        }
    };
    let raised = cancel_when_it_waits(&event_loop, {
        let (stream, buffer, next) = (Rc::clone(&stream), Rc::clone(&buffer), Rc::clone(&next));
        move |mut sent| -> Resumed<()> {
            let buffer = &mut *buffer.borrow_mut();
            loop {
                if buffer.is_empty() {
                    refill(buffer, &next);
                }
                yield_from!(stream.write_all(buffer), sent)?;
            }
        }
    });
    assert!(raised.is_cancelled());
    assert!(!buffer.borrow().is_empty());

    // While another task writes the rest, the peer reads.
    let total = 4 * next.get() as usize;
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; total];
        peer.read_exact(&mut bytes).unwrap();
        bytes
    });
    run(&event_loop, {
        let buffer = Rc::clone(&buffer);
        move |mut sent| yield_from!(stream.write_all(&mut *buffer.borrow_mut()), sent).map(Step::Return)
    })
    .unwrap();
    assert!(buffer.borrow().is_empty());
    let expected: Vec<_> = (0..next.get()).flat_map(u32::to_be_bytes).collect();
    assert!(reading.join().unwrap() == expected, "some byte is lost, or came twice");
}

#[test]
fn an_operation_can_be_dropped_at_any_time() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    let bytes = run(&event_loop, move |_| {
        // Each of them would wait; the last is let go of too, and nothing is left behind by any.
        for _ in 0..3 {
            assert!(matches!(stream.recv(&mut [0; 8]).resume(Ok(()))?, Step::Yield(ref wait) if wait.is_readable()));
        }
        peer.write_all(b"abc")?;
        Ok(Step::Return(()))
    });
    bytes.unwrap();
}
