//! Connections that either end resets, at every byte.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;

use innermost::transport::AfterEof;
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, EventLoop, Exception, Protocol, Step, TcpStream, Transport, from_fn, yield_from,
};

use crate::faults::kinds::{Echo, KINDS, Kind};
use crate::held::{alone, any, client_of, fill, io_error, new_loop, receive, reset, run_turns, run_until};

const MESSAGE: &[u8; 25] = b"an exchange of some bytes";

// X12
#[test]
fn a_reset_at_any_byte_ends_only_that_connection() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let echo = Echo::serve(kind, &event_loop);
            for sent in 0..=MESSAGE.len() {
                for received in [0, sent / 2, sent] {
                    let mut client = client_of(echo.address);
                    client.write_all(&MESSAGE[..sent]).expect("there is room");
                    receive(&event_loop, &client, received);
                    reset(client);
                    event_loop.run_once().expect("it runs");
                }
            }
            // The last may not have been accepted yet: one more after it, which is.
            let mut last = client_of(echo.address);
            last.write_all(MESSAGE).expect("there is room");
            receive(&event_loop, &last, MESSAGE.len());
            echo.run_until_count(1);
            drop(last);
            echo.run_until_count(0);
            echo.finish();
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

#[test]
fn a_reset_during_a_blocked_answer_ends_only_that_connection() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let echo = Echo::serve(kind, &event_loop);
            for received in [0, 1, 2, 4095, 4096, 65_536, 500_000] {
                let client = client_of(echo.address);
                // The server is in the middle of a write.
                fill(&event_loop, &client);
                receive(&event_loop, &client, received);
                reset(client);
                echo.run_until_count(0);
            }
            echo.finish();
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

#[test]
fn a_reset_by_the_server_at_any_byte_raises_in_the_client() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let listener = StdListener::bind(any()).expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            for answered in 0..=MESSAGE.len() {
                for read_first in [false, true] {
                    let outcome = ask(kind, &event_loop, address);
                    let (mut peer, _) = listener.accept().expect("somebody has connected");
                    peer.set_nonblocking(true).expect("it is open");
                    if read_first {
                        receive(&event_loop, &peer, MESSAGE.len());
                    }
                    peer.write_all(&MESSAGE[..answered]).expect("there is room");
                    if answered == MESSAGE.len() {
                        // Else the reset may overtake it.
                        let got = Rc::clone(&outcome);
                        run_until(&event_loop, move || got.borrow().is_some());
                    }
                    reset(peer);
                    let got = Rc::clone(&outcome);
                    run_until(&event_loop, move || got.borrow().is_some());
                    let text = outcome.take().expect("it was waited for");
                    let expected = if answered == MESSAGE.len() { "answered" } else { "reset" };
                    assert_eq!(text, expected, "{kind:?}, after {answered} bytes");
                }
            }
            run_turns(&event_loop, 100);
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

type Outcome = Rc<RefCell<Option<&'static str>>>;

fn set(outcome: &Outcome, result: Result<(), Exception>) {
    *outcome.borrow_mut() = Some(match result {
        Ok(()) => "answered",
        Err(raised) => match io_error(&raised).kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => "reset",
            other => panic!("{other}"),
        },
    });
}

/// Connects, sends the message, and waits for as many bytes.
fn ask(kind: Kind, event_loop: &EventLoop, address: SocketAddr) -> Outcome {
    let outcome = Outcome::default();
    let kept = Rc::clone(&outcome);
    match kind {
        Kind::Machine => ask_by_machine(event_loop, address, kept),
        Kind::Protocol => {
            let factory = move || Asker { left: Cell::new(MESSAGE.len()), outcome: kept };
            let connecting = event_loop.create_connection(factory, address);
            event_loop.run_until_complete(connecting).expect("somebody listens");
        }
        Kind::Streams => {
            let connecting = event_loop.open_connection(address);
            let (reader, writer) = event_loop.run_until_complete(connecting).expect("somebody listens");
            writer.write(MESSAGE).expect("it is open");
            let waiting = from_fn(move |mut sent: Result<(), Exception>| {
                let read = yield_from!(reader.read_exact(MESSAGE.len()), sent);
                set(&kept, read.map(|bytes| assert_eq!(bytes, MESSAGE)));
                writer.close();
                Ok(Step::<Await, (), ()>::Return(()))
            });
            event_loop.create_task(waiting).expect("it is open");
        }
    }
    outcome
}

fn ask_by_machine(event_loop: &EventLoop, address: SocketAddr, outcome: Outcome) {
    let stream = event_loop.run_until_complete(TcpStream::connect(address)).expect("somebody listens");
    let (mut buffer, mut is_asked) = (Buffer::new(), false);
    let asking = from_fn(move |mut sent: Result<(), Exception>| {
        let asked = match is_asked {
            true => Ok(MESSAGE.len()),
            false => yield_from!(stream.send(MESSAGE), sent),
        };
        is_asked = true;
        let answered = match asked {
            Ok(count) => {
                assert_eq!(count, MESSAGE.len());
                yield_from!(stream.fill(&mut buffer, MESSAGE.len()), sent)
            }
            Err(raised) => Err(raised),
        };
        set(&outcome, answered.map(|()| assert_eq!(buffer.bytes(), MESSAGE)));
        Ok(Step::<Await, (), ()>::Return(()))
    });
    event_loop.create_task(asking).expect("it is open");
}

struct Asker {
    left: Cell<usize>,
    outcome: Outcome,
}

impl Protocol for Asker {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(MESSAGE).expect("it is open");
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.left.set(self.left.get() - data.len());
        if self.left.get() == 0 {
            set(&self.outcome, Ok(()));
            transport.close();
        }
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        panic!("a reset is no end")
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        if let Some(raised) = error {
            set(&self.outcome, Err(raised));
        }
    }
}
