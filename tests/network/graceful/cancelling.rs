//! The server's task is cancelled, closed or dropped, in each of its states.

use std::io;
use std::time::Duration;

use innermost::testing::{MemoryConnector, virtual_loop};

use super::{Manner, at, run, server};
use crate::support::events::Log;

/// Cancels a server in the second `when`, and returns what it and its connection have told.
fn cancelled(prepare: impl FnOnce(&MemoryConnector), most: usize, stop: Option<u64>, when: &[u64]) -> Vec<String> {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    event_loop.set_exception_handler(|_| {});
    let (server, connector) = server(&log, &[Manner::Ignores, Manner::Survives]);
    let client = connector.connect().unwrap();
    prepare(&connector);
    let token = server.stop_token();
    let server =
        server.max_connections(most).grace(Duration::from_secs(100)).accept_retry_delay(Duration::from_secs(50));
    if let Some(seconds) = stop {
        let token = token.clone();
        at(&event_loop, seconds, move || token.stop());
    }
    let serving = event_loop.create_task(server).unwrap();
    for seconds in when {
        let serving = serving.clone();
        at(&event_loop, *seconds, move || assert!(serving.cancel()));
    }
    run(&event_loop, &log, serving);
    assert!(token.is_stopping());
    drop(client);
    log.take()
}

#[test]
fn a_server_that_is_cancelled_while_it_accepts_cancels_its_connections_and_waits() {
    let entries = cancelled(|_| {}, 9, None, &[3]);
    let expected = ["0: 1 begins", "3: 1 gets cancelled", "3: 1 is dropped", "3: raised cancelled"];
    assert_eq!(entries, expected);
}

#[test]
fn a_server_that_is_cancelled_before_it_begins_accepts_nothing() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let client = connector.connect().unwrap();
    let serving = event_loop.create_task(server).unwrap();
    serving.cancel();
    run(&event_loop, &log, serving);
    assert_eq!(log.take(), ["0: raised cancelled"]);
    assert!(connector.connect().is_err());
    drop(client);
}

#[test]
fn a_server_is_cancelled_in_the_turn_in_which_its_last_connection_ends() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    let serving = event_loop.create_task(server).unwrap();
    let cancelled = serving.clone();
    at(&event_loop, 1, move || {
        stop.stop();
        assert!(cancelled.cancel());
    });
    run(&event_loop, &log, serving);
    assert_eq!(log.take(), ["0: 1 begins", "1: 1 stops", "1: 1 is dropped", "1: raised cancelled"]);
    drop(client);
}

#[test]
fn a_server_is_cancelled_while_it_is_full_pauses_or_ends() {
    let expected = ["0: 1 begins", "3: 1 gets cancelled", "3: 1 is dropped", "3: raised cancelled"];
    assert_eq!(cancelled(|_| {}, 1, None, &[3]), expected, "full");
    let exhausted = |connector: &MemoryConnector| connector.fail(io::Error::from_raw_os_error(24));
    assert_eq!(cancelled(exhausted, 9, None, &[3]), expected, "pausing");
    assert_eq!(cancelled(|_| {}, 9, Some(1), &[3]), expected, "ending");
}

#[test]
fn a_server_that_is_cancelled_again_cancels_its_connections_again() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Survives]);
    let client = connector.connect().unwrap();
    let serving = event_loop.create_task(server).unwrap();
    for seconds in [1, 2] {
        let serving = serving.clone();
        at(&event_loop, seconds, move || assert!(serving.cancel()));
    }
    at(&event_loop, 5, move || drop(client));
    run(&event_loop, &log, serving);
    let expected = [
        "0: 1 begins",
        "1: 1 gets cancelled",
        "2: 1 gets cancelled",
        "5: 1 is left",
        "5: 1 is dropped",
        "5: raised cancelled",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_server_that_is_dropped_cancels_its_connections() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Ignores]);
    let client = connector.connect().unwrap();
    let limited = innermost::wait::race((server, innermost::sleep(Duration::from_secs(2))));
    event_loop.run_until_complete(limited).unwrap();
    // `race` cancels the loser, and drives it to its end.
    assert_eq!(log.take(), ["0: 1 begins", "2: 1 gets cancelled", "2: 1 is dropped"]);

    let (server, connector) = super::server(&log, &[Manner::Ignores]);
    let another = connector.connect().unwrap();
    let mut server = Some(server);
    let giving_up = innermost::from_fn(move |sent: Result<(), innermost::Exception>| {
        sent?;
        let Some(held) = &mut server else { return Ok(innermost::Step::Return(())) };
        let step = innermost::Coroutine::resume(held, Ok(()))?;
        assert!(matches!(step, innermost::Step::Yield(_)));
        server = None;
        Ok(innermost::Step::Yield(innermost::Await::next_turn()))
    });
    event_loop.run_until_complete(giving_up).unwrap();
    assert_eq!(log.take(), ["2: 1 is dropped"], "its connection was cancelled before it began");
    assert!(connector.connect().is_err());
    drop((client, another));
}

#[test]
fn closing_the_loop_closes_the_server_and_its_connections() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Survives]);
    let client = connector.connect().unwrap();
    let serving = event_loop.create_task(server).unwrap();
    for _ in 0..4 {
        event_loop.run_once().unwrap();
    }
    assert_eq!(log.take(), ["0: 1 begins"]);
    event_loop.close().unwrap();
    assert_eq!(log.take(), ["1 is dropped"]);
    assert!(serving.cancelled());
    assert!(connector.connect().is_err());
    drop(client);
}
