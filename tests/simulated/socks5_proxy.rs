//! The SOCKS5 proxy: the bytes between the two ends are complete and in order, whatever happens on either side.

#[path = "../../examples/socks5_proxy/connection.rs"]
mod connection;
#[path = "../../examples/socks5_proxy/handshake.rs"]
mod handshake;
#[path = "../../examples/socks5_proxy/message.rs"]
mod message;
mod scenario;
#[path = "../../examples/socks5_proxy/users.rs"]
mod users;
