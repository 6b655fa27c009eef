//! The order in which addresses are tried.

use std::net::SocketAddr;

use innermost::resolver::interleave;
use quickcheck::quickcheck;

/// Addresses of these families, which differ in their ports.
fn addresses(families: &[bool]) -> Vec<SocketAddr> {
    let address = |(port, v6): (usize, &bool)| {
        let port = u16::try_from(port).expect("there are few");
        if *v6 { SocketAddr::from(([0; 16], port)) } else { SocketAddr::from(([0; 4], port)) }
    };
    families.iter().enumerate().map(address).collect()
}

quickcheck! {
    fn nothing_is_lost_and_each_family_keeps_its_order(families: Vec<bool>, first: u8) -> bool {
        let before = addresses(&families);
        let after = interleave(before.iter().copied(), first.into());
        let of = |v6: bool, list: &[SocketAddr]| -> Vec<_> {
            list.iter().copied().filter(|address| address.is_ipv6() == v6).collect()
        };
        before.len() == after.len() && [true, false].into_iter().all(|v6| of(v6, &before) == of(v6, &after))
    }

    fn families_alternate_after_the_first_addresses(families: Vec<bool>, first: u8) -> bool {
        let after = interleave(addresses(&families), first.into());
        let Some(ahead) = after.first().map(SocketAddr::is_ipv6).filter(|_| first > 0) else { return true };
        let tail = &after[after.len().min(usize::from(first) - 1)..];
        let left = |v6| tail.iter().filter(|address| address.is_ipv6() == v6).count();
        let pairs = left(ahead).min(left(!ahead));
        tail.chunks(2).take(pairs).all(|pair| pair[0].is_ipv6() == ahead && pair[1].is_ipv6() != ahead)
    }

    fn without_preferred_addresses_the_order_stays(families: Vec<bool>) -> bool {
        let before = addresses(&families);
        interleave(before.iter().copied(), 0) == before
    }
}
