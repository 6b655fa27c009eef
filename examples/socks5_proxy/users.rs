//! Who may use the proxy, and how many connections each may have at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;

/// The longest user and password. Their lengths are sent in a byte.
const LONGEST: usize = 255;

/// The user who may log in, and how many connections each user has.
pub(crate) struct Users {
    /// `None` if everybody may use the proxy.
    login: Option<(Vec<u8>, Vec<u8>)>,
    most: usize,
    counts: RefCell<HashMap<Vec<u8>, usize>>,
}

impl Users {
    /// Allows each user at most `most` connections at once.
    pub(crate) fn new(login: Option<(Vec<u8>, Vec<u8>)>, most: usize) -> Rc<Self> {
        Rc::new(Self { login, most, counts: RefCell::default() })
    }

    pub(crate) fn need_password(&self) -> bool {
        self.login.is_some()
    }

    /// Always compares both texts, so that the time does not tell which of them was wrong.
    pub(crate) fn is_right(&self, user: &[u8], password: &[u8]) -> bool {
        self.login.as_ref().is_some_and(|login| are_same(&login.0, user) & are_same(&login.1, password))
    }

    /// Counts a connection of `user` until the seat is dropped. Returns `None` if the user has too many.
    pub(crate) fn seat(self: &Rc<Self>, user: &[u8]) -> Option<Seat> {
        let mut counts = self.counts.borrow_mut();
        let count = counts.get(user).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(user.to_vec(), count + 1);
        Some(Seat { users: Rc::clone(self), user: user.to_vec() })
    }
}

/// A connection of a user.
pub(crate) struct Seat {
    users: Rc<Users>,
    user: Vec<u8>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.users.counts.borrow_mut();
        match counts.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.user)),
        }
    }
}

/// Compares two texts of at most 255 bytes in a time that depends on neither.
fn are_same(one: &[u8], other: &[u8]) -> bool {
    let at = |text: &[u8], index: usize| text.get(index).copied().unwrap_or(0);
    let differing = (0..LONGEST).fold(0, |differing, index| black_box(differing | (at(one, index) ^ at(other, index))));
    (differing == 0) & (one.len() == other.len())
}
