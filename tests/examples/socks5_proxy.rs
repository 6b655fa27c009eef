//! The SOCKS5 proxy: its handshake by hand, its connections over memory in virtual time, and the program as its users see it.

#[path = "../../examples/socks5_proxy/connection.rs"]
pub(crate) mod connection;
mod connections;
#[path = "../../examples/socks5_proxy/handshake.rs"]
pub(crate) mod handshake;
mod handshakes;
mod life;
#[path = "../../examples/socks5_proxy/message.rs"]
mod message;
mod program;
#[path = "../../examples/socks5_proxy/users.rs"]
mod users;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A greeting that offers these ways to log in.
fn greeting(methods: &[u8]) -> Vec<u8> {
    [&[5, methods.len() as u8], methods].concat()
}

fn login(user: &[u8], password: &[u8]) -> Vec<u8> {
    [&[1, user.len() as u8], user, &[password.len() as u8], password].concat()
}

/// A request to connect to a host by its name.
fn request_by_name(name: &[u8], port: u16) -> Vec<u8> {
    [&[5, 1, 0, 3, name.len() as u8], name, &port.to_be_bytes()].concat()
}

/// A request to connect to an address.
fn request_to(address: SocketAddr) -> Vec<u8> {
    let host = match address {
        SocketAddr::V4(address) => [&[1], &address.ip().octets()[..]].concat(),
        SocketAddr::V6(address) => [&[4], &address.ip().octets()[..]].concat(),
    };
    [&[5, 1, 0], &*host, &address.port().to_be_bytes()].concat()
}

/// A reply that refuses, with this code.
fn refusal(code: u8) -> Vec<u8> {
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// This end's address of a connection that a test makes up.
fn bound() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 7), 0x1234).into()
}

/// The reply to a request that has succeeded.
const SUCCESS: [u8; 10] = [5, 0, 0, 1, 192, 0, 2, 7, 0x12, 0x34];

fn v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 443).into()
}
