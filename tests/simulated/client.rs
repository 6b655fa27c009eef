//! A client that asks one question after another. When its connection is lost, it connects again.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Interface, NetworkConnect, NetworkStream};
use innermost::wait::{Limit, Race, Won};
use innermost::{Buffer, ByteRead, ByteWrite, Exception, Kind, Machine, Running, Sleep, machine, sleep, yield_from};

/// How long a client waits for a server that does nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a client waits before it connects again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a client says, and what it expects.
pub(crate) trait Script {
    /// The next request. `None` ends the client.
    fn request(&mut self) -> Option<Vec<u8>>;

    /// Checks the answer to the last request. Returns its length, or `None` until all of it has come.
    fn answer(&mut self, bytes: &[u8]) -> Option<usize>;

    /// The connection was lost, and with it perhaps the answer to the last request. The next one goes over another.
    fn lost(&mut self);
}

pub(crate) struct Client<S> {
    interface: Interface,
    port: u16,
    script: S,
    stream: Option<NetworkStream>,
    incoming: Buffer,
    outgoing: Buffer,
    race: Race,
    limit: Limit,
    losses: Rc<Cell<u32>>,
}

machine!(
    impl<S: Script> Machine for Client<S> {
        pub(crate) type State = Phase;

        fn Connecting(&mut self, sent: Sent, connecting: &mut NetworkConnect) -> Next<Asking> {
            self.stream = Some(yield_from!(connecting, sent)?);
            to(Asking)
        }

        fn Asking(&mut self) -> Next<Talking, End> {
            let Some(request) = self.script.request() else { return end(()) };
            self.outgoing = Buffer::from(request);
            to(Talking)
        }

        /// Reads while it writes: the server may answer the beginning of a long request.
        fn Talking(&mut self, sent: Sent) -> Next<Asking> {
            if sent.is_ok()
                && self.outgoing.is_empty()
                && let Some(length) = self.script.answer(self.incoming.bytes())
            {
                self.incoming.consume(length);
                return to(Asking);
            }
            let stream = self.stream.as_ref().expect("it is connected");
            let write = (!self.outgoing.is_empty()).then(|| stream.write_all(&mut self.outgoing));
            let both = self.race.run((write, stream.read(&mut self.incoming)));
            match yield_from!(self.limit.run(both), sent)? {
                Won::B(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => stay(),
            }
        }

        fn Resting(&mut self, sent: Sent, pause: &mut Sleep) -> Next<Connecting> {
            yield_from!(pause, sent)?;
            to(Connecting(self.interface.connect("server", self.port)))
        }

        fn raised(&mut self, raised: Exception) -> Next<Resting> {
            if raised.downcast_ref::<io::Error>().is_none() && raised.kind() != Kind::TimeoutError {
                return Err(raised);
            }
            self.losses.set(self.losses.get() + 1);
            self.stream = None;
            (self.incoming, self.outgoing) = (Buffer::new(), Buffer::new());
            self.script.lost();
            to(Resting(sleep(PAUSE)))
        }
    }
);

impl<S: Script> Client<S> {
    /// Counts in `losses` how often a connection was lost.
    pub(crate) fn new(interface: Interface, port: u16, script: S, losses: &Rc<Cell<u32>>) -> Running<Self> {
        let (stream, race, limit, losses) = (None, Race::new(), Limit::new(PATIENCE), Rc::clone(losses));
        let (incoming, outgoing) = (Buffer::new(), Buffer::new());
        let connecting = interface.connect("server", port);
        Self { interface, port, script, stream, incoming, outgoing, race, limit, losses }
            .start(Phase::Connecting(connecting))
    }
}
