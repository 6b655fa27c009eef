//! Connecting to a name.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::boxed::Box;
use std::net::SocketAddr;
use std::rc::Rc;
use std::vec::Vec;

use super::{Connect, HappyEyeballs, TcpStream, happy_eyeballs};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::running;
use crate::resolver::{AddrInfo, GetAddrInfo, Protocol, Query, SocketType, interleave};
use crate::task::Await;
use crate::yield_from;

/// Connects to a host and a port: looks the addresses up, and tries them as [`happy_eyeballs`](fn@happy_eyeballs) does.
/// [`TcpStream::connect`] is for who has the address. What asyncio does in `create_connection` and `open_connection`
/// before there is a transport.
///
/// Both families take turns, and an address that has not answered after 250 ms has the next one tried beside it, as RFC
/// 8305 recommends. An overall time limit is [`timeout`](fn@crate::wait::timeout)'s.
///
/// ```
/// use innermost::wait::timeout;
/// use innermost::{EventLoop, TcpListener, connect};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// let connecting = timeout(Duration::from_secs(5), connect(("localhost", address.port())));
/// let stream = event_loop.run_until_complete(connecting)?;
/// assert_eq!(stream.peer_addr()?, address);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When it is resumed: what [`getaddrinfo`](crate::LoopHandle::getaddrinfo) raises; a
/// [`ConnectError`](super::ConnectError) that has each address and what it failed with; `CancelledError`.
pub fn connect(to: impl Into<Query>) -> ConnectTo {
    let options = Options { local: None, delay: Some(DELAY), first_family_count: 1 };
    ConnectTo(Phase::Created(to.into(), options))
}

/// RFC 8305, section 5.
const DELAY: Duration = Duration::from_millis(250);

/// What [`connect`](fn@connect) makes. Dropped in the middle, it closes every socket that it has begun to connect.
#[must_use = "connecting does nothing until it is delegated to"]
pub struct ConnectTo(Phase);

enum Phase {
    Created(Query, Options),
    Resolving(GetAddrInfo, Options),
    ResolvingLocal(GetAddrInfo, Vec<AddrInfo>, Options),
    Connecting(HappyEyeballs<Connector, Connect>),
    Over,
}

type Connector = Box<dyn FnMut(SocketAddr) -> Connect>;

struct Options {
    local: Option<Query>,
    delay: Option<Duration>,
    first_family_count: usize,
}

impl ConnectTo {
    /// After how long without an answer the next address is tried as well; `None` tries it when the one before has
    /// failed, and not earlier: what asyncio does unless it is told otherwise. It says nothing once that is under way.
    pub fn happy_eyeballs_delay(self, delay: Option<Duration>) -> Self {
        self.with(|options| options.delay = delay)
    }

    /// How many addresses of the first family are tried before the first of the other; zero leaves the order as the
    /// look-up has given it.
    pub fn interleave(self, first_family_count: usize) -> Self {
        self.with(|options| options.first_family_count = first_family_count)
    }

    /// From which address of this machine: a host, which is looked up as well, and a port, or zero for any.
    pub fn local_addr(self, local: impl Into<Query>) -> Self {
        self.with(|options| options.local = Some(local.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        if let Phase::Created(_, options) = &mut self.0 {
            change(options);
        }
        self
    }
}

impl Coroutine for ConnectTo {
    type Yield = Await;
    type Input = ();
    type Return = TcpStream;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.0 {
                Phase::Created(..) => {
                    take_sent(&mut sent)?;
                    if let Phase::Created(to, options) = mem::replace(&mut self.0, Phase::Over) {
                        self.0 = Phase::Resolving(look_up(to)?, options);
                    }
                }
                Phase::Resolving(lookup, _) => {
                    let found = yield_from!(lookup, sent)?;
                    if let Phase::Resolving(_, mut options) = mem::replace(&mut self.0, Phase::Over) {
                        self.0 = match options.local.take() {
                            Some(local) => Phase::ResolvingLocal(look_up(local)?, found, options),
                            None => Phase::Connecting(start(&found, None, &options)),
                        };
                    }
                }
                Phase::ResolvingLocal(lookup, ..) => {
                    let local = yield_from!(lookup, sent)?;
                    if let Phase::ResolvingLocal(_, found, options) = mem::replace(&mut self.0, Phase::Over) {
                        let local = local.iter().map(|local| local.address).collect();
                        self.0 = Phase::Connecting(start(&found, Some(local), &options));
                    }
                }
                Phase::Connecting(connecting) => {
                    let connected = yield_from!(connecting, sent);
                    self.0 = Phase::Over;
                    return connected.map(Step::Return);
                }
                Phase::Over => return Err(Exception::runtime("cannot reuse already awaited coroutine")),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.0 {
            Phase::Resolving(lookup, _) | Phase::ResolvingLocal(lookup, ..) => {
                State::new("connect", self).delegating_to(lookup.state())
            }
            Phase::Connecting(connecting) => State::new("connect", self).delegating_to(connecting.state()),
            Phase::Created(..) | Phase::Over => State::new("connect", self),
        }
    }
}

fn look_up(query: Query) -> Result<GetAddrInfo, Exception> {
    Ok(running()?.getaddrinfo(query.socket_type(SocketType::Stream).protocol(Protocol::Tcp)))
}

fn start(found: &[AddrInfo], local: Option<Rc<[SocketAddr]>>, options: &Options) -> HappyEyeballs<Connector, Connect> {
    let addresses = interleave(found.iter().map(|found| found.address), options.first_family_count);
    let connector: Connector = Box::new(move |address| match &local {
        Some(local) => TcpStream::connect(address).bound_to_one_of(Rc::clone(local)),
        None => TcpStream::connect(address),
    });
    happy_eyeballs(addresses, options.delay, connector)
}

impl fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Created(to, _) => write!(f, "connect({to})"),
            Phase::Resolving(..) => f.write_str("connect(looking up)"),
            Phase::ResolvingLocal(..) => f.write_str("connect(looking the local address up)"),
            Phase::Connecting(connecting) => connecting.fmt(f),
            Phase::Over => f.write_str("connect(over)"),
        }
    }
}
