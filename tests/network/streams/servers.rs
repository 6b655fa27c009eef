//! Servers whose connections are streams, each in a task.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Kind, LoopHandle, Resumed, Server, Step,
    StreamReader, StreamWriter, from_fn, wait_for, yield_from,
};

use crate::support::events::Log;

const DEADLINE: Duration = Duration::from_secs(30);

fn new_loop() -> (EventLoop, Log) {
    let event_loop = EventLoop::new().expect("a loop");
    let reports = Log::default();
    let to = reports.clone();
    event_loop.set_exception_handler(move |context| {
        let raised = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
        to.add(format_args!("{}: {raised}", context.message));
    });
    (event_loop, reports)
}

fn run<C: Awaitable + 'static>(event_loop: &EventLoop, coroutine: C) -> Result<C::Return, Exception> {
    event_loop.run_until_complete(wait_for(coroutine, DEADLINE))
}

fn serve<C: Awaitable<Return = ()> + 'static>(
    event_loop: &EventLoop,
    handler: impl Fn(StreamReader, StreamWriter) -> C + 'static,
) -> Server {
    run(event_loop, event_loop.start_server(handler, ([127, 0, 0, 1], 0))).expect("a port is free")
}

/// Connects to the server, from outside of the library.
fn client(server: &Server) -> TcpStream {
    let client = TcpStream::connect(server.local_addrs()[0]).expect("it listens");
    client.set_read_timeout(Some(DEADLINE)).expect("it is more than 0");
    client
}

/// Runs until the server has no connection, and had one.
fn run_until_served(event_loop: &EventLoop, server: &Server) {
    let (watched, mut had) = (server.clone(), false);
    let polling = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        had |= !watched.clients().is_empty();
        let over = had && watched.clients().is_empty();
        Ok(if over { Step::Return(()) } else { Step::<Await, (), ()>::Yield(Await::next_turn()) })
    });
    run(event_loop, polling).expect("it comes to that");
}

/// Sends each line back, in capitals.
struct Shout(StreamReader, StreamWriter);

impl Coroutine for Shout {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let line = yield_from!(self.0.read_line(), sent)?;
            if line.is_empty() {
                return Ok(Step::Return(()));
            }
            self.1.write(&line.to_ascii_uppercase())?;
        }
    }
}

#[test]
fn each_connection_has_a_task_whose_end_closes_it() {
    let (event_loop, reports) = new_loop();
    let server = serve(&event_loop, Shout);
    let mut far = client(&server);
    far.write_all(b"one\ntwo").expect("there is room");
    far.shutdown(std::net::Shutdown::Write).expect("it is open");
    run_until_served(&event_loop, &server);
    let mut text = String::new();
    far.read_to_string(&mut text).expect("it ends well");
    assert_eq!(text, "ONE\nTWO");
    assert_eq!(reports.entries(), [""; 0]);
}

#[test]
fn a_unix_server_and_its_client_are_both_streams() {
    let (event_loop, reports) = new_loop();
    let path = std::env::temp_dir().join(format!("innermost.streams.{}", std::process::id()));
    let server = run(&event_loop, event_loop.start_unix_server(Shout, &path).unwrap()).expect("the path is free");
    let connecting = event_loop.open_unix_connection(&path).expect("the path is short enough");
    let (reader, writer) = run(&event_loop, connecting).expect("it listens");
    writer.write(b"hello\n").expect("it is open");
    assert_eq!(run(&event_loop, reader.read_line()).expect("it comes"), b"HELLO\n");
    drop(writer);
    server.close();
    run(&event_loop, server.wait_closed()).expect("its clients leave");
    assert!(!path.exists());
    assert_eq!(reports.entries(), [""; 0]);
}

// S19
#[test]
fn an_exception_of_a_handler_is_reported_and_closes_its_connection() {
    let (event_loop, reports) = new_loop();
    // The writer is kept: it is the failure that closes.
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keeping = Rc::clone(&kept);
    let server = serve(&event_loop, move |reader: StreamReader, writer| {
        keeping.borrow_mut().push(writer);
        reader.read_line().try_map(|_| Err(Exception::message(Kind::ValueError, "no")))
    });
    let mut far = client(&server);
    far.write_all(b"a line\n").expect("there is room");
    run_until_served(&event_loop, &server);
    assert_eq!(reports.entries(), ["Unhandled exception in client_connected_cb: no"]);
    assert!(kept.borrow()[0].is_closing());
}

// S19
#[test]
fn a_panic_of_a_handler_is_reported_and_closes_its_connection() {
    let (event_loop, reports) = new_loop();
    let server = serve(&event_loop, |reader: StreamReader, writer| {
        reader.read_line().map(move |_| panic!("at the disco of {writer:?}"))
    });
    let mut far = client(&server);
    far.write_all(b"a line\n").expect("there is room");
    run_until_served(&event_loop, &server);
    let reports = reports.entries();
    assert!(reports.len() == 1 && reports[0].contains("at the disco"), "{reports:?}");
}

// S19
#[test]
fn cancelling_a_handler_closes_its_connection_quietly() {
    let (event_loop, reports) = new_loop();
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keeping = Rc::clone(&kept);
    let server = serve(&event_loop, move |reader: StreamReader, writer| {
        keeping.borrow_mut().push(writer);
        let handle: LoopHandle = EventLoop::running().expect("it runs");
        let cancelling = handle.clone();
        handle
            .call_later(Duration::from_millis(1), move || {
                cancelling.all_tasks().last().map(|task| task.cancel());
            })
            .expect("it is open");
        reader.read_line().map(drop)
    });
    let _far = client(&server);
    run_until_served(&event_loop, &server);
    assert_eq!(reports.entries(), [""; 0]);
    assert!(kept.borrow()[0].is_closing());
}

/// Writes much when it starts, and waits until it has left.
struct Pour {
    writer: StreamWriter,
    written: bool,
}

impl Coroutine for Pour {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !self.written {
            self.writer.write(&vec![7; POURED])?;
            self.written = true;
        }
        yield_from!(self.writer.drain(), sent)?;
        Ok(Step::Return(()))
    }
}

const POURED: usize = 4 << 20;

// An eager task starts within `connection_made`, where the transport cannot tell its protocol to pause.
#[test]
fn an_eager_handler_can_drain() {
    let (event_loop, reports) = new_loop();
    event_loop.set_task_factory(Some(Rc::new(innermost::task::eager_task_factory)));
    let server = serve(&event_loop, |_reader, writer| Pour { writer, written: false });
    let mut far = client(&server);
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).map(|_| bytes.len())
    });
    run_until_served(&event_loop, &server);
    assert_eq!(reading.join().expect("it does not panic").expect("it ends well"), POURED);
    assert_eq!(reports.entries(), [""; 0]);
}

/// The handler that reads gets the end, so that its task ends too.
#[test]
fn serve_forever_ends_even_if_a_client_is_idle() {
    let (event_loop, reports) = new_loop();
    let server = serve(&event_loop, Shout);
    let mut client = client(&server);
    let serving = event_loop.create_task(server.serve_forever()).expect("it is open");
    let (watched, canceller) = (server.clone(), serving.clone());
    let cancelling = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        if watched.clients().is_empty() {
            return Ok(Step::<Await, (), ()>::Yield(Await::next_turn()));
        }
        canceller.cancel();
        Ok(Step::Return(()))
    });
    run(&event_loop, cancelling).expect("the client connects");
    for _ in 0..10 {
        event_loop.run_once().expect("it is open");
    }
    assert!(serving.cancelled() && event_loop.all_tasks().is_empty());
    assert_eq!(client.read(&mut [0]).expect("it ends well"), 0);
    assert_eq!(reports.take(), [""; 0]);
}
