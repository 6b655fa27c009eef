//! Connecting, ending, and resetting, as with TCP.

use innermost::testing::{Hosts, Network, virtual_loop};

use super::super::actors::{Act, MS, actor, naps, read_to_end, send};
use crate::support::events::Log;

fn run(server: impl IntoIterator<Item = Act>, client: impl IntoIterator<Item = Act>) -> Vec<String> {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS);
    actor(&hosts, &log, "server", server);
    actor(&hosts, &log, "client", client);
    hosts.run().unwrap();
    log.take()
}

#[test]
fn a_connection_is_refused_if_nobody_listens() {
    let events = run(
        [Act::Listen(80), naps(10 * MS), Act::CloseListener],
        [
            Act::Connect("server", 81),
            Act::Connect("nobody", 80),
            Act::Connect("server", 80),
            naps(10 * MS),
            Act::Connect("server", 80),
        ],
    );
    assert_eq!(
        events,
        [
            "2ms client raised ConnectionRefused",
            "2ms client raised HostUnreachable",
            "4ms client connected",
            "16ms client raised ConnectionRefused"
        ]
    );
}

#[test]
fn hosts_have_addresses_that_can_be_connected_to() {
    let events = run([Act::Listen(80), Act::Accept], [Act::Connect("10.0.0.1", 80), Act::Connect("10.0.0.9", 80)]);
    assert_eq!(events, ["2ms client connected", "2ms client raised HostUnreachable", "3ms server accepted client"]);
}

#[test]
fn a_port_has_one_listener() {
    let network = Network::new(&virtual_loop().unwrap(), 1);
    let interface = network.interface("a");
    let first = interface.listen(80).unwrap();
    assert_eq!(interface.listen(80).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert!(network.interface("b").listen(80).is_ok(), "each host has ports of its own");
    let [second, third] = [(); 2].map(|()| interface.listen(0).unwrap());
    assert_ne!(second.local_addr(), third.local_addr());
    drop(first);
    assert_eq!(interface.listen(80).unwrap().local_addr(), "10.0.0.1:80".parse().unwrap());
}

#[test]
fn a_dropped_stream_ends_after_what_was_sent() {
    let events = run(
        [Act::Listen(80), Act::Accept, send("bye"), Act::Close],
        [Act::Connect("server", 80), read_to_end(), read_to_end()],
    );
    assert_eq!(
        events,
        [
            "2ms client connected",
            "3ms server accepted client",
            "3ms server sent",
            "4ms client read all: \"bye\"",
            "4ms client read all: \"\""
        ]
    );
}

#[test]
fn half_a_connection_can_end() {
    let events = run(
        [Act::Listen(80), Act::Accept, read_to_end(), send("answer")],
        [Act::Connect("server", 80), send("question"), Act::Eof, send("more"), read_to_end()],
    );
    assert_eq!(
        events,
        [
            "2ms client connected",
            "2ms client sent",
            "2ms client raised BrokenPipe",
            "3ms server accepted client",
            "3ms server read all: \"question\"",
            "3ms server sent",
            "4ms client read all: \"answer\""
        ]
    );
}

#[test]
fn what_arrives_at_a_dropped_stream_is_answered_by_a_reset() {
    let events = run(
        [Act::Listen(80), Act::Accept, send("bye"), Act::Close],
        [Act::Connect("server", 80), naps(10 * MS), send("more"), naps(10 * MS), Act::Read, send("more")],
    );
    assert_eq!(
        events[3..],
        ["12ms client sent", "22ms client raised ConnectionReset", "22ms client raised ConnectionReset"],
        "the reset discards what was not read"
    );
}

#[test]
fn dropping_a_stream_with_bytes_that_nobody_has_read_resets_it() {
    let events = run(
        [Act::Listen(80), Act::Accept, send("bye"), naps(10 * MS), Act::Close],
        [Act::Connect("server", 80), send("unread"), naps(5 * MS), Act::Read, Act::Read],
    );
    assert_eq!(events[4..], ["7ms client read \"bye\"", "14ms client raised ConnectionReset"]);
}

#[test]
fn an_abort_resets_both_ends() {
    let events = run(
        [Act::Listen(80), Act::Accept, send("lost"), Act::Abort, Act::Read],
        [Act::Connect("server", 80), Act::Read, send("x")],
    );
    assert_eq!(
        events[3..],
        ["3ms server raised ConnectionReset", "4ms client raised ConnectionReset", "4ms client raised ConnectionReset"]
    );
}

#[test]
fn a_peer_that_does_not_read_stops_the_sender() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS).capacity(10);
    actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept, naps(20 * MS), Act::Read, read_to_end()]);
    actor(&hosts, &log, "client", [Act::Connect("server", 80), send("0123456789"), send("abc")]);
    hosts.run().unwrap();
    assert_eq!(
        log.take(),
        [
            "2ms client connected",
            "2ms client sent",
            "3ms server accepted client",
            "23ms server read \"0123456789\"",
            "23ms client sent",
            "24ms server read all: \"abc\"",
        ]
    );
}

#[test]
fn an_attempt_that_is_given_up_leaves_nothing_behind() {
    let event_loop = virtual_loop().unwrap();
    let network = Network::new(&event_loop, 1);
    network.latency(MS..=MS);
    let listener = network.interface("server").listen(80).unwrap();
    let connecting = event_loop.create_task(network.interface("client").connect("server", 80)).unwrap();
    event_loop.run_until_complete(innermost::sleep(MS)).unwrap();
    connecting.cancel();
    event_loop.run_until_complete(innermost::sleep(10 * MS)).unwrap();
    assert!(connecting.cancelled());
    assert_eq!(format!("{listener:?}"), "server:80 listener(0 waiting)");
}

#[test]
fn a_host_connects_to_itself_without_delay() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS).lose(1.0);
    actor(&hosts, &log, "host", [Act::Listen(80), Act::Connect("host", 80), Act::Accept]);
    hosts.run().unwrap();
    assert_eq!(log.take(), ["0ns host connected", "0ns host accepted host"]);
}
