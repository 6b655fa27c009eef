//! Datagrams.

use std::io::ErrorKind;
use std::rc::Rc;

use innermost::{Coroutine, Step, UdpSocket, UnixDatagram, from_fn, yield_from};

use crate::byte_streams::unix::Path;
use crate::support::connections::{any, io_kind, new_loop, run};

#[test]
fn datagrams_arrive_whole_with_their_senders_address() {
    let event_loop = new_loop();
    let (one, other) = (UdpSocket::bind(any()).unwrap(), UdpSocket::bind(any()).unwrap());
    let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let mut left = 3;
    event_loop
        .create_task(from_fn(move |mut sent| {
            while left > 0 {
                yield_from!(one.send_to(&b"abc"[..3 - left], to), sent)?;
                left -= 1;
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    let mut received = Vec::new();
    let received = run(&event_loop, move |mut sent| {
        while received.len() < 3 {
            // A datagram that is too long is truncated, and an empty one is a datagram too.
            received.push(yield_from!(other.recv_from(&mut [0; 1]), sent)?);
        }
        Ok(Step::Return(std::mem::take(&mut received)))
    });
    assert_eq!(received.unwrap(), [(0, from), (1, from), (1, from)]);
}

#[test]
fn network_errors_are_raised_and_the_socket_stays_usable() {
    // X16, of the bare operations.
    let event_loop = new_loop();
    let socket = UdpSocket::bind(any()).unwrap();
    let nobody = UdpSocket::bind(any()).unwrap();
    let address = nobody.local_addr().unwrap();
    socket.connect(address).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), address);
    drop(nobody);
    run(&event_loop, move |mut sent| {
        assert_eq!(yield_from!(socket.send(b"a"), sent)?, 1);
        let raised = yield_from!(socket.recv(&mut [0]), sent).unwrap_err();
        assert_eq!(io_kind(&raised), ErrorKind::ConnectionRefused);
        assert!(raised.notes().next().unwrap().starts_with("recv: fd "), "{raised:?}");
        assert!(raised.notes().next().unwrap().ends_with(&format!("peer {address}")), "{raised:?}");
        let somebody = std::net::UdpSocket::bind(address)?;
        yield_from!(socket.send(b"abc"), sent)?;
        assert_eq!(somebody.recv(&mut [0; 8])?, 3);
        Ok(Step::Return(()))
    })
    .unwrap();
}

#[test]
fn a_datagram_that_is_too_long_is_refused() {
    let event_loop = new_loop();
    let socket = UdpSocket::bind(any()).unwrap();
    let address = socket.local_addr().unwrap();
    let raised =
        run(&event_loop, move |mut sent| yield_from!(socket.send_to(&[0; 70_000], address), sent).map(Step::Return))
            .unwrap_err();
    assert!(raised.notes().eq([format!("send_to: {address}")]), "{raised:?}");
}

#[test]
fn connected_unix_datagrams_wait_for_room() {
    let event_loop = new_loop();
    let (near, far) = UnixDatagram::pair().unwrap();
    let count = 1000_u32;
    let mut next = 0_u32;
    event_loop
        .create_task(from_fn(move |mut sent| {
            while next < count {
                yield_from!(near.send(&next.to_be_bytes()), sent)?;
                next += 1;
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    let mut received = Vec::new();
    let received = run(&event_loop, move |mut sent| {
        let mut bytes = [0; 4];
        while received.len() < count as usize {
            yield_from!(far.recv(&mut bytes), sent)?;
            received.push(u32::from_be_bytes(bytes));
        }
        Ok(Step::Return(std::mem::take(&mut received)))
    });
    assert!(received.unwrap().into_iter().eq(0..count));
}

// A zero byte in front makes a name that is no file's.
#[cfg(target_os = "linux")]
#[test]
fn unix_datagrams_may_have_abstract_names() {
    use std::os::linux::net::SocketAddrExt;

    let name = |end: &str| format!("\0innermost.{}.{end}", std::process::id());
    let (event_loop, near, far) = (new_loop(), name("near"), name("far"));
    let one = Rc::new(UnixDatagram::bind(&near).unwrap());
    let other = UnixDatagram::bind(&far).unwrap();
    assert_eq!(one.local_addr().unwrap().as_abstract_name(), Some(&near.as_bytes()[1..]));
    let (sender, to) = (Rc::clone(&one), std::path::PathBuf::from(far));
    run(&event_loop, move |mut sent| yield_from!(sender.send_to(b"abc", &to), sent).map(Step::Return)).unwrap();
    other.connect(&near).unwrap();
    let (length, from) =
        run(&event_loop, move |mut sent| yield_from!(other.recv_from(&mut [0; 8]), sent).map(Step::Return)).unwrap();
    assert_eq!((length, from.as_abstract_name()), (3, Some(&near.as_bytes()[1..])));
}

#[test]
fn a_full_receiver_raises_if_waiting_is_impossible() {
    let path = Path::new("datagrams");
    let event_loop = new_loop();
    let receiver = Rc::new(UnixDatagram::bind(&path.0).unwrap());
    assert_eq!(receiver.local_addr().unwrap().as_pathname(), Some(&*path.0));
    let sender = UnixDatagram::unbound().unwrap();
    let (to, mut sent_ones) = (path.0.clone(), 0);
    let (sender, raised, count) = run(&event_loop, {
        let mut sender = Some(sender);
        move |mut sent| loop {
            match yield_from!(sender.as_ref().unwrap().send_to(b"abc", &to), sent) {
                Ok(_) => sent_ones += 1,
                Err(raised) => return Ok(Step::Return((sender.take().unwrap(), raised, sent_ones))),
            }
        }
    })
    .unwrap();
    assert_eq!((io_kind(&raised), count > 0), (ErrorKind::ResourceBusy, true));
    assert!(raised.notes().eq([format!("send_to: {}", path.0.display())]), "{raised:?}");

    // Connected, it waits.
    sender.connect(&path.0).unwrap();
    let used = Rc::clone(&receiver);
    run(&event_loop, move |mut sent| {
        let step = sender.send(b"abc").resume(std::mem::replace(&mut sent, Ok(())))?;
        if matches!(step, Step::Yield(ref wait) if wait.is_writable()) {
            for _ in 0..count {
                used.get_ref().recv_from(&mut [0; 8])?;
            }
        }
        Ok(step)
    })
    .unwrap();
    let (length, from) =
        run(&event_loop, move |mut sent| yield_from!(receiver.recv_from(&mut [0; 8]), sent).map(Step::Return)).unwrap();
    assert!(from.is_unnamed());
    assert_eq!(length, 3);
}
