//! `GracefulServer`: accepting, stopping, failing, in virtual time where that is possible.

mod cancelling;
mod failures;
mod limits;
mod stopping;
mod transports;

use std::fmt::Display;
use std::time::Duration;

use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{MemoryConnector, MemoryStream, memory_listener};
use innermost::wait::{Race, Won};
use innermost::{Awaitable, Buffer, ByteRead, EventLoop, Exception, Machine, Step, from_fn, machine, yield_from};

use crate::support::events::Log;

/// How a connection of these tests ends.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// When the server stops, or the peer has left.
    Looks,
    /// When the peer has left.
    Ignores,
    /// It is cancelled, and then goes on until the peer leaves.
    Survives,
}

/// A connection that says what happens to it.
struct Client {
    name: usize,
    stream: MemoryStream,
    incoming: Buffer,
    stop: StopToken,
    race: Race,
    manner: Manner,
    log: Log,
}

machine!(
    impl Machine for Client {
        type State = Phase;

        fn Begun(&mut self) -> Next<Reading> {
            tell(&self.log, format_args!("{} begins", self.name));
            to(Reading)
        }

        fn Reading(&mut self, sent: Sent) -> Next<End> {
            let looks = self.manner == Manner::Looks;
            let racers = (self.stream.read(&mut self.incoming), looks.then(|| self.stop.wait()));
            match yield_from!(self.race.run(racers), sent)? {
                Won::A(0) => tell(&self.log, format_args!("{} is left", self.name)),
                Won::A(_) => return stay(),
                Won::B(()) => tell(&self.log, format_args!("{} stops", self.name)),
            }
            end(())
        }

        fn thrown(&mut self, _phase: &mut Phase, thrown: Exception) -> Next {
            tell(&self.log, format_args!("{} gets {thrown}", self.name));
            if self.manner == Manner::Survives { stay() } else { Err(thrown) }
        }
    }
);

impl Drop for Client {
    fn drop(&mut self) {
        tell(&self.log, format_args!("{} is dropped", self.name));
    }
}

/// A server in memory whose connections end like this, one after the other; the last is repeated.
fn server(log: &Log, manners: &'static [Manner]) -> (GracefulServer, MemoryConnector) {
    let (listener, connector) = memory_listener();
    let (log, mut name) = (log.clone(), 0);
    let server = GracefulServer::new(listener, move |stream, stop| {
        let manner = manners[name.min(manners.len() - 1)];
        name += 1;
        let (incoming, race, log) = (Buffer::new(), Race::new(), log.clone());
        Ok(Client { name, stream, incoming, stop, race, manner, log }.start(Phase::Begun))
    });
    (server, connector)
}

/// Calls `function` when the clock shows `seconds`.
fn at(event_loop: &EventLoop, seconds: u64, function: impl FnOnce() + 'static) {
    event_loop.call_later(Duration::from_secs(seconds), function).expect("it is open");
}

/// Adds an entry with the second in which it happens.
fn tell(log: &Log, entry: impl Display) {
    match EventLoop::running() {
        Ok(event_loop) => log.add(format_args!("{}: {entry}", event_loop.time().since_zero().as_secs())),
        Err(_) => log.add(entry),
    }
}

/// Runs a server, and tells how it ended.
fn run(event_loop: &EventLoop, log: &Log, server: impl Awaitable<Return = ()> + 'static) {
    let (log, mut server) = (log.clone(), server);
    let telling = from_fn(move |mut sent| {
        match yield_from!(server, sent) {
            Ok(()) => tell(&log, "over"),
            Err(raised) => tell(&log, format_args!("raised {raised}")),
        }
        Ok(Step::Return(()))
    });
    event_loop.run_until_complete(telling).expect("it raises nothing");
}
