//! Hosts that follow a list of acts, and record what comes of each.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use innermost::testing::{Hosts, Interface, NetworkConnect, NetworkListener, NetworkStream};
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Resumed, Sleep, Step, sleep, yield_from,
};

use crate::support::events::Log;

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) enum Act {
    Listen(u16),
    Accept,
    Connect(&'static str, u16),
    Connecting(NetworkConnect),
    Send(Vec<u8>),
    /// Reads what there is.
    Read,
    ReadToEnd(Buffer),
    Eof,
    Sleep(Sleep),
    Abort,
    Close,
    CloseListener,
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

pub(crate) fn naps(time: Duration) -> Act {
    Act::Sleep(sleep(time))
}

pub(crate) fn read_to_end() -> Act {
    Act::ReadToEnd(Buffer::new())
}

/// Adds a host that does one act after the other, even if one fails.
pub(crate) fn actor(
    hosts: &Hosts,
    log: &Log,
    name: &str,
    acts: impl IntoIterator<Item = Act>,
) -> innermost::testing::Host {
    let (log, acts) = (log.clone(), acts.into_iter().collect());
    hosts.host(name, move |interface| Ok(Actor::new(interface, &log, acts))).expect("the name is new")
}

pub(crate) struct Actor {
    interface: Interface,
    log: Log,
    acts: VecDeque<Act>,
    listener: Option<NetworkListener>,
    stream: Option<NetworkStream>,
}

impl Actor {
    pub(crate) fn new(interface: Interface, log: &Log, acts: VecDeque<Act>) -> Self {
        Self { interface, log: log.clone(), acts, listener: None, stream: None }
    }

    fn note(&self, what: impl std::fmt::Display) {
        let time = EventLoop::running().expect("it runs").time().since_zero();
        self.log.add(format_args!("{time:?} {} {what}", self.interface.name()));
    }

    /// What came of the current act.
    fn act(&mut self, sent: &mut Result<(), Exception>) -> Result<Step<Await, (), Option<String>>, Exception> {
        std::mem::replace(sent, Ok(()))?;
        let mut sent = Ok(());
        let stream =
            || self.stream.as_ref().ok_or_else(|| Exception::from(io::Error::from(io::ErrorKind::NotConnected)));
        let text = match &mut self.acts[0] {
            Act::Listen(port) => {
                self.listener = Some(self.interface.listen(*port)?);
                None
            }
            Act::Accept => {
                let listener = self.listener.as_ref().expect("it listens");
                let accepted = yield_from!(listener.accept(), sent)?;
                let text = format!("accepted {}", accepted.peer());
                self.stream = Some(accepted);
                Some(text)
            }
            Act::Connect(host, port) => {
                self.acts[0] = Act::Connecting(self.interface.connect(*host, *port));
                return self.act(&mut sent);
            }
            Act::Connecting(connecting) => {
                self.stream = Some(yield_from!(connecting, sent)?);
                Some("connected".into())
            }
            Act::Send(bytes) => {
                while !bytes.is_empty() {
                    let count = yield_from!(stream()?.send(bytes), sent)?;
                    bytes.drain(..count);
                }
                Some("sent".into())
            }
            Act::Read => {
                let mut bytes = [0; 4096];
                let count = yield_from!(stream()?.recv(&mut bytes), sent)?;
                Some(format!("read {}", shown(&bytes[..count])))
            }
            Act::ReadToEnd(buffer) => {
                while yield_from!(stream()?.read(buffer), sent)? > 0 {}
                Some(format!("read all: {}", shown(buffer.bytes())))
            }
            Act::Eof => {
                yield_from!(stream()?.write_eof(), sent)?;
                None
            }
            Act::Sleep(nap) => {
                yield_from!(nap, sent)?;
                None
            }
            Act::Abort => {
                stream()?.abort();
                None
            }
            Act::Close => {
                self.stream = None;
                None
            }
            Act::CloseListener => {
                self.listener = None;
                None
            }
        };
        Ok(Step::Return(text))
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 20 { format!("{} bytes", bytes.len()) } else { format!("{:?}", String::from_utf8_lossy(bytes)) }
}

impl Coroutine for Actor {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while !self.acts.is_empty() {
            match self.act(&mut sent) {
                Ok(Step::Return(Some(text))) => self.note(text),
                Ok(Step::Return(None)) => {}
                Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
                Err(raised) => match raised.downcast_ref::<io::Error>() {
                    Some(error) => self.note(format_args!("raised {:?}", error.kind())),
                    None => return Err(raised),
                },
            }
            self.acts.pop_front();
        }
        Ok(Step::Return(()))
    }
}
