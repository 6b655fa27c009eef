//! A reset loses no data. Bytes received before it can be read, and then it is raised.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use innermost::async_iter::AsyncIterator;
use innermost::{Await, Awaitable, EventLoop, Exception, Step, StreamReader, StreamWriter, from_fn, wait_for};

/// Longer than a test takes on any machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn run<C: Awaitable + 'static>(event_loop: &EventLoop, coroutine: C) -> Result<C::Return, Exception> {
    event_loop.run_until_complete(wait_for(coroutine, DEADLINE))
}

fn connected(event_loop: &EventLoop) -> (StreamReader, StreamWriter, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (reader, writer) = run(event_loop, event_loop.open_connection(address)).expect("it listens");
    let (far, _) = listener.accept().expect("it is there");
    (reader, writer, far)
}

fn reset(far: TcpStream) {
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    drop(far);
}

/// A stream whose peer has sent this, and has reset the connection: both are known.
fn after_reset(event_loop: &EventLoop, data: &[u8]) -> (StreamReader, StreamWriter) {
    let (reader, writer, mut far) = connected(event_loop);
    far.write_all(data).expect("there is room");
    reset(far);
    run_until_lost(event_loop, &writer);
    assert!(is_reset(&reader.exception().expect("it was reset")));
    (reader, writer)
}

fn run_until_lost(event_loop: &EventLoop, writer: &StreamWriter) {
    let transport = writer.transport().clone();
    let waiting = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        let is_over = transport.with_fd(|fd| fd.is_none());
        Ok(if is_over { Step::Return(()) } else { Step::<Await, (), ()>::Yield(Await::next_turn()) })
    });
    run(event_loop, waiting).expect("it is reset");
}

fn is_reset(raised: &Exception) -> bool {
    raised.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::ConnectionReset)
}

#[test]
fn every_operation_returns_the_bytes_received_before_a_reset() {
    let event_loop = EventLoop::new().expect("a loop");
    type Reading = fn(&EventLoop, &StreamReader) -> Result<Vec<u8>, Exception>;
    let ways: [Reading; 5] = [
        |event_loop, reader| run(event_loop, reader.read(100)),
        |event_loop, reader| run(event_loop, reader.read_line()),
        |event_loop, reader| run(event_loop, reader.read_exact(7)),
        |event_loop, reader| run(event_loop, reader.read_until("\n")),
        |event_loop, reader| {
            let mut answer = Vec::new();
            for _ in 0..7 {
                answer.extend(run(event_loop, reader.read(1))?);
            }
            Ok(answer)
        },
    ];
    for read in ways {
        let (reader, _writer) = after_reset(&event_loop, b"answer\n");
        assert_eq!(read(&event_loop, &reader).expect("it has come"), b"answer\n");
        for read in ways {
            assert!(is_reset(&read(&event_loop, &reader).expect_err("nothing is left")));
        }
        assert!(is_reset(&run(&event_loop, reader.read_to_end()).expect_err("it has not ended well")));
    }
}

#[test]
fn lines_are_iterated_until_the_reset() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, _writer) = after_reset(&event_loop, b"one\ntwo\nthr");
    let mut lines = reader;
    let mut seen = Vec::new();
    let raised = run(
        &event_loop,
        from_fn(move |mut sent: Result<(), Exception>| {
            loop {
                match innermost::yield_from!(lines.next(), sent) {
                    Ok(Some(line)) => seen.push(String::from_utf8(line).expect("it is text")),
                    Ok(None) => panic!("a reset is no end"),
                    Err(raised) => {
                        let rest = innermost::yield_from!(lines.read(100), sent)?;
                        return Ok(Step::<Await, (), _>::Return((std::mem::take(&mut seen), rest, raised)));
                    }
                }
            }
        }),
    );
    let (seen, rest, raised) = raised.expect("the rest can be read");
    assert_eq!((seen, &rest[..]), (vec!["one\n".to_owned(), "two\n".to_owned()], &b"thr"[..]));
    assert!(is_reset(&raised));
}

#[test]
fn a_line_cut_off_by_a_reset_is_not_returned_and_stays_readable() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, _writer) = after_reset(&event_loop, b"half an ans");
    assert!(is_reset(&run(&event_loop, reader.read_line()).expect_err("it is cut off")));
    assert!(is_reset(&run(&event_loop, reader.read_exact(20)).expect_err("it is cut off")));
    assert!(is_reset(&run(&event_loop, reader.read_until("\n")).expect_err("it is cut off")));
    assert!(is_reset(&run(&event_loop, reader.read_to_end()).expect_err("it is cut off")));
    assert_eq!(run(&event_loop, reader.read(100)).expect("it has come"), b"half an ans");
}

#[test]
fn a_waiting_reader_gets_the_answer_before_the_reset() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, writer, mut far) = connected(&event_loop);
    let answer = event_loop.create_task(reader.read_line()).expect("it is open");
    event_loop.run_once().expect("it runs");
    far.write_all(b"answer\n").expect("there is room");
    reset(far);
    run_until_lost(&event_loop, &writer);
    assert_eq!(run(&event_loop, answer).expect("it has come"), b"answer\n");
    assert!(is_reset(&run(&event_loop, reader.read_line()).expect_err("nothing is left")));
    assert!(is_reset(&run(&event_loop, writer.wait_closed()).expect_err("it was reset")));
}

/// A server may answer early and close, while its client still sends: the client's write meets the end first.
#[test]
fn a_failed_write_loses_no_answer() {
    let event_loop = EventLoop::new().expect("a loop");
    let small = b"more".to_vec();
    for data in [small, vec![7; 1 << 20]] {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let (reader, writer) = run(&event_loop, event_loop.open_connection_at(near).unwrap()).expect("it is connected");
        far.write_all(b"413 too large\nrest").expect("there is room");
        drop(far);
        writer.write(&data).expect("it is open");
        assert_eq!(run(&event_loop, reader.read_line()).expect("it has come"), b"413 too large\n");
        assert_eq!(run(&event_loop, reader.read(100)).expect("it has come"), b"rest");
        let raised = run(&event_loop, reader.read(100)).expect_err("nothing is left");
        assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    }
}

#[test]
fn a_write_that_meets_a_reset_loses_no_answer() {
    let event_loop = EventLoop::new().expect("a loop");
    let (reader, writer, mut far) = connected(&event_loop);
    far.write_all(b"answer\n").expect("there is room");
    reset(far);
    writer.write(b"more").expect("it is open");
    writer.transport().flush();
    assert_eq!(run(&event_loop, reader.read_line()).expect("it has come"), b"answer\n");
    run(&event_loop, reader.read_line()).expect_err("nothing is left");
}

/// The stream has paused reading: it holds as much as it may.
#[test]
fn a_failed_write_loses_nothing_beyond_the_limit() {
    let event_loop = EventLoop::new().expect("a loop");
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let (reader, writer) = run(&event_loop, event_loop.open_connection_at(near).unwrap()).expect("it is connected");
    reader.set_limit(10).expect("it is more than 0");
    far.write_all(&[1; 100]).expect("there is room");
    for _ in 0..5 {
        event_loop.run_once().expect("it runs");
    }
    far.write_all(&[2; 100]).expect("there is room");
    drop(far);
    writer.write(b"more").expect("it is open");
    writer.transport().flush();
    let all = run(&event_loop, reader.read_exact(200)).expect("it has come");
    assert_eq!(all, [[1; 100], [2; 100]].concat());
}
