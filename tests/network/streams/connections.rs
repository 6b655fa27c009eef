//! Readers and writers of connections. One end is a stream, and the other is a socket of the standard library.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use innermost::net::{AddressError, ConnectError};
use innermost::resolver::StaticResolver;
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Protocol, Step, StreamReader, StreamWriter,
    Transport, from_fn, ready, wait_for,
};

use crate::support::turns::World;

const NOTHING: [&str; 0] = [];

/// Longer than a test takes on any machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn run<C: Awaitable + 'static>(event_loop: &EventLoop, coroutine: C) -> Result<C::Return, Exception> {
    event_loop.run_until_complete(wait_for(coroutine, DEADLINE))
}

/// A stream, and the far end of its connection.
fn pair(event_loop: &EventLoop) -> (StreamReader, StreamWriter, UnixStream) {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    far.set_read_timeout(Some(DEADLINE)).expect("it is more than 0");
    let (reader, writer) = run(event_loop, event_loop.open_connection_at(near).unwrap()).expect("it is a stream");
    (reader, writer, far)
}

/// More than the kernel takes, and the high-water mark.
fn much() -> Vec<u8> {
    vec![7; 4 << 20]
}

/// Runs until the reader has this many bytes.
fn arrived(world: &World, reader: &StreamReader, count: usize) {
    let shown = format!("({count} bytes arrived");
    for _ in 0..100_000 {
        if format!("{reader:?}").contains(&shown) {
            return;
        }
        // So that no turn waits.
        world.event_loop.call_soon(|| {}).expect("it is open");
        world.turn();
    }
    panic!("{count} bytes do not arrive: {reader:?}");
}

/// Runs ready callbacks for some turns.
fn turns(world: &World, count: u32) {
    world.event_loop.run_until_complete(crate::support::turns::Turns(count)).expect("nobody cancels it");
}

#[test]
fn lines_are_exchanged() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, writer, mut far) = pair(&event_loop);
    writer.writelines(["one\n", "two\n"]).expect("it is open");
    writer.write(b"three").expect("it is open");
    run(&event_loop, writer.drain()).expect("the kernel takes it");
    assert!(writer.can_write_eof());
    writer.write_eof().expect("it is open");
    assert_eq!(writer.write(b"more").unwrap_err().kind(), Kind::RuntimeError);
    let mut text = String::new();
    far.read_to_string(&mut text).expect("it ends well");
    assert_eq!(text, "one\ntwo\nthree");
    far.write_all(b"answer\nrest").expect("it is open");
    far.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(run(&event_loop, reader.read_line()).expect("it comes"), b"answer\n");
    assert_eq!(run(&event_loop, reader.read_to_end()).expect("it comes"), b"rest");
    assert!(reader.at_eof() && !writer.is_closing());
}

// S14
#[test]
fn more_than_twice_the_limit_pauses_the_transport_and_the_limit_resumes_it() {
    let world = World::new();
    let (reader, writer, mut far) = pair(&world.event_loop);
    reader.set_limit(10).expect("it is more than 0");
    far.write_all(&[1; 20]).expect("there is room");
    arrived(&world, &reader, 20);
    assert!(writer.transport().is_reading());
    far.write_all(&[1]).expect("there is room");
    arrived(&world, &reader, 21);
    assert!(!writer.transport().is_reading());
    run(&world.event_loop, reader.read(10)).expect("it has come");
    assert!(!writer.transport().is_reading(), "11 are left");
    run(&world.event_loop, reader.read(1)).expect("it has come");
    assert!(writer.transport().is_reading());
    // A reader that waits for more bytes gets them.
    far.write_all(&[1; 100]).expect("there is room");
    assert_eq!(run(&world.event_loop, reader.read_exact(110)).expect("it comes").len(), 110);
}

#[test]
fn dropping_a_paused_reader_still_lets_the_end_be_noticed() {
    let world = World::new();
    let (reader, writer, mut far) = pair(&world.event_loop);
    reader.set_limit(1).expect("it is more than 0");
    far.write_all(&[1; 9]).expect("there is room");
    arrived(&world, &reader, 9);
    assert!(!writer.transport().is_reading());
    drop(reader);
    assert!(writer.transport().is_reading());
}

// S15
#[test]
fn many_tasks_can_drain_at_once() {
    let world = World::new();
    let (_reader, writer, mut far) = pair(&world.event_loop);
    world.spawn("free", writer.drain());
    turns(&world, 2);
    assert_eq!(world.lines(), ["free"]);
    writer.write(&much()).expect("it is open");
    for name in ["a", "b", "c"] {
        world.spawn(name, writer.drain());
    }
    let cancelled = world.spawn("d", writer.drain());
    turns(&world, 3);
    assert_eq!(world.lines(), NOTHING);
    cancelled.cancel();
    turns(&world, 2);
    assert_eq!(world.lines(), ["d raised cancelled"]);
    let reading = std::thread::spawn(move || far.read_exact(&mut much()).map(|()| far));
    run(&world.event_loop, writer.drain()).expect("the peer reads");
    turns(&world, 2);
    assert_eq!(world.lines(), ["a", "b", "c"]);
    drop(writer);
    turns(&world, 3);
    reading.join().expect("it does not panic").expect("all comes");
}

// S15
#[test]
fn drain_raises_the_readers_exception() {
    let world = World::new();
    let (reader, writer, _far) = pair(&world.event_loop);
    reader.set_exception(io::Error::other("no").into());
    let raised = run(&world.event_loop, writer.drain()).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().map(ToString::to_string).as_deref(), Some("no"));
}

// S15: the bytes that it waited for were not sent.
#[test]
fn aborting_the_connection_raises_in_a_waiting_drain() {
    let world = World::new();
    let (_reader, writer, _far) = pair(&world.event_loop);
    writer.write(&much()).expect("it is open");
    let task = world.event_loop.create_task(writer.drain()).expect("it is open");
    turns(&world, 2);
    writer.transport().abort();
    let raised = run(&world.event_loop, task).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
}

// S16
#[test]
fn drain_after_close_yields_once_and_then_raises() {
    let world = World::new();
    let (_reader, writer, _far) = pair(&world.event_loop);
    writer.close();
    let log = world.log();
    world.event_loop.call_soon(move || log.add("others")).expect("it is open");
    world.spawn("drain", writer.drain());
    turns(&world, 3);
    assert_eq!(world.lines()[0], "others");
    let raised = run(&world.event_loop, writer.drain()).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
    assert_eq!(raised.to_string(), "Connection lost");
}

// S17
#[test]
fn wait_closed_waits_for_the_end_even_with_unread_data() {
    let world = World::new();
    let (reader, writer, mut far) = pair(&world.event_loop);
    far.write_all(b"unread").expect("there is room");
    arrived(&world, &reader, 6);
    for name in ["a", "b"] {
        world.spawn(name, writer.wait_closed());
    }
    turns(&world, 2);
    assert_eq!(world.lines(), NOTHING);
    writer.close();
    assert!(writer.is_closing());
    run(&world.event_loop, writer.wait_closed()).expect("no error has ended it");
    turns(&world, 1);
    assert_eq!(world.lines(), ["a", "b"]);
    // Received bytes can still be read.
    assert_eq!(run(&world.event_loop, reader.read_to_end()).expect("it has come"), b"unread");
}

// S11, S17
#[test]
fn a_reset_is_raised_in_all_waiters() {
    let world = World::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (reader, writer) = run(&world.event_loop, world.event_loop.open_connection(address)).expect("it listens");
    let (far, from) = listener.accept().expect("it is there");
    assert_eq!((writer.peer_addr().ok(), writer.local_addr().ok()), (Some(address), Some(from)));
    let read = world.event_loop.create_task(reader.read_line()).expect("it is open");
    let closed = world.event_loop.create_task(writer.wait_closed()).expect("it is open");
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    drop(far);
    let is_reset = |raised: Exception| {
        raised.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::ConnectionReset)
    };
    assert!(is_reset(run(&world.event_loop, read).unwrap_err()));
    assert!(is_reset(run(&world.event_loop, closed).unwrap_err()));
    assert!(is_reset(run(&world.event_loop, writer.drain()).unwrap_err()));
}

// S18
#[test]
fn the_end_of_the_stream_while_the_writer_closes_is_harmless() {
    let world = World::new();
    let (reader, writer, far) = pair(&world.event_loop);
    writer.write(b"bye").expect("it is open");
    writer.close();
    drop(far);
    run(&world.event_loop, writer.wait_closed()).expect("no error has ended it");
    assert_eq!(run(&world.event_loop, reader.read(1)).expect("it is the end"), b"");
}

// S20
#[test]
fn a_dropped_writer_sends_its_buffer_and_closes() {
    let world = World::new();
    let (reader, writer, mut far) = pair(&world.event_loop);
    writer.write(b"last words").expect("it is open");
    drop(writer);
    assert_eq!(run(&world.event_loop, reader.read(1)).expect("it is the end"), b"");
    let mut text = String::new();
    far.read_to_string(&mut text).expect("it ends well");
    assert_eq!(text, "last words");
}

// S20
#[test]
fn a_writer_outlives_its_loop() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, writer, _far) = pair(&event_loop);
    event_loop.close().expect("it does not run");
    drop(event_loop);
    writer.close();
    drop((reader, writer));
}

struct Other;

impl Protocol for Other {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn waiters_are_woken_when_another_protocol_takes_over() {
    let world = World::new();
    let (reader, writer, _far) = pair(&world.event_loop);
    let read = world.event_loop.create_task(reader.read_line()).expect("it is open");
    turns(&world, 2);
    writer.transport().set_protocol(Other);
    assert_eq!(run(&world.event_loop, read).unwrap_err().kind(), Kind::RuntimeError);
    assert!(!writer.is_closing());
}

#[test]
fn opening_fails_if_nobody_listens() {
    let event_loop = EventLoop::new().expect("a loop");
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let raised = run(&event_loop, event_loop.open_connection(nobody)).unwrap_err();
    let refused = raised.downcast_ref::<ConnectError>().map(ConnectError::kind);
    assert_eq!(refused, Some(io::ErrorKind::ConnectionRefused));
    let path = std::env::temp_dir().join("innermost.streams.nobody");
    let connecting = event_loop.open_unix_connection(&path).expect("the path is short enough");
    let raised = run(&event_loop, connecting).unwrap_err().downcast::<io::Error>().expect("it is the system's");
    let at = AddressError::of(&raised).expect("it says where");
    assert!(at.address() == path.to_string_lossy() && at.error().raw_os_error().is_some());
}

#[test]
fn streams_are_opened_by_name() {
    let event_loop = EventLoop::new().expect("a loop");
    let addresses = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().expect("it is one"));
    event_loop.set_resolver(StaticResolver::new().with("host", addresses));
    let echo = |_reader: StreamReader, writer: StreamWriter| ready(()).map(move |()| drop(writer.write(b"hello")));
    let server = run(&event_loop, event_loop.start_server(echo, (["127.0.0.2"], 0))).expect("a port is free");
    let connecting = event_loop.open_connection(("host", server.local_addrs()[0].port()));
    let connecting = connecting.happy_eyeballs_delay(Some(Duration::from_secs(9))).interleave(1);
    let (reader, writer) = run(&event_loop, connecting.local_addr(("host", 0))).expect("it listens");
    assert_eq!(writer.local_addr().expect("it is open").ip().to_string(), "127.0.0.1");
    assert_eq!(run(&event_loop, reader.read_to_end()).expect("it comes"), b"hello");
    let several = run(&event_loop, event_loop.start_server(echo, ("host", 0))).expect("a port is free");
    assert_eq!(several.local_addrs().len(), 2);
}

// The end of a connection wakes waiters in asyncio's order, whichever began to wait first.
#[test]
fn the_end_wakes_reader_then_wait_closed_then_drain() {
    let world = World::new();
    let (reader, writer, _far) = pair(&world.event_loop);
    writer.write(&much()).expect("it is open");
    world.spawn("drain", writer.drain());
    world.spawn("closed", writer.wait_closed());
    world.spawn("read", reader.read(1));
    turns(&world, 3);
    assert_eq!(world.lines(), NOTHING);
    writer.transport().abort();
    turns(&world, 6);
    assert_eq!(world.lines(), ["read", "closed", "drain raised Connection lost"]);
}

// With a water mark of 0, drain waits for every byte that the kernel does not take.
#[test]
fn drain_obeys_the_water_marks() {
    let world = World::new();
    let (_reader, writer, mut far) = pair(&world.event_loop);
    writer.transport().set_write_buffer_limits(Some(0), None).expect("0 is no less than 0");
    let mut written = 0;
    while !writer.transport().is_writing_paused() {
        writer.write(&[7; 1000]).expect("it is open");
        written += 1000;
    }
    let drain = world.event_loop.create_task(writer.drain()).expect("it is open");
    turns(&world, 3);
    assert!(!drain.done());
    let reading = std::thread::spawn(move || far.read_exact(&mut vec![0; written]).map(|()| far));
    run(&world.event_loop, drain).expect("the peer reads");
    assert_eq!(writer.transport().write_buffer_size(), 0);
    reading.join().expect("it does not panic").expect("all comes");
}

#[test]
fn bytes_received_before_the_streams_are_taken_are_kept() {
    let event_loop = EventLoop::new().expect("descriptors are free");
    let (near, mut far) = UnixStream::pair().expect("descriptors are free");
    far.write_all(b"first").expect("there is room");
    drop(far);
    let (mut opening, mut turns) = (event_loop.open_connection_at(near).unwrap(), 0);
    // Others run for long after it was connected, and before its task does.
    let opened = run(
        &event_loop,
        from_fn(move |sent: Result<(), Exception>| match turns {
            0 => opening.resume(sent).inspect(|_| turns = 1),
            1..100 => {
                turns += 1;
                Ok(Step::Yield(Await::next_turn()))
            }
            _ => opening.resume(sent),
        }),
    );
    let (reader, _writer) = opened.expect("it is a stream");
    assert_eq!(run(&event_loop, reader.read_to_end()).expect("it has come"), b"first");
}

#[test]
fn waiting_for_a_stream_of_another_loop_raises() {
    let (mine, other) = (EventLoop::new().expect("a loop"), EventLoop::new().expect("a loop"));
    let (reader, writer, mut far) = pair(&mine);
    let raised = [
        run(&other, reader.read(1)).map(drop),
        run(&other, reader.read_line()).map(drop),
        run(&other, writer.wait_closed()),
        writer.write(&much()).and_then(|()| run(&other, writer.drain())),
    ];
    for raised in raised.map(|result| result.expect_err("it cannot be waited for")) {
        let text = "this stream is attached to a different event loop";
        assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, text.to_owned()));
    }
    far.write_all(b"x").expect("it is open");
    assert_eq!(run(&mine, reader.read(1)).expect("it is its own loop"), b"x");
}
