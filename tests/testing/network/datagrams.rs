//! Datagrams are lost, come twice, and overtake each other.

use std::collections::BTreeSet;

use innermost::testing::{Crash, Hosts, Interface};
use innermost::{Awaitable, Step, from_fn, yield_from};

use super::super::actors::MS;
use crate::support::events::Log;

/// Sends ten datagrams to a host.
fn sends(interface: &Interface, to: &Interface) -> std::io::Result<impl Awaitable<Return = ()> + use<>> {
    let (socket, address, mut number) = (interface.datagrams(0)?, (to.address(), 53).into(), 0_u8);
    Ok(from_fn(move |mut sent| {
        while number < 10 {
            yield_from!(socket.send_to(&[number], address), sent)?;
            number += 1;
        }
        Ok(Step::Return(()))
    }))
}

/// The numbers of the datagrams that arrive, in order.
fn received(seed: u64, prepare: impl FnOnce(&Hosts)) -> String {
    let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
    prepare(&hosts);
    let events = log.clone();
    let receiver = hosts.host("receiver", move |interface| {
        let socket = interface.datagrams(53)?;
        Ok(from_fn(move |mut sent| {
            loop {
                let mut bytes = [0; 8];
                let (length, from) = yield_from!(socket.recv_from(&mut bytes), sent)?;
                assert_eq!((length, from.ip().to_string().as_str()), (1, "10.0.0.2"));
                events.add(bytes[0]);
            }
            #[expect(unreachable_code, reason = "gives the type")]
            Ok(Step::Return(()))
        }))
    });
    let to = receiver.unwrap().interface().clone();
    hosts.run_for(MS).unwrap();
    hosts.host("sender", move |interface| Ok(sends(&interface, &to)?)).unwrap();
    hosts.run_for(1000 * MS).unwrap();
    log.take().concat()
}

#[test]
fn a_perfect_network_delivers_each_datagram_once_and_in_order() {
    assert_eq!(received(1, |hosts| _ = hosts.network().latency(MS..=MS)), "0123456789");
}

#[test]
fn datagrams_come_twice_if_the_network_duplicates_them() {
    assert_eq!(received(1, |hosts| _ = hosts.network().duplicate(1.0)), "00112233445566778899");
}

#[test]
fn datagrams_overtake_each_other_and_are_lost() {
    let seen: BTreeSet<String> = (0..50)
        .map(|seed| received(seed, |hosts| _ = hosts.network().latency(MS..9 * MS).lose(0.2).duplicate(0.1)))
        .collect();
    assert!(seen.len() > 45);
    assert!(seen.iter().any(|numbers| numbers.len() < 10), "some are lost");
    assert!(seen.iter().any(|numbers| !numbers.as_bytes().is_sorted()), "some overtake others");
}

#[test]
fn nobody_is_told_of_datagrams_that_nobody_receives() {
    assert_eq!(received(1, |hosts| _ = hosts.network().partition(["sender"], ["receiver"])), "");
    let hosts = Hosts::new(1).unwrap();
    let deaf = hosts.network().interface("deaf");
    let sender = hosts.host("sender", move |interface| Ok(sends(&interface, &deaf)?)).unwrap();
    hosts.run().unwrap();
    assert!(!sender.is_running());
}

#[test]
fn a_crash_frees_the_ports_of_sockets() {
    let hosts = Hosts::new(1).unwrap();
    let host = hosts.host("host", |interface| Ok(sends(&interface, &interface)?)).unwrap();
    let kept = host.interface().datagrams(53).unwrap();
    assert_eq!(host.interface().datagrams(53).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    host.crash(Crash::Resets);
    assert_eq!(host.interface().datagrams(53).unwrap_err().kind(), std::io::ErrorKind::NetworkDown);
    host.restart(|interface| Ok(sends(&interface, &interface)?)).unwrap();
    let again = host.interface().datagrams(53).unwrap();
    drop(kept);
    assert_eq!(host.interface().datagrams(53).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(format!("{again:?}"), "host:53 socket(0 datagrams arrived)");
}
