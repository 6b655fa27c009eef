//! Stopping, the grace period, and stopping now.

use std::time::Duration;

use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{memory_listener, virtual_loop};
use innermost::{Step, from_fn, ready, yield_from};

use super::{Manner, at, run, server};
use crate::support::events::Log;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn connections_that_look_end_when_the_server_stops() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    let stop = server.stop_token();
    at(&event_loop, 3, move || stop.stop());
    run(&event_loop, &log, server);
    let expected =
        ["0: 1 begins", "0: 2 begins", "3: 1 stops", "3: 1 is dropped", "3: 2 stops", "3: 2 is dropped", "3: over"];
    assert_eq!(log.take(), expected);
    assert!(connector.connect().is_err(), "the listener is closed");
    drop(clients);
}

#[test]
fn connections_that_do_not_look_are_cancelled_after_the_grace_period() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores]);
    let client = connector.connect().unwrap();
    let stop = server.stop_token();
    at(&event_loop, 3, move || stop.stop());
    run(&event_loop, &log, server.grace(5 * SECOND));
    assert_eq!(log.take(), ["0: 1 begins", "8: 1 gets cancelled", "8: 1 is dropped", "8: over"]);
    drop(client);
}

#[test]
fn without_a_grace_period_a_connection_that_looks_is_resumed_once_more() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks, Manner::Ignores]);
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    let stop = server.stop_token();
    at(&event_loop, 3, move || stop.stop());
    run(&event_loop, &log, server.grace(Duration::ZERO));
    let expected = [
        "0: 1 begins",
        "0: 2 begins",
        "3: 1 stops",
        "3: 1 is dropped",
        "3: 2 gets cancelled",
        "3: 2 is dropped",
        "3: over",
    ];
    assert_eq!(log.take(), expected);
    drop(clients);
}

#[test]
fn a_server_can_cancel_its_connections_once_when_it_is_stopped() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores, Manner::Survives]);
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    let stop = server.stop_token();
    at(&event_loop, 3, move || stop.stop());
    at(&event_loop, 4, move || drop(clients));
    run(&event_loop, &log, server.cancel_on_stop().grace(5 * SECOND));
    let expected = [
        "0: 1 begins",
        "0: 2 begins",
        "3: 1 gets cancelled",
        "3: 1 is dropped",
        "3: 2 gets cancelled",
        "4: 2 is left",
        "4: 2 is dropped",
        "4: over",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_connection_may_end_during_the_grace_period() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores]);
    let client = connector.connect().unwrap();
    let stop = server.stop_token();
    at(&event_loop, 3, move || stop.stop());
    at(&event_loop, 4, move || drop(client));
    run(&event_loop, &log, server.grace(5 * SECOND));
    assert_eq!(log.take(), ["0: 1 begins", "4: 1 is left", "4: 1 is dropped", "4: over"]);
}

#[test]
fn stopping_now_ends_the_grace_period_and_a_second_time_cancels_again() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores, Manner::Survives]);
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    let stops = [server.stop_token(), server.stop_token(), server.stop_token()];
    for (seconds, stop) in [3, 4].into_iter().zip(stops.clone()) {
        at(&event_loop, seconds, move || stop.stop_now());
    }
    at(&event_loop, 6, move || drop(clients));
    run(&event_loop, &log, server.grace(100 * SECOND));
    let expected = [
        "0: 1 begins",
        "0: 2 begins",
        "3: 1 gets cancelled",
        "3: 1 is dropped",
        "3: 2 gets cancelled",
        "4: 2 gets cancelled",
        "6: 2 is left",
        "6: 2 is dropped",
        "6: over",
    ];
    assert_eq!(log.take(), expected);
    assert!(stops[0].is_stopping());
}

#[test]
fn the_grace_period_cancels_only_once() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Survives]);
    let client = connector.connect().unwrap();
    let stop = server.stop_token();
    at(&event_loop, 1, move || stop.stop());
    at(&event_loop, 9, move || drop(client));
    run(&event_loop, &log, server.grace(SECOND));
    assert_eq!(log.take(), ["0: 1 begins", "2: 1 gets cancelled", "9: 1 is left", "9: 1 is dropped", "9: over"]);
}

#[test]
fn a_server_that_was_stopped_before_it_began_accepts_nothing() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let client = connector.connect().unwrap();
    server.stop_token().stop();
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["0: over"]);
    drop(client);
}

#[test]
fn a_server_that_was_cut_before_it_began_is_over_too() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let client = connector.connect().unwrap();
    server.stop_token().stop_now();
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["0: over"]);
    drop(client);
}

#[test]
fn stopping_twice_is_stopping_once() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores]);
    let client = connector.connect().unwrap();
    for seconds in [1, 2] {
        let stop = server.stop_token();
        at(&event_loop, seconds, move || stop.stop());
    }
    run(&event_loop, &log, server.grace(3 * SECOND));
    // Three seconds after the first.
    assert_eq!(log.take(), ["0: 1 begins", "4: 1 gets cancelled", "4: 1 is dropped", "4: over"]);
    drop(client);
}

#[test]
fn a_connection_accepted_in_the_turn_of_the_stop_still_begins() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let stop = server.stop_token();
    let (again, dialling) = (log.clone(), connector.clone());
    at(&event_loop, 1, move || {
        let client = dialling.connect().unwrap();
        let event_loop = innermost::EventLoop::running().unwrap();
        // After the server has accepted, and before the connection's task takes its first step.
        event_loop.call_soon(move || stop.stop()).unwrap();
        event_loop
            .call_later(SECOND, move || {
                drop(client);
                again.add("the client leaves");
            })
            .unwrap();
    });
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["1: 1 begins", "1: 1 stops", "1: 1 is dropped", "1: over"]);
}

#[test]
fn a_connection_can_stop_its_server() {
    let (listener, connector) = memory_listener();
    let server = GracefulServer::new(listener, |_stream, stop: StopToken| {
        stop.stop();
        Ok(ready(()))
    });
    let clients = [connector.connect().unwrap(), connector.connect().unwrap()];
    virtual_loop().unwrap().run_until_complete(server).unwrap();
    assert!(connector.connect().is_err());
    drop(clients);
}

#[test]
fn the_listener_is_closed_while_connections_end() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores]);
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    let dialled = log.clone();
    at(&event_loop, 2, move || {
        dialled.add(connector.connect().unwrap_err().kind());
        drop(client);
    });
    run(&event_loop, &log, server);
    assert_eq!(log.take(), ["0: 1 begins", "connection refused", "2: 1 is left", "2: 1 is dropped", "2: over"]);
}

#[test]
fn several_tasks_can_wait_for_a_token() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let stop = StopToken::new();
    let waiter = |name: &'static str| {
        let (stop, log) = (stop.clone(), log.clone());
        from_fn(move |mut sent| {
            yield_from!(stop.wait(), sent)?;
            log.add(name);
            Ok(Step::Return(()))
        })
    };
    let tasks = ["a", "b", "c"].map(|name| event_loop.create_task(waiter(name)).unwrap());
    let (cancelled, stopping) = (tasks[1].clone(), stop.clone());
    event_loop.call_soon(move || assert!(cancelled.cancel())).unwrap();
    at(&event_loop, 1, move || stopping.stop());
    event_loop.run_until_complete(tasks[2].clone()).unwrap();
    assert_eq!(log.take(), ["a", "c"]);
    assert!(tasks[1].cancelled());
    event_loop.run_until_complete(waiter("late")).unwrap();
    assert_eq!(log.take(), ["late"]);
}
