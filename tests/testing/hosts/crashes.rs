//! Crashes and restarts, and what the peers see.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Crash, Host, Hosts};
use innermost::{ByteWrite, CoroutineExt, EventLoop, Step, from_fn, sleep, yield_from};

use super::super::actors::{Act, Actor, MS, actor, naps, read_to_end, send};
use crate::support::events::Log;

/// Two hosts. The server crashes after 10 ms, and is restarted with the given acts after a minute.
fn run(crash: Crash, client: impl IntoIterator<Item = Act>, again: Vec<Act>) -> Vec<String> {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS);
    let server = actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept, Act::Read, Act::Read]);
    let client = actor(&hosts, &log, "client", client);
    let crashing = server.clone();
    hosts.call_later(10 * MS, move || crashing.crash(crash)).unwrap();
    let restarted = log.clone();
    let restart = move || {
        server.restart(move |interface| Ok(Actor::new(interface, &restarted, again.into()))).unwrap();
    };
    hosts.call_later(Duration::from_secs(60), restart).unwrap();
    hosts.run_until(&client).unwrap();
    log.take()
}

#[test]
fn a_killed_program_resets_its_connections() {
    let client = [Act::Connect("server", 80), send("hello"), Act::Read, Act::Connect("server", 80)];
    let events = run(Crash::Resets, client, Vec::new());
    assert_eq!(
        events[2..],
        [
            "3ms server accepted client",
            "3ms server read \"hello\"",
            "11ms client raised ConnectionReset",
            "13ms client raised ConnectionRefused"
        ]
    );
}

#[test]
fn a_machine_without_power_answers_nothing() {
    let client = [
        Act::Connect("server", 80),
        naps(20 * MS),
        Act::Connect("server", 80),
        naps(Duration::from_secs(100)),
        Act::Connect("server", 80),
    ];
    let events = run(Crash::Silent, client, Vec::new());
    assert_eq!(
        events,
        [
            "2ms client connected",
            "3ms server accepted client",
            // The attempts after 1, 3, 7, 15 and 31 seconds are in vain. After 63 seconds, the machine runs again.
            "63.024s client raised ConnectionRefused",
            "163.026s client raised ConnectionRefused",
        ]
    );
}

#[test]
fn a_restarted_machine_resets_old_connections_when_something_arrives() {
    let client =
        [Act::Connect("server", 80), naps(20 * MS), send("hello"), Act::Read, Act::Connect("server", 80), Act::Read];
    let events = run(Crash::Silent, client, vec![Act::Listen(80), Act::Accept, send("again")]);
    assert_eq!(
        events,
        [
            "2ms client connected",
            "3ms server accepted client",
            "22ms client sent",
            // Repeated for the ninth time 102.2 seconds after it was sent first.
            "102.224s client raised ConnectionReset",
            "102.226s client connected",
            "102.227s server accepted client",
            "102.227s server sent",
            "102.228s client read \"again\"",
        ]
    );
}

#[test]
fn a_peer_that_waits_for_room_notices_a_silent_crash() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS).capacity(5);
    let server = actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept, naps(Duration::from_secs(1))]);
    let client = actor(&hosts, &log, "client", [Act::Connect("server", 80), send("0123456789")]);
    hosts.run_for(10 * MS).unwrap();
    server.crash(Crash::Silent);
    hosts.run_until(&client).unwrap();
    assert_eq!(log.take().last().unwrap(), "924.626s client raised TimedOut");
}

#[test]
fn the_tasks_of_a_crashed_program_are_closed_and_reach_nobody() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    let tasks = log.clone();
    let server = hosts
        .host("server", move |interface| {
            let dropped = tasks.on_drop("dropped");
            let listener = interface.listen(80)?;
            let mut accepted = None;
            Ok(from_fn(move |mut sent| {
                dropped.keep();
                if let (Some(stream), Err(thrown)) = (&accepted, &sent) {
                    let stream: &innermost::testing::NetworkStream = stream;
                    tasks.add(format_args!("closed: {}", thrown.is_generator_exit()));
                    tasks.add(format_args!("{}", stream.attempt_send(b"goodbye").unwrap_err()));
                    tasks.add(format_args!("{}", interface.listen(81).unwrap_err()));
                }
                if accepted.is_none() {
                    accepted = Some(yield_from!(listener.accept(), sent)?);
                }
                yield_from!(innermost::ByteRead::recv(accepted.as_ref().unwrap(), &mut [0; 9]), sent)?;
                Ok(Step::Return(()))
            }))
        })
        .unwrap();
    let client = actor(&hosts, &log, "client", [Act::Connect("server", 80), naps(MS), read_to_end()]);
    hosts.call_later(MS / 2, move || server.crash(Crash::Resets)).unwrap();
    hosts.run_until(&client).unwrap();
    assert_eq!(
        log.take(),
        [
            "0ns client connected",
            "closed: true",
            "the host has crashed",
            "the host has crashed",
            "dropped",
            "1ms client raised ConnectionReset"
        ]
    );
}

#[test]
fn a_program_can_crash_its_own_host_and_restart_it() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    let slot = Rc::new(RefCell::new(None::<Host>));
    let (own, events) = (Rc::clone(&slot), log.clone());
    let first = move |_| {
        let dropped = events.on_drop("the first program ends");
        Ok(sleep(MS).then(move |()| {
            let host: Host = own.borrow().clone().expect("it is there");
            let second = events.clone();
            let time = || EventLoop::running().expect("it runs").time().since_zero();
            let again = move |_| Ok(sleep(MS).map(move |()| second.add(format_args!("second after {:?}", time()))));
            host.restart(again).expect("a descriptor is free");
            events.add("restarted");
            let never = EventLoop::running().expect("it runs").create_future::<()>();
            never.map(move |()| drop(dropped))
        }))
    };
    let host = hosts.host("host", first).unwrap();
    slot.replace(Some(host.clone()));
    hosts.run().unwrap();
    assert_eq!(log.take(), ["restarted", "the first program ends", "second after 2ms"]);
    assert_eq!(format!("{host:?}"), "Host(host, ended)");
    slot.take();
}

#[test]
fn dropping_a_simulation_drops_its_programs() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    let events = log.clone();
    let forever = move |interface: innermost::testing::Interface| {
        let (dropped, listener) = (events.on_drop("dropped"), interface.listen(80)?);
        Ok(from_fn(move |mut sent| {
            dropped.keep();
            drop(yield_from!(listener.accept(), sent)?);
            Ok(Step::Return(()))
        }))
    };
    hosts.host("server", forever).unwrap();
    hosts.run_for(MS).unwrap();
    drop(hosts);
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn connecting_to_a_host_that_crashes_meanwhile_succeeds_after_its_restart() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..=MS);
    let server = actor(&hosts, &log, "server", [Act::Listen(80), Act::Accept]);
    let client = actor(&hosts, &log, "client", [Act::Connect("server", 80), Act::Read]);
    // The attempt has arrived, and the answer is lost.
    hosts
        .call_later(MS / 2, {
            let link = hosts.network().link("server", "client");
            move || _ = link.cut()
        })
        .unwrap();
    hosts.run_for(10 * MS).unwrap();
    server.crash(Crash::Silent);
    hosts.network().heal();
    let again = log.clone();
    let acts = [Act::Listen(80), Act::Accept, send("hi")];
    server.restart(move |interface| Ok(Actor::new(interface, &again, acts.into()))).unwrap();
    hosts.run_until(&client).unwrap();
    assert_eq!(
        log.take(),
        ["1.002s client connected", "1.003s server accepted client", "1.003s server sent", "1.004s client read \"hi\""]
    );
}
