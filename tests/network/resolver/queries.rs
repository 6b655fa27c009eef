//! Valid and invalid queries.

use std::net::SocketAddr;

use innermost::resolver::{AddrInfo, Answer, NameFlags, Query, Resolve, Service};
use innermost::testing::virtual_loop;
use innermost::{Exception, Kind, ready};

use crate::support::events::Log;

/// Knows no host and no address, and records every query.
#[derive(Clone, Default)]
pub(crate) struct Asked(Log);

impl Asked {
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

impl Resolve for Asked {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        self.0.add(query);
        Box::new(ready(Vec::new()))
    }

    fn getnameinfo(&self, address: SocketAddr, _: NameFlags) -> Answer<(String, String)> {
        self.0.add(address);
        Box::new(ready(Default::default()))
    }
}

/// The name that the resolver receives for `query`.
fn asked(query: impl Into<Query>) -> Result<Vec<String>, Exception> {
    let event_loop = virtual_loop().unwrap();
    let resolver = Asked::default();
    event_loop.set_resolver(resolver.clone());
    event_loop.run_until_complete(event_loop.getaddrinfo(query))?;
    Ok(resolver.take())
}

fn refused(query: impl Into<Query>) -> String {
    let raised = asked(query).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError, "{raised:?}");
    raised.to_string()
}

#[test]
fn an_address_is_not_looked_up() {
    for host in ["127.0.0.1", "0.0.0.0", "::1", "::ffff:1.2.3.4", "fe80::1%1", "::1%1"] {
        assert_eq!(asked((host, 80)).unwrap(), [""; 0], "{host}");
        assert_eq!(asked((host, "80")).unwrap(), [""; 0], "{host}");
    }
    assert_eq!(asked(Query::of_this_machine(80)).unwrap(), [""; 0]);
    assert_eq!(asked("[::1]:80".parse::<SocketAddr>().unwrap()).unwrap(), [""; 0]);
    // Services are looked up, and so are names that only look like addresses.
    assert_eq!(asked(("127.0.0.1", "http")).unwrap(), ["127.0.0.1:http"]);
    assert_eq!(asked(("127.0.0.1.", 80)).unwrap(), ["127.0.0.1.:80"]);
    assert_eq!(asked(("256.0.0.1", 80)).unwrap(), ["256.0.0.1:80"]);
    assert_eq!(asked(("127.0.0.1%1", 80)).unwrap(), ["127.0.0.1%1:80"]);
}

#[test]
fn an_ascii_name_is_looked_up_unchanged() {
    for host in ["localhost", "LocalHost", "_sip._tcp.example", "-a-.example.", "a b", "xn--bcher-kva.example"] {
        assert_eq!(asked((host, 80)).unwrap(), [format!("{host}:80")]);
    }
    let longest = format!("{}.{}", ["a".repeat(63), "b".repeat(63), "c".repeat(63)].join("."), "d".repeat(61));
    assert_eq!(longest.len(), 253);
    assert_eq!(asked((&*longest, 80)).unwrap(), [format!("{longest}:80")]);
    assert_eq!(asked((format!("{longest}."), 80)).unwrap(), [format!("{longest}.:80")]);
}

#[test]
fn invalid_names_are_refused_with_the_reason() {
    assert_eq!(refused(("", 80)), "the host is empty: expected a name or an address");
    assert_eq!(refused(("a\0b", 80)), "the host \"a\\0b\" has a zero byte in it");
    assert_eq!(refused(("127.0.0.1\0", 80)), "the host \"127.0.0.1\\0\" has a zero byte in it");
    assert_eq!(refused(("a.".repeat(200), 80)), "the host has 399 bytes: a name has at most 253");
    let label = "a".repeat(64);
    let expected = format!("the host \"{label}\" has a label of 64 bytes: expected at most 63");
    assert_eq!(refused((label, 80)), expected);
    for host in [".", "..", ".a", "a..b", "a.."] {
        let expected = format!("the host {host:?} has an empty label: two dots in a row, or a dot at the start");
        assert_eq!(refused((host, 80)), expected);
    }
}

#[test]
fn a_service_is_a_port_or_a_name() {
    assert_eq!(Service::from("080"), Service::Port(80));
    assert_eq!(Service::from("+80"), Service::Name("+80".into()));
    assert_eq!(asked(Query::new("::1", Service::Name("80".into()))).unwrap(), [""; 0]);
    assert_eq!(refused(("localhost", "")), "the service is empty: expected a port or a service's name");
    assert_eq!(refused(("localhost", "65536")), "the port 65536 is too large: expected 0 to 65535");
    assert_eq!(refused(("localhost", "a\0")), "the service \"a\\0\" has a zero byte in it");
}

#[cfg(not(feature = "idna"))]
#[test]
fn an_international_name_needs_the_feature() {
    let expected = "the host \"bücher.example\" is not ASCII: innermost's feature `idna` looks up international names";
    assert_eq!(refused(("bücher.example", 80)), expected);
}

#[cfg(feature = "idna")]
#[test]
fn an_international_name_is_converted_to_ascii() {
    assert_eq!(asked(("bücher.example", 80)).unwrap(), ["xn--bcher-kva.example:80"]);
    // Letters of one case, composed, and with the dots of other scripts.
    assert_eq!(asked(("BU\u{308}CHER。example", 80)).unwrap(), ["xn--bcher-kva.example:80"]);
    assert!(refused(("\u{FFFD}.example", 80)).starts_with("the host \"\u{FFFD}.example\" is not a name: "));
    assert!(refused((format!("{}.example", "ü".repeat(63)), 80)).contains("has a label of"));
}
