//! In which order addresses are tried.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Addresses of both families in turn, so that one family that leads nowhere does not hold up the other: RFC 8305,
/// section 4. The first family is that of the first address, and has `first_family_count` addresses before the other has
/// its first; with zero, the order stays as it is. Within a family, the order stays. asyncio's `interleave`.
///
/// ```
/// use innermost::resolver::interleave;
/// use std::net::SocketAddr;
///
/// let address = |text: &str| text.parse::<SocketAddr>().expect("it is one");
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
