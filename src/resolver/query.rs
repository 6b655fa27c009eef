//! [`Query`]: a question for a look-up, and its checks.

use core::fmt;
use std::borrow::{Cow, ToOwned};
use std::ffi::CString;
use std::net::{IpAddr, SocketAddr};

use super::LookupError;
use crate::coroutine::{Exception, Kind};
use crate::sys::names::{self, AddrInfo, Family, Hints, IpProtocol, LookupFlags, SocketType};

/// A question for a look-up: a host, a service, and the kind of addresses wanted.
///
/// A pair of a host and a port or a service's name converts into a query, and so does a socket address.
///
/// ```
/// use innermost::resolver::{Family, Query, Service, SocketType};
///
/// let query = Query::new("localhost", 80).family(Family::V4).socket_type(SocketType::Stream);
/// assert_eq!(query.host(), Some("localhost"));
/// assert_eq!(Query::from(("localhost", "http")).service(), &Service::Name("http".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    host: Option<String>,
    service: Service,
    family: Family,
    socket_type: SocketType,
    protocol: IpProtocol,
    flags: LookupFlags,
}

/// A port, or the name of a service that has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// A port.
    Port(u16),
    /// A name such as `http`: `services(5)`.
    Name(String),
}

impl Query {
    /// Asks for the addresses of `host`, with the port of `service`.
    pub fn new(host: impl Into<String>, service: impl Into<Service>) -> Self {
        Self { host: Some(host.into()), ..Self::of_this_machine(service) }
    }

    /// Asks for the addresses of no host: those of the loopback, or, with [`LookupFlags::PASSIVE`], those that stand for every
    /// address of this machine. Python's `None`.
    pub fn of_this_machine(service: impl Into<Service>) -> Self {
        Self {
            host: None,
            service: service.into(),
            family: Family::Any,
            socket_type: SocketType::Any,
            protocol: IpProtocol::Any,
            flags: LookupFlags::default(),
        }
    }

    /// Asks only for addresses of that family.
    #[must_use]
    pub fn family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// Asks only for addresses for that type of socket.
    #[must_use]
    pub fn socket_type(self, socket_type: SocketType) -> Self {
        Self { socket_type, ..self }
    }

    /// Asks only for addresses for that protocol.
    #[must_use]
    pub fn protocol(self, protocol: IpProtocol) -> Self {
        Self { protocol, ..self }
    }

    /// Adds flags to those already given.
    #[must_use]
    pub fn flags(self, flags: LookupFlags) -> Self {
        Self { flags: self.flags | flags, ..self }
    }

    /// The host. A [`Resolve`](super::Resolve) receives it in ASCII.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The service.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// The family asked for.
    pub const fn wanted_family(&self) -> Family {
        self.family
    }

    /// The type of socket asked for.
    pub const fn wanted_socket_type(&self) -> SocketType {
        self.socket_type
    }

    /// The protocol asked for.
    pub const fn wanted_protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// The flags.
    pub const fn wanted_flags(&self) -> LookupFlags {
        self.flags
    }

    /// Turns an empty host into no host, for listening.
    pub(super) fn or_this_machine(self) -> Self {
        Self { host: self.host.filter(|host| !host.is_empty()), ..self }
    }

    /// Checks the host and the service, and converts the host to ASCII.
    ///
    /// # Errors
    ///
    /// `ValueError`, which says what is wrong with the host or the service.
    pub(super) fn checked(mut self) -> Result<Self, Exception> {
        if let Service::Name(service) = &self.service {
            check_service(service)?;
            self.service = Service::from(&**service);
        }
        if let Some(host) = self.host {
            self.host = Some(checked_host(host)?);
        }
        Ok(self)
    }

    /// Returns `true` if there is nothing to look up in files or on the network.
    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.service, Service::Port(_)) && self.host.as_deref().is_none_or(is_address)
    }

    /// Asks the system.
    ///
    /// # Errors
    ///
    /// A [`LookupError`].
    pub(super) fn ask_system(&self) -> Result<Vec<AddrInfo>, Exception> {
        let mut flags = self.flags;
        let service = match &self.service {
            Service::Port(port) => {
                flags = flags | LookupFlags::NUMERIC_SERVICE;
                c_string(port.to_string())?
            }
            Service::Name(name) => c_string(name.clone())?,
        };
        if self.host.as_deref().is_some_and(is_address) {
            flags = flags | LookupFlags::NUMERIC_HOST;
        }
        let host = self.host.clone().map(c_string).transpose()?;
        let hints = Hints { family: self.family, socket_type: self.socket_type, protocol: self.protocol, flags };
        names::getaddrinfo(host.as_deref(), Some(&service), hints)
            .map_err(|failure| LookupError::of(failure, self.to_string()).into())
    }
}

/// Returns `true` if `host` is an address, perhaps with an interface: `fe80::1%eth0`.
fn is_address(host: &str) -> bool {
    match host.split_once('%') {
        Some((address, _)) => matches!(address.parse(), Ok(IpAddr::V6(_))),
        None => host.parse::<IpAddr>().is_ok(),
    }
}

fn check_service(service: &str) -> Result<(), Exception> {
    if service.is_empty() {
        return Err(value_error("the service is empty: expected a port or a service's name".to_owned()));
    }
    if service.contains('\0') {
        return Err(value_error(format!("the service {service:?} has a zero byte in it")));
    }
    // The system would silently cut it down to 16 bits.
    if service.bytes().all(|byte| byte.is_ascii_digit()) && service.parse::<u16>().is_err() {
        return Err(value_error(format!("the port {service} is too large: expected 0 to 65535")));
    }
    Ok(())
}

fn checked_host(host: String) -> Result<String, Exception> {
    if host.is_empty() {
        return Err(value_error("the host is empty: expected a name or an address".to_owned()));
    }
    if host.contains('\0') {
        return Err(value_error(format!("the host {host:?} has a zero byte in it")));
    }
    if is_address(&host) {
        return Ok(host);
    }
    let host = if host.is_ascii() { host } else { to_ascii(&host)? };
    // The dot of the root, at the end, belongs to no label.
    let labels = host.strip_suffix('.').unwrap_or(&host);
    if labels.len() > MAX_NAME {
        let text = format!("the host has {} bytes: a name has at most {MAX_NAME}", labels.len());
        return Err(value_error(text));
    }
    for label in labels.split('.') {
        match label.len() {
            0 => {
                return Err(value_error(format!(
                    "the host {host:?} has an empty label: two dots in a row, or a dot at the start"
                )));
            }
            1..=MAX_LABEL => {}
            bytes => {
                let text = format!("the host {host:?} has a label of {bytes} bytes: expected at most {MAX_LABEL}");
                return Err(value_error(text));
            }
        }
    }
    Ok(host)
}

/// RFC 1035, section 2.3.4. Without the length bytes and the root, which a name has in a message but not in text.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

#[cfg(feature = "idna")]
fn to_ascii(host: &str) -> Result<String, Exception> {
    idna::domain_to_ascii(host).map_err(|error| value_error(format!("the host {host:?} is not a name: {error}")))
}

#[cfg(not(feature = "idna"))]
fn to_ascii(host: &str) -> Result<String, Exception> {
    Err(value_error(format!("the host {host:?} is not ASCII: innermost's feature `idna` looks up international names")))
}

fn c_string(text: String) -> Result<CString, Exception> {
    CString::new(text).map_err(|error| value_error(error.to_string()))
}

fn value_error(text: String) -> Exception {
    Exception::message(Kind::ValueError, text)
}

impl From<u16> for Service {
    fn from(port: u16) -> Self {
        Self::Port(port)
    }
}

/// A text of digits is a port.
impl From<&str> for Service {
    fn from(name: &str) -> Self {
        Self::from(Cow::Borrowed(name))
    }
}

/// A text of digits is a port.
impl From<String> for Service {
    fn from(name: String) -> Self {
        Self::from(Cow::Owned(name))
    }
}

impl From<Cow<'_, str>> for Service {
    fn from(name: Cow<'_, str>) -> Self {
        // `parse` would also accept a sign.
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        match name.parse() {
            Ok(port) if is_number => Self::Port(port),
            _ => Self::Name(name.into_owned()),
        }
    }
}

impl<H: Into<String>, S: Into<Service>> From<(H, S)> for Query {
    fn from((host, service): (H, S)) -> Self {
        Self::new(host, service)
    }
}

impl From<SocketAddr> for Query {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self::new(host, address.port())
    }
}

/// Writes host and service as people do: `[::1]:80`.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.service),
            Some(host) => write!(f, "{host}:{}", self.service),
            None => write!(f, "*:{}", self.service),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}
