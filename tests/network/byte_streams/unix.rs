//! Unix sockets for streams.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{self, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::AsyncIterator;
use innermost::{ByteRead, ByteWrite, EventLoop, Step, UnixListener, UnixStream, from_fn, sleep, yield_from};

use crate::byte_streams::machines::{Collector, Sender, bytes};
use crate::support::connections::{io_kind, new_loop, run};
use crate::support::tools::needs;

/// A path that is removed after the test.
pub(crate) struct Path(pub(crate) PathBuf);

impl Path {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innermost-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_listener_at_a_path_accepts_connections() {
    let path = Path::new("accepts");
    let event_loop = new_loop();
    let listener = UnixListener::bind(&path.0).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path.0));
    let connecting = event_loop.create_task(UnixStream::connect(&path.0).unwrap()).unwrap();
    let mut incoming = listener.incoming();
    let accepting = run(&event_loop, move |mut sent| yield_from!(incoming.next(), sent).map(Step::Return));
    let (accepted, peer) = accepting.unwrap().expect("it has no end");
    assert!(peer.is_unnamed());
    let connected = event_loop.run_until_complete(connecting.join()).unwrap();
    assert_eq!(connected.peer_addr().unwrap().as_pathname(), Some(&*path.0));
    assert!(connected.local_addr().unwrap().is_unnamed());
    event_loop.create_task(Sender::new(accepted, [bytes(1000)])).unwrap();
    assert_eq!(event_loop.run_until_complete(Collector::new(connected, 100)).unwrap(), bytes(1000));
}

fn connected(from: &socket2::SockAddr, to: &Path) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(from).unwrap();
    socket.connect(&socket2::SockAddr::unix(&to.0).unwrap()).unwrap();
    socket
}

fn peer_of(event_loop: &EventLoop, listener: &Rc<UnixListener>) -> SocketAddr {
    let listener = Rc::clone(listener);
    run(event_loop, move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return)).unwrap().1
}

#[test]
fn peer_addresses_are_paths() {
    let (path, own) = (Path::new("names"), Path::new("names-own"));
    let event_loop = new_loop();
    let listener = Rc::new(UnixListener::bind(&path.0).unwrap());
    let _named = connected(&socket2::SockAddr::unix(&own.0).unwrap(), &path);
    assert_eq!(peer_of(&event_loop, &listener).as_pathname(), Some(&*own.0));
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_are_supported() {
    use std::os::linux::net::SocketAddrExt;

    let path = Path::new("abstract-names");
    let event_loop = new_loop();
    let listener = Rc::new(UnixListener::bind(&path.0).unwrap());
    let name = format!("innermost-{}", std::process::id());
    let _abstract = connected(&socket2::SockAddr::unix(format!("\0{name}")).unwrap(), &path);
    assert_eq!(peer_of(&event_loop, &listener).as_abstract_name(), Some(name.as_bytes()));

    let address = SocketAddr::from_abstract_name(format!("{name}-listener")).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_abstract_name(), address.as_abstract_name());
}

#[test]
fn an_existing_file_is_not_replaced_and_a_missing_one_refuses_connections() {
    let path = Path::new("there");
    let event_loop = new_loop();
    let raised = event_loop.run_until_complete(UnixStream::connect(&path.0).unwrap()).unwrap_err();
    assert_eq!((io_kind(&raised), raised.notes().next()), (ErrorKind::NotFound, Some(connects_to(&path).into())));
    drop(UnixListener::bind(&path.0).unwrap());
    assert_eq!(UnixListener::bind(&path.0).unwrap_err().kind(), ErrorKind::AddrInUse);
    let raised = event_loop.run_until_complete(UnixStream::connect(&path.0).unwrap()).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::ConnectionRefused);
    assert_eq!(UnixStream::connect("a".repeat(200)).unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn connects_to(path: &Path) -> std::borrow::Cow<'static, str> {
    format!("connect: {}", path.0.display()).into()
}

#[test]
fn connecting_waits_while_the_backlog_is_full() {
    let path = Path::new("backlog");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path.0).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let _first = net::UnixStream::connect(&path.0).unwrap();
    let event_loop = new_loop();
    let connecting = event_loop.create_task(UnixStream::connect(&path.0).unwrap()).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_millis(2))).unwrap();
    assert!(!connecting.done());
    socket.accept().unwrap();
    event_loop.run_until_complete(connecting.join()).unwrap();

    // Cancelled while it waits, it connects to nothing.
    let connecting = event_loop.create_task(UnixStream::connect(&path.0).unwrap()).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    connecting.cancel();
    assert!(event_loop.run_until_complete(connecting.join()).unwrap_err().is_cancelled());
}

#[test]
fn bytes_after_a_passed_descriptor_are_not_held_back() {
    needs!("python3");
    let event_loop = new_loop();
    let (near, far) = UnixStream::pair().unwrap();
    let mut parts = Vec::new();
    let parts = run(&event_loop, move |mut sent| {
        let mut bytes = [0; 64];
        loop {
            let recv = near.recv(&mut bytes);
            let count = match innermost::Coroutine::resume(&mut { recv }, std::mem::replace(&mut sent, Ok(())))? {
                Step::Return(count) => count,
                Step::Yield(wait) => {
                    if parts.is_empty() {
                        // The first piece carries a descriptor. A read stops behind it, which does not mean that there
                        // is no more.
                        send_with_descriptor(&far, b"abc");
                        far.get_ref().write_all(b"def")?;
                    }
                    return Ok(Step::Yield(wait));
                }
                Step::Delegate(_) => unreachable!("an operation has no frames"),
            };
            parts.extend_from_slice(&bytes[..count]);
            if parts.len() == 6 {
                return Ok(Step::Return(std::mem::take(&mut parts)));
            }
        }
    });
    assert_eq!(parts.unwrap(), b"abcdef");
}

/// By Python, since the standard library cannot yet: the parent's end is its standard input.
fn send_with_descriptor(stream: &UnixStream, bytes: &[u8]) {
    let program = "import socket, sys; s = socket.socket(fileno=0); socket.send_fds(s, [sys.argv[1].encode()], [1])";
    let stdin = stream.get_ref().try_clone().unwrap();
    let status = std::process::Command::new("python3")
        .args(["-c", program, std::str::from_utf8(bytes).unwrap()])
        .stdin(std::os::fd::OwnedFd::from(stdin))
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_stream_converts_back_to_the_standard_library() {
    let event_loop = new_loop();
    let (near, far) = UnixStream::pair().unwrap();
    let (near, mut far) = event_loop
        .run_until_complete(from_fn({
            let mut ends = Some((near, far));
            move |mut sent| {
                yield_from!(ends.as_ref().unwrap().0.send(b"abc"), sent)?;
                Ok(Step::Return(ends.take().map(|(near, far)| (near.into_std().unwrap(), far.into_std().unwrap()))))
            }
        }))
        .unwrap()
        .unwrap();
    let mut bytes = [0; 8];
    assert_eq!(far.read(&mut bytes).unwrap(), 3);
    drop(near);
    assert_eq!(far.read(&mut bytes).unwrap(), 0);
    assert_eq!(far.write(&bytes).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn buffer_sizes_are_set_in_the_system() {
    let (near, _far) = UnixStream::pair().unwrap();
    near.set_send_buffer_size(8192).unwrap();
    near.set_recv_buffer_size(8192).unwrap();
    assert!(near.send_buffer_size().unwrap() >= 8192);
    assert!(near.recv_buffer_size().unwrap() >= 8192);
}
