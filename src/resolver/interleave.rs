//! [`interleave`](fn@interleave): the order in which addresses are tried.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Alternates between the addresses of both families, so that a family without a route does not delay the other: RFC 8305,
/// section 4. asyncio's `interleave`.
///
/// The first address determines the first family. `first_family_count` of its addresses come before the first address of the
/// other family; zero keeps the order. The order within a family never changes.
///
/// ```
/// use innermost::resolver::interleave;
/// use std::net::SocketAddr;
///
/// let address = |text: &str| text.parse::<SocketAddr>().expect("it is an address");
/// let found = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"].map(address);
/// let tried = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(address);
/// assert_eq!(interleave(found, 1), tried);
/// let tried = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"].map(address);
/// assert_eq!(interleave(found, 2), tried);
/// ```
pub fn interleave(addresses: impl IntoIterator<Item = SocketAddr>, first_family_count: usize) -> Vec<SocketAddr> {
    let addresses: Vec<_> = addresses.into_iter().collect();
    let Some(first) = addresses.first().filter(|_| first_family_count > 0) else { return addresses };
    let first_is_v6 = first.is_ipv6();
    let (mut ahead, other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut ordered: Vec<_> = ahead.drain(..(first_family_count - 1).min(ahead.len())).collect();
    let mut queues = [ahead, other];
    while queues.iter().any(|queue| !queue.is_empty()) {
        ordered.extend(queues.iter_mut().filter_map(VecDeque::pop_front));
    }
    ordered
}
