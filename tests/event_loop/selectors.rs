//! Every selector of this machine (E19). `signals.rs` tests that a signal ends a wait. A closed descriptor or a closed
//! selector cannot occur: a selector borrows the descriptors it is given, and closes itself when it is dropped.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use innermost::selector::{Direction, Readiness, SelectorToken};

use crate::support::interfaces::with_every_selector;

// E19
#[test]
fn a_descriptor_is_registered_and_deregistered_once() {
    with_every_selector(|selector| {
        let (stream, _peer) = UnixStream::pair().unwrap();
        selector.register(stream.as_fd(), SelectorToken(1)).unwrap();
        let twice = selector.register(stream.as_fd(), SelectorToken(2)).unwrap_err();
        assert_eq!(twice.kind(), io::ErrorKind::AlreadyExists);
        selector.deregister(stream.as_fd()).unwrap();
        assert_eq!(selector.deregister(stream.as_fd()).unwrap_err().kind(), io::ErrorKind::NotFound);
        selector.register(stream.as_fd(), SelectorToken(3)).unwrap();
        let mut events = Vec::new();
        selector.select(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), [SelectorToken(3)]);
    });
}

// E19
#[test]
fn a_hangup_wakes_both_directions() {
    with_every_selector(|selector| {
        let (stream, peer) = UnixStream::pair().unwrap();
        selector.register(stream.as_fd(), SelectorToken(1)).unwrap();
        let mut events = Vec::new();
        selector.select(&mut events, Some(Duration::ZERO)).unwrap();
        events.clear();
        drop(peer);
        selector.select(&mut events, None).unwrap();
        let readiness = events.iter().fold(Readiness::NONE, |all, event| all | event.readiness);
        for direction in [Direction::Read, Direction::Write] {
            assert!(readiness.intersects(Readiness::of(direction)), "{readiness:?}");
        }
    });
}

// E19
#[test]
fn a_wait_is_never_shorter_than_asked_for() {
    with_every_selector(|selector| {
        for micros in [1, 100, 999, 1001, 1500] {
            let (timeout, started) = (Duration::from_micros(micros), Instant::now());
            selector.select(&mut Vec::new(), Some(timeout)).unwrap();
            assert!(started.elapsed() >= timeout);
        }
    });
}
