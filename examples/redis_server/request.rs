//! Requests: arguments that lie in a buffer, or that a transaction keeps.

/// The place of an argument, counted from the start of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The arguments of a request. The first is the name of a command.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(crate) const fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.spans.len()
    }

    /// The argument number `index`, which must be there.
    #[inline]
    pub(crate) fn get(self, index: usize) -> &'a [u8] {
        let Span { start, end } = self.spans[index];
        &self.bytes[start as usize..end as usize]
    }

    /// The arguments from number `first` on.
    pub(crate) fn from(self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        (first..self.len()).map(move |index| self.get(index))
    }

    /// A copy that does not depend on the buffer.
    pub(crate) fn to_owned(self) -> Request {
        Request { bytes: self.bytes.into(), spans: self.spans.into() }
    }
}

/// A request that owns its bytes.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl Request {
    pub(crate) const fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// The bytes of memory that it takes.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len() + size_of::<Span>() * self.spans.len()
    }

    pub(super) fn of_words(words: &[Vec<u8>]) -> Self {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            let start = bytes.len();
            bytes.extend_from_slice(word);
            spans.push(span(start, bytes.len()));
        }
        Self { bytes: bytes.into(), spans: spans.into() }
    }
}

#[inline]
fn span(start: usize, end: usize) -> Span {
    Span { start: small(start), end: small(end) }
}

/// A place in a request, which is limited to 4 GiB.
#[inline]
pub(super) fn small(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
