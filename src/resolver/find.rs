//! [`Find`]: looks up the addresses that names stand for.

use core::fmt;
use core::mem;
use std::net::SocketAddr;

use super::addresses::Place;
use super::{Addresses, GetAddrInfo, IpProtocol, LookupError, LookupErrorKind, LookupFlags, Query, SocketType};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::running;
use crate::task::Await;
use crate::yield_from;

/// Which machine the addresses belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// This machine. No host stands for every address.
    Local,
    Remote,
}

/// Looks up names, one after the other, and returns the addresses of each place, in order and without duplicates. Ends
/// without yielding if there is nothing to look up.
pub(crate) struct Find {
    places: std::vec::IntoIter<Place>,
    socket_type: SocketType,
    side: Side,
    lookup: Option<(Query, GetAddrInfo)>,
    found: Vec<Vec<SocketAddr>>,
}

impl Find {
    /// Looks up addresses for sockets of that type, whatever type a [`Query`] among them asks for.
    pub(crate) fn new(addresses: Addresses, socket_type: SocketType, side: Side) -> Self {
        let places = addresses.0.into_iter();
        Self { places, socket_type, side, lookup: None, found: Vec::new() }
    }

    fn look_up(&self, query: Query) -> Result<(Query, GetAddrInfo), Exception> {
        let protocol = match self.socket_type {
            SocketType::Stream => IpProtocol::Tcp,
            SocketType::Datagram => IpProtocol::Udp,
            _ => IpProtocol::Any,
        };
        let query = query.socket_type(self.socket_type).protocol(protocol);
        let query = match self.side {
            Side::Local => query.or_this_machine().flags(LookupFlags::PASSIVE),
            Side::Remote => query,
        };
        let lookup = running()?.getaddrinfo(query.clone());
        Ok((query, lookup))
    }

    fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut of_this_place = Vec::new();
        for address in addresses {
            if !self.found.iter().flatten().chain(&of_this_place).any(|known| *known == address) {
                of_this_place.push(address);
            }
        }
        self.found.push(of_this_place);
    }
}

impl Coroutine for Find {
    type Yield = Await;
    type Input = ();
    type Return = Vec<Vec<SocketAddr>>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some((query, lookup)) = &mut self.lookup {
                let found = yield_from!(lookup, sent)?;
                if found.is_empty() {
                    return Err(LookupError::new(LookupErrorKind::Unknown, query.to_string()).into());
                }
                self.lookup = None;
                self.add(found.into_iter().map(|found| found.address));
            }
            take_sent(&mut sent)?;
            match self.places.next() {
                Some(Place::Address(address)) => self.add([address]),
                Some(Place::Asked(query)) => self.lookup = Some(self.look_up(query)?),
                None => return Ok(Step::Return(mem::take(&mut self.found))),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.lookup {
            Some((query, lookup)) => State::new("looking up", query).delegating_to(lookup.state()),
            None => State::new("looking up", &"created"),
        }
    }
}

impl fmt::Debug for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lookup {
            Some((query, _)) => write!(f, "looking up {query}"),
            None => f.write_str("looking up"),
        }
    }
}
