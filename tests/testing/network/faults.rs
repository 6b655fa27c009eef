//! Resets at every byte, and operations that move a part.

use std::collections::BTreeSet;

use innermost::testing::Hosts;

use super::super::actors::{Act, MS, actor, naps, read_to_end, send};
use crate::support::events::Log;

#[test]
fn a_connection_is_reset_at_every_byte() {
    for at in 0..=11 {
        let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
        hosts.network().latency(MS..=MS).reset_at(at);
        let reads = (0..11).map(|_| Act::Read);
        actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept].into_iter().chain(reads));
        let sends = b"helloworld".iter().flat_map(|byte| [naps(10 * MS), send([*byte])]);
        actor(&hosts, &log, "client", [Act::Connect("server", 80)].into_iter().chain(sends));
        if at == 0 {
            let raised = hosts.run().unwrap_err().to_string();
            assert!(raised.contains("server: Task-1: Actor waits for Readable(listener(0 waiting))"), "{raised}");
            continue;
        }
        hosts.run().unwrap();
        let events = log.take();
        let read: Vec<_> = events.iter().filter_map(|event| event.split_once("read ")).map(|(_, read)| read).collect();
        // The byte at which the connection breaks is lost.
        assert_eq!(read.concat().replace('"', ""), &"helloworld"[..(at - 1).min(10)], "{events:?}");
        let resets = |of: &str| events.iter().filter(|event| event.ends_with(of)).count();
        assert_eq!(resets("server raised ConnectionReset") > 0, at <= 10, "{at}: {events:?}");
        assert_eq!(resets("client raised ConnectionReset"), 10_usize.saturating_sub(at), "{at}: {events:?}");
    }
}

#[test]
fn a_reset_strikes_both_ends_at_once_and_what_was_not_read_is_lost() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().reset_at(8);
    let server = [Act::Listen(80), Act::Accept, Act::Read, send("you"), Act::Read];
    actor(&hosts, &log, "server", server);
    actor(&hosts, &log, "client", [Act::Connect("server", 80), send("hello"), Act::Read]);
    hosts.run().unwrap();
    assert_eq!(
        log.take()[2..],
        [
            "0ns server accepted client",
            "0ns server read \"hello\"",
            "0ns server sent",
            "0ns server raised ConnectionReset",
            "0ns client raised ConnectionReset",
        ]
    );
}

#[test]
fn operations_move_any_number_of_bytes_and_lose_none() {
    let mut pieces = BTreeSet::new();
    for seed in 0..300 {
        let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
        hosts.network().partial().latency(MS..5 * MS);
        let reads = (0..10).map(|_| Act::Read);
        actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept].into_iter().chain(reads));
        actor(&hosts, &log, "client", [Act::Connect("server", 80), send("0123456789")]);
        hosts.run().unwrap();
        let events = log.take();
        let read: Vec<_> = events.iter().filter_map(|event| event.split_once("read ")).map(|(_, read)| read).collect();
        pieces.extend(read.iter().map(|read| read.len() - 2));
        assert_eq!(read.concat().replace('"', ""), "0123456789", "{seed}");
    }
    assert_eq!(pieces, (0..=10).collect(), "all lengths occur");
}

#[test]
fn a_stream_is_complete_whatever_is_lost() {
    for seed in 0..300 {
        let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
        hosts.network().partial().packets(3).capacity(7).latency(MS..50 * MS).lose(0.1);
        actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept, read_to_end(), send("answer")]);
        actor(&hosts, &log, "client", [Act::Connect("server", 80), send("0123456789abcdef"), Act::Eof, read_to_end()]);
        hosts.run().unwrap_or_else(|raised| panic!("{seed}: {raised}\n{:?}", log.take()));
        let events = log.take();
        let has = |what: &str| events.iter().any(|event| event.ends_with(what));
        assert!(
            has("server read all: \"0123456789abcdef\"") && has("client read all: \"answer\""),
            "{seed} {events:?}"
        );
    }
}
