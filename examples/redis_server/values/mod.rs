//! The values that a store keeps, and the types that go with them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`     | the types of values |
//! | `indexed.rs` | maps with an order, for sets, hashes, and the keys themselves |
//! | `sorted.rs`  | sorted sets |

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

mod indexed;
mod sorted;

pub(crate) use indexed::{Indexed, random_below};
pub(crate) use sorted::{Score, Sorted};

pub(crate) type Key = Rc<[u8]>;

/// A point in time, in milliseconds on the clock of the loop.
pub(crate) type Time = u64;

/// What a command answers if it fails. The first word is the kind of the error.
pub(crate) type Refusal = Cow<'static, str>;

/// A collection that becomes empty is removed.
#[derive(Clone)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(List),
    Set(Box<Set>),
    Hash(Box<Hash>),
    Sorted(Box<Sorted>),
}

pub(crate) type List = VecDeque<Box<[u8]>>;
pub(crate) type Set = Indexed<()>;
pub(crate) type Hash = Indexed<Box<[u8]>>;

impl Value {
    /// The name of its type.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::Sorted(_) => "zset",
        }
    }
}

/// A type of values that have elements.
pub(crate) trait Collection: Default {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
    fn len(&self) -> usize;
}

macro_rules! collections {
    ($($variant:ident: $into:expr),+) => {
        $(
            impl Collection for $variant {
                fn of(value: &Value) -> Option<&Self> {
                    if let Value::$variant(value) = value { Some(value) } else { None }
                }

                fn of_mut(value: &mut Value) -> Option<&mut Self> {
                    if let Value::$variant(value) = value { Some(value) } else { None }
                }

                fn into_value(self) -> Value {
                    Value::$variant($into(self))
                }

                fn len(&self) -> usize {
                    Self::len(self)
                }
            }
        )+
    };
}

collections!(List: std::convert::identity, Set: Box::new, Hash: Box::new, Sorted: Box::new);

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
