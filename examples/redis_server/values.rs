//! The values that a store keeps, and the types that go with them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

pub(crate) type Key = Rc<[u8]>;

/// A point in time, in milliseconds on the clock of the loop.
pub(crate) type Time = u64;

/// What a command answers if it fails. The first word is the kind of the error.
pub(crate) type Refusal = Cow<'static, str>;

pub(crate) enum Value {
    Text(Vec<u8>),
    /// Never empty.
    List(List),
}

pub(crate) type List = VecDeque<Box<[u8]>>;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Left,
    Right,
}

impl End {
    pub(crate) fn push(self, list: &mut List, item: Box<[u8]>) {
        match self {
            Self::Left => list.push_front(item),
            Self::Right => list.push_back(item),
        }
    }

    pub(crate) fn pop(self, list: &mut List) -> Option<Box<[u8]>> {
        match self {
            Self::Left => list.pop_front(),
            Self::Right => list.pop_back(),
        }
    }
}
