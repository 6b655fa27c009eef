//! Connecting, listening and accepting without a free descriptor.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use innermost::{Await, Coroutine, EventLoop, Exception, Step, TcpListener, TcpStream, from_fn, sleep};

use crate::faults::kinds::{Echo, EchoProtocol, EchoStreams, KINDS, Kind, Mark};
use crate::held::{alone, any, client_of, io_error, new_virtual_loop, run_until, with_loop};

const EMFILE: Option<i32> = Some(libc::EMFILE);

/// The system's error that `coroutine` raises; for each address that it was given the message may say more.
fn refused<C>(event_loop: &EventLoop, coroutine: C) -> std::io::ErrorKind
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    let raised = event_loop.run_until_complete(coroutine).map(drop).expect_err("no descriptor is free");
    let error = io_error(&raised);
    let text = error.to_string();
    assert!(error.raw_os_error() == EMFILE || text.contains("Too many open files"), "{text}");
    error.kind()
}

#[test]
fn connecting_without_a_free_descriptor_fails_and_leaks_nothing() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, reports) = new_virtual_loop();
        let listener = StdListener::bind(any()).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        alone.exhausted(|_| {
            refused(&event_loop, TcpStream::connect(address));
            refused(&event_loop, event_loop.create_connection(|| EchoProtocol(Mark::default()), address));
            refused(
                &event_loop,
                event_loop.create_connection(|| EchoProtocol(Mark::default()), vec![address, address]),
            );
            refused(&event_loop, event_loop.open_connection(address));
            refused(&event_loop, event_loop.create_datagram_endpoint(NoDatagrams::default).local_addr(any()));
            let raised = EventLoop::new().map(drop).expect_err("it needs descriptors of its own");
            assert_eq!(io_error(&raised).raw_os_error(), EMFILE);
        });
        let connecting = event_loop.open_connection(address);
        let (reader, writer) = event_loop.run_until_complete(connecting).expect("descriptors are free again");
        writer.close();
        event_loop.run_until_complete(writer.wait_closed()).expect("it is closed");
        drop(reader);
        assert_eq!(reports.take(), [""; 0]);
    });
}

#[derive(Default)]
struct NoDatagrams;

impl innermost::DatagramProtocol for NoDatagrams {
    fn datagram_received(&mut self, _: &innermost::DatagramTransport, _: &[u8], _: SocketAddr) {}
}

#[test]
fn listening_without_a_free_descriptor_fails_and_closes_bound_sockets() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, reports) = new_virtual_loop();
        let factory = || EchoProtocol(Mark::default());
        let handler = |reader, writer| EchoStreams::new(reader, writer, Mark::default());
        alone.exhausted(|exhausted| {
            let error = TcpListener::bind(any()).map(drop).expect_err("no descriptor is free");
            assert_eq!(error.raw_os_error(), EMFILE);
            refused(&event_loop, event_loop.create_server(factory, any()));
            refused(&event_loop, event_loop.start_server(handler, any()));
            // Enough for the first address, and not for the second.
            exhausted.free(1);
            let both = || vec![any(), SocketAddr::from(([127, 0, 0, 2], 0))];
            for _ in 0..3 {
                refused(&event_loop, event_loop.create_server(factory, both()));
                refused(&event_loop, event_loop.start_server(handler, both()));
            }
        });
        let server = event_loop.run_until_complete(event_loop.create_server(factory, any())).expect("there are again");
        server.close();
        event_loop.run_until_complete(server.wait_closed()).expect("nobody was let in");
        assert_eq!(reports.take(), [""; 0]);
    });
}

/// Lets time pass in the loop, in milliseconds.
fn pass(event_loop: &EventLoop, time: u64) {
    event_loop.run_until_complete(sleep(Duration::from_millis(time))).expect("nobody cancels it");
}

#[test]
fn accepting_without_a_free_descriptor_pauses_until_there_is_one() {
    let alone = alone();
    for kind in [Kind::Protocol, Kind::Streams] {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_virtual_loop();
            let echo = Echo::serve(kind, &event_loop);
            let mut clients: Vec<_> = (0..3).map(|_| client_of(echo.address)).collect();
            alone.exhausted(|exhausted| {
                // Each second it is tried again, and reported.
                pass(&event_loop, 3_500);
                assert_eq!(reports.take(), ["socket.accept() out of system resource"; 4], "{kind:?}");
                // One at a time.
                let counted = echo.count();
                exhausted.free(1);
                pass(&event_loop, 1_000);
                assert_eq!((counted(), reports.take().len()), (1, 1), "{kind:?}");
                exhausted.free(2);
                pass(&event_loop, 1_000);
                assert_eq!((counted(), reports.take().len()), (3, 1), "{kind:?}");
            });
            for client in &mut clients {
                client.write_all(b"x").expect("it is open");
                assert_eq!(with_loop(&event_loop, || client.read(&mut [0; 4])).expect("it is served"), 1);
            }
            drop(clients);
            echo.run_until_count(0);
            echo.finish();
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

#[test]
fn accept_without_a_free_descriptor_raises_and_can_be_repeated() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, reports) = new_virtual_loop();
        let listener = TcpListener::bind(any()).expect("a port is free");
        let client = client_of(listener.local_addr().expect("it is bound"));
        let failures = Rc::new(Cell::new(0));
        let count = Rc::clone(&failures);
        let accepting =
            from_fn(move |mut sent: Result<(), Exception>| match innermost::yield_from!(listener.accept(), sent) {
                Ok((stream, _)) => Ok(Step::<Await, (), TcpStream>::Return(stream)),
                Err(raised) => {
                    assert_eq!(io_error(&raised).raw_os_error(), EMFILE);
                    count.set(count.get() + 1);
                    Ok(Step::Yield(Await::next_turn()))
                }
            });
        let task = event_loop.create_task(accepting).expect("it is open");
        alone.exhausted(|_| run_until(&event_loop, move || failures.get() == 3));
        drop(event_loop.run_until_complete(task.join()).expect("a descriptor is free"));
        drop(client);
        assert_eq!(reports.take(), [""; 0]);
    });
}

#[test]
fn open_connections_work_without_a_free_descriptor() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, _) = new_virtual_loop();
            let mark = Mark::default();
            let mut far = crate::faults::kinds::echo_pair(kind, &event_loop, Rc::clone(&mark));
            alone.exhausted(|_| {
                for _ in 0..10 {
                    far.write_all(b"x").expect("it is open");
                    assert_eq!(with_loop(&event_loop, || far.read(&mut [0; 4])).expect("it is served"), 1);
                }
            });
            drop(far);
            run_until(&event_loop, move || Rc::strong_count(&mark) == 1);
        });
    }
}
