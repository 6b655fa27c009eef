//! Lines of a limited length, out of a stream.

use innermost::stream::LimitOverrunError;
use innermost::{Await, Coroutine, Exception, Resumed, Step, StreamReader, yield_from};

/// How long a line may be, in bytes.
pub(crate) const LENGTH: usize = 1024;

/// Reads line after line. One that is too long is read away as it comes: it takes no more memory than any other, and
/// the next one is whole.
pub(crate) struct Lines {
    reader: StreamReader,
    /// Whether what comes is the rest of a line that is too long.
    skipping: bool,
}

pub(crate) enum Line {
    /// Without what ends it.
    Whole(String),
    TooLong,
    /// The end of the stream: there are no more.
    End,
}

impl Lines {
    pub(crate) fn new(reader: StreamReader) -> Self {
        reader.set_limit(LENGTH).expect("it is not zero");
        Self { reader, skipping: false }
    }

    /// Waits for the next line. What has come of a line stays where it is when this is cancelled.
    pub(crate) fn next(&mut self) -> NextLine<'_> {
        NextLine(self)
    }

    /// Waits for whatever comes, and throws it away; gives whether something has come, and not the end.
    pub(crate) fn skip(&mut self) -> Skip<'_> {
        Skip(self)
    }
}

/// What [`Lines::next`] makes. It keeps nothing of its own, so it can be made afresh at each resume.
pub(crate) struct NextLine<'a>(&'a mut Lines);

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
            // They have come: this does not wait.
            yield_from!(reader.read_exactly(consumed), sent)?;
        }
    }
}

/// What [`Lines::skip`] makes.
pub(crate) struct Skip<'a>(&'a mut Lines);

impl Coroutine for Skip<'_> {
    type Yield = Await;
    type Input = ();
    type Return = bool;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let skipped = yield_from!(self.0.reader.read(LENGTH), sent)?;
        Ok(Step::Return(!skipped.is_empty()))
    }
}

/// The text of a line. Whoever prints it has a terminal, which obeys control characters: they are left out.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let spaced = text.trim().chars().map(|letter| if letter == '\t' { ' ' } else { letter });
    spaced.filter(|letter| !letter.is_control()).collect()
}
