//! Errors that name the operation and the address, and streams that are closed while tasks wait.

use std::cell::RefCell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use innermost::{Await, ByteRead, Coroutine, Step, TcpStream, UnixStream, from_fn, yield_from};

use crate::support::connections::{any, io_kind, new_loop, pair, run};

#[test]
fn errors_have_the_systems_code_and_name_the_connection() {
    let event_loop = new_loop();
    let address = TcpListener::bind(any()).unwrap().local_addr().unwrap();
    let raised = event_loop.run_until_complete(TcpStream::connect(address)).unwrap_err();
    assert!(raised.notes().eq([format!("connect: {address}")]), "{raised:?}");
    // Kept whole.
    assert_eq!(raised.downcast_ref::<io::Error>().unwrap().raw_os_error(), Some(111));
    assert!(format!("{raised:?}").ends_with(&format!("note: connect: {address}")), "{raised:?}");

    let (stream, peer) = pair();
    let here = stream.local_addr().unwrap();
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let raised = run(&event_loop, move |mut sent| yield_from!(stream.recv(&mut [0]), sent).map(Step::Return));
    let raised = raised.unwrap_err();
    assert_eq!(io_kind(&raised), io::ErrorKind::ConnectionReset);
    // It has no peer any more.
    assert!(raised.notes().next().unwrap().ends_with(&format!("at {here}")), "{raised:?}");
}

#[test]
fn closing_a_stream_wakes_its_waiters() {
    let event_loop = new_loop();
    let (near, _far) = UnixStream::pair().unwrap();
    let stream = Rc::new(RefCell::new(Some(near)));
    let shared = Rc::clone(&stream);
    let waiting = event_loop
        .create_task(from_fn(move |mut sent| match &*shared.borrow() {
            Some(stream) => yield_from!(stream.recv(&mut [0]), sent).map(|_| Step::<Await, (), _>::Return("received")),
            None => Ok(Step::Return("closed")),
        }))
        .unwrap();
    event_loop.call_soon(move || drop(stream.borrow_mut().take())).unwrap();
    assert_eq!(event_loop.run_until_complete(waiting).unwrap(), "closed");
}

#[test]
fn options_of_a_connection_are_set_in_the_system() {
    let (stream, _peer) = pair();
    stream.set_nodelay(true).unwrap();
    stream.set_ttl(7).unwrap();
    stream.set_keepalive(Some(Duration::from_secs(60))).unwrap();
    assert_eq!((stream.nodelay().unwrap(), stream.ttl().unwrap(), stream.keepalive().unwrap()), (true, 7, true));
    // OpenBSD has one interval for the whole system.
    #[cfg(not(target_os = "openbsd"))]
    assert_eq!(socket2::SockRef::from(&*stream).tcp_keepalive_time().unwrap(), Duration::from_secs(60));
    stream.set_keepalive(None).unwrap();
    assert!(!stream.keepalive().unwrap());
}

#[test]
fn an_operation_does_nothing_until_awaited() {
    let (stream, _peer) = pair();
    // Dropped without a resume: no loop is asked for.
    drop(ByteRead::recv(&stream, &mut [0]));
    assert!(stream.recv(&mut [0]).resume(Ok(())).is_err());
}
