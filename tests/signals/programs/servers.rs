//! Servers that stop on signals.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::signal::{SIGINT, SIGTERM};
use innermost::testing::{MemoryConnector, memory_listener};
use innermost::{EventLoop, sleep};

use super::host::{Action, raise};

/// A server whose connections last for ever.
fn server() -> (GracefulServer, MemoryConnector) {
    let (listener, connector) = memory_listener();
    (GracefulServer::new(listener, |_stream, _stop| Ok(sleep(Duration::MAX))), connector)
}

fn has_default_actions() -> bool {
    [SIGINT, SIGTERM].iter().all(|signal| Action::of(*signal).parts().0 == libc::SIG_DFL)
}

pub(crate) fn a_signal_stops_a_server_and_a_second_one_cuts_it() {
    for signals in [[SIGINT, SIGTERM], [SIGTERM, SIGINT], [SIGINT, SIGINT]] {
        let event_loop = EventLoop::new().unwrap();
        let (server, connector) = server();
        let server = server.grace(Duration::MAX).stop_on_signals(&event_loop).unwrap();
        let (_client, stop) = (connector.connect().unwrap(), server.stop_token());
        let serving = event_loop.create_task(server).unwrap();
        event_loop.run_once().unwrap();
        raise(signals[0]);
        while !stop.is_stopping() {
            event_loop.run_once().unwrap();
        }
        for _ in 0..5 {
            event_loop.call_soon(|| ()).unwrap();
            event_loop.run_once().unwrap();
        }
        assert!(!serving.done() && connector.connect().is_err());
        raise(signals[1]);
        event_loop.run_until_complete(serving).unwrap();
        assert!(has_default_actions());
    }
}

pub(crate) fn a_signal_before_the_server_begins_stops_it() {
    let event_loop = EventLoop::new().unwrap();
    let (server, _connector) = server();
    let server = server.stop_on_signals(&event_loop).unwrap();
    raise(SIGTERM);
    event_loop.run_until_complete(server).unwrap();
    assert!(has_default_actions());
}

pub(crate) fn one_signal_stops_all_servers_of_a_loop() {
    let event_loop = EventLoop::new().unwrap();
    let (first, _connector) = server();
    let (second, another) = server();
    let first = event_loop.create_task(first.stop_on_signals(&event_loop).unwrap()).unwrap();
    let second = second.stop_on_signals(&event_loop).unwrap();
    let (_client, stop) = (another.connect().unwrap(), second.stop_token());
    let second = event_loop.create_task(second).unwrap();
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    raise(SIGINT);
    event_loop.run_until_complete(first).unwrap();
    // The second one has a connection, and still needs the handlers.
    assert!(stop.is_stopping() && !second.done() && !has_default_actions());
    raise(SIGINT);
    event_loop.run_until_complete(second).unwrap();
    assert!(has_default_actions());
    // They can be installed again.
    let (third, _connector) = server();
    let third = third.stop_on_signals(&event_loop).unwrap();
    raise(SIGINT);
    event_loop.run_until_complete(third).unwrap();
}

pub(crate) fn a_dropped_server_removes_its_handlers_and_no_others() {
    let event_loop = EventLoop::new().unwrap();
    let (unused, _connector) = server();
    drop(unused.stop_on_signals(&event_loop).unwrap());
    assert!(has_default_actions());

    let (replaced, _connector) = server();
    let replaced = replaced.stop_on_signals(&event_loop).unwrap();
    let calls = Rc::new(Cell::new(0));
    for signal in [SIGINT, SIGTERM] {
        let calls = Rc::clone(&calls);
        event_loop.add_signal_handler(signal, move || calls.set(calls.get() + 1)).unwrap();
    }
    drop(replaced);
    raise(SIGINT);
    raise(SIGTERM);
    event_loop.run_once().unwrap();
    assert_eq!(calls.get(), 2, "the program's handlers are still there");
}

pub(crate) fn a_server_cannot_stop_on_signals_that_another_loop_handles() {
    let (first, second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    first.add_signal_handler(SIGTERM, || ()).unwrap();
    let (refused, connector) = server();
    let raised = refused.stop_on_signals(&second).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(ErrorKind::ResourceBusy));
    assert!(connector.connect().is_err(), "it was dropped");
    first.close().unwrap();
    assert!(has_default_actions());
}

pub(crate) fn a_closed_loop_leaves_nothing_of_a_server_that_stops_on_signals() {
    let event_loop = EventLoop::new().unwrap();
    let (server, connector) = server();
    let serving = event_loop.create_task(server.stop_on_signals(&event_loop).unwrap()).unwrap();
    let _client = connector.connect().unwrap();
    event_loop.set_exception_handler(|_| {});
    event_loop.run_once().unwrap();
    event_loop.close().unwrap();
    assert!(serving.done() && has_default_actions());
}
