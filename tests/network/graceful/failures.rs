//! What fails: a connection's task, its handler, the task factory, the listener.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::testing::{memory_listener, virtual_loop};
use innermost::{Await, Awaitable, Exception, Kind, Step, from_fn, yield_from};

use super::{Manner, at, run, server};
use crate::support::events::Log;

/// A coroutine that ends with what `function` returns.
fn ending(function: impl FnOnce() -> Result<(), Exception> + 'static) -> impl Awaitable<Return = ()> {
    let mut function = Some(function);
    from_fn(move |sent: Result<(), Exception>| {
        sent?;
        function.take().expect("it is called once")()?;
        Ok(Step::<Await, (), ()>::Return(()))
    })
}

/// Serves three clients by `handler`, which is told their number, and stops.
fn three<C>(handler: impl Fn(usize) -> Result<C, Exception> + 'static) -> Vec<String>
where
    C: Awaitable<Return = ()> + 'static,
{
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (listener, connector) = memory_listener();
    let count = Cell::new(0);
    let server = GracefulServer::new(listener, move |_stream, _stop| {
        count.set(count.get() + 1);
        handler(count.get())
    });
    let clients = [(); 3].map(|()| connector.connect().unwrap());
    let stop = server.stop_token();
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server);
    drop(clients);
    log.take()
}

const FAILED: &str = "a connection of the server failed";
const REFUSED: &str = "the server could not serve a connection";

#[test]
fn the_failure_of_a_connection_ends_only_that_connection() {
    let entries = three(|number| {
        Ok(ending(move || if number == 2 { Err(Exception::message(Kind::ValueError, "two")) } else { Ok(()) }))
    });
    assert_eq!(entries, [format!("{FAILED}: two"), "1: over".into()]);
}

#[test]
fn a_panic_in_a_connection_ends_only_that_connection() {
    let entries = three(|number| {
        Ok(ending(move || {
            assert!(number != 2, "two");
            Ok(())
        }))
    });
    assert_eq!(entries, [format!("{FAILED}: two"), "1: over".into()]);
}

#[test]
fn a_handler_that_fails_or_panics_refuses_one_connection() {
    let entries = three(|number| match number {
        1 => Err(Exception::message(Kind::ValueError, "one")),
        2 => panic!("two"),
        _ => Ok(ending(|| Ok(()))),
    });
    assert_eq!(entries, [format!("{REFUSED}: one"), format!("{REFUSED}: two"), "1: over".into()]);
}

#[test]
fn a_connection_that_the_network_has_lost_is_not_reported() {
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::TimedOut];
    let entries = three(move |number| Ok(ending(move || Err(io::Error::from(kinds[number - 1]).into()))));
    assert_eq!(entries, ["1: over"]);
    let entries = three(move |number| match number {
        1 => Err(io::Error::from(io::ErrorKind::NotConnected).into()),
        number => Ok(ending(move || {
            Err(match number {
                2 => io::Error::from(io::ErrorKind::PermissionDenied).into(),
                _ => Exception::cancelled(),
            })
        })),
    });
    assert_eq!(entries, [format!("{FAILED}: permission denied"), "1: over".into()]);
}

#[test]
fn a_task_factory_that_refuses_ends_only_that_connection() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (server, connector) = server(&log, &[Manner::Looks]);
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    let refusing = event_loop.handle();
    let serving = event_loop.create_task(server).unwrap();
    refusing.set_task_factory(Some(Rc::new(|_| Err(Exception::message(Kind::RuntimeError, "no more tasks")))));
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    event_loop.set_task_factory(None);
    stop.stop();
    event_loop.run_until_complete(serving).unwrap();
    assert_eq!(log.take(), ["0: 1 is dropped".to_string(), format!("{REFUSED}: no more tasks")]);
    drop(client);
}

#[test]
fn another_failure_to_accept_stops_the_server_which_raises_it_in_the_end() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (server, connector) = server(&log, &[Manner::Looks, Manner::Ignores]);
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    connector.fail(io::Error::from_raw_os_error(22));
    let ended = event_loop.run_until_complete(server.grace(Duration::from_secs(3)));
    let raised = ended.unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error), Some(22));
    let expected =
        ["0: 1 begins", "0: 1 stops", "0: 1 is dropped", "0: 2 begins", "3: 2 gets cancelled", "3: 2 is dropped"];
    assert_eq!(log.take(), expected);
    drop(clients);
}

#[test]
fn a_hook_that_panics_does_not_end_the_server() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (listener, connector) = memory_listener();
    let failing = |_stream, _stop| Ok(ending(|| Err(Exception::timeout())));
    let server = GracefulServer::new(listener, failing).on_failure(|_| panic!("the hook"));
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server);
    let text = "the function that is told of a server's failures panicked: the hook";
    assert_eq!(log.take(), [text, "1: over"]);
    drop(client);
}

#[test]
fn the_last_hook_gets_the_failures() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (listener, connector) = memory_listener();
    let failing = |_stream, _stop| Ok(ending(|| Err(Exception::timeout())));
    let (one, other) = (log.clone(), log.clone());
    let server = GracefulServer::new(listener, failing);
    let server = server.on_failure(move |_| one.add("the first")).on_failure(move |_| other.add("the second"));
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["the second", "1: over"]);
    drop(client);
}

#[test]
fn what_the_handler_owns_is_dropped_with_the_listener_and_may_panic() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (listener, _connector) = memory_listener();
    let owned = Panics;
    let server = GracefulServer::new(listener, move |_stream, _stop| {
        let _owned = &owned;
        Ok(ending(|| Ok(())))
    });
    server.stop_token().stop();
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["Exception ignored in a destructor: dropped", "0: over"]);
}

#[test]
fn a_server_is_awaited_once() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (mut server, _connector) = server(&log, &[Manner::Looks]);
    server.stop_token().stop();
    let again = from_fn(move |mut sent| {
        yield_from!(server, sent)?;
        let raised = innermost::Coroutine::resume(&mut server, Ok(())).unwrap_err();
        Ok(Step::Return(raised.kind()))
    });
    assert_eq!(event_loop.run_until_complete(again).unwrap(), Kind::RuntimeError);
}
