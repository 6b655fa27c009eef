//! Replacing socket files: only the file of a closed socket is replaced.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::AddressError;
use innermost::selector::default_selector;
use innermost::testing::VirtualClock;
use innermost::{DatagramProtocol, DatagramTransport, EventLoop, Exception};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::transports::protocols::{Echo, new_loop};

struct Silent;

impl DatagramProtocol<std::os::unix::net::SocketAddr> for Silent {
    fn datagram_received(
        &mut self,
        _: &DatagramTransport<std::os::unix::net::SocketAddr>,
        _: &[u8],
        _: std::os::unix::net::SocketAddr,
    ) {
    }
}

/// A path for one test, with nothing there before and after it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innermost.{}.paths.{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Lets a server try to take the path.
fn serve(event_loop: &EventLoop, place: &Place) -> Result<(), Exception> {
    let making = event_loop.create_unix_server(|| Echo, &place.0).unwrap().keep_socket_file();
    event_loop.run_until_complete(making).map(|server| server.close())
}

/// Has a datagram endpoint take the path.
fn receive(event_loop: &EventLoop, place: &Place) -> Result<(), Exception> {
    let opening = event_loop.create_unix_datagram_endpoint(|| Silent).local_addr(&place.0);
    event_loop.run_until_complete(opening.unwrap()).map(|transport| transport.abort())
}

type Take = fn(&EventLoop, &Place) -> Result<(), Exception>;

const WAYS: [Take; 2] = [serve, receive];

fn is_in_use(raised: Exception, place: &Place) -> bool {
    let error = raised.downcast::<io::Error>().expect("it is the system's");
    let at = AddressError::of(&error).expect("it says where");
    error.kind() == io::ErrorKind::AddrInUse && at.address() == place.0.to_string_lossy()
}

/// A socket of a kind that the standard library has not, or has not in that state.
fn bound(kind: Type, place: &Place) -> Socket {
    let socket = Socket::new(Domain::UNIX, kind, None).expect("a descriptor is free");
    socket.bind(&SockAddr::unix(&place.0).expect("it is short enough")).expect("nothing is there");
    socket
}

// V6
#[test]
fn a_path_with_a_bound_socket_of_any_type_is_in_use() {
    let (event_loop, _) = new_loop();
    let place = Place::new("occupied");
    let path = &place.0;
    type Occupy = fn(&Place) -> Box<dyn std::any::Any>;
    let occupants: [(&str, Occupy); 6] = [
        ("stream", |place| Box::new(UnixListener::bind(&place.0).expect("nothing is there"))),
        ("stream that does not listen", |place| Box::new(bound(Type::STREAM, place))),
        ("datagrams", |place| Box::new(UnixDatagram::bind(&place.0).expect("nothing is there"))),
        ("packets that do not listen", |place| Box::new(bound(Type::SEQPACKET, place))),
        ("packets", |place| {
            let socket = bound(Type::SEQPACKET, place);
            socket.listen(1).expect("it is bound");
            Box::new(socket)
        }),
        ("datagrams with another peer", |place| {
            let socket = UnixDatagram::bind(&place.0).expect("nothing is there");
            socket.connect(&place.0).expect("it is its own peer");
            Box::new(socket)
        }),
    ];
    for (name, occupy) in occupants {
        let occupant = occupy(&place);
        for take in WAYS {
            let refused = take(&event_loop, &place).expect_err(name);
            assert!(is_in_use(refused, &place) && path.exists(), "{name}");
        }
        drop(occupant);
        // It is left over now, and is replaced by either.
        for take in WAYS {
            take(&event_loop, &place).expect(name);
            assert!(path.exists(), "{name}");
        }
        fs::remove_file(path).expect("it is there");
    }
}

// V6: a full backlog is a server that has much to do.
#[test]
fn a_server_that_does_not_accept_keeps_its_path() {
    let (event_loop, _) = new_loop();
    let place = Place::new("full");
    let occupant = bound(Type::STREAM, &place);
    occupant.listen(0).expect("it is bound");
    let mut clients = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a descriptor is free");
        client.set_nonblocking(true).expect("it is open");
        match client.connect(&SockAddr::unix(&place.0).expect("it is short enough")) {
            Ok(()) => clients.push(client),
            // The BSDs refuse it.
            Err(_full) => break,
        }
    }
    for take in WAYS {
        assert!(is_in_use(take(&event_loop, &place).expect_err("it listens"), &place));
    }
    occupant.set_nonblocking(true).expect("it is open");
    let waiting = std::iter::from_fn(|| occupant.accept().ok()).count();
    assert_eq!(waiting, clients.len(), "who asks is no client");
}

// V6
#[test]
fn a_second_server_does_not_take_the_firsts_path_and_clients() {
    let (event_loop, _) = new_loop();
    let place = Place::new("second");
    let making = || event_loop.create_unix_server(|| Echo, &place.0);
    let first = event_loop.run_until_complete(making().unwrap().start_serving_later()).expect("nothing is there");
    assert!(is_in_use(event_loop.run_until_complete(making().unwrap()).expect_err("it is bound"), &place));
    first.start_serving().expect("it is open");
    assert!(is_in_use(event_loop.run_until_complete(making().unwrap()).expect_err("it listens"), &place));
    let _client = std::os::unix::net::UnixStream::connect(&place.0).expect("the first is there");
    let watched = first.clone();
    crate::transports::protocols::run_until(&event_loop, move || watched.clients().len() == 1);
    crate::transports::protocols::run_turns(&event_loop, 5);
    assert_eq!(first.clients().len(), 1, "who asks is no client");
    first.close();
    assert!(!place.0.exists());
    event_loop.run_until_complete(making().unwrap()).expect("nothing is there").close();
}

// V6
#[test]
fn a_file_that_is_not_a_socket_is_never_replaced() {
    let (event_loop, _) = new_loop();
    let (place, target) = (Place::new("file"), Place::new("target"));
    type Make = fn(&Place, &Place);
    let makers: [(&str, Make); 3] = [
        ("file", |place, _| fs::write(&place.0, "precious").expect("it can be written")),
        ("dangling link", |place, target| std::os::unix::fs::symlink(&target.0, &place.0).expect("nothing is there")),
        ("link to a left-over socket", |place, target| {
            drop(UnixListener::bind(&target.0).expect("nothing is there"));
            std::os::unix::fs::symlink(&target.0, &place.0).expect("nothing is there");
        }),
    ];
    for (name, make) in makers {
        make(&place, &target);
        let before = fs::symlink_metadata(&place.0).expect("it is there").file_type();
        for take in WAYS {
            assert!(is_in_use(take(&event_loop, &place).expect_err(name), &place), "{name}");
        }
        assert_eq!(fs::symlink_metadata(&place.0).expect("it is there").file_type(), before, "{name}");
        fs::remove_file(&place.0).expect("it is there");
    }
}

// V6
#[test]
fn when_many_replace_the_same_socket_only_one_succeeds() {
    let place = Place::new("race");
    for _ in 0..20 {
        let _ = fs::remove_file(&place.0);
        drop(UnixListener::bind(&place.0).expect("nothing is there"));
        let start = std::sync::Barrier::new(4);
        let winners = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (event_loop, _) = new_loop();
                    start.wait();
                    let making = event_loop.create_unix_server(|| Echo, &place.0).unwrap().keep_socket_file();
                    let made = event_loop.run_until_complete(making);
                    winners.fetch_add(usize::from(made.is_ok()), std::sync::atomic::Ordering::Relaxed);
                    start.wait();
                });
            }
        });
        assert_eq!(winners.into_inner(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_taken_abstract_name_is_in_use() {
    let (event_loop, _) = new_loop();
    let name = format!("\0innermost.{}.abstract", std::process::id());
    let making = || event_loop.create_unix_server(|| Echo, &name);
    let first = event_loop.run_until_complete(making().unwrap()).expect("nobody has it");
    let refused = event_loop.run_until_complete(making().unwrap()).expect_err("it is taken");
    assert_eq!(refused.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::AddrInUse));
    first.close();
    event_loop.run_until_complete(making().unwrap()).expect("nobody has it").close();
}

/// Locks the directory of the tests' places until the file is dropped, as another process would.
#[expect(unsafe_code, reason = "the standard library locks files from 1.89 on")]
fn lock_directory() -> fs::File {
    use std::os::fd::AsRawFd;

    let directory = directory();
    fs::create_dir_all(&directory).expect("it may be made");
    let file = fs::File::open(directory).expect("it is there");
    // SAFETY: the descriptor is open; `flock` takes no pointer.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
    file
}

fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("innermost.{}.locked", std::process::id()))
}

/// A loop whose time is the test's, on real descriptors.
fn loop_in_virtual_time() -> EventLoop {
    EventLoop::with(default_selector().expect("a descriptor is free"), Box::new(VirtualClock::new()))
        .expect("a descriptor is free")
}

#[test]
fn a_lock_of_another_process_delays_the_replacement_but_not_the_loop() {
    let locked = Rc::new(Cell::new(None));
    for take in WAYS {
        locked.set(Some(lock_directory()));
        let place = Place(directory().join("released"));
        drop(UnixListener::bind(&place.0).expect("nothing is there"));
        let event_loop = loop_in_virtual_time();
        let (held, began) = (Rc::clone(&locked), event_loop.time());
        event_loop.call_later(Duration::from_millis(5), move || drop(held.take())).expect("it is open");
        take(&event_loop, &place).expect("the lock was released");
        assert_eq!(event_loop.time() - began, Duration::from_millis(5));
    }
}

#[test]
fn a_lock_that_is_never_released_is_ignored_after_twenty_tries() {
    let _locked = lock_directory();
    for take in WAYS {
        let place = Place(directory().join("kept"));
        drop(UnixListener::bind(&place.0).expect("nothing is there"));
        let event_loop = loop_in_virtual_time();
        let began = event_loop.time();
        take(&event_loop, &place).expect("it is nobody's");
        assert_eq!(event_loop.time() - began, Duration::from_millis(19));
    }
}
