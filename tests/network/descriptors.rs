//! The program's own descriptors: `Watched`, which replaces asyncio's `add_reader` and `add_writer`. Modules test duplicates
//! of descriptors, panicking destructors, and the limits of system calls.
//!
//! A descriptor cannot be closed and its number reused while it is watched, because a `Watched` owns or shares it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic;
use std::rc::Rc;
use std::time::Duration;

use innermost::selector::Direction;
use innermost::{
    ByteRead, Coroutine, EventLoop, Exception, Kind, Step, TcpStream, Watched, from_fn, sleep, yield_from,
};

mod duplicates;
mod limits;
mod panics;

use crate::support::connections::{any, io_kind, new_loop, pair, run};
use crate::support::events::Log;

/// A watched end, a duplicate to read from, and its peer.
fn watched() -> (Watched<Rc<UnixStream>>, Rc<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let near = Rc::new(near);
    (Watched::new(Rc::clone(&near)), near, far)
}

/// Runs ready callbacks, and those that follow from them.
fn settle(event_loop: &EventLoop) {
    for _ in 0..5 {
        event_loop.run_once().unwrap();
    }
}

/// A callback that reads a byte and writes it down.
fn reads_a_byte(name: &'static str, stream: &Rc<UnixStream>, log: &Log) -> impl FnMut() + use<> + 'static {
    let (stream, log) = (Rc::clone(stream), log.clone());
    move || {
        let mut byte = [0];
        let count = (&*stream).read(&mut byte).unwrap();
        log.add(format_args!("{name} {}", if count == 0 { "end".into() } else { char::from(byte[0]).to_string() }));
    }
}

#[test]
fn a_callback_is_called_while_there_is_something_to_read() {
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, mut far) = watched();
    event_loop.add_reader(&watched, reads_a_byte("reader", &near, &log)).unwrap();
    settle(&event_loop);
    assert!(log.take().is_empty());
    far.write_all(b"ab").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["reader a", "reader b"]);
    settle(&event_loop);
    far.write_all(b"c").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["reader c"]);
    assert!(event_loop.remove_reader(&watched));
    assert!(!event_loop.remove_reader(&watched));
    far.write_all(b"d").unwrap();
    settle(&event_loop);
    assert!(log.take().is_empty());
}

#[test]
fn a_second_callback_replaces_the_first_in_its_direction() {
    // E14
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, mut far) = watched();
    let dropped = Rc::new(());
    let (held, first) = (Rc::clone(&dropped), reads_a_byte("first", &near, &log));
    event_loop
        .add_reader(&watched, {
            let mut first = first;
            move || {
                let _ = &held;
                first();
            }
        })
        .unwrap();
    let writes = Rc::new(Cell::new(0));
    let counted = Rc::clone(&writes);
    event_loop.add_writer(&watched, move || counted.set(counted.get() + 1)).unwrap();
    event_loop.add_reader(&watched, reads_a_byte("second", &near, &log)).unwrap();
    assert_eq!(Rc::strong_count(&dropped), 1, "the first is dropped at once");
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["second a"]);
    // It can always be written to, so in each turn.
    assert_eq!(writes.take(), 5);
    assert!(event_loop.remove_writer(&watched));
    far.write_all(b"b").unwrap();
    settle(&event_loop);
    assert_eq!((log.take(), writes.take()), (vec!["second b".into()], 0));
}

#[test]
fn a_callback_removed_after_its_event_is_not_called() {
    // E15
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, mut far) = watched();
    event_loop.add_reader(&watched, reads_a_byte("reader", &near, &log)).unwrap();
    settle(&event_loop);
    let watched = Rc::new(watched);
    let (handle, shared) = (event_loop.handle(), Rc::clone(&watched));
    far.write_all(b"a").unwrap();
    // Both are ready in the same turn, and this one comes first.
    event_loop.call_soon(move || assert!(handle.remove_reader(&shared))).unwrap();
    settle(&event_loop);
    assert!(log.take().is_empty());
}

#[test]
fn a_callback_may_remove_replace_and_drop_itself() {
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, mut far) = watched();
    let slot = Rc::new(RefCell::new(Some(watched)));
    let (handle, shared, second) = (event_loop.handle(), Rc::clone(&slot), reads_a_byte("second", &near, &log));
    let second = Cell::new(Some(second));
    let replace = move || {
        let watched = shared.borrow();
        handle.add_reader(watched.as_ref().unwrap(), second.take().unwrap()).unwrap();
    };
    event_loop.add_reader(slot.borrow().as_ref().unwrap(), replace).unwrap();
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["second a"]);

    let (shared, told) = (Rc::clone(&slot), log.clone());
    let drop_it = move || {
        drop(shared.borrow_mut().take());
        told.add("dropped");
    };
    event_loop.add_reader(slot.borrow().as_ref().unwrap(), drop_it).unwrap();
    far.write_all(b"b").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["dropped"]);
    // The descriptor was shared, and is open; it can be watched again.
    let again = Watched::new(Rc::clone(&near));
    event_loop.add_reader(&again, reads_a_byte("again", &near, &log)).unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["again b"]);
}

#[test]
fn a_callback_that_panics_is_reported_and_called_again() {
    let (event_loop, log) = (new_loop(), Log::default());
    let told = log.clone();
    event_loop.set_exception_handler(move |context| told.add(context.exception.clone().unwrap().to_string()));
    let (watched, near, mut far) = watched();
    let mut read = reads_a_byte("reader", &near, &log);
    let mut is_first = true;
    let callback = move || {
        if std::mem::take(&mut is_first) {
            panic::resume_unwind(Box::new("bang"));
        }
        read();
    };
    event_loop.add_reader(&watched, callback).unwrap();
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["bang", "reader a"]);
}

#[test]
fn the_end_of_the_stream_calls_the_callback_until_removed() {
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, far) = watched();
    event_loop.add_reader(&watched, reads_a_byte("reader", &near, &log)).unwrap();
    settle(&event_loop);
    drop(far);
    settle(&event_loop);
    assert!(log.take().len() > 1);
    drop(watched.into_inner());
    settle(&event_loop);
    assert_eq!(Rc::strong_count(&near), 1, "nobody keeps the callback, and what it has captured");
}

#[test]
fn a_closed_loop_drops_callbacks_that_own_their_watch() {
    for is_queued in [false, true] {
        let event_loop = new_loop();
        let (watched, near, mut far) = watched();
        let watched = Rc::new(watched);
        let owner = Rc::clone(&watched);
        event_loop.add_reader(&watched, move || _ = &owner).unwrap();
        settle(&event_loop);
        if is_queued {
            far.write_all(b"a").unwrap();
            settle(&event_loop);
        }
        drop(watched);
        assert_eq!(Rc::strong_count(&near), 2);
        drop(event_loop);
        assert_eq!(Rc::strong_count(&near), 1);
    }
    let (watched, ..) = watched();
    let event_loop = new_loop();
    event_loop.close().unwrap();
    assert_eq!(event_loop.add_reader(&watched, || ()).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn a_descriptor_of_the_loops_socket_cannot_be_watched() {
    // X18
    let event_loop = new_loop();
    let (stream, _peer) = pair();
    let used = Rc::clone(&stream);
    let raised = run(&event_loop, move |mut sent| {
        // Registered now.
        let step = used.recv(&mut [0]).resume(std::mem::replace(&mut sent, Ok(())))?;
        assert!(matches!(step, Step::Yield(_)));
        let watched = Watched::new(Rc::clone(&used));
        let raised = EventLoop::running()?.add_reader(&watched, || ()).unwrap_err();
        let attempted = watched.attempt(Direction::Read, |_| Ok(())).resume(Ok(())).map(drop).unwrap_err();
        assert_eq!(io_kind(&attempted), ErrorKind::AlreadyExists);
        Ok(Step::Return(raised))
    })
    .unwrap();
    assert!(raised.notes().next().unwrap().starts_with("this descriptor is already registered"), "{raised:?}");
    // The socket goes on.
    drop(_peer);
    assert_eq!(
        run(&event_loop, move |mut sent| yield_from!(stream.recv(&mut [0]), sent).map(Step::Return)).unwrap(),
        0
    );
}

#[test]
fn a_regular_file_and_a_second_loop_are_refused() {
    let event_loop = new_loop();
    let file = Watched::new(File::open("Cargo.toml").unwrap());
    let raised = event_loop.add_reader(&file, || ()).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::PermissionDenied);
    assert!(raised.notes().next().unwrap().contains("to_thread"), "{raised:?}");

    let (watched, ..) = watched();
    event_loop.add_reader(&watched, || ()).unwrap();
    let raised = new_loop().add_writer(&watched, || ()).unwrap_err();
    assert_eq!(raised.to_string(), "this descriptor is attached to a different event loop");
}

#[test]
fn a_blocking_descriptor_is_refused_for_operations_that_could_block() {
    // E20
    let event_loop = new_loop();
    let (near, mut far) = UnixStream::pair().unwrap();
    // So that the operation does not block for ever where it is not refused.
    far.write_all(b"a").unwrap();
    let watched = Watched::new(near);
    let raised: Exception = event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(watched.attempt(Direction::Read, |mut near| near.read(&mut [0])), sent).map(Step::Return)
        }))
        .unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
}

#[test]
fn custom_operations_wait_for_the_descriptor() {
    let event_loop = new_loop();
    let (watched, _, mut far) = watched();
    let mut is_first = true;
    let received = event_loop.run_until_complete(from_fn(move |mut sent| {
        let mut bytes = [0; 8];
        let recv = watched.attempt(Direction::Read, |near| (&**near).read(&mut bytes));
        let step = { recv }.resume(std::mem::replace(&mut sent, Ok(())))?;
        if std::mem::take(&mut is_first) {
            assert!(matches!(step, Step::Yield(ref wait) if wait.is_readable()));
            far.write_all(b"abc")?;
        }
        Ok(step)
    }));
    assert_eq!(received.unwrap(), 3);
}

#[test]
fn tasks_can_wait_for_readiness_alone() {
    let event_loop = new_loop();
    let (watched, near, mut far) = watched();
    event_loop.call_soon(move || far.write_all(b"a").unwrap()).unwrap();
    event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(watched.ready(Direction::Write), sent)?;
            yield_from!(watched.ready(Direction::Read), sent)?;
            Ok(Step::Return(()))
        }))
        .unwrap();
    assert_eq!((&*near).read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn a_cancelled_custom_accept_leaves_nothing_behind() {
    // E20, of sock_accept: a connection that arrives after the cancel goes to the next accept.
    let event_loop = new_loop();
    let listener = TcpListener::bind(any()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let watched = Rc::new(Watched::new(listener));
    let accept = || {
        let watched = Rc::clone(&watched);
        from_fn(move |mut sent| {
            yield_from!(watched.attempt(Direction::Read, TcpListener::accept), sent).map(Step::Return)
        })
    };
    let first = event_loop.create_task(accept()).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    first.cancel();
    let peer = std::net::TcpStream::connect(address).unwrap();
    assert!(event_loop.run_until_complete(first.join()).map(drop).unwrap_err().is_cancelled());
    let (_, from) = event_loop.run_until_complete(event_loop.create_task(accept()).unwrap().join()).unwrap();
    assert_eq!(from, peer.local_addr().unwrap());
    // Given back, it is watched no longer, and can be a socket of the loop's.
    let listener = Rc::into_inner(watched).unwrap().into_inner();
    let listener = innermost::TcpListener::from_std(listener).unwrap();
    let _peer = std::net::TcpStream::connect(address).unwrap();
    run(&event_loop, move |mut sent| yield_from!(listener.accept(), sent).map(|_| Step::Return(()))).unwrap();
}

#[test]
fn a_task_and_a_callback_in_the_same_direction_are_refused() {
    let (event_loop, log) = (new_loop(), Log::default());
    let (watched, near, mut far) = watched();
    let watched = Rc::new(watched);
    event_loop.add_reader(&watched, reads_a_byte("reader", &near, &log)).unwrap();
    settle(&event_loop);
    let used = Rc::clone(&watched);
    let raised = run(&event_loop, move |mut sent| {
        yield_from!(used.attempt(Direction::Read, |near| (&**near).read(&mut [0])), sent).map(Step::Return)
    })
    .unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["reader a"]);
}

#[test]
fn a_reused_descriptor_number_gets_no_event_of_the_old_one() {
    let (event_loop, log) = (new_loop(), Log::default());
    let (near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    // Another descriptor keeps the open file alive, so the kernel would continue to report it.
    let duplicate = near.try_clone().unwrap();
    let watched = Watched::new(near);
    event_loop.add_reader(&watched, || panic!("it is closed")).unwrap();
    settle(&event_loop);
    drop(watched);
    let (second, _peer) = UnixStream::pair().unwrap();
    let second = Watched::new(Rc::new(second));
    let callback = reads_a_byte("second", second.get_ref(), &log);
    event_loop.add_reader(&second, callback).unwrap();
    settle(&event_loop);
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert!(log.take().is_empty());
    drop(OwnedFd::from(duplicate));
}

#[test]
fn connecting_a_callers_socket_keeps_its_options() {
    let event_loop = new_loop();
    let listener = TcpListener::bind(any()).unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_ttl_v4(9).unwrap();
    let connect = TcpStream::connect_from(socket, listener.local_addr().unwrap());
    let stream = event_loop.run_until_complete(connect.unwrap()).unwrap();
    assert_eq!(stream.ttl().unwrap(), 9);
    // Of another family: the system's error, with the address.
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    let address = listener.local_addr().unwrap();
    let raised = event_loop.run_until_complete(TcpStream::connect_from(socket, address).unwrap()).unwrap_err();
    assert!(raised.notes().eq([format!("connect: {address}")]), "{raised:?}");
}
