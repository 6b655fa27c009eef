//! Listening, connecting, accepting.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::fd::AsFd;
use std::rc::Rc;

use innermost::{ByteRead, Coroutine, EventLoop, Kind, Step, TcpListener, TcpStream, from_fn, yield_from};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::connections::{any, io_kind, listen, new_loop, pair, run};

#[test]
fn a_connection_has_the_addresses_of_both_ends() {
    let event_loop = new_loop();
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let connecting = event_loop.create_task(TcpStream::connect(address)).unwrap();
    let (accepted, from) =
        run(&event_loop, move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return)).unwrap();
    let connected = event_loop.run_until_complete(connecting.join()).unwrap();
    assert_eq!(connected.peer_addr().unwrap(), address);
    assert_eq!(accepted.local_addr().unwrap(), address);
    assert_eq!(connected.local_addr().unwrap(), from);
    assert_eq!(accepted.peer_addr().unwrap(), from);
}

#[test]
fn a_socket_is_printed_with_its_address() {
    let listener = listen();
    let (text, address) = (format!("{listener:?}"), listener.local_addr().unwrap());
    assert!(text.contains(&address.to_string()), "{text}");
}

#[test]
fn a_port_without_a_listener_refuses() {
    let event_loop = new_loop();
    let address = net::TcpListener::bind(any()).unwrap().local_addr().unwrap();
    let raised = event_loop.run_until_complete(TcpStream::connect(address)).unwrap_err();
    assert_eq!(raised.kind(), Kind::Error);
    assert_eq!(io_kind(&raised), ErrorKind::ConnectionRefused);
}

#[test]
fn listening_fails_at_a_used_or_foreign_address() {
    let listener = listen();
    let error = TcpListener::bind(listener.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    // Of a network that is for documentation only (RFC 5737).
    let error = TcpListener::bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn an_address_can_be_reused_as_soon_as_its_listener_is_gone() {
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let peer = net::TcpStream::connect(address).unwrap();
    let event_loop = new_loop();
    let (stream, _) = run(&event_loop, move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return)).unwrap();
    // Closed by this end first, the connection lingers for a minute.
    drop(stream);
    drop(peer);
    assert_eq!(TcpListener::bind(address).unwrap().local_addr().unwrap(), address);
}

/// A listener whose queue is full: to connect to it takes until the queue is not.
fn busy_listener() -> (net::TcpListener, net::TcpStream) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&any().into()).unwrap();
    // One waits in a queue that has room for none.
    socket.listen(0).unwrap();
    let listener = net::TcpListener::from(socket);
    let first = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener, first)
}

#[test]
fn connecting_waits_for_a_slow_connection() {
    let event_loop = new_loop();
    let (listener, _first) = busy_listener();
    let mut connect = TcpStream::connect(listener.local_addr().unwrap());
    let (listener, waited) = (Rc::new(listener), Rc::new(Cell::new(false)));
    let stream = run(&event_loop, {
        let (listener, waited) = (Rc::clone(&listener), Rc::clone(&waited));
        move |sent| {
            let step = connect.resume(sent)?;
            if let Step::Yield(wait) = &step
                && !waited.replace(true)
            {
                assert!(wait.is_writable(), "{wait:?}");
                // Makes room for another one.
                listener.accept()?;
            }
            Ok(step)
        }
    })
    .unwrap();
    assert!(waited.get());
    assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
}

#[test]
fn a_cancelled_connect_closes_its_socket() {
    let event_loop = new_loop();
    let (listener, _first) = busy_listener();
    let address = listener.local_addr().unwrap();
    let connecting = event_loop.create_task(TcpStream::connect(address)).unwrap();
    event_loop
        .call_soon({
            let connecting = connecting.clone();
            move || _ = connecting.cancel()
        })
        .unwrap();
    let raised = event_loop.run_until_complete(connecting.join()).unwrap_err();
    assert!(raised.is_cancelled());
    // Another one takes its place, and ends as it likes.
    drop(listener);
    let raised = event_loop.run_until_complete(TcpStream::connect(address)).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::ConnectionRefused);
}

#[test]
fn simultaneous_connections_are_accepted_in_order() {
    let event_loop = new_loop();
    let listener = listen();
    // More than a task may accept in one turn.
    let peers: Vec<_> = (0..100).map(|_| net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()).collect();
    let (mut accepted, count) = (Vec::new(), peers.len());
    let accepted = run(&event_loop, move |mut sent| {
        while accepted.len() < count {
            accepted.push(yield_from!(listener.accept(), sent)?.1);
        }
        Ok(Step::Return(std::mem::take(&mut accepted)))
    })
    .unwrap();
    assert_eq!(accepted, peers.iter().map(|peer| peer.local_addr().unwrap()).collect::<Vec<_>>());
}

#[test]
fn sockets_convert_from_the_standard_library() {
    let event_loop = new_loop();
    let listener = net::TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let accepting = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return)))
        .unwrap();
    // Both are blocking before: the loop would hang in the first operation.
    let peer = net::TcpStream::connect(address).unwrap();
    let stream = TcpStream::from_std(net::TcpStream::connect(address).unwrap()).unwrap();
    let (accepted, _) = event_loop.run_until_complete(accepting.join()).unwrap();
    drop((accepted, peer));
    let reading = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(stream.recv(&mut [0]), sent).map(Step::Return)))
        .unwrap();
    event_loop
        .call_soon({
            let reading = reading.clone();
            move || _ = reading.cancel()
        })
        .unwrap();
    assert!(event_loop.run_until_complete(reading.join()).is_err());
}

#[test]
fn options_are_set_on_the_socket() {
    let (stream, mut peer) = pair();
    for nodelay in [true, false] {
        stream.set_nodelay(nodelay).unwrap();
        assert_eq!(SockRef::from(&stream.as_fd()).tcp_nodelay().unwrap(), nodelay);
    }
    stream.reset_on_drop().unwrap();
    assert_eq!(Rc::strong_count(&stream), 1);
    drop(stream);
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(peer.write(&[0]).is_err());
}

#[test]
fn an_operation_needs_a_running_loop() {
    let listener = listen();
    let raised = listener.accept().resume(Ok(())).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, "no running event loop".into()));
    let raised = TcpStream::connect(listener.local_addr().unwrap()).resume(Ok(())).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);

    // A loop that does not run yet is none.
    let event_loop = EventLoop::new().unwrap();
    assert!(listener.accept().resume(Ok(())).is_err());
    drop(event_loop);
}
