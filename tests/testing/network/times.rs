//! Latency, bandwidth, and repetition after a loss, to the nanosecond.

use std::time::Duration;

use innermost::testing::Hosts;

use super::super::actors::{Act, MS, actor, naps, read_to_end, send};
use crate::support::events::Log;

/// The events of two hosts.
fn run(
    prepare: impl FnOnce(&Hosts),
    server: impl IntoIterator<Item = Act>,
    client: impl IntoIterator<Item = Act>,
) -> Vec<String> {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    prepare(&hosts);
    actor(&hosts, &log, "server", server);
    actor(&hosts, &log, "client", client);
    hosts.run().unwrap();
    log.take()
}

#[test]
fn latency_is_kept_to_the_nanosecond() {
    let latency = Duration::new(0, 10_000_007);
    let events = run(
        |hosts| _ = hosts.network().latency(latency..=latency),
        [Act::Listen(80), Act::Accept, Act::Read, send("world")],
        [Act::Connect("server", 80), send("hello"), Act::Read, Act::Read],
    );
    assert_eq!(
        events,
        [
            "20.000014ms client connected",
            "20.000014ms client sent",
            "30.000021ms server accepted client",
            "30.000021ms server read \"hello\"",
            "30.000021ms server sent",
            "40.000028ms client read \"world\"",
            "40.000028ms client read \"\"",
        ]
    );
}

#[test]
fn directions_have_latencies_of_their_own() {
    let events = run(
        |hosts| {
            hosts.network().latency(MS..=MS).link("client", "server").latency(5 * MS..=5 * MS);
        },
        [Act::Listen(80), Act::Accept, send("hi")],
        [Act::Connect("server", 80), Act::Read],
    );
    assert_eq!(
        events,
        ["6ms client connected", "11ms server accepted client", "11ms server sent", "12ms client read \"hi\""]
    );
}

#[test]
fn bandwidth_is_kept_to_the_nanosecond() {
    let events = run(
        |hosts| _ = hosts.network().bandwidth(3000),
        [Act::Listen(80), Act::Accept, Act::Read, Act::Read, Act::Read],
        [Act::Connect("server", 80), send([b'x'; 1]), send([b'x'; 1000]), Act::Eof],
    );
    assert_eq!(
        events,
        [
            "0ns client connected",
            "0ns client sent",
            "0ns client sent",
            "0ns server accepted client",
            "333.334µs server read \"x\"",
            "333.666668ms server read 1000 bytes",
            "333.666668ms server read \"\"",
        ]
    );
}

#[test]
fn connections_share_the_bandwidth() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().bandwidth(1000);
    actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept, read_to_end(), Act::Accept, read_to_end()]);
    let main = actor(&hosts, &log, "client", [Act::Connect("server", 80), send([b'x'; 500])]);
    hosts.run_until(&main).unwrap();
    // The same host connects again while the first bytes are under way.
    let again = [Act::Connect("server", 80), send([b'y'; 500])].into();
    let (interface, loud) = (main.interface().clone(), log.clone());
    let second = super::super::actors::Actor::new(interface, &loud, again);
    main.event_loop().unwrap().create_task(second).unwrap();
    hosts.run().unwrap();
    assert_eq!(
        log.take(),
        [
            "0ns client connected",
            "0ns client sent",
            "0ns server accepted client",
            "0ns client connected",
            "0ns client sent",
            "500ms server read all: 500 bytes",
            "500ms server accepted client",
            "1s server read all: 500 bytes",
        ]
    );
}

#[test]
fn packets_arrive_one_by_one() {
    let events = run(
        |hosts| _ = hosts.network().bandwidth(1000).packets(100),
        [Act::Listen(80), Act::Accept, Act::Read, Act::Read, Act::Read, Act::Read],
        [Act::Connect("server", 80), send([b'x'; 250])],
    );
    assert_eq!(
        events[3..],
        [
            "100ms server read 100 bytes",
            "200ms server read 100 bytes",
            "250ms server read 50 bytes",
            "250ms server read \"\""
        ]
    );
}

#[test]
fn a_lost_packet_is_sent_again_and_delays_those_behind_it() {
    let events = run(
        |hosts| {
            let network = hosts.network().clone();
            hosts.call_later(100 * MS, move || _ = network.lose(1.0)).unwrap();
            let network = hosts.network().clone();
            hosts.call_later(1000 * MS, move || _ = network.lose(0.0)).unwrap();
        },
        [Act::Listen(80), Act::Accept, Act::Read, Act::Read],
        [Act::Connect("server", 80), naps(200 * MS), send("a"), naps(100 * MS), send("b")],
    );
    // Repeated after 200 and 400 ms in vain, and after 800 ms.
    assert_eq!(
        events,
        [
            "0ns client connected",
            "0ns server accepted client",
            "200ms client sent",
            "300ms client sent",
            "1.6s server read \"ab\"",
            "1.6s server read \"\"",
        ]
    );
}

#[test]
fn a_sender_gives_up_after_fifteen_repetitions() {
    let events = run(
        |hosts| {
            let network = hosts.network().clone();
            hosts.call_later(100 * MS, move || _ = network.partition(["client"], ["server"])).unwrap();
        },
        [Act::Listen(80), Act::Accept, naps(Duration::from_secs(2000))],
        [Act::Connect("server", 80), naps(200 * MS), send("a"), Act::Read, send("b")],
    );
    assert_eq!(events[2..], ["200ms client sent", "924.8s client raised TimedOut", "924.8s client raised TimedOut"]);
}

#[test]
fn what_is_sent_during_a_partition_arrives_after_it() {
    let events = run(
        |hosts| {
            let network = hosts.network();
            network.latency(MS..=MS);
            let cut = network.clone();
            hosts.call_later(100 * MS, move || _ = cut.partition(["client"], ["server", "other"])).unwrap();
            let heal = network.clone();
            hosts.call_later(500 * MS, move || _ = heal.heal()).unwrap();
        },
        [Act::Listen(80), Act::Accept, Act::Read, Act::Read],
        [Act::Connect("server", 80), naps(150 * MS), send("a"), naps(500 * MS), send("b")],
    );
    assert_eq!(
        events,
        [
            "2ms client connected",
            "3ms server accepted client",
            "152ms client sent",
            "652ms client sent",
            "753ms server read \"ab\"",
            "753ms server read \"\"",
        ]
    );
}

#[test]
fn one_direction_can_be_cut() {
    let events = run(
        |hosts| {
            let link = hosts.network().link("server", "client");
            hosts.call_later(100 * MS, move || _ = link.cut()).unwrap();
            let link = hosts.network().link("server", "client");
            hosts.call_later(10_000 * MS, move || _ = link.mend()).unwrap();
        },
        [Act::Listen(80), Act::Accept, Act::Read, send("pong")],
        [Act::Connect("server", 80), naps(200 * MS), send("ping"), Act::Read],
    );
    assert_eq!(
        events[2..],
        ["200ms client sent", "200ms server read \"ping\"", "200ms server sent", "12.8s client read \"pong\""]
    );
}

#[test]
fn connecting_under_a_partition_times_out() {
    let events = run(
        |hosts| _ = hosts.network().partition(["client"], ["server"]),
        [Act::Listen(80)],
        [Act::Connect("server", 80), Act::Connect("server", 80)],
    );
    assert_eq!(events, ["127s client raised TimedOut", "254s client raised TimedOut"]);
}

#[test]
fn an_attempt_to_connect_is_repeated() {
    let events = run(
        |hosts| {
            hosts.network().partition(["client"], ["server"]);
            let network = hosts.network().clone();
            hosts.call_later(2500 * MS, move || _ = network.heal()).unwrap();
        },
        [Act::Listen(80), Act::Accept],
        [Act::Connect("server", 80)],
    );
    assert_eq!(events, ["3s client connected", "3s server accepted client"]);
}
