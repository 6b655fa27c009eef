//! A simulated network: hosts with names, connections with latency and faults, in virtual time.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`        | [`Network`], and [`Link`]: one direction between two hosts |
//! | `conditions.rs` | how well the network carries what is sent |
//! | `map.rs`        | the sites of the network, and the paths between them |
//! | `interface.rs`  | [`Interface`]: a host's access to it |
//! | `connect.rs`    | [`NetworkConnect`]: making a connection |
//! | `listener.rs`   | [`NetworkListener`]: accepting connections |
//! | `stream.rs`     | [`NetworkStream`]: a connection |
//! | `end.rs`        | one end of a connection |
//! | `datagrams.rs`  | [`NetworkSocket`]: datagrams |
//! | `ports.rs`      | who listens where |
//!
//! What is under way are timers of the loop that the network was made for. Nothing else happens by itself, and nothing is
//! decided but by the network's [`Decider`], so a run can be repeated.

use core::fmt;
use core::ops::RangeBounds;
use core::time::Duration;
use std::rc::Rc;

use super::decisions::{Decider, Seeded};
use crate::event_loop::LoopHandle;

mod conditions;
mod connect;
mod datagrams;
mod end;
mod interface;
mod listener;
mod map;
mod ports;
mod stream;

use self::conditions::{Conditions, Latency, checked, setters};
pub use self::connect::NetworkConnect;
use self::datagrams::Letterboxes;
pub use self::datagrams::NetworkSocket;
pub use self::interface::Interface;
use self::listener::Doors;
pub use self::listener::NetworkListener;
pub use self::map::Crash;
use self::map::{Map, Path};
pub use self::stream::NetworkStream;

/// A network in memory, in the virtual time of a loop. Clones are the same network.
///
/// Its streams and listeners implement the same traits as sockets: [`ByteRead`](crate::ByteRead),
/// [`ByteWrite`](crate::ByteWrite) and [`Acceptor`](crate::net::Acceptor). So a machine that is generic over its stream runs
/// here as it is. Without further settings, the network is perfect. The methods make it worse; so do those of a
/// [`Link`], for one direction between two hosts. Random decisions follow from the seed: the same seed gives the same events
/// in the same order.
///
/// All hosts can share one loop, as here. With [`Hosts`](crate::testing::Hosts), each has a loop of its own, and can crash.
///
/// ```
/// use innermost::server::GracefulServer;
/// use innermost::testing::{Network, virtual_loop};
/// use innermost::{ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// let network = Network::new(&event_loop, 7);
/// network.latency(Duration::from_millis(10)..=Duration::from_millis(10));
///
/// let server = GracefulServer::new(network.interface("server").listen(80)?, |stream, _stop| {
///     Ok(from_fn(move |mut sent| {
///         yield_from!(stream.send(b"hello"), sent)?;
///         Ok(Step::Return(()))
///     }))
/// });
/// let serving = event_loop.create_task(server)?;
/// let client = network.interface("client").connect("server", 80).then(|stream| {
///     let mut bytes = [0; 16];
///     from_fn(move |mut sent| yield_from!(stream.recv(&mut bytes), sent).map(Step::Return))
/// });
/// assert_eq!(event_loop.run_until_complete(client)?, 5);
/// // There and back to connect, there to be accepted, and back with the bytes.
/// assert_eq!(event_loop.time().since_zero(), Duration::from_millis(40));
/// # serving.cancel();
/// # assert!(event_loop.run_until_complete(serving).unwrap_err().is_cancelled());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Network {
    map: Rc<Map>,
    doors: Rc<Doors>,
    letterboxes: Rc<Letterboxes>,
}

impl Network {
    /// Creates a network whose time is that of `event_loop`, which also runs it. Random decisions follow from `seed`.
    pub fn new(event_loop: &LoopHandle, seed: u64) -> Self {
        Self::deciding(event_loop, Rc::new(Seeded::new(seed)))
    }

    pub(super) fn deciding(event_loop: &LoopHandle, decider: Rc<dyn Decider>) -> Self {
        Self { map: Map::new(event_loop.clone(), decider), doors: Rc::default(), letterboxes: Rc::default() }
    }

    /// Returns the interface of the host of that name. Creates the host if there is none.
    pub fn interface(&self, host: &str) -> Interface {
        Interface::new(&self.map, &self.doors, &self.letterboxes, host)
    }

    /// Returns the direction from one host to another, for settings of its own. A slow peer, for example, is one with little
    /// bandwidth.
    ///
    /// ```
    /// use innermost::testing::{Network, virtual_loop};
    ///
    /// let event_loop = virtual_loop()?;
    /// let network = Network::new(&event_loop, 7);
    /// network.bandwidth(10_000_000).link("server", "slow client").bandwidth(100);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn link(&self, from: &str, to: &str) -> Link {
        Link { path: self.path(from, to) }
    }

    /// Cuts the network between each host of `some` and each of `others`, in both directions. What is under way does not
    /// arrive. The senders of streams repeat it, as after a [loss](Self::lose).
    pub fn partition<A: AsRef<str>, B: AsRef<str>>(
        &self,
        some: impl IntoIterator<Item = A>,
        others: impl IntoIterator<Item = B>,
    ) -> &Self {
        let others: Vec<B> = others.into_iter().collect();
        for one in some {
            for other in &others {
                self.path(one.as_ref(), other.as_ref()).is_cut.set(true);
                self.path(other.as_ref(), one.as_ref()).is_cut.set(true);
            }
        }
        self
    }

    /// Repairs everything that [`partition`](Self::partition) and [`Link::cut`] have cut.
    pub fn heal(&self) -> &Self {
        self.map.heal();
        self
    }

    setters!();

    fn conditions(&self) -> &Conditions {
        &self.map.everywhere
    }

    fn path(&self, from: &str, to: &str) -> Rc<Path> {
        self.map.path(&self.map.site(from), &self.map.site(to))
    }
}

/// One direction between two hosts of a simulated network. Made by [`Network::link`]. What is set here replaces what is set
/// for the whole network.
#[derive(Clone)]
pub struct Link {
    path: Rc<Path>,
}

impl Link {
    /// Cuts this direction alone: what is sent does not arrive, and what is sent the other way does.
    pub fn cut(&self) -> &Self {
        self.path.is_cut.set(true);
        self
    }

    /// Repairs this direction.
    pub fn mend(&self) -> &Self {
        self.path.is_cut.set(false);
        self
    }

    setters!();

    fn conditions(&self) -> &Conditions {
        &self.path.conditions
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("hosts", &self.map.names()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link(to {}{})", self.path.to.name, if self.path.is_cut.get() { ", cut" } else { "" })
    }
}
