//! [`Separators`]: what ends a piece of a stream, and how it is found.

use core::ops::Range;

use memchr::{memchr, memmem};
use smallvec::SmallVec;

/// One separator or several: the argument of [`StreamReader::read_until`](super::StreamReader::read_until). asyncio takes
/// `bytes` or a tuple of `bytes`.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::stream::StreamReader;
///
/// let reader = StreamReader::new();
/// reader.feed_data(b"one;two.three;")?;
/// let event_loop = EventLoop::new()?;
/// let either: [&[u8]; 2] = [b";", b"."];
/// assert_eq!(event_loop.run_until_complete(reader.read_until(either))?, b"one;");
/// assert_eq!(event_loop.run_until_complete(reader.read_until(either))?, b"two.");
/// assert_eq!(event_loop.run_until_complete(reader.read_until(";"))?, b"three;");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// It is implemented for `str`; for bytes (slices, arrays, vectors); for arrays and slices of byte slices; and for references
/// to these.
pub trait Separators: sealed::Separators {}

impl<S: sealed::Separators + ?Sized> Separators for S {}

mod sealed {
    pub trait Separators {
        /// The separator with this number, counted from 0. `None` if there is none.
        fn separator(&self, number: usize) -> Option<&[u8]>;
    }
}

/// Implements the trait for types that are one separator.
macro_rules! one {
    ($([$($generic:tt)*] $type:ty),* $(,)?) => { $(
        impl<$($generic)*> sealed::Separators for $type {
            #[inline]
            fn separator(&self, number: usize) -> Option<&[u8]> {
                (number == 0).then(|| AsRef::<[u8]>::as_ref(self))
            }
        }
    )* };
}

one!([] [u8], [] str, [] Vec<u8>, [const N: usize] [u8; N]);

impl sealed::Separators for [&[u8]] {
    fn separator(&self, number: usize) -> Option<&[u8]> {
        self.get(number).copied()
    }
}

impl<const N: usize> sealed::Separators for [&[u8]; N] {
    fn separator(&self, number: usize) -> Option<&[u8]> {
        self.get(number).copied()
    }
}

impl<S: sealed::Separators + ?Sized> sealed::Separators for &S {
    fn separator(&self, number: usize) -> Option<&[u8]> {
        (**self).separator(number)
    }
}

pub(super) fn each<S: Separators + ?Sized>(separators: &S) -> impl Iterator<Item = &[u8]> {
    (0..).map_while(|number| separators.separator(number))
}

/// The position of a separator.
pub(super) type Match = Range<usize>;

/// The match that ends first, and of those the shortest. Considers only matches that end after the first `searched` bytes.
///
/// A single separator is searched for in all bytes at once. With several, a rare one must not be searched for far behind the
/// match of another, again and again for each piece. So the bytes are searched in windows, each twice as long as the one
/// before.
pub(super) fn find<S: Separators + ?Sized>(bytes: &[u8], separators: &S, mut searched: usize) -> Option<Match> {
    let mut window = if separators.separator(1).is_some() { FIRST_WINDOW } else { bytes.len() };
    while searched < bytes.len() {
        let end = bytes.len().min(searched.saturating_add(window));
        if let Some(found) = find_in_window(&bytes[..end], separators, searched) {
            return Some(found);
        }
        searched = end;
        window *= 2;
    }
    None
}

const FIRST_WINDOW: usize = 256;

fn find_in_window<S: Separators + ?Sized>(bytes: &[u8], separators: &S, searched: usize) -> Option<Match> {
    let mut first: Option<Match> = None;
    for separator in each(separators) {
        // A match that ends later does not count.
        let end = first.as_ref().map_or(bytes.len(), |first| first.end);
        // No separator is searched for twice in the same place, however long the others are.
        let from = (searched + 1).saturating_sub(separator.len());
        if let Some(start) = position(&bytes[..end], separator, from) {
            let found = start..start + separator.len();
            if first.as_ref().is_none_or(|first| (found.end, found.len()) < (first.end, first.len())) {
                first = Some(found);
            }
        }
    }
    first
}

#[inline]
fn position(bytes: &[u8], separator: &[u8], from: usize) -> Option<usize> {
    let bytes = bytes.get(from..)?;
    let found = match separator {
        [byte] => memchr(*byte, bytes),
        several => memmem::find(bytes, several),
    };
    found.map(|start| from + start)
}

/// The separators of the last search, so that it can continue.
#[derive(Default)]
pub(super) struct Sought {
    /// Each separator, preceded by its length. Stored inline if they are short.
    encoded: SmallVec<[u8; 16]>,
    pub(super) longest: usize,
}

impl Sought {
    pub(super) fn new<S: Separators + ?Sized>(separators: &S) -> Self {
        let encoded = each(separators).flat_map(encode).collect();
        Self { encoded, longest: each(separators).map(<[u8]>::len).max().unwrap_or(0) }
    }

    pub(super) fn is<S: Separators + ?Sized>(&self, separators: &S) -> bool {
        each(separators).flat_map(encode).eq(self.encoded.iter().copied())
    }
}

/// Encodes a separator so that no two lists look the same: its length is written in digits, and only the last is below 255.
fn encode(separator: &[u8]) -> impl Iterator<Item = u8> {
    let (full, last) = (separator.len() / 255, (separator.len() % 255) as u8);
    core::iter::repeat_n(255, full).chain([last]).chain(separator.iter().copied())
}
