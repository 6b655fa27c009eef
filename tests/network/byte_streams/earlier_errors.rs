//! Errors of earlier datagrams. Such an error neither makes a later send lose its datagram, nor gets lost.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use innermost::{EventLoop, Step, UdpSocket, UnixDatagram, from_fn, sleep, yield_from};

use crate::byte_streams::unix::Path;
use crate::support::connections::{any, io_kind, new_loop, run};

/// A socket with a pending error, because nothing listened at this address.
fn refused() -> (EventLoop, Rc<UdpSocket>, SocketAddr) {
    let event_loop = new_loop();
    let socket = Rc::new(UdpSocket::bind(any()).unwrap());
    let nobody = std::net::UdpSocket::bind(any()).unwrap().local_addr().unwrap();
    socket.connect(nobody).unwrap();
    send(&event_loop, &socket, b"lost");
    (event_loop, socket, nobody)
}

fn send(event_loop: &EventLoop, socket: &Rc<UdpSocket>, data: &'static [u8]) {
    let socket = Rc::clone(socket);
    let sent = run(event_loop, move |mut sent| yield_from!(socket.send(data), sent).map(Step::Return));
    assert_eq!(sent.unwrap(), data.len());
}

fn recv(event_loop: &EventLoop, socket: &Rc<UdpSocket>) -> Result<usize, ErrorKind> {
    let socket = Rc::clone(socket);
    let received = run(event_loop, move |mut sent| yield_from!(socket.recv(&mut [0; 8]), sent).map(Step::Return));
    received.map_err(|raised| io_kind(&raised))
}

#[test]
fn a_datagram_is_sent_although_an_earlier_one_was_refused() {
    let (event_loop, socket, address) = refused();
    let somebody = std::net::UdpSocket::bind(address).unwrap();
    send(&event_loop, &socket, b"abc");
    assert_eq!(somebody.recv(&mut [0; 8]).unwrap(), 3);
    // Nothing is lost: a receiver gets the error, once.
    assert_eq!(recv(&event_loop, &socket), Err(ErrorKind::ConnectionRefused));
    somebody.send_to(b"answer", socket.local_addr().unwrap()).unwrap();
    assert_eq!(recv(&event_loop, &socket), Ok(6));
}

#[test]
fn the_error_of_an_earlier_datagram_can_be_queried() {
    let (event_loop, socket, address) = refused();
    let _somebody = std::net::UdpSocket::bind(address).unwrap();
    send(&event_loop, &socket, b"abc");
    assert_eq!(socket.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionRefused);
    assert!(socket.take_error().unwrap().is_none());
    // So can an error that the system still holds.
    let (_event_loop, socket, _) = refused();
    assert_eq!(socket.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionRefused);
    assert!(socket.take_error().unwrap().is_none());
}

#[test]
fn a_receiver_gets_the_error_even_if_a_send_met_it_first() {
    let event_loop = new_loop();
    let socket = Rc::new(UdpSocket::bind(any()).unwrap());
    let nobody = std::net::UdpSocket::bind(any()).unwrap().local_addr().unwrap();
    socket.connect(nobody).unwrap();
    let receiver = Rc::clone(&socket);
    let waiting = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(receiver.recv(&mut [0; 8]), sent).map(Step::Return)))
        .unwrap();
    run(&event_loop, {
        let mut begun = sleep(std::time::Duration::ZERO);
        move |mut sent| yield_from!(begun, sent).map(Step::Return)
    })
    .unwrap();
    let mut left = 3;
    run(&event_loop, move |mut sent| {
        while left > 0 {
            assert_eq!(yield_from!(socket.send(b"abc"), sent)?, 3);
            left -= 1;
        }
        Ok(Step::Return(()))
    })
    .unwrap();
    let raised = event_loop.run_until_complete(waiting).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::ConnectionRefused);
}

#[test]
fn a_datagrams_own_error_is_raised_and_not_kept() {
    let event_loop = new_loop();
    let socket = Rc::new(UdpSocket::bind(any()).unwrap());
    let (sender, to) = (Rc::clone(&socket), socket.local_addr().unwrap());
    run(&event_loop, move |mut sent| yield_from!(sender.send_to(&[0; 70_000], to), sent).map(Step::Return))
        .unwrap_err();
    assert!(socket.take_error().unwrap().is_none());
    let sender = Rc::clone(&socket);
    run(&event_loop, move |mut sent| yield_from!(sender.send_to(b"abc", to), sent).map(Step::Return)).unwrap();
    assert_eq!(recv(&event_loop, &socket), Ok(3));
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library does not know the option")]
#[test]
fn an_error_queue_loses_no_datagram() {
    use std::os::fd::AsRawFd;

    let event_loop = new_loop();
    let socket = Rc::new(UdpSocket::bind(any()).unwrap());
    let (on, size) = (1_i32, size_of::<i32>() as libc::socklen_t);
    let fd = socket.get_ref().as_raw_fd();
    // SAFETY: the value has that size, and lives until the call returns.
    let set = unsafe { libc::setsockopt(fd, libc::IPPROTO_IP, libc::IP_RECVERR, (&raw const on).cast(), size) };
    assert_eq!(set, 0);
    let nobody = std::net::UdpSocket::bind(any()).unwrap().local_addr().unwrap();
    let somebody = std::net::UdpSocket::bind(any()).unwrap();
    for (to, data) in [(nobody, &b"lost"[..]), (somebody.local_addr().unwrap(), b"abc")] {
        let sender = Rc::clone(&socket);
        run(&event_loop, move |mut sent| yield_from!(sender.send_to(data, to), sent).map(Step::Return)).unwrap();
    }
    assert_eq!(somebody.recv(&mut [0; 8]).unwrap(), 3);
    assert_eq!(recv(&event_loop, &socket), Err(ErrorKind::ConnectionRefused));
}

#[test]
fn a_unix_datagram_is_sent_even_if_the_peer_has_another_peer() {
    let (here, there, elsewhere) = (Path::new("here"), Path::new("there"), Path::new("elsewhere"));
    let event_loop = new_loop();
    let socket = Rc::new(UnixDatagram::bind(&here.0).unwrap());
    let peer = std::os::unix::net::UnixDatagram::bind(&there.0).unwrap();
    let other = std::os::unix::net::UnixDatagram::bind(&elsewhere.0).unwrap();
    socket.connect(&there.0).unwrap();
    peer.connect(&here.0).unwrap();
    // Unread datagrams are lost, and their sender gets an error.
    socket.get_ref().send(b"lost").unwrap();
    peer.connect(&elsewhere.0).unwrap();
    let (sender, to) = (Rc::clone(&socket), elsewhere.0.clone());
    let sent = run(&event_loop, move |mut sent| yield_from!(sender.send_to(b"abc", &to), sent).map(Step::Return));
    assert_eq!(sent.unwrap(), 3);
    assert_eq!(other.recv(&mut [0; 8]).unwrap(), 3);
    let kind = |error: std::io::Error| error.kind();
    let error = socket.take_error().unwrap().map(kind);
    // Not every system tells of that.
    assert!(cfg!(not(target_os = "linux")) || error == Some(ErrorKind::ConnectionReset), "{error:?}");
}
