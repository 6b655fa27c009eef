//! The number of connections, and pauses while descriptors are exhausted.

use std::io;
use std::time::Duration;

use innermost::testing::virtual_loop;

use super::{Manner, at, run, server, tell};
use crate::support::events::Log;

const EMFILE: i32 = 24;

#[test]
fn further_connections_wait_for_the_end_of_one() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let [first, second, third, fourth] = [(); 4].map(|()| connector.connect().unwrap());
    let (stop, told, waiting) = (server.stop_token(), log.clone(), connector.clone());
    at(&event_loop, 1, move || {
        tell(&told, format_args!("{} wait", waiting.waiting()));
        drop(second);
    });
    let told = log.clone();
    at(&event_loop, 2, move || {
        tell(&told, format_args!("{} waits", connector.waiting()));
        stop.stop();
    });
    run(&event_loop, &log, server.max_connections(2));
    let expected = [
        "0: 1 begins",
        "0: 2 begins",
        "1: 2 wait",
        "1: 2 is left",
        "1: 2 is dropped",
        "1: 3 begins",
        "2: 1 waits",
        "2: 1 stops",
        "2: 1 is dropped",
        "2: 3 stops",
        "2: 3 is dropped",
        "2: over",
    ];
    assert_eq!(log.take(), expected);
    drop((first, third, fourth));
}

#[test]
fn a_limit_of_zero_accepts_nothing() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server.max_connections(0));
    assert_eq!(log.take(), ["1: over"]);
    drop(client);
}

#[test]
fn a_full_server_can_be_stopped_and_its_connections_end() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    let (clients, stop) = ([connector.connect().unwrap(), connector.connect().unwrap()], server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server.max_connections(1));
    assert_eq!(log.take(), ["0: 1 begins", "1: 1 stops", "1: 1 is dropped", "1: over"]);
    drop(clients);
}

#[test]
fn exhausted_descriptors_are_reported_once_and_tried_again_after_the_pause() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let (server, connector) = server(&log, &[Manner::Looks]);
    for _ in 0..3 {
        connector.fail(io::Error::from_raw_os_error(EMFILE));
    }
    let first = connector.connect().unwrap();
    connector.fail(io::Error::from_raw_os_error(EMFILE));
    let (second, stop, reports) = (connector.connect().unwrap(), server.stop_token(), log.clone());
    let server = server.accept_retry_delay(Duration::from_secs(2)).on_failure(move |context| {
        let raised = context.exception.expect("something was raised");
        let code = raised.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        tell(&reports, format_args!("{}: {code:?}", context.message));
    });
    at(&event_loop, 20, move || stop.stop());
    run(&event_loop, &log, server);
    let expected = [
        "0: cannot accept connections, trying again: Some(24)",
        "6: cannot accept connections, trying again: Some(24)",
        "6: 1 begins",
        "8: 2 begins",
        "20: 1 stops",
        "20: 1 is dropped",
        "20: 2 stops",
        "20: 2 is dropped",
        "20: over",
    ];
    assert_eq!(log.take(), expected);
    drop((first, second));
}

#[test]
fn the_end_of_a_connection_ends_the_pause() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (server, connector) = server(&log, &[Manner::Looks]);
    let first = connector.connect().unwrap();
    connector.fail(io::Error::from_raw_os_error(EMFILE));
    let (second, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || drop(first));
    at(&event_loop, 2, move || stop.stop());
    run(&event_loop, &log, server.accept_retry_delay(Duration::from_secs(3600)));
    let entries = log.take();
    assert!(entries[0].starts_with("cannot accept connections, trying again: "), "{entries:?}");
    let expected =
        ["0: 1 begins", "1: 1 is left", "1: 1 is dropped", "1: 2 begins", "2: 2 stops", "2: 2 is dropped", "2: over"];
    assert_eq!(entries[1..], expected);
    drop(second);
}

#[test]
fn a_server_is_stopped_during_a_pause() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    log.reports(&event_loop);
    let (server, connector) = server(&log, &[Manner::Looks]);
    connector.fail(io::Error::from_raw_os_error(EMFILE));
    let (client, stop) = (connector.connect().unwrap(), server.stop_token());
    at(&event_loop, 1, move || stop.stop());
    run(&event_loop, &log, server.accept_retry_delay(Duration::from_secs(3600)));
    assert_eq!(log.take()[1..], ["1: over"]);
    drop(client);
}
