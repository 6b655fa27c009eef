//! [`Addresses`] and [`Hosts`]: where to connect or to listen.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Query, Service};

/// Addresses to connect to or to listen at, in the order in which they are tried. Names stand for their addresses.
///
/// A function that takes `impl Into<Addresses>` accepts a socket address, several of them, a [`Query`], or a pair of
/// [`Hosts`] and a port or a service's name. Addresses are not looked up, even if they are text. An address that appears twice
/// is used once.
///
/// For listening, an empty host stands for every address of this machine.
///
/// ```
/// use innermost::resolver::Addresses;
/// use innermost::resolver::{Family, Query};
/// use std::net::SocketAddr;
///
/// let one = SocketAddr::from(([127, 0, 0, 1], 80));
/// assert_eq!(Addresses::from(([127, 0, 0, 1], 80)), Addresses::from(one));
/// assert_eq!(Addresses::from(("127.0.0.1", 80)), Addresses::from(one));
/// let both = Addresses::from((["127.0.0.1", "::1"], 80));
/// assert_eq!(both, Addresses::from(["127.0.0.1:80".parse()?, "[::1]:80".parse()?]));
///
/// let named = [Query::new("localhost", "http").family(Family::V4), Query::new("example.org", 8080)];
/// let named: Addresses = named.into_iter().collect();
/// assert_eq!(named.to_string(), "localhost:http, example.org:8080");
/// assert_eq!(Addresses::from((None, 80)).to_string(), "*:80");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Addresses(pub(super) Vec<Place>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Address(SocketAddr),
    Asked(Query),
}

/// One host or several: names or addresses.
///
/// ```
/// use innermost::resolver::Hosts;
///
/// assert_eq!(Hosts::from([127, 0, 0, 1]), Hosts::from("127.0.0.1"));
/// assert_eq!(Hosts::from(vec![String::from("a"), String::from("b")]), Hosts::from(["a", "b"]));
/// assert_ne!(Hosts::from(None), Hosts::from("localhost")); // None: the loopback, or, for listening, every address
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hosts(Vec<Option<String>>);

impl Place {
    fn new(host: Option<String>, service: Service) -> Self {
        match (host, service) {
            (None, service) => Self::Asked(Query::of_this_machine(service)),
            (Some(host), service) => match (host.parse::<IpAddr>(), &service) {
                (Ok(ip), Service::Port(port)) => Self::Address(SocketAddr::new(ip, *port)),
                _ => Self::Asked(Query::new(host, service)),
            },
        }
    }
}

impl From<SocketAddr> for Addresses {
    fn from(address: SocketAddr) -> Self {
        Self(vec![Place::Address(address)])
    }
}

impl From<&[SocketAddr]> for Addresses {
    fn from(addresses: &[SocketAddr]) -> Self {
        addresses.iter().copied().collect()
    }
}

impl From<Vec<SocketAddr>> for Addresses {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        addresses.into_iter().collect()
    }
}

impl<const N: usize> From<[SocketAddr; N]> for Addresses {
    fn from(addresses: [SocketAddr; N]) -> Self {
        addresses.into_iter().collect()
    }
}

impl From<Query> for Addresses {
    fn from(query: Query) -> Self {
        Self(vec![Place::Asked(query)])
    }
}

impl<H: Into<Hosts>, S: Into<Service>> From<(H, S)> for Addresses {
    fn from((hosts, service): (H, S)) -> Self {
        let service = service.into();
        Self(hosts.into().0.into_iter().map(|host| Place::new(host, service.clone())).collect())
    }
}

/// Joins the addresses in order.
impl<A: Into<Self>> FromIterator<A> for Addresses {
    fn from_iter<I: IntoIterator<Item = A>>(addresses: I) -> Self {
        Self(addresses.into_iter().flat_map(|some| some.into().0).collect())
    }
}

/// Writes the addresses as people do, separated by commas.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match place {
                Place::Address(address) => address.fmt(f)?,
                Place::Asked(query) => query.fmt(f)?,
            }
        }
        Ok(())
    }
}

/// Converts types that are one host.
macro_rules! hosts_from {
    ($($type:ty: $to_text:expr),*) => {$(
        impl From<$type> for Hosts {
            fn from(host: $type) -> Self {
                Self(vec![Some($to_text(host))])
            }
        }
    )*};
}

hosts_from!(
    &str: ToOwned::to_owned,
    String: |host| host,
    IpAddr: |ip: IpAddr| ip.to_string(),
    Ipv4Addr: |ip: Ipv4Addr| ip.to_string(),
    Ipv6Addr: |ip: Ipv6Addr| ip.to_string(),
    [u8; 4]: |ip| Ipv4Addr::from(ip).to_string(),
    [u16; 8]: |ip| Ipv6Addr::from(ip).to_string()
);

/// `None` stands for the loopback's addresses when connecting, and for every address of this machine when listening.
impl From<Option<&str>> for Hosts {
    fn from(host: Option<&str>) -> Self {
        Self(vec![host.map(ToOwned::to_owned)])
    }
}

impl<const N: usize> From<[&str; N]> for Hosts {
    fn from(hosts: [&str; N]) -> Self {
        Self::from(&hosts[..])
    }
}

impl From<&[&str]> for Hosts {
    fn from(hosts: &[&str]) -> Self {
        Self(hosts.iter().map(|&host| Some(host.to_owned())).collect())
    }
}

impl From<Vec<&str>> for Hosts {
    fn from(hosts: Vec<&str>) -> Self {
        Self::from(&hosts[..])
    }
}

impl From<&[String]> for Hosts {
    fn from(hosts: &[String]) -> Self {
        Self::from(hosts.to_vec())
    }
}

impl From<Vec<String>> for Hosts {
    fn from(hosts: Vec<String>) -> Self {
        Self(hosts.into_iter().map(Some).collect())
    }
}
