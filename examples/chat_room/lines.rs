//! Reading lines of limited length from a stream.

use innermost::coroutine::Stateless;
use innermost::stream::LimitOverrunError;
use innermost::{Await, Coroutine, Exception, Resumed, Step, StreamReader, yield_from};

/// The longest line, in bytes.
pub(crate) const LENGTH: usize = 1024;

/// Reads one line after the other. Discards a line that is too long as it arrives, so that it takes no more memory than other
/// lines. The next line is complete.
pub(crate) struct Lines {
    reader: StreamReader,
    /// Whether the next bytes belong to a line that is too long.
    skipping: bool,
}

pub(crate) enum Line {
    /// A line, without its line end.
    Whole(String),
    TooLong,
    /// The end of the stream.
    End,
}

impl Lines {
    pub(crate) fn new(reader: StreamReader) -> Self {
        reader.set_limit(LENGTH).expect("it is not zero");
        Self { reader, skipping: false }
    }

    /// Waits for the next line. If this is cancelled, the stream keeps the part of the line that has arrived.
    pub(crate) fn next(&mut self) -> NextLine<'_> {
        NextLine(self)
    }

    /// Waits for bytes and discards them. Returns false at the end of the stream.
    pub(crate) fn skip(&mut self) -> Skip<'_> {
        Skip(self)
    }
}

/// The coroutine of [`Lines::next`]. It keeps no state, so it can be made afresh at each resume.
pub(crate) struct NextLine<'a>(&'a mut Lines);

impl Stateless for NextLine<'_> {}

impl Coroutine for NextLine<'_> {
    type Yield = Await;
    type Input = ();
    type Return = Line;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let Lines { reader, skipping } = &mut *self.0;
        loop {
            let raised = match yield_from!(reader.read_line(), sent) {
                Ok(line) if line.is_empty() => return Ok(Step::Return(Line::End)),
                Ok(_) if std::mem::take(skipping) => return Ok(Step::Return(Line::TooLong)),
                Ok(line) => return Ok(Step::Return(Line::Whole(printable(&line)))),
                Err(raised) => raised,
            };
            let Some(&LimitOverrunError { consumed, .. }) = raised.downcast_ref() else { return Err(raised) };
            *skipping = true;
            // These bytes have arrived, so this does not wait.
            yield_from!(reader.read_exact(consumed), sent)?;
        }
    }
}

/// The coroutine of [`Lines::skip`].
pub(crate) struct Skip<'a>(&'a mut Lines);

impl Stateless for Skip<'_> {}

impl Coroutine for Skip<'_> {
    type Yield = Await;
    type Input = ();
    type Return = bool;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let skipped = yield_from!(self.0.reader.read(LENGTH), sent)?;
        Ok(Step::Return(!skipped.is_empty()))
    }
}

/// The text of a line, without control characters: the terminal that prints it would obey them.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let spaced = text.trim().chars().map(|letter| if letter == '\t' { ' ' } else { letter });
    spaced.filter(|letter| !letter.is_control()).collect()
}
