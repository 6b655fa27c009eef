//! [`Interface`]: a host's access to the simulated network.

use core::fmt;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use super::connect::{NetworkConnect, Order};
use super::datagrams::{Letterboxes, NetworkSocket};
use super::listener::{Doors, NetworkListener};
use super::map::{Crash, Map, Site};

/// A host's access to a simulated network: it listens and connects. Made by [`Network::interface`](super::Network::interface)
/// and given to the main function of a [`Host`](crate::testing::Host). Clones belong to the same host.
#[derive(Clone)]
pub struct Interface {
    map: Rc<Map>,
    doors: Rc<Doors>,
    letterboxes: Rc<Letterboxes>,
    site: Rc<Site>,
}

impl Interface {
    pub(super) fn new(map: &Rc<Map>, doors: &Rc<Doors>, letterboxes: &Rc<Letterboxes>, name: &str) -> Self {
        let site = map.site(name);
        site.exists.set(true);
        let (map, doors, letterboxes) = (Rc::clone(map), Rc::clone(doors), Rc::clone(letterboxes));
        Self { map, doors, letterboxes, site }
    }

    /// Returns the name of the host.
    pub fn name(&self) -> &str {
        &self.site.name
    }

    /// Returns the address of the host: 10.0.0.1 for the first one.
    pub fn address(&self) -> IpAddr {
        self.site.address()
    }

    /// Listens at a port of this host. Port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// Returns `AddrInUse` if another listener has the port, and `NetworkDown` after the host has crashed.
    pub fn listen(&self, port: u16) -> io::Result<NetworkListener> {
        NetworkListener::open(&self.map, &self.doors, &self.site, port)
    }

    /// Opens a socket for datagrams at a port of this host. Port 0 picks a free one. [`NetworkSocket`] has an example.
    ///
    /// # Errors
    ///
    /// Returns `AddrInUse` if another socket has the port, and `NetworkDown` after the host has crashed.
    pub fn datagrams(&self, port: u16) -> io::Result<NetworkSocket> {
        NetworkSocket::open(&self.map, &self.letterboxes, &self.site, port)
    }

    /// Connects to a host by its name or address. [`Network`](super::Network) has an example.
    ///
    /// Awaiting it raises an [`io::Error`]:
    ///
    /// - `HostUnreachable` if no host has the name.
    /// - `ConnectionRefused` if nobody listens at the port.
    /// - `TimedOut` after 127 seconds without an answer, because of a partition or since the host has crashed.
    /// - `ConnectionReset` if the host crashes meanwhile.
    pub fn connect(&self, host: impl Into<String>, port: u16) -> NetworkConnect {
        let (map, doors, from) = (Rc::clone(&self.map), Rc::clone(&self.doors), Rc::clone(&self.site));
        NetworkConnect::new(Order { map, doors, from, host: host.into(), port })
    }

    /// The host crashes. Its listeners and connections are useless from now on.
    pub(in crate::testing) fn crash(&self, crash: Crash) {
        self.site.crash(crash);
        self.doors.close_all(&self.site);
        self.letterboxes.close_all(&self.site);
    }

    pub(in crate::testing) fn restart(&self) {
        self.site.restart();
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interface({}, {})", self.site.name, self.address())
    }
}
