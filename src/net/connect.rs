//! [`connect`](fn@connect): connecting to a host by its name.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;

use socket2::Socket;

use super::tcp::ConnectingTcp;
use super::{HappyEyeballs, Stream, TcpStream, happy_eyeballs};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::Registered;
use crate::resolver::{Addresses, Find, Side, SocketType, interleave};
use crate::task::Await;
use crate::yield_from;

/// Connects to a host and a port. Looks up the addresses of the host, and tries them with
/// [`happy_eyeballs`](fn@happy_eyeballs). If you have an address already, use [`TcpStream::connect`].
///
/// Several hosts or addresses make a longer list. Both families take turns. If an address has not answered after 250 ms,
/// the next one is tried beside it, as RFC 8305 recommends. To limit the total time, use
/// [`timeout`](fn@crate::wait::timeout).
///
/// ```
/// use innermost::wait::timeout;
/// use innermost::{EventLoop, TcpListener, connect};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// let connecting = timeout(connect(("localhost", address.port())), Duration::from_secs(5));
/// let stream = event_loop.run_until_complete(connecting)?;
/// assert_eq!(stream.peer_addr()?, address);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Raises the errors of [`getaddrinfo`](crate::LoopHandle::getaddrinfo); a [`ConnectError`](super::ConnectError) with each
/// address and its error; and `ValueError` if there is no address.
pub fn connect(to: impl Into<Addresses>) -> ConnectTo {
    ConnectTo(Connecting::new(to.into(), Some(DELAY)))
}

/// RFC 8305, section 5.
const DELAY: Duration = Duration::from_millis(250);

/// The coroutine returned by [`connect`](fn@connect). Its methods set options before it is awaited. If it is dropped before
/// its end, it closes every socket that it has begun to connect.
#[must_use = "connecting does nothing until it is awaited"]
pub struct ConnectTo(Connecting<std::net::TcpStream>);

impl ConnectTo {
    /// Tries the next address after `delay` without an answer, beside the ones before. With `None`, asyncio's default, the
    /// next address is tried only once the one before has failed. Has no effect once the coroutine has started.
    pub fn happy_eyeballs_delay(mut self, delay: Option<Duration>) -> Self {
        self.0.set_delay(delay);
        self
    }

    /// Sets how many addresses of the first family are tried before the first address of the other family. Zero keeps the
    /// order of the look-up. The default is one if there is a delay, and zero otherwise.
    pub fn interleave(mut self, first_family_count: usize) -> Self {
        self.0.set_interleave(first_family_count);
        self
    }

    /// Connects from an address of this machine: a host, which is looked up, and a port, or port 0 for any.
    pub fn local_addr(mut self, local: impl Into<Addresses>) -> Self {
        self.0.set_local(local.into());
        self
    }
}

impl Coroutine for ConnectTo {
    type Yield = Await;
    type Input = ();
    type Return = TcpStream;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match self.0.resume(sent)? {
            Step::Return(stream) => Step::Return(Stream(stream)),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn state(&self) -> State<'_> {
        self.0.state()
    }
}

impl fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Looks up addresses, and connects a socket, which becomes an `S`, to one of them.
pub(crate) struct Connecting<S: AsFd + From<Socket> + 'static>(Phase<S>);

enum Phase<S: AsFd + From<Socket> + 'static> {
    Created(Addresses, Options),
    Resolving(Find, Options),
    ResolvingLocal(Find, Vec<SocketAddr>, Options),
    Connecting(HappyEyeballs<Connector<S>, ConnectingTcp<S>>),
    Over,
}

type Connector<S> = Box<dyn FnMut(SocketAddr) -> ConnectingTcp<S>>;

struct Options {
    local: Option<Addresses>,
    delay: Option<Duration>,
    first_family_count: Option<usize>,
}

impl<S: AsFd + From<Socket> + 'static> Connecting<S> {
    pub(crate) fn new(to: Addresses, delay: Option<Duration>) -> Self {
        Self(Phase::Created(to, Options { local: None, delay, first_family_count: None }))
    }

    pub(crate) fn set_delay(&mut self, delay: Option<Duration>) {
        self.change(|options| options.delay = delay);
    }

    pub(crate) fn set_interleave(&mut self, first_family_count: usize) {
        self.change(|options| options.first_family_count = Some(first_family_count));
    }

    pub(crate) fn set_local(&mut self, local: Addresses) {
        self.change(|options| options.local = Some(local));
    }

    fn change(&mut self, change: impl FnOnce(&mut Options)) {
        if let Phase::Created(_, options) = &mut self.0 {
            change(options);
        }
    }
}

impl<S: AsFd + From<Socket> + 'static> Coroutine for Connecting<S> {
    type Yield = Await;
    type Input = ();
    type Return = Registered<S>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.0 {
                Phase::Created(..) => {
                    take_sent(&mut sent)?;
                    if let Phase::Created(to, options) = mem::replace(&mut self.0, Phase::Over) {
                        self.0 = Phase::Resolving(Find::new(to, SocketType::Stream, Side::Remote), options);
                    }
                }
                Phase::Resolving(find, _) => {
                    let found = yield_from!(find, sent)?.concat();
                    if let Phase::Resolving(_, mut options) = mem::replace(&mut self.0, Phase::Over) {
                        self.0 = match options.local.take() {
                            Some(local) => {
                                let find = Find::new(local, SocketType::Stream, Side::Local);
                                Phase::ResolvingLocal(find, found, options)
                            }
                            None => Phase::Connecting(start(found, None, &options)),
                        };
                    }
                }
                Phase::ResolvingLocal(find, ..) => {
                    let local = yield_from!(find, sent)?.concat();
                    if let Phase::ResolvingLocal(_, found, options) = mem::replace(&mut self.0, Phase::Over) {
                        self.0 = Phase::Connecting(start(found, Some(local.into()), &options));
                    }
                }
                Phase::Connecting(connecting) => {
                    let connected = yield_from!(connecting, sent);
                    self.0 = Phase::Over;
                    return connected.map(Step::Return);
                }
                Phase::Over => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("connect", self);
        match &self.0 {
            Phase::Resolving(find, _) | Phase::ResolvingLocal(find, ..) => own.delegating_to(find.state()),
            Phase::Connecting(connecting) => own.delegating_to(connecting.state()),
            Phase::Created(..) | Phase::Over => own,
        }
    }
}

fn start<S: AsFd + From<Socket> + 'static>(
    found: Vec<SocketAddr>,
    local: Option<Rc<[SocketAddr]>>,
    options: &Options,
) -> HappyEyeballs<Connector<S>, ConnectingTcp<S>> {
    let first_family_count = options.first_family_count.unwrap_or(usize::from(options.delay.is_some()));
    let addresses = interleave(found, first_family_count);
    let connector: Connector<S> = Box::new(move |address| ConnectingTcp::new(address, local.clone()));
    happy_eyeballs(addresses, options.delay, connector)
}

impl<S: AsFd + From<Socket> + 'static> fmt::Debug for Connecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Created(to, _) => write!(f, "connect({to})"),
            Phase::Resolving(find, _) | Phase::ResolvingLocal(find, ..) => write!(f, "connect({find:?})"),
            Phase::Connecting(connecting) => connecting.fmt(f),
            Phase::Over => f.write_str("connect(over)"),
        }
    }
}
