//! Who may use the proxy, and how many clients and connections each may have at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// The longest user and password. Their lengths are sent in a byte.
const LONGEST: usize = 255;

/// The user who may log in, and how many connections each user and each address has.
pub(crate) struct Users {
    /// `None` if everybody may use the proxy.
    login: Option<(Vec<u8>, Vec<u8>)>,
    handshakes: Rc<Seats>,
    connections: Rc<Seats>,
}

impl Users {
    /// Allows each address at most `handshakes` clients that have not yet asked for a connection, and each user at most
    /// `connections`.
    pub(crate) fn new(login: Option<(Vec<u8>, Vec<u8>)>, handshakes: usize, connections: usize) -> Rc<Self> {
        let [handshakes, connections] = [handshakes, connections].map(Seats::new);
        Rc::new(Self { login, handshakes, connections })
    }

    pub(crate) fn need_password(&self) -> bool {
        self.login.is_some()
    }

    /// Always compares both texts, so that the time does not tell which of them was wrong.
    pub(crate) fn is_right(&self, user: &[u8], password: &[u8]) -> bool {
        self.login.as_ref().is_some_and(|login| are_same(&login.0, user) & are_same(&login.1, password))
    }

    /// Counts a client at `address` that has not yet asked for a connection.
    pub(crate) fn begin(&self, address: &[u8]) -> Option<Seat> {
        self.handshakes.take(address)
    }

    /// Counts a connection of `user`.
    pub(crate) fn connect(&self, user: &[u8]) -> Option<Seat> {
        self.connections.take(user)
    }
}

/// How many seats each holder has taken.
struct Seats {
    most: usize,
    taken: RefCell<HashMap<Vec<u8>, usize>>,
}

impl Seats {
    fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, taken: RefCell::default() })
    }

    /// Takes a seat until it is dropped. Returns `None` if `holder` has too many.
    fn take(self: &Rc<Self>, holder: &[u8]) -> Option<Seat> {
        let mut taken = self.taken.borrow_mut();
        let count = taken.get(holder).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        taken.insert(holder.to_vec(), count + 1);
        Some(Seat { seats: Rc::clone(self), holder: holder.to_vec() })
    }
}

/// A seat that its holder has taken.
pub(crate) struct Seat {
    seats: Rc<Seats>,
    holder: Vec<u8>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.borrow_mut();
        match taken.get_mut(&self.holder) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

/// Names the clients that `address` stands for. A host may choose among the 2^64 addresses of its IPv6 network, so the
/// network counts as one.
pub(crate) fn holder(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    }
}

/// Compares two texts of at most 255 bytes in a time that depends on neither.
fn are_same(one: &[u8], other: &[u8]) -> bool {
    let at = |text: &[u8], index: usize| text.get(index).copied().unwrap_or(0);
    let differing = (0..LONGEST).fold(0, |differing, index| black_box(differing | (at(one, index) ^ at(other, index))));
    (differing == 0) & (one.len() == other.len())
}
