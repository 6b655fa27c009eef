//! The memory of connections.

use std::rc::Rc;

use innermost::testing::{memory_pair, virtual_loop};
use innermost::tls::TlsStream;
use innermost::{EventLoop, UnixStream};

use crate::counting;
use crate::identities::both;
use crate::machines::{bytes, exchange, hear_exactly, say, secure};
use crate::support::loops::new_loop;

type Secured = Rc<TlsStream<UnixStream>>;

/// Idle connections, in which each end waits for bytes.
fn idle(event_loop: &EventLoop, count: usize) -> Vec<(Secured, Secured)> {
    let pair = || UnixStream::pair().expect("descriptors are free");
    let both = both();
    let connections: Vec<_> = (0..count).map(|_| secure(event_loop, pair(), &both)).collect();
    for (client, server) in &connections {
        for (from, to) in [(client, server), (server, client)] {
            event_loop.run_until_complete(say(from, &bytes(1000))).unwrap();
            event_loop.run_until_complete(hear_exactly(to, 1000)).unwrap();
        }
    }
    connections
}

#[test]
fn an_idle_end_holds_few_kilobytes() {
    let event_loop = new_loop();
    let connections = idle(&event_loop, 100);
    let (clients, servers): (Vec<_>, Vec<_>) = connections.into_iter().unzip();
    for (name, ends, most) in [("client", clients, 5000), ("server", servers, 4500)] {
        let before = counting::bytes();
        drop(ends);
        let each = (before - counting::bytes()) / 100;
        println!("{name}: {each} bytes");
        assert!(each < most, "{name}: {each} bytes");
    }
}

#[test]
fn a_connection_leaves_nothing() {
    let event_loop = virtual_loop().unwrap();
    let both = both();
    let talk = || {
        let (client, server) = secure(&event_loop, memory_pair(), &both);
        exchange(&event_loop, &client, &server, &bytes(10_000));
    };
    (0..300).for_each(|_| talk());
    let before = counting::alive();
    (0..100).for_each(|_| talk());
    let left = counting::alive() - before;
    assert!(left < 50, "{left} allocations are left");
}
